"""What the serving topic says: whether a model may serve at a deployment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from auditspine.ledger.records import (
    Fit,
    canonical,
    is_count,
    is_digest,
    is_flag,
    is_text,
    or_none,
)

State: TypeAlias = Literal["live", "fallback", "blocked"]


def _is_state(value: object) -> bool:
    return value in get_args(State)


@dataclass(frozen=True, slots=True)
class ServingRecord:
    """Whether a model may serve at a deployment.

    Attributes:
        tenant: Tenant.
        deployment: Name of the deployment.
        model_digest: SHA-256 of the model, 32 bytes; this digest only.
        state: ``live``, ``fallback`` or ``blocked``.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        quarantined: Whether this model may not be deployed anywhere.
        alert_id: The alert that it rests on, if any.
        reason: One sentence for people.
        since: When it began, milliseconds since 1970.
        position: Version of the row; a record with a lower one is ignored.
    """

    KIND: ClassVar[str] = "state"
    FITS: ClassVar[Mapping[str, Fit]] = {
        "tenant": is_text,
        "deployment": is_text,
        "model_digest": is_digest,
        "state": _is_state,
        "releases_frozen": is_flag,
        "quarantined": is_flag,
        "alert_id": or_none(is_text),
        "reason": is_text,
        "since": is_count,
        "position": is_count,
    }

    tenant: str
    deployment: str
    model_digest: bytes
    state: State
    releases_frozen: bool
    quarantined: bool
    alert_id: str | None
    reason: str
    since: int
    position: int

    @property
    def key(self) -> bytes:
        """The record's key."""
        return canonical([self.KIND, self.tenant, self.deployment, self.model_digest.hex()])
