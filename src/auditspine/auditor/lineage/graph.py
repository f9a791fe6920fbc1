"""A part of the lineage graph: values, and what falls on each node from those before it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from auditspine.schemas.relations import REGISTERED_KINDS, SENSITIVITIES, Relation


class Direction(StrEnum):
    """Which way edges are followed."""

    UPSTREAM = "upstream"
    """To what something came of."""
    DOWNSTREAM = "downstream"
    """To what came of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of a node.

    Attributes:
        value: The value, such as ``restricted``.
        detail: Why; may be empty.
        principal: Who said so.
        since: When it happened.
    """

    value: str
    detail: str
    principal: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A node.

    Attributes:
        node_id: Its id in ClickHouse.
        kind: What it is.
        name: Its name.
        version: Its version; may be empty.
        sha256: Digest of its content, hex; empty where it has none of its own.
        registered: Whether an event made it known, not only cited it.
        recorded_at: LogAppendTime of the first event that speaks of it.
        occurred_at: The earliest time that an event gives it.
        marks: What holds of it, by the mark's name.
    """

    node_id: str
    kind: str
    name: str
    version: str
    sha256: str
    registered: bool
    recorded_at: datetime
    occurred_at: datetime
    marks: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def is_dangling(self) -> bool:
        """Whether it is cited though an event of its own should have made it known."""
        return not self.registered and self.kind in REGISTERED_KINDS | {"column"}

    @property
    def label(self) -> str:
        """How people name it on the command line: ``kind:name@version``."""
        return f"{self.kind}:{self.name}" + (f"@{self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """An edge.

    Attributes:
        source: Id of what was used.
        target: Id of what came of it.
        relation: How.
        recorded_at: LogAppendTime of the first event that says so.
        occurred_at: The earliest time that an event gives it.
        event_id: The event that gives that time.
        origin: Log of the first event that says so.
        position: Its position there.
    """

    source: str
    target: str
    relation: Relation
    recorded_at: datetime
    occurred_at: datetime
    event_id: str
    origin: str
    position: int


@dataclass(frozen=True, slots=True)
class Subgraph:
    """All that is reached from some nodes in one direction.

    Attributes:
        roots: Ids of the nodes that it was asked for.
        direction: Which way edges were followed.
        nodes: Nodes by id.
        edges: Edges among them along which data or decisions flow.
    """

    roots: tuple[str, ...]
    direction: Direction
    nodes: Mapping[str, LineageNode]
    edges: tuple[LineageEdge, ...]

    def next_of(self) -> Mapping[str, list[LineageEdge]]:
        """Give each node's edges to what comes next in the direction, in a steady order."""
        found: dict[str, list[LineageEdge]] = defaultdict(list)
        up = self.direction is Direction.UPSTREAM
        for edge in self.edges:
            found[edge.target if up else edge.source].append(edge)
        for edges in found.values():
            edges.sort(key=lambda edge: self._order(edge.source if up else edge.target))
        return found

    def within(self, steps: int) -> "Subgraph":
        """Give the part that lies within so many steps of its roots."""
        following, reached, frontier = self.next_of(), set(self.roots), list(self.roots)
        up = self.direction is Direction.UPSTREAM
        for _ in range(steps):
            nexts = {
                edge.source if up else edge.target for at in frontier for edge in following[at]
            }
            frontier = sorted(nexts - reached)
            reached |= nexts
        nodes = {node_id: node for node_id, node in self.nodes.items() if node_id in reached}
        edges = [e for e in self.edges if e.source in reached and e.target in reached]
        return Subgraph(self.roots, self.direction, nodes, tuple(edges))

    def of_kind(self, *kinds: str) -> list[LineageNode]:
        """Give its nodes of some kinds, in order of their names."""
        return sorted(
            (node for node in self.nodes.values() if node.kind in kinds),
            key=lambda node: self._order(node.node_id),
        )

    def _order(self, node_id: str) -> tuple[str, ...]:
        node = self.nodes[node_id]
        return (node.kind, node.name, node.version, node.sha256)


@dataclass(frozen=True, slots=True)
class Tags:
    """What falls on a node by itself and from all that it came of.

    Attributes:
        sensitivity: The highest; empty when nothing says.
        regulatory_domains: All of them.
    """

    sensitivity: str = ""
    regulatory_domains: frozenset[str] = frozenset()

    def __or__(self, other: "Tags") -> "Tags":
        """Give the higher sensitivity and the domains of both."""
        highest = max(self.sensitivity, other.sensitivity, key=_rank)
        return Tags(highest, self.regulatory_domains | other.regulatory_domains)


def effective_tags(graph: Subgraph) -> dict[str, Tags]:
    """Give each node's tags, with those of its ancestors along edges that carry them.

    Args:
        graph: An upstream graph: it holds every ancestor of each of its nodes.
    """
    tags = {node_id: _own(node) for node_id, node in graph.nodes.items()}
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        if edge.relation.carries_tags:
            after[edge.source].append(edge.target)
    waiting = list(tags)
    while waiting:  # tags only grow, so this ends in cycles too
        node_id = waiting.pop()
        for target in after[node_id]:
            merged = tags[target] | tags[node_id]
            if merged != tags[target]:
                tags[target] = merged
                waiting.append(target)
    return tags


def _own(node: LineageNode) -> Tags:
    domains = node.marks.get("regulatory_domains")
    sensitivity = node.marks.get("sensitivity")
    return Tags(
        "" if sensitivity is None else sensitivity.value,
        frozenset() if domains is None else frozenset(domains.value.split()),
    )


def _rank(sensitivity: str) -> int:
    return SENSITIVITIES.index(sensitivity) if sensitivity in SENSITIVITIES else -1


def layers(graph: Subgraph) -> dict[str, int]:
    """Give each node's layer: every edge goes from a lower to a higher one, but in a cycle."""
    before: dict[str, int] = dict.fromkeys(graph.nodes, 0)
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        if edge.source != edge.target:
            before[edge.target] += 1
            after[edge.source].append(edge.target)
    layer = dict.fromkeys(graph.nodes, 0)
    ready = [node_id for node_id, count in before.items() if not count]
    left = set(graph.nodes)
    while left:
        if not ready:  # a cycle: begin it where the fewest edges come in
            ready.append(min(left, key=lambda node_id: (before[node_id], node_id)))
        node_id = ready.pop()
        if node_id not in left:
            continue
        left.discard(node_id)
        _place(node_id, after, layer, before, left, ready)
    return layer


def _place(
    node_id: str,
    after: Mapping[str, Iterable[str]],
    layer: dict[str, int],
    before: dict[str, int],
    left: set[str],
    ready: list[str],
) -> None:
    for target in after.get(node_id, ()):
        if target in left:
            layer[target] = max(layer[target], layer[node_id] + 1)
            before[target] -= 1
            if not before[target]:
                ready.append(target)
