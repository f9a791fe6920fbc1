"""The lineage projection: folds lifecycle events into a graph of artifacts, runs and decisions.

Nodes and edges are the same in whatever order events come, and however often: each keeps the
earliest time that any event gives it. A mark is what one event says, once. Only findings speak of
the order, since they say what was not known yet. Each log is folded for itself; a tenant's
lifecycle is in one log.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from uuid import UUID

from auditspine.processors.lineage import dispositions
from auditspine.processors.lineage.facts import EVENT_TYPES, Facts, facts_of
from auditspine.processors.lineage.graph import (
    EDGES,
    MARKS,
    NODES,
    Edge,
    Mark,
    Node,
    Seen,
    edge_row,
    mark_row,
    node_row,
)
from auditspine.processors.projection.findings import (
    FINDINGS,
    MOST_FINDINGS,
    Artifact,
    Finding,
    Source,
    finding_row,
)
from auditspine.processors.projection.port import Changes, Row, SealedEvent, State, Table
from auditspine.schemas.relations import REGISTERED_KINDS, Relation

_CHUNK = 64  # successors in one value of the state
_SEARCH = 10_000  # nodes that a search for a cycle visits; readers of the graph find the others
_COUNT = Struct(">I")


class LineageProjection:
    """Folds lifecycle events; see :class:`~.projection.port.Projection`."""

    name = "lineage"
    logic_version = 2
    streams: tuple[str, ...] = ("lifecycle",)
    event_types = EVENT_TYPES | dispositions.EVENT_TYPES
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = (NODES, EDGES, MARKS, FINDINGS)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state; give the changed rows."""
        step = _Step(state)
        findings: list[Row] = []
        source = Source(self.name, self.logic_version)
        for event in events:
            for ordinal, finding in enumerate(step.take(event)[:MOST_FINDINGS]):
                findings.append(finding_row(source, event, ordinal, finding))
        return {
            NODES: list(step.nodes.values()),
            EDGES: list(step.edges.values()),
            MARKS: list(step.marks.values()),
            FINDINGS: findings,
        }


