"""What the releases topic says: whether a decision lets a model into an environment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from auditspine.ledger.records import (
    Fit,
    canonical,
    is_count,
    is_digest,
    is_flag,
    is_text,
    or_none,
)


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """Whether a model may run in an environment, as it was decided last.

    Attributes:
        tenant: Tenant.
        environment: Name of the environment.
        model_digest: SHA-256 of the model, 32 bytes; this digest only.
        allowed: Whether it may.
        decision_id: The decision.
        reason: One sentence for people.
        since: When it was decided, milliseconds since 1970.
        until: When an allowance ends, milliseconds since 1970; ``None`` if it has no end.
        position: Version of the row; a record with a lower one is ignored.
    """

    KIND: ClassVar[str] = "release"
    FITS: ClassVar[Mapping[str, Fit]] = {
        "tenant": is_text,
        "environment": is_text,
        "model_digest": is_digest,
        "allowed": is_flag,
        "decision_id": is_text,
        "reason": is_text,
        "since": is_count,
        "until": or_none(is_count),
        "position": is_count,
    }

    tenant: str
    environment: str
    model_digest: bytes
    allowed: bool
    decision_id: str
    reason: str
    since: int
    until: int | None
    position: int

    @property
    def key(self) -> bytes:
        """The record's key."""
        return canonical([self.KIND, self.tenant, self.environment, self.model_digest.hex()])
