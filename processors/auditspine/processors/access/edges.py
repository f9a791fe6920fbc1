"""The access graph's edges: who touched which artifact. Values and their encodings. Pure."""

import json
import struct
from typing import NamedTuple

from auditspine.processors.projection.findings import Artifact
from auditspine.processors.projection.port import Row, SealedEvent, Table

EDGES = Table(
    "access_edges",
    (
        "origin",
        "tenant",
        "artifact_kind",
        "artifact_name",
        "artifact_version",
        "artifact_digest",
        "workload_namespace",
        "workload_name",
        "principal",
        "network",
        "operation",
        "permitted",
        "first_position",
        "first_at",
        "last_position",
        "last_at",
        "count",
        "last_origin",
        "version",
    ),
)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_TALLY = struct.Struct(">QqQqQ")


class Touch(NamedTuple):
    """Who did what to which artifact from where; the key of an edge.

    Attributes:
        tenant: Tenant.
        artifact: The artifact, by name and digest.
        workload_namespace: Namespace of the workload.
        workload_name: The workload.
        principal: Who acted.
        network: From where.
        operation: What was done, for example ``read``.
        permitted: Whether it was let happen.
    """

    tenant: str
    artifact: Artifact
    workload_namespace: str
    workload_name: str
    principal: str
    network: str
    operation: str
    permitted: bool

    @property
    def workload(self) -> str:
        """The workload as people name it: ``namespace/name``, or the name alone."""
        return f"{self.workload_namespace}/{self.workload_name}".lstrip("/")

    def edge_key(self) -> bytes:
        """Give the state's key of the edge."""
        return b"e" + _json([*self.pair(), self.principal, self.network, self.operation])

    def pair_key(self) -> bytes:
        """Give the state's key of the (tenant, workload, artifact) pair."""
        return b"p" + _json(self.pair())

    def pair(self) -> list[object]:
        """Give what a first access is counted by."""
        artifact = self.artifact
        return [
            self.tenant,
            artifact.kind,
            artifact.name,
            artifact.version,
            artifact.digest.hex(),
            self.workload_namespace,
            self.workload_name,
            self.permitted,
        ]


class Tally(NamedTuple):
    """When an edge was seen.

    Attributes:
        first_position: Log position of the first time.
        first_at: LogAppendTime of it, milliseconds since 1970.
        last_position: Log position of the last time.
        last_at: LogAppendTime of it, milliseconds since 1970.
        times: How often.
        first_elsewhere: The log of the first position where it is not the state's own.
        last_elsewhere: The log of the last position where it is not the state's own.
    """

    first_position: int
    first_at: int
    last_position: int
    last_at: int
    times: int
    first_elsewhere: str = ""
    last_elsewhere: str = ""

    def encode(self) -> bytes:
        """Give the state's value."""
        logs = _json(list(self[5:])) if self.first_elsewhere or self.last_elsewhere else b""
        return _TALLY.pack(*self[:5]) + logs

    @classmethod
    def decode(cls, value: bytes) -> "Tally":
        """Read the state's value."""
        logs = value[_TALLY.size :]
        return cls(*_TALLY.unpack_from(value), *(json.loads(logs) if logs else ()))


def touch_of(event: SealedEvent) -> Touch:
    """Read the touch that ``artifact.accessed`` or ``secret.read`` reports."""
    envelope, body = event.envelope, event.body
    workload, actor = envelope["workload"], envelope["actor"]
    if event.event_type == "secret.read":
        name = f"{body['keeper']}:{body['secret']}"
        artifact, operation = Artifact("secret", name, body["version"], bytes(32)), "read"
    else:
        ref = body["artifact"]
        artifact = Artifact(ref["kind"], ref["name"], ref["version"], ref["digest"])
        operation = body["operation"]
    return Touch(
        envelope["tenant"],
        artifact,
        workload["namespace"],
        workload["name"],
        actor["principal"],
        actor["origin"]["network"],
        operation,
        body.get("permitted", True),  # a schema without it reports what happened
    )


def edge_row(event: SealedEvent, touch: Touch, tally: Tally) -> Row:
    """Give an edge's row of :data:`EDGES` after an event."""
    artifact = touch.artifact
    origin = tally.first_elsewhere or event.own_log
    last = tally.last_elsewhere or event.own_log
    return (
        origin,
        touch.tenant,
        artifact.kind,
        artifact.name,
        artifact.version,
        artifact.digest,
        touch.workload_namespace,
        touch.workload_name,
        touch.principal,
        touch.network,
        touch.operation,
        touch.permitted,
        *tally[:5],
        "" if last == origin else last,
        event.version,
    )


def _json(values: list[object]) -> bytes:
    return _ENCODER.encode(values).encode()
