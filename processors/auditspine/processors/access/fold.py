"""The access projection: who touched which artifact, and what was touched for the first time.

An artifact is what its digest says: the same name with other content is another artifact.
Each log is folded for itself; ClickHouse holds the rows of all logs side by side.
"""

from collections.abc import Iterable

from auditspine.processors.access.edges import (
    EDGES,
    Tally,
    Touch,
    edge_row,
    touch_of,
)
from auditspine.processors.projection.findings import FINDINGS, Finding, Source, finding_row
from auditspine.processors.projection.port import Changes, Row, SealedEvent, State, Table


class AccessProjection:
    """Folds ``artifact.accessed`` events; see :class:`~.projection.port.Projection`."""

    name = "access"
    logic_version = 1
    streams: tuple[str, ...] = ("access",)
    event_types = frozenset({"artifact.accessed"})
    tables: tuple[Table, ...] = (EDGES, FINDINGS)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state; give the changed rows."""
        edges: dict[bytes, Row] = {}
        findings: list[Row] = []
        for event in events:
            touch = touch_of(event)
            key = touch.edge_key()
            tally = _seen(state.get(key), event)
            state.put(key, tally.encode())
            edges[key] = edge_row(event.origin, touch, tally)
            finding = _first(touch, state)
            if finding is not None:
                source = Source(self.name, self.logic_version)
                findings.append(finding_row(source, event, 0, finding))
        return {EDGES: list(edges.values()), FINDINGS: findings}


def _seen(known: bytes | None, event: SealedEvent) -> Tally:
    at, when = event.position, event.appended_at
    if known is None:
        return Tally(at, when, at, when, 1)
    tally = Tally.decode(known)
    return tally._replace(last_position=at, last_at=when, times=tally.times + 1)


def _first(touch: Touch, state: State) -> Finding | None:
    """Give a finding when this workload never touched this artifact, and remember the pair."""
    key = touch.pair_key()
    if state.get(key) is not None:
        return None
    state.put(key, b"")
    artifact = touch.artifact
    what = f"{artifact.kind} {artifact.name} {artifact.version}"
    by = f"by {touch.principal} ({touch.operation})"
    if touch.permitted:
        detail = f"workload {touch.workload} touched {what} for the first time, {by}"
        return Finding("first_access", "info", touch.workload, artifact, detail)
    detail = f"workload {touch.workload} was denied {what} for the first time, {by}"
    return Finding("denied_access", "warning", touch.workload, artifact, detail)
