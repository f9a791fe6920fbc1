"""The lineage graph's nodes, edges and marks: values, tables and encodings. Pure.

A node is what its digest says: the same name with other content is another node. Edges point
the way that data and decisions flow, from what was used to what came of it.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from auditspine.processors.projection.port import Row, SealedEvent, Table
from auditspine.schemas.relations import Relation

NODES = Table(
    "lineage_nodes",
    (
        "origin",
        "tenant",
        "node_id",
        "artifact_kind",
        "artifact_name",
        "artifact_version",
        "artifact_digest",
        "first_position",
        "first_at",
        "occurred_at",
        "registered",
        "registered_at",
        "registered_occurred_at",
        "registered_event_id",
        "version",
    ),
)
EDGES = Table(
    "lineage_edges",
    (
        "origin",
        "tenant",
        "source_id",
        "target_id",
        "relation",
        "first_position",
        "first_at",
        "occurred_at",
        "event_id",
        "version",
    ),
)
MARKS = Table(
    "lineage_marks",
    (
        "origin",
        "tenant",
        "node_id",
        "mark",
        "value",
        "position",
        "appended_at",
        "occurred_at",
        "event_id",
        "principal",
        "detail",
        "version",
    ),
)

NO_EVENT = UUID(int=0)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Node(NamedTuple):
    """One artifact, run, approval or person of a tenant.

    Attributes:
        tenant: Its tenant.
        kind: What it is, such as ``snapshot``, ``column``, ``run`` or ``model``.
        name: Its name; a column's is ``snapshot/column``.
        version: Its version; empty where there is none.
        digest: SHA-256 of its content, 32 bytes; empty where it has none of its own.
    """

    tenant: str
    kind: str
    name: str
    version: str
    digest: bytes

    @property
    def node_id(self) -> UUID:
        """The node's id in ClickHouse: a UUID version 8 from SHA-256. Source: RFC 9562 §5.8."""
        parts = (self.tenant, self.kind, self.name, self.version, self.digest.hex())
        raw = sha256(_ENCODER.encode(parts).encode("utf-8", "surrogatepass")).digest()
        bits = int.from_bytes(raw[:16], "big") & ~(0xF << 76) | 0x8 << 76
        return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)

    @property
    def label_key(self) -> bytes:
        """What people call it, without its digest, hashed."""
        parts = (self.tenant, self.kind, self.name, self.version)
        return sha256(_ENCODER.encode(parts).encode("utf-8", "surrogatepass")).digest()[:16]


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed edge.

    Attributes:
        source: What was used.
        target: What came of it.
        relation: How.
    """

    source: Node
    target: Node
    relation: Relation


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was said of a node and may be said otherwise later.

    Attributes:
        node: The node.
        name: ``deprecated``, ``flagged``, ``retired``, ``sensitivity`` …
        value: What it is from now, such as ``restricted``.
        detail: Why, in words.
    """

    node: Node
    name: str
    value: str
    detail: str = ""


class Seen(NamedTuple):
    """When something was said, by ledger and by event time.

    Attributes:
        position: Position of the first event in the log that said it.
        appended_at: LogAppendTime of that event, milliseconds since 1970.
        occurred_at: The earliest that any event says it happened, microseconds since 1970.
        event_id: The event that says so; the least id among equals.
        elsewhere: The log of ``position`` where it is not the state's own.
    """

    position: int
    appended_at: int
    occurred_at: int
    event_id: str
    elsewhere: str = ""

    @classmethod
    def of(cls, event: SealedEvent) -> "Seen":
        """Give when an event says what it says."""
        envelope = event.envelope
        return cls(
            event.position,
            event.appended_at,
            envelope["occurred_at"],
            envelope["event_id"],
            event.elsewhere,
        )

    def merged(self, later: "Seen") -> "Seen":
        """Give both together; ``later`` comes later in the log."""
        occurred_at, event_id = min(
            (self.occurred_at, self.event_id), (later.occurred_at, later.event_id)
        )
        return self._replace(occurred_at=occurred_at, event_id=event_id)

    def encode(self) -> list[int | str]:
        """Give it as JSON takes it."""
        return list(self) if self.elsewhere else list(self[:4])


def node_row(
    event: SealedEvent, node: Node, node_id: UUID, seen: Seen, registered: Seen | None
) -> Row:
    """Give a node's row of :data:`NODES`."""
    return (
        seen.elsewhere or event.own_log,
        node.tenant,
        node_id,
        node.kind,
        node.name,
        node.version,
        node.digest,
        seen.position,
        seen.appended_at,
        seen.occurred_at,
        registered is not None,
        None if registered is None else registered.appended_at,
        None if registered is None else registered.occurred_at,
        NO_EVENT if registered is None else UUID(registered.event_id),
        event.version,
    )


def edge_row(event: SealedEvent, ids: tuple[UUID, UUID], edge: Edge, seen: Seen) -> Row:
    """Give an edge's row of :data:`EDGES`."""
    return (
        seen.elsewhere or event.own_log,
        edge.source.tenant,
        *ids,
        edge.relation.value,
        seen.position,
        seen.appended_at,
        seen.occurred_at,
        UUID(seen.event_id),
        event.version,
    )


def mark_row(event: SealedEvent, node_id: UUID, mark: Mark) -> Row:
    """Give a mark's row of :data:`MARKS`."""
    envelope = event.envelope
    return (
        event.origin,
        mark.node.tenant,
        node_id,
        mark.name,
        mark.value,
        event.position,
        event.appended_at,
        envelope["occurred_at"],
        UUID(envelope["event_id"]),
        envelope["actor"]["principal"],
        mark.detail,
        event.version,
    )
