"""Each projection's whole worker against a bare Faust agent, on the same events in turns."""

import gc
import json
import shutil
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from auditspine.cli.composing import history
from auditspine.cli.connections import clickhouse_client, clickhouse_store, read_trust
from auditspine.cli.flow import measure as measure_flow
from auditspine.cli.processors import PROJECTIONS
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json
from auditspine.sinks.projections import ProjectionWriter
from bench.backbone import PARTITIONS, PRODUCER, TENANT, Backbone, wait_for
from bench.ledger import faust_agent, read_all

_STEP = 64  # segments, as the worker takes at most
_LIFE = ("dataset.snapshotted", "feature.defined", "run.started", "model.registered")
_HAS_ROWS = {
    "access": "SELECT uniqExact(event_id) FROM access_verdicts",
    "lineage": "SELECT uniqExact(event_id) FROM lineage_marks",
}
"""Counts the events that left a row, by projection."""
_WITHOUT = {"access": 1, "lineage": 0}  # events that leave none there: the grant


def measure(backbone: Backbone, events: int, rounds: int) -> dict[str, float]:
    """Give events per second: medians over rounds in which everyone takes its turn.

    A worker is the command `auditspine worker NAME`, with an empty state and empty tables. Both
    clocks start when the agent gets its first message. The worker's stops when its state, and
    before it ClickHouse, holds the last event; the bare agent's when it has decoded that.
    """
    _publish(backbone, events)
    copies = {name: _copy(backbone, name) for name in PROJECTIONS}
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (topic, count) in copies.items():
            rates.setdefault(name, []).append(_worker(backbone, name, count, events))
            bare = faust_agent(backbone, topic, count, "bare")
            rates.setdefault(f"{name}: bare agent", []).append(bare)
    return {name: median(found) for name, found in rates.items()}


def stages(backbone: Backbone, name: str) -> dict[str, float]:
    """Give microseconds per event of each step that a worker takes, without Kafka and Faust."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)  # as run_worker has it
    try:
        return _stages(backbone, name)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _stages(backbone: Backbone, name: str) -> dict[str, float]:
    settings = backbone.settings
    _forget(backbone, name)
    watch = _Watch()
    projection = PROJECTIONS[name](settings)
    [stream] = projection.streams
    topic = settings.topics.sealed(stream)
    keys = tuple(known.public_key for known in read_trust(settings.trust_path).log_keys)
    decoder = Decoder(schema_texts())
    writer = ProjectionWriter(clickhouse_store(settings))
    watch.over("decode", decoder, "decode")
    watch.over("fold, reading the state", projection, "fold")
    watch.over("write to ClickHouse", writer, "write")
    moves = history(settings, backbone.kafka, keys)
    parts = Parts(projection, decoder, writer, keys, settings.state_path, PARTITIONS, moves)
    spent, entries, size = 0.0, 0, 0
    for partition in range(PARTITIONS):
        messages = [
            SealedMessage(each.offset() or 0, each.value())
            for each in read_all(backbone, topic, partition)
        ]
        follower = Follower(parts, topic, partition)
        watch.over("verify", follower._reader, "accept")  # noqa: SLF001 - what a step asks
        watch.over("commit the state", follower.state, "commit")
        began = time.perf_counter()
        for first in range(0, len(messages), _STEP):
            follower.step(messages[first : first + _STEP])
        spent += time.perf_counter() - began
        entries += follower.entries
        size += sum(len(key) + len(value) for key, value in follower.state.items())
        follower.close()
    moves.close()
    found = {stage: seconds / entries * 1e6 for stage, seconds in watch.spent.items()}
    rest = {"the rest": spent / entries * 1e6 - sum(found.values())}
    return {**found, **rest, "all": spent / entries * 1e6, "state, bytes": size / entries}


class _Watch:
    """Sums the seconds that calls take, by what they do."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def over(self, what: str, owner: Any, method: str) -> None:
        """Watch a method of an object."""
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                self.spent[what] = self.spent.get(what, 0.0) + time.perf_counter() - began

        setattr(owner, method, timed)


def _worker(backbone: Backbone, name: str, count: int, events: int) -> float:
    """Give its rate for all that is sealed, of which so many events were published here."""
    _forget(backbone, name)
    [rate] = backbone.run("projection_worker.py", name, count)
    client = clickhouse_client(backbone.settings)
    stored = client.query(_HAS_ROWS[name]).result_rows[0][0] + _WITHOUT[name]
    client.close()
    if stored != events:
        raise AssertionError(f"{name}: expected rows of {events} events, got {stored}")
    return rate


def _forget(backbone: Backbone, name: str) -> None:
    """Empty a projection's states and tables."""
    for folder in backbone.settings.state_path.glob(f"{name}-v*"):
        shutil.rmtree(folder)
    client = clickhouse_client(backbone.settings)
    for table in PROJECTIONS[name](backbone.settings).tables:
        client.command(f"TRUNCATE TABLE {table.name}")
    client.close()


def _publish(backbone: Backbone, events: int) -> None:
    """Publish and seal so many events in each stream."""
    with backbone.client(heartbeat_s=0) as client:
        for event in _life(events):
            client.publish(event)
        client.flush(120)
    with backbone.command("worker", "ledger", "--instance", "ledger-1"):
        wait_for(
            lambda: all(flow.sealed >= flow.published for flow in measure_flow(backbone.settings)),
            "everything is sealed",
        )


def _copy(backbone: Backbone, name: str) -> tuple[str, int]:
    """Copy what a projection's stream holds to a plain topic; give its name and the count."""
    [stream] = PROJECTIONS[name](backbone.settings).streams
    topic = f"bench.{stream}"
    admin = AdminClient(backbone.kafka)
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
    producer = Producer({**backbone.kafka, "linger.ms": "5", "compression.type": "lz4"})
    messages = read_all(backbone, backbone.settings.topics.source(stream))
    for each in messages:
        producer.produce(topic, each.value(), partition=each.partition() or 0)
        producer.poll(0)
    producer.flush(60)
    return topic, len(messages)


def _life(events: int) -> Iterator[Event]:
    """Give events of a growing graph, and as many of accesses under one grant."""
    texts = {kind: example(kind) for kind in (*_LIFE, "role.granted", "artifact.accessed")}
    for number in range(events):
        yield _event(texts[_LIFE[number % 4]], number // 4)
        yield _event(texts["artifact.accessed" if number else "role.granted"], number)


def _event(text: str, number: int) -> Event:
    """Give an example event with artifacts of its own."""
    content = json.loads(text)
    envelope = content["envelope"]
    del envelope["event_id"], envelope["occurred_at"]
    envelope["tenant"] = TENANT
    envelope["workload"]["name"] = PRODUCER
    body = content["body"]
    for name in ("snapshot", "feature", "model", "artifact"):
        if name in body:
            spread = number % 500 if name == "artifact" else number
            body[name] |= {"version": str(spread), "digest": f"sha256:{spread:064x}"}
    if "run_id" in body:
        body["run_id"] = f"run-{number}"
    return parse_json(content)
