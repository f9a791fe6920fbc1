"""Hosts processors in one Faust worker: apps with agents, and blocking loops beside them."""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

import faust
import uvloop
from mode import Service
from mode.types.services import ServiceT

_log = logging.getLogger(__name__)
_GC_THRESHOLD = 50_000  # allocations; decoding makes many short-lived objects (FACTS.md)


class BlockingLoop(Protocol):
    """Port: a loop that blocks the thread it runs in."""

    def run(self) -> None:
        """Work until stopped; an exception ends the worker."""
        ...

    def stop(self) -> None:
        """Ask the loop to end; called from another thread."""
        ...


class LoopService(Service):
    """Runs a blocking loop in a thread of its own, as long as the worker runs.

    The loop's end, by an exception or without having been asked, ends the worker.

    Args:
        make_loop: Makes the loop; called in the loop's thread.
        name: Name of the thread.
    """

    def __init__(self, make_loop: Callable[[], BlockingLoop], name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._make_loop = make_loop
        self._name = name
        self._pool = ThreadPoolExecutor(1, name)
        self._stopping = threading.Event()
        self._hosted: BlockingLoop | None = None

    @Service.task
    async def _host(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._run)
        if not self._stopping.is_set():
            raise RuntimeError(f"the {self._name} loop ended without having been asked")

    def _run(self) -> None:
        self._hosted = self._make_loop()
        if self._stopping.is_set():
            return
        try:
            self._hosted.run()
        except Exception as exc:
            _log.critical("%s stopped: %s", self._name, exc)
            raise

    async def on_stop(self) -> None:
        """Ask the loop to end and wait until it has."""
        self._stopping.set()
        if self._hosted is not None:
            self._hosted.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)


def run_worker(apps: Sequence[faust.App], services: Sequence[ServiceT] = ()) -> NoReturn:
    """Run apps and services in one Faust worker until SIGTERM, SIGINT or a failure.

    Args:
        apps: At least one; the first is the worker's main app. A crash of one ends all.
        services: Further services, for example a :class:`LoopService`.

    Raises:
        SystemExit: 0 after a signal, 1 after a failure.
        ValueError: No app.
    """
    if not apps:
        raise ValueError("expected at least one app, got none")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(
        apps[0],
        *services,
        *apps[1:],
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
        loop=loop,
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    worker.execute_from_commandline()
