"""Reads the lineage graph from ClickHouse, level by level, as of a moment.

The work follows what is reached, not the size of the graph: each level is one query for the
edges of the nodes that the level before reached.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import query
from auditspine.auditor.lineage.errors import UnknownArtifactError
from auditspine.auditor.lineage.graph import (
    Direction,
    LineageEdge,
    LineageNode,
    Standing,
    Subgraph,
)
from auditspine.schemas.relations import Relation

_AT_ONCE = 5_000  # ids in one query
_MANY = 12  # candidates that an error names
_COLUMNS = """
    toString(node_id) AS id, any(toString(artifact_kind)) AS kind, any(artifact_name) AS name,
    any(artifact_version) AS node_version, any(lower(hex(artifact_digest))) AS sha256,
    max(registered AND {registered_until}) AS known, min(first_at) AS recorded,
    min(occurred_at) AS occurred
"""
_NODES = """
    SELECT {columns} FROM lineage_nodes FINAL
    WHERE tenant = {{tenant:String}} AND {until} AND {condition} GROUP BY node_id
"""
_MARKS = """
    SELECT toString(node_id), toString(mark), argMax(value, (moment, event_id)),
        argMax(detail, (moment, event_id)), argMax(principal, (moment, event_id)), max(moment)
    FROM (
        SELECT *, least(occurred_at, addMinutes(toDateTime64(appended_at, 6, 'UTC'), 5)) AS moment
        FROM lineage_marks FINAL
    ) WHERE tenant = {{tenant:String}} AND {until}
        AND node_id IN {{ids:Array(UUID)}}
    GROUP BY node_id, mark
"""
_EDGES = """
    SELECT toString(source_id), toString(target_id), toString(relation),
        min(first_at), min(occurred_at), toString(argMin(event_id, occurred_at)),
        toString(argMin(origin, (first_at, first_position))),
        argMin(first_position, (first_at, first_position))
    FROM lineage_edges FINAL
    WHERE tenant = {{tenant:String}} AND {until} AND {end} IN {{ids:Array(UUID)}}
        AND relation != 'replaced_by'
    GROUP BY source_id, target_id, relation
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """As of when the graph is read; now by default.

    Attributes:
        recorded: What the ledger had by then (LogAppendTime).
        occurred: What had happened by then, as the events say.
    """

    recorded: datetime | None = None
    occurred: datetime | None = None

    def until(self, recorded: str, occurred: str) -> str:
        """Give the SQL condition that two columns lie before it."""
        conditions = []
        if self.recorded is not None:
            conditions.append(f"{recorded} <= fromUnixTimestamp64Milli({{recorded:Int64}})")
        if self.occurred is not None:
            conditions.append(f"{occurred} <= fromUnixTimestamp64Micro({{occurred:Int64}})")
        return " AND ".join(conditions) or "1"

    def parameters(self) -> dict[str, object]:
        """Give the values of the condition's parameters."""
        found: dict[str, object] = {}
        if self.recorded is not None:
            found["recorded"] = int(self.recorded.timestamp() * 1_000)
        if self.occurred is not None:
            found["occurred"] = int(self.occurred.timestamp() * 1_000_000)
        return found


NOW = Moment()


