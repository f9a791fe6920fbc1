"""How long questions about lineage take, on graphs of growing size."""

import statistics
import time

from auditspine.auditor.lineage.graph import Direction
from auditspine.auditor.lineage.store import LineageStore
from auditspine.cli.connections import clickhouse_client
from bench.backbone import Backbone

SIZES = (10_000, 100_000, 1_000_000)  # edges
_ASKED = 15  # times
_MODELS_SHARE = 12  # edges of each model in the made graph


def measure(backbone: Backbone) -> dict[str, float]:
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
