"""What served when and on whose word, why models were trained anew, and how releases differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import named_rows, query
from auditspine.auditor.lineage.graph import Direction, LineageNode
from auditspine.auditor.lineage.store import NOW, LineageStore, Moment

Row = dict[str, Any]

_SERVING = """
    SELECT * FROM deployment_history
    WHERE tenant = {{tenant:String}} AND {moment}
        AND ({{name:String}} = '' OR deployment = {{name:String}} OR model_name = {{name:String}})
        AND ({{environment:String}} = '' OR environment = {{environment:String}})
    ORDER BY environment, deployment, recorded_from, origin, position
"""
_VERSIONS = """
    SELECT * FROM model_versions
    WHERE tenant = {{tenant:String}} AND model_name = {{name:String}} AND {moment}
    ORDER BY registered_at, origin, position
"""
_FOUND = """
    SELECT m.appended_at AS closed_at, m.value AS disposition, n.kind AS kind, n.name AS name,
        n.node_version AS artifact_version, m.principal AS closed_by, m.detail AS detail,
        m.event_id AS event_id
    FROM (
        SELECT * FROM lineage_marks FINAL
        WHERE tenant = {{tenant:String}} AND mark = 'disposition' AND {moment}
    ) AS m
    INNER JOIN (
        SELECT node_id, any(toString(artifact_kind)) AS kind, any(artifact_name) AS name,
            any(artifact_version) AS node_version
        FROM lineage_nodes FINAL
        WHERE tenant = {{tenant:String}} AND artifact_name = {{name:String}}
            AND artifact_kind IN ('model', 'deployment')
        GROUP BY node_id
    ) AS n ON n.node_id = m.node_id
    ORDER BY closed_at, event_id, kind DESC LIMIT 1 BY event_id
"""
_FIGURES = """
    SELECT event_type, JSONExtractString(item, 'name') AS item_name,
        if(event_type = 'run.started', JSONExtractString(item, 'value'),
            toString(JSONExtractFloat(item, 'value'))) AS item_value,
        JSONExtractString(item, 'slice', 'attribute') AS slice_name,
        JSONExtractString(item, 'slice', 'value') AS slice_value
    FROM committed_evidence
    ARRAY JOIN
        JSONExtractArrayRaw(body, if(event_type = 'run.started', 'params', 'metrics')) AS item
    WHERE tenant = {{tenant:String}} AND event_type IN ('run.started', 'validation.reported')
        AND (JSONExtractString(body, 'run_id') IN {{runs:Array(String)}}
            OR JSONExtractString(body, 'model', 'digest') = {{digest:String}})
        AND bitAnd(flags, 2) = 0 AND {until}
    ORDER BY appended_at, origin, position
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter or metric that differs.

    Attributes:
        name: Its name, with its slice where it has one.
        before: Its value in the first release; None when it has none.
        after: Its value in the second.
    """

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """How two releases differ.

    Attributes:
        before: The first.
        after: The second.
        removed: What went into the first only.
        added: What went into the second only.
        shared: How much went into both.
        params: Parameters of their runs that differ.
        metrics: Metrics of their validations that differ.
    """

    before: LineageNode
    after: LineageNode
    removed: list[LineageNode]
    added: list[LineageNode]
    shared: int
    params: list[Change]
    metrics: list[Change]


def serving(
    client: Client, tenant: str, name: str = "", environment: str = "", moment: Moment = NOW
) -> list[Row]:
    """Give what deployments served, from when until when; only what held at the moment, if any.

    Args:
        client: Of the evidence's database.
        tenant: The tenant.
        name: A deployment or a model; empty for all.
        environment: An environment; empty for all.
        moment: As of when.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    conditions = []
    if moment.recorded is not None:
        conditions.append(
            "recorded_from <= fromUnixTimestamp64Milli({recorded:Int64})"
            " AND fromUnixTimestamp64Milli({recorded:Int64}) < recorded_until"
        )
    if moment.occurred is not None:
        conditions.append(
            "occurred_from <= fromUnixTimestamp64Micro({occurred:Int64})"
            " AND fromUnixTimestamp64Micro({occurred:Int64}) < occurred_until"
        )
    sql = _SERVING.format(moment=" AND ".join(conditions) or "1")
    values = {"tenant": tenant, "name": name, "environment": environment}
    return named_rows(client, sql, {**values, **moment.parameters()})


def versions(client: Client, tenant: str, name: str, moment: Moment = NOW) -> list[Row]:
    """Give a model's versions, and why each was trained; arguments and errors as above."""
    sql = _VERSIONS.format(moment=moment.until("registered_at", "occurred_at"))
    return named_rows(client, sql, {"tenant": tenant, "name": name, **moment.parameters()})


def investigated(client: Client, tenant: str, name: str, moment: Moment = NOW) -> list[Row]:
    """Give what investigations of a model or deployment found; arguments and errors as above."""
    sql = _FOUND.format(moment=moment.until("appended_at", "occurred_at"))
    return named_rows(client, sql, {"tenant": tenant, "name": name, **moment.parameters()})


def compare(store: LineageStore, before: LineageNode, after: LineageNode) -> ReleaseDiff:
    """Compare all that two releases came of.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    graphs = [store.reach([node.node_id], Direction.UPSTREAM) for node in (before, after)]
    nodes = [
        {node_id: node for node_id, node in graph.nodes.items() if node_id not in graph.roots}
        for graph in graphs
    ]
    figures = [
        _figures(store, node, [each.name for each in graph.of_kind("run")])
        for node, graph in zip((before, after), graphs, strict=True)
    ]
    return ReleaseDiff(
        before,
        after,
        _only(nodes[0], nodes[1]),
        _only(nodes[1], nodes[0]),
        len(nodes[0].keys() & nodes[1].keys()),
        _changes(figures[0][0], figures[1][0]),
        _changes(figures[0][1], figures[1][1]),
    )


def _only(one: Mapping[str, LineageNode], other: Mapping[str, LineageNode]) -> list[LineageNode]:
    found = [node for node_id, node in one.items() if node_id not in other]
    return sorted(found, key=lambda node: (node.kind, node.name, node.version))


def _figures(
    store: LineageStore, node: LineageNode, runs: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, object] = {
        "tenant": store.tenant,
        "runs": runs,
        "digest": f"sha256:{node.sha256}",
        **store.moment.parameters(),
    }
    sql = _FIGURES.format(until=store.moment.until("appended_at", "occurred_at"))
    params: dict[str, str] = {}
    metrics: dict[str, str] = {}
    for event_type, name, value, slice_name, slice_value in query(store.client, sql, values):
        if event_type == "run.started":
            params[name] = value
        else:
            metrics[f"{name} [{slice_name}={slice_value}]" if slice_name else name] = value
    return params, metrics


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    return [
        Change(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
