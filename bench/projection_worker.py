"""Runs `auditspine worker NAME`, the command itself, until it has folded so many events.

Prints events per second from the first segment's arrival in the agent until the state, and before
it ClickHouse, holds the last event.
``python projection_worker.py NAME EVENTS``
"""

import runpy
import signal
import sys
import time
from typing import Any

from faust.types import TP

from auditspine.processors.projection.app import ProjectionApp, Stepper
from auditspine.processors.projection.sealed_partition import SealedMessage

NAME, EVENTS = sys.argv[1], int(sys.argv[2])
took_put, took_step = Stepper.put, ProjectionApp.step
began, ended = 0.0, False


async def put(stepper: Stepper, stream: Any, event: Any) -> None:
    global began  # noqa: PLW0603 - one clock in one process
    began = began or time.perf_counter()
    await took_put(stepper, stream, event)


async def step(app: ProjectionApp, tp: TP, messages: list[SealedMessage]) -> None:
    global ended  # noqa: PLW0603
    await took_step(app, tp, messages)
    folded = sum(follower.position.size for follower in app.followers.values())
    if folded == EVENTS and not ended:
        ended = True
        print(f"\n{EVENTS / (time.perf_counter() - began)}", flush=True)
        signal.raise_signal(signal.SIGTERM)  # it leaves its group, so that the next need not wait


if __name__ == "__main__":
    Stepper.put, ProjectionApp.step = put, step  # type: ignore[method-assign]
    sys.argv[1:] = ["worker", NAME]
    runpy.run_module("auditspine.cli", run_name="__main__")
