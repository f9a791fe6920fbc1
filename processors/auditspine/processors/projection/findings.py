"""Findings: what a processor noticed, with an id that a replay gives again. Pure."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from auditspine.processors.projection.port import Derived, Row, SealedEvent, Table

FINDINGS = Table(
    "findings",
    (
        "finding_id",
        "tenant",
        "processor",
        "logic_version",
        "kind",
        "severity",
        "origin",
        "position",
        "ordinal",
        "event_id",
        "appended_at",
        "subject",
        "artifact_kind",
        "artifact_name",
        "artifact_version",
        "artifact_digest",
        "detail",
        "version",
    ),
)

MOST_FINDINGS = 1000
"""Findings of one event that are kept: an event may name anything any number of times."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An exact artifact.

    Attributes:
        kind: What it is.
        name: Its name.
        version: Its version.
        digest: SHA-256 of its content, 32 bytes.
    """

    kind: str
    name: str
    version: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed at one event.

    Attributes:
        kind: What it is, for example ``first_access``.
        severity: ``info``, ``warning`` or ``critical``.
        subject: Whom it concerns.
        artifact: Which artifact.
        detail: One sentence.
    """

    kind: str
    severity: str
    subject: str
    artifact: Artifact
    detail: str


@dataclass(frozen=True, slots=True)
class Source:
    """Which code speaks; part of every finding's id.

    Attributes:
        processor: Name of the projection.
        logic_version: Its logic version.
    """

    processor: str
    logic_version: int


def derived_id(source: Source, origin: str, position: int, ordinal: int) -> UUID:
    """Give the id of what a processor derives from one event (DESIGN, invariant 8).

    Args:
        source: The code that derives.
        origin: Log of the event.
        position: Its position there.
        ordinal: 0 for the first thing derived from that event, 1 for the next …

    Returns:
        A UUID version 8 from SHA-256. Source: RFC 9562 §5.8.
    """
    bits = _bits(source, origin, position, ordinal) & ~(0xF << 76) | 0x8 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


def derived_event_id(source: Source, derived: Derived) -> str:
    """Give the event id of a derived event: the same whenever it is derived again.

    Returns:
        A UUID version 7 whose time is the broker's for the cause. Source: RFC 9562 §5.7.
    """
    cause = derived.cause
    bits = _bits(source, cause.origin, cause.position, derived.ordinal) & ((1 << 80) - 1)
    bits |= cause.appended_at << 80
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))


def _bits(source: Source, origin: str, position: int, ordinal: int) -> int:
    parts = (source.processor, str(source.logic_version), origin, str(position), str(ordinal))
    return int.from_bytes(sha256("\0".join(parts).encode()).digest()[:16], "big")


def finding_row(source: Source, event: SealedEvent, ordinal: int, finding: Finding) -> Row:
    """Give a finding's row of :data:`FINDINGS`."""
    artifact = finding.artifact
    return (
        derived_id(source, event.origin, event.position, ordinal),
        str(event.envelope["tenant"]),
        source.processor,
        source.logic_version,
        finding.kind,
        finding.severity,
        event.origin,
        event.position,
        ordinal,
        UUID(event.envelope["event_id"]),
        event.appended_at,
        finding.subject,
        artifact.kind,
        artifact.name,
        artifact.version,
        artifact.digest,
        finding.detail,
        event.version,
    )