class _Step:
    """One fold's changes: the last row of each key."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.nodes: dict[UUID, Row] = {}
        self.edges: dict[bytes, Row] = {}
        self.marks: dict[tuple[UUID, str, str], Row] = {}

    def take(self, event: SealedEvent) -> list[Finding]:
        """Apply one event; give what is remarkable about it."""
        if event.event_type in dispositions.EVENT_TYPES:
            for said, mark in dispositions.marked(self._state, event):
                self._mark(said, mark, mark.node.node_id)
            return []
        facts = facts_of(event)
        seen = Seen.of(event)
        ids = {node: node.node_id for node in _mentioned(facts)}
        registered = frozenset(facts.registered)
        required = frozenset(_required(facts))
        found: list[Finding] = []
        for node, node_id in ids.items():
            new, known = self._see(event, node, node_id, seen, registers=node in registered)
            if new and self._has_other_digest(node):
                found.append(_finding(event, node, "digest_conflict", "warning", _CONFLICT))
            if new and not known and node in required:
                found.append(_finding(event, node, "unregistered_reference", "info", _UNKNOWN))
        found.extend(
            _finding(event, edge.target, "lineage_cycle", "warning", _CYCLE)
            for edge in facts.edges
            if self._link(event, edge, (ids[edge.source], ids[edge.target]), seen)
        )
        found.extend(self._duties(event, facts, ids))
        for mark in facts.marks:
            self._mark(event, mark, ids[mark.node])
        return found

    def _mark(self, event: SealedEvent, mark: Mark, node_id: UUID) -> None:
        """Note a mark; the same event again says nothing new."""
        key = (node_id, mark.name, event.envelope["event_id"])
        told = b"x" + node_id.bytes + f"{mark.name} {key[2]}".encode()
        if self._state.get(told) is None:
            self._state.put(told, b"")
            self.marks[key] = mark_row(event, node_id, mark)

    def _see(
        self, event: SealedEvent, node: Node, node_id: UUID, seen: Seen, *, registers: bool
    ) -> tuple[bool, bool]:
        """Note a node; tell whether it is new, and whether it is registered."""
        key = b"n" + node_id.bytes
        stored = self._state.get(key)
        first, made = (None, None) if stored is None else _decode(stored)
        merged = seen if first is None else first.merged(seen)
        if registers:
            made = seen if made is None else made.merged(seen)
        value = _encode(merged, made)
        if value != stored:
            self._state.put(key, value)
            self.nodes[node_id] = node_row(event, node, node_id, merged, made)
        return first is None, made is not None

    def _duties(
        self, event: SealedEvent, facts: Facts, ids: Mapping[Node, UUID]
    ) -> Iterator[Finding]:
        """Tell when who made a model also approved it, whichever of them is said first."""
        actor: str = event.envelope["actor"]["principal"]
        concerned: list[tuple[Node, bytes]] = []
        if event.event_type == "run.started":
            run = ids[facts.registered[0]].bytes
            self._people(b"m", run, {actor})
            for successor in self._successors(run):
                self._people(b"m", successor, {actor})
                concerned.append((facts.registered[0], successor))
        elif event.event_type == "model.registered":
            model = facts.registered[0]
            runs = [each.source for each in facts.edges if each.relation is Relation.GENERATED]
            makers = {actor}.union(*(self._people(b"m", ids[run].bytes) for run in runs))
            self._people(b"m", ids[model].bytes, makers)
            concerned.append((model, ids[model].bytes))
        elif event.event_type == "approval.decided" and event.body["decision"] in _APPROVING:
            [subject] = [e.source for e in facts.edges if e.relation is Relation.APPROVED]
            self._people(b"a", ids[subject].bytes, {actor})
            concerned.append((subject, ids[subject].bytes))
        for node, node_id in concerned:
            both = self._people(b"m", node_id) & self._people(b"a", node_id)
            for principal in sorted(both - self._people(b"k", node_id)):
                what = f"was made and approved by the same person, {principal}"
                yield _finding(event, node, "separation_of_duties", "critical", what)
            self._people(b"k", node_id, both)

    def _people(self, kind: bytes, node_id: bytes, more: Iterable[str] = ()) -> set[str]:
        """Give the people that are noted about a node, after adding some."""
        stored = self._state.get(kind + node_id)
        known: set[str] = set() if stored is None else set(json.loads(stored))
        people = known.union(more)
        if people != known:
            self._state.put(kind + node_id, json.dumps(sorted(people)).encode())
        return people

    def _has_other_digest(self, node: Node) -> bool:
        """Note a new node's digest; tell whether its name stood for another one."""
        if not node.digest or node.kind == "column":  # a column's digest is its snapshot's
            return False
        key = b"d" + node.label_key
        if self._state.get(key) is not None:
            return True
        self._state.put(key, b"")
        return False

    def _link(self, event: SealedEvent, edge: Edge, ids: tuple[UUID, UUID], seen: Seen) -> bool:
        """Note an edge; tell whether it is new and closes a cycle."""
        source, target = ids[0].bytes, ids[1].bytes
        key = b"e" + source + target + edge.relation.value.encode()
        stored = self._state.get(key)
        merged = seen if stored is None else Seen(*json.loads(stored)).merged(seen)
        value = json.dumps(merged.encode()).encode()
        if value != stored:
            self._state.put(key, value)
            self.edges[key] = edge_row(event, ids, edge, merged)
        if stored is not None or not edge.relation.flows:
            return False
        closes = source == target or self._reaches(target, source)
        self._add_successor(source, target)
        return closes

    def _add_successor(self, source: bytes, target: bytes) -> None:
        count = self._successor_count(source)
        key = b"s" + source + _COUNT.pack(count // _CHUNK)
        self._state.put(key, (self._state.get(key) or b"") + target)
        self._state.put(b"c" + source, _COUNT.pack(count + 1))

    def _successor_count(self, node: bytes) -> int:
        stored = self._state.get(b"c" + node)
        return 0 if stored is None else int(_COUNT.unpack(stored)[0])

    def _successors(self, node: bytes) -> Iterator[bytes]:
        for chunk in range(-(-self._successor_count(node) // _CHUNK)):
            packed = self._state.get(b"s" + node + _COUNT.pack(chunk)) or b""
            for at in range(0, len(packed), 16):
                yield packed[at : at + 16]

    def _reaches(self, start: bytes, goal: bytes) -> bool:
        visited, waiting = {start}, [start]
        while waiting and len(visited) <= _SEARCH:
            for successor in self._successors(waiting.pop()):
                if successor == goal:
                    return True
                if successor not in visited:
                    visited.add(successor)
                    waiting.append(successor)
        return False


_APPROVING = ("approved", "approved_with_conditions")
_CONFLICT = "has another digest than one of that name and version that is known already"
_UNKNOWN = "is cited before anything registered it"
_CYCLE = "comes of itself: what is said to be made of it, it is said to be made of"


def _finding(event: SealedEvent, node: Node, kind: str, severity: str, what: str) -> Finding:
    workload = event.envelope["workload"]
    subject = f"{workload['namespace']}/{workload['name']}".lstrip("/")
    named = " ".join(part for part in (node.kind, node.name, node.version) if part)
    artifact = Artifact(node.kind, node.name, node.version, node.digest)
    return Finding(kind, severity, subject, artifact, f"{named} {what}")


def _mentioned(facts: Facts) -> Iterator[Node]:
    yield from facts.registered
    for edge in facts.edges:
        yield from (edge.source, edge.target)
    for mark in facts.marks:
        yield mark.node


def _required(facts: Facts) -> Iterator[Node]:
    """Give what must have been registered, or is so by this event."""
    for node in _mentioned(facts):
        if node.kind in REGISTERED_KINDS:
            yield node
    for edge in facts.edges:
        if edge.relation is Relation.HAS_COLUMN and edge.source.kind == "snapshot":
            yield edge.target


def _encode(first: Seen, registered: Seen | None) -> bytes:
    made = None if registered is None else registered.encode()
    return json.dumps([first.encode(), made]).encode()


def _decode(stored: bytes) -> tuple[Seen, Seen | None]:
    first, registered = json.loads(stored)
    return Seen(*first), None if registered is None else Seen(*registered)
