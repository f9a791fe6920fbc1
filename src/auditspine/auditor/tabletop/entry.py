"""One sealed event, read from its raw bytes and held against its sealed leaf. Pure.

The typed columns beside the raw bytes only find the row; nothing that is said comes from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from auditspine.ledger.batch import parse_sig
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.errors import FormatError
from auditspine.ledger.merkle import leaf_hash
from auditspine.schemas.codec import Decoder
from auditspine.schemas.errors import UndecodableError

GAP = 1
"""The flag of an entry before which its producer left out sequence numbers."""


class RawEntry(NamedTuple):
    """A row of ``committed_evidence``.

    Attributes:
        origin: The log.
        position: Place in it.
        appended_at: When the broker took it, UTC.
        event_type: What the typed column says it is.
        flags: 1 gap, 2 duplicate, 4 clock skew.
        value: The Kafka value as it was on the wire.
        sig: The ``sig`` header as it was on the wire.
    """

    origin: str
    position: int
    appended_at: datetime
    event_type: str
    flags: int
    value: bytes
    sig: bytes


class Sealed(NamedTuple):
    """What ``entries`` has of the same place."""

    leaf: bytes
    verdict: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with where it is sealed.

    Attributes:
        origin: The log.
        position: Place in it.
        at: When the broker took it, UTC.
        event_type: Its type.
        envelope: Its envelope, in JSON form; empty when it cannot be read.
        body: Its body, likewise.
        key: Ed25519 key that its producer signed it with, 32 bytes; empty when there is none.
        flags: 1 gap, 2 duplicate, 4 clock skew.
        problem: Why it is not what was sealed, in words; empty when it is.
    """

    origin: str
    position: int
    at: datetime
    event_type: str
    envelope: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    key: bytes = b""
    flags: int = 0
    problem: str = ""

    @property
    def event_id(self) -> str:
        """Its identifier; empty when it cannot be read."""
        return str(self.envelope.get("event_id", ""))

    @property
    def principal(self) -> str:
        """Who acted."""
        return str(self.envelope["actor"]["principal"])

    @property
    def is_person(self) -> bool:
        """Whether a person acted."""
        return bool(self.envelope["actor"]["kind"] == "person")

    @property
    def reason(self) -> str:
        """Why, in words."""
        return str(self.envelope["intent"]["reason"])

    @property
    def place(self) -> tuple[datetime, str, int]:
        """What entries are ordered by."""
        return (self.at, self.origin, self.position)


def read_entry(raw: RawEntry, sealed: Sealed | None, decoder: Decoder, tenant: str) -> Entry:
    """Read an event from its raw bytes and hold them against what was sealed.

    Args:
        raw: The row with the content.
        sealed: The row of ``entries`` at the same place; None when there is none.
        decoder: Knows the schemas of the control log.
        tenant: Whose it must be.
    """
    said, unread = _decoded(raw.value, decoder)
    envelope = said.get("envelope", {})
    problem = _not_sealed(raw, sealed) or unread
    if not problem and envelope["tenant"] != tenant:
        problem = f"its raw bytes are of tenant {envelope['tenant']}"
    if not problem and envelope["event_type"] != raw.event_type:
        problem = f"its raw bytes are of type {envelope['event_type']}"
    return Entry(
        raw.origin,
        raw.position,
        raw.appended_at,
        str(envelope.get("event_type", raw.event_type)),
        envelope,
        said.get("body", {}),
        _signing_key(raw.sig),
        raw.flags,
        problem,
    )


def _decoded(value: bytes, decoder: Decoder) -> tuple[dict[str, Any], str]:
    try:
        said = decoder.decode(value).to_model().model_dump(mode="json")
    except UndecodableError as exc:
        return {}, f"its raw bytes cannot be read: {exc}"
    return said, ""


def _not_sealed(raw: RawEntry, sealed: Sealed | None) -> str:
    if sealed is None:
        return "it has no row in entries"
    if leaf_hash(encode_entry(raw.value, raw.sig)) != sealed.leaf:
        return "its raw bytes do not have the leaf hash that was sealed"
    if sealed.verdict != "valid":
        return f"the ledger's verdict on it is {sealed.verdict}"
    return ""


def _signing_key(sig: bytes) -> bytes:
    try:
        return parse_sig(sig).public_key
    except FormatError:
        return b""
