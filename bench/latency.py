"""From `publish` to queryable in ClickHouse, with the workers that `auditspine up` runs."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.flow import measure as measure_flow
from auditspine.cli.stack import WORKERS
from auditspine.ledger.topics import Topics
from auditspine.producers.delivery import Delivery
from bench.backbone import Backbone, predictions, wait_for

_TICK_S = 0.01
_ASK_S = 0.05  # between two looks into ClickHouse: what is measured is late by half of it
_COMMITTED = (
    "SELECT partition, max(last) + 1 FROM commits WHERE topic = {topic:String} GROUP BY partition"
)


def measure(backbone: Backbone, rates: Sequence[int], seconds: int) -> dict[str, float]:
    """Give milliseconds at the median and the 99th percentile for each rate in events/s."""
    found: dict[str, float] = {}
    with ExitStack() as stack:
        for name in WORKERS:
            kind = name.partition("-")[0]
            command = ("sink",) if kind == "sink" else ("worker", kind)
            stack.enter_context(backbone.command(*command, "--instance", name))
        _flow(backbone, 100, 3)  # everything has started when this has landed
        for rate in rates:
            wait_for(
                lambda: all(flow.is_settled for flow in measure_flow(backbone.settings)),
                "nothing is on its way",
            )
            delays = sorted(_flow(backbone, rate, seconds))
            found[f"{rate}/s p50 ms"] = delays[len(delays) // 2] * 1e3
            found[f"{rate}/s p99 ms"] = delays[len(delays) * 99 // 100] * 1e3
            found[f"{rate}/s max ms"] = delays[-1] * 1e3
    return found


def _flow(backbone: Backbone, rate: int, seconds: int) -> list[float]:
    """Publish at a steady rate; give each event's seconds from its call to its commit."""
    events = predictions(0, rate * seconds)
    seen: dict[int, list[tuple[float, int]]] = {}
    watching = threading.Event()
    watcher = threading.Thread(target=_watch, args=(backbone, watching, seen))
    watcher.start()
    published: list[tuple[float, Delivery]] = []
    with backbone.client() as client:
        client.check()
        began = time.perf_counter()
        for number, event in enumerate(events):
            due = began + number / rate
            if (now := time.perf_counter()) < due:
                time.sleep(max(due - now, _TICK_S))
            published.append((time.perf_counter(), client.publish(event)))
        client.flush(120)
    places = [(at, *delivery.result(120)[1:]) for at, delivery in published]
    last = {}
    for _, partition, offset in places:
        last[partition] = max(last.get(partition, 0), offset)
    try:
        wait_for(
            lambda: all(seen.get(p, [(0, 0)])[-1][1] > offset for p, offset in last.items()),
            "everything has landed",
        )
    finally:
        watching.set()
        watcher.join(30)
    delays = []
    ordered: dict[int, list[tuple[float, int]]] = {}
    for at, partition, offset in places:
        ordered.setdefault(partition, []).append((at, offset))
    for partition, events_there in ordered.items():
        looks = iter(seen[partition])
        when, size = next(looks)
        for at, offset in events_there:
            while size <= offset:
                when, size = next(looks)
            delays.append(when - at)
    return delays


def _watch(
    backbone: Backbone, done: threading.Event, seen: dict[int, list[tuple[float, int]]]
) -> None:
    topics: Topics = backbone.settings.topics
    client = clickhouse_client(backbone.settings, reader=True)
    while not done.wait(_ASK_S):
        result = client.query(_COMMITTED, {"topic": topics.sealed("inference")})
        now = time.perf_counter()
        for partition, size in result.result_rows:
            seen.setdefault(partition, []).append((now, size))
    client.close()