class LineageStore:
    """The lineage of one tenant as of a moment.

    Args:
        client: Of the evidence's database.
        tenant: The tenant.
        moment: As of when.
    """

    def __init__(self, client: Client, tenant: str, moment: Moment = NOW) -> None:
        self.client = client
        self.tenant = tenant
        self.moment = moment
        registered = moment.until("registered_at", "registered_occurred_at")
        self._columns = _COLUMNS.replace("{registered_until}", registered)

    def find(self, reference: str) -> LineageNode:
        """Find the one artifact that a reference names.

        Args:
            reference: ``kind:name@version``, ``kind:name``, ``name@version``, ``name`` or
                ``sha256:`` and the first digits.

        Raises:
            UnknownArtifactError: There is none, or there are several.
            SourceError: ClickHouse refuses or is away.
        """
        found = self.matching(reference)
        if len(found) == 1:
            return found[0]
        if not found:
            near = self._near(reference)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise UnknownArtifactError(f"{reference} is not in the lineage graph{hint}", near)
        labels = sorted({node.label for node in found})
        if len(labels) == 1:  # one name, several digests
            labels = [f"sha256:{node.sha256[:12]}" for node in found]
        shown = ", ".join(labels[:_MANY]) + (" …" if len(labels) > _MANY else "")
        raise UnknownArtifactError(
            f"{reference} stands for {len(found)} artifacts: {shown}", labels
        )

    def matching(self, reference: str) -> list[LineageNode]:
        """Find what a reference may name, the most literal reading first."""
        for condition, values in _readings(reference):
            found = self._nodes(condition, values)
            if found:
                return found
        return []

    def reach(self, ids: Iterable[str], direction: Direction, most: int | None = None) -> Subgraph:
        """Follow edges from some nodes as far as they go.

        Args:
            ids: Where to begin.
            direction: Which way.
            most: Levels to follow; None for all.

        Raises:
            SourceError: ClickHouse refuses or is away.
        """
        up = direction is Direction.UPSTREAM
        roots = tuple(ids)
        reached, frontier = set(roots), list(roots)
        edges: dict[tuple[str, str, str], LineageEdge] = {}
        level = 0
        while frontier and (most is None or level < most):
            level += 1
            following: set[str] = set()
            for edge in self._edges_at(frontier, "target_id" if up else "source_id"):
                edges[edge.source, edge.target, edge.relation] = edge
                following.add(edge.source if up else edge.target)
            frontier = sorted(following - reached)
            reached |= following
        return Subgraph(roots, direction, self.nodes(reached), tuple(edges.values()))

    def nodes(self, ids: Iterable[str]) -> dict[str, LineageNode]:
        """Read nodes with their marks; an id that the graph has no node for is left out."""
        found: dict[str, LineageNode] = {}
        for part in _parts(sorted(ids)):
            for node in self._nodes("node_id IN {ids:Array(UUID)}", {"ids": part}):
                found[node.node_id] = node
        return found

    def marked(self, mark: str) -> list[LineageNode]:
        """Find the nodes that have a mark."""
        until = self.moment.until("appended_at", "occurred_at")
        sql = f"""
            SELECT DISTINCT toString(node_id) FROM lineage_marks
            WHERE tenant = {{tenant:String}} AND mark = {{mark:String}} AND {until}
        """  # noqa: S608 - conditions of our own
        rows = self._query(sql, {"mark": mark})
        return sorted(self.nodes(str(row[0]) for row in rows).values(), key=lambda n: n.label)

    def _nodes(self, condition: str, values: dict[str, object]) -> list[LineageNode]:
        until = self.moment.until("first_at", "occurred_at")
        sql = _NODES.format(columns=self._columns, until=until, condition=condition)
        rows = self._query(sql, values)
        marks = self._marks([row[0] for row in rows])
        return [
            LineageNode(
                node_id,
                kind,
                name,
                version,
                digest,
                bool(known),
                recorded,
                occurred,
                marks.get(node_id, {}),
            )
            for node_id, kind, name, version, digest, known, recorded, occurred in rows
        ]

    def _marks(self, ids: list[str]) -> dict[str, dict[str, Standing]]:
        sql = _MARKS.format(until=self.moment.until("appended_at", "occurred_at"))
        found: dict[str, dict[str, Standing]] = {}
        for part in _parts(ids):
            for node_id, mark, *standing in self._query(sql, {"ids": part}):
                found.setdefault(node_id, {})[mark] = Standing(*standing)
        return found

    def _edges_at(self, ids: list[str], end: str) -> Iterator[LineageEdge]:
        sql = _EDGES.format(until=self.moment.until("first_at", "occurred_at"), end=end)
        for part in _parts(ids):
            for source, target, relation, *rest in self._query(sql, {"ids": part}):
                yield LineageEdge(source, target, Relation(relation), *rest)

    def _near(self, reference: str) -> list[str]:
        name = reference.partition(":")[2] or reference
        sql = """
            SELECT DISTINCT toString(artifact_kind), artifact_name, artifact_version
            FROM lineage_nodes WHERE tenant = {tenant:String}
                AND artifact_kind NOT IN ('column', 'approval')
            ORDER BY ngramDistanceCaseInsensitiveUTF8(artifact_name, {name:String}),
                editDistanceUTF8(substringUTF8(artifact_name, 1, 200), {name:String}),
                artifact_version DESC
            LIMIT 3
        """
        rows = self._query(sql, {"name": name.rpartition("@")[0] or name})
        return [f"{kind}:{name}" + f"@{version}" * bool(version) for kind, name, version in rows]

    def _query(self, sql: str, values: dict[str, object]) -> list[Sequence[Any]]:
        parameters = {"tenant": self.tenant, **self.moment.parameters(), **values}
        return query(self.client, sql, parameters)


def _readings(reference: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Give the ways to read a reference: names may hold colons and at signs themselves."""
    if reference.startswith("sha256:"):
        digits = reference.removeprefix("sha256:").lower()
        condition = "startsWith(lower(hex(artifact_digest)), {digits:String})"
        yield condition + " AND artifact_kind != 'column'", {"digits": digits}
        return
    kind, colon, rest = reference.partition(":")
    for prefix, text in (({"kind": kind}, rest), ({}, reference)) if colon else (({}, reference),):
        of_kind = "artifact_kind = {kind:String} AND " if prefix else ""
        name, at, version = text.rpartition("@")
        if at:
            yield (
                of_kind + "artifact_name = {name:String} AND artifact_version = {version:String}",
                {**prefix, "name": name, "version": version},
            )
        yield of_kind + "artifact_name = {name:String}", {**prefix, "name": text}


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(ids), _AT_ONCE):
        yield list(ids[at : at + _AT_ONCE])
