"""The projections: events per second of a processor, its state, and how long questions take."""

import json
import statistics
import time
from collections.abc import Callable, Iterator

from auditspine.auditor.lineage.graph import Direction
from auditspine.auditor.lineage.store import LineageStore
from auditspine.cli.connections import clickhouse_client, clickhouse_store, read_trust
from auditspine.cli.flow import measure as measure_flow
from auditspine.cli.processors import PROJECTIONS
from auditspine.cli.settings import Settings
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.port import Projection
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json
from auditspine.sinks.projections import ProjectionWriter
from bench.backbone import PARTITIONS, PRODUCER, TENANT, Backbone, wait_for
from bench.ledger import read_all

SIZES = (10_000, 100_000, 1_000_000)  # edges
_ASKED = 15  # times
_STEP = 8  # segments
_MODELS_SHARE = 12  # edges of each model in the made graph


def measure(backbone: Backbone, events: int) -> dict[str, float]:
    """Give events per second of each projection: verify, fold, write to ClickHouse, commit.

    The sealed segments are read before; Kafka and Faust are left out.
    """
    with backbone.client(heartbeat_s=0) as client:
        for event in _life(events):
            client.publish(event)
        client.flush(120)
    with backbone.command("worker", "ledger", "--instance", "ledger-1"):
        wait_for(
            lambda: all(flow.sealed >= flow.published for flow in measure_flow(backbone.settings)),
            "everything is sealed",
        )
    found: dict[str, float] = {}
    for name, make in PROJECTIONS.items():
        found |= {f"{name}, {what}": number for what, number in _fold(backbone, make).items()}
    return found


def _fold(backbone: Backbone, make: Callable[[Settings], Projection]) -> dict[str, float]:
    settings = backbone.settings
    projection = make(settings)
    [stream] = projection.streams
    topic = settings.topics.sealed(stream)
    keys = tuple(known.public_key for known in read_trust(settings.trust_path).log_keys)
    writer = ProjectionWriter(clickhouse_store(settings))
    parts = Parts(projection, Decoder(schema_texts()), writer, keys, backbone.root / "bench-state")
    spent, entries, keys_held, size = 0.0, 0, 0, 0
    for partition in range(PARTITIONS):
        messages = [
            SealedMessage(each.offset() or 0, each.value())
            for each in read_all(backbone, topic, partition)
        ]
        follower = Follower(parts, topic, partition)
        began = time.perf_counter()
        for first in range(0, len(messages), _STEP):
            follower.step(messages[first : first + _STEP])
        spent += time.perf_counter() - began
        entries += follower.entries
        for key, value in follower.state.items():
            keys_held, size = keys_held + 1, size + len(key) + len(value)
        follower.close()
    return {"events/s": entries / spent, "state bytes per event": size / entries}


def latency(backbone: Backbone) -> dict[str, float]:
    """Give how long `trace` and `impact` take on graphs of growing size, median, milliseconds."""
    client = clickhouse_client(backbone.settings)
    found: dict[str, float] = {}
    for edges in SIZES:
        tenant = f"graph-{edges}"
        _make_graph(client, tenant, edges)
        store = LineageStore(client, tenant)
        models = edges // _MODELS_SHARE
        for question, kind, direction in (
            ("trace a model", "model", Direction.UPSTREAM),
            ("impact of a dataset", "dataset", Direction.DOWNSTREAM),
        ):
            times = []
            for number in range(_ASKED):
                name = f"{kind}-{(number * 7919) % (models if kind == 'model' else models // 50)}"
                began = time.perf_counter()
                node = store.find(f"{kind}:{name}@1")
                graph = store.reach([node.node_id], direction)
                times.append((time.perf_counter() - began) * 1000)
                if len(graph.nodes) < 10:
                    raise AssertionError(f"{name}: {len(graph.nodes)} nodes")
            found[f"{question}, {edges:,} edges"] = statistics.median(times)
    client.close()
    return found


def _life(events: int) -> Iterator[Event]:
    """Give half lifecycle events of a growing graph, half accesses."""
    kinds = ("dataset.snapshotted", "feature.defined", "run.started", "model.registered")
    texts = {kind: example(kind) for kind in (*kinds, "artifact.accessed")}
    for number in range(events):
        yield _event(texts[kinds[number % 4]], number // 4)
        yield _event(texts["artifact.accessed"], number)


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


def _make_graph(client, tenant: str, edges: int) -> None:
    """Insert models that each have a run, a snapshot of one of many datasets, and features."""
    models = edges // _MODELS_SHARE
    datasets = max(1, models // 50)

    def node(kind: str, number: str) -> str:
        return f"reinterpretAsUUID(sipHash128('{tenant} {kind}', toString({number})))"

    def add_nodes(kind: str, count: int) -> None:
        client.command(
            f"INSERT INTO lineage_nodes SELECT 'bench', '{tenant}', {node(kind, 'number')}, "
            f"'{kind}', concat('{kind}-', toString(number)), '1', '', number, now64(3), now64(6), "
            f"1, now64(3), now64(6), generateUUIDv4(), number FROM numbers({count})"
        )

    def add_edges(source: str, target: str, relation: str, count: int) -> None:
        client.command(
            f"INSERT INTO lineage_edges SELECT 'bench', '{tenant}', {source}, {target}, "
            f"'{relation}', number, now64(3), now64(6), generateUUIDv4(), number "
            f"FROM numbers({count})"
        )

    features = models * 8
    for kind, count in (
        ("dataset", datasets),
        ("snapshot", models),
        ("run", models),
        ("model", models),
        ("feature", features),
    ):
        add_nodes(kind, count)
    add_edges(
        node("dataset", f"number % {datasets}"), node("snapshot", "number"), "snapshot_of", models
    )
    add_edges(node("snapshot", "number"), node("run", "number"), "used", models)
    add_edges(node("run", "number"), node("model", "number"), "generated", models)
    add_edges(node("snapshot", "number"), node("model", "number"), "trained_on", models)
    add_edges(
        node("feature", "number"),
        node("model", f"number % {models}"),
        "used",
        models * 8,
    )
