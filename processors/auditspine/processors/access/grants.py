"""Grants of roles: what was given to whom, for how long, and whether it is used. Values. Pure."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from auditspine.processors.access.policy import Reach
from auditspine.processors.projection.port import Row, SealedEvent, Table

_ENCODER = json.JSONEncoder(ensure_ascii=False)
GRANTS = Table(
    "access_grants",
    (
        "origin",
        "tenant",
        "grant_id",
        "principal",
        "principal_kind",
        "role",
        "max_sensitivity",
        "domains",
        "environments",
        "namespace",
        "network",
        "granted_position",
        "granted_at",
        "granted_by",
        "reason",
        "expires_at",
        "revoked_position",
        "revoked_at",
        "revoked_by",
        "first_used_at",
        "last_used_at",
        "uses",
        "revoked_origin",
        "version",
    ),
)
REVIEWS = Table(
    "access_reviews",
    (
        "origin",
        "tenant",
        "review_id",
        "reviewer",
        "opened_position",
        "opened_at",
        "due_at",
        "grants",
        "kept",
        "revoked",
        "closed_at",
        "version",
    ),
)
VERDICTS = Table(
    "access_verdicts",
    (
        "origin",
        "tenant",
        "position",
        "appended_at",
        "event_id",
        "principal",
        "workload_namespace",
        "workload_name",
        "network",
        "operation",
        "artifact_kind",
        "artifact_name",
        "artifact_version",
        "artifact_digest",
        "sensitivity",
        "domain",
        "environment",
        "verdict",
        "grant_id",
        "role",
        "policy_digest",
        "version",
    ),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as the log has it so far. Times are milliseconds since 1970, of the broker.

    Attributes:
        grant_id: Its identifier.
        principal: Who has it.
        principal_kind: ``person`` or ``workload``.
        role: The role.
        reach: What it reaches.
        granted_position: Position of the event that gave it.
        granted_at: When.
        granted_by: Who gave it.
        reason: Why.
        expires_at: When it ends, microseconds since 1970; None for never.
        revoked_position: Position of its revocation; None while it stands.
        revoked_at: When it was taken back.
        revoked_by: Who took it back.
        first_used_at: When it was first used; None when never.
        last_used_at: When last.
        uses: How often.
        idle_told: Whether it was reported as unused since it was last used.
        granted_elsewhere: The log that gave it where it is not the state's own.
        revoked_elsewhere: The log that took it back where it is not the state's own.
    """

    grant_id: str
    principal: str
    principal_kind: str
    role: str
    reach: Reach
    granted_position: int
    granted_at: int
    granted_by: str
    reason: str
    expires_at: int | None
    revoked_position: int | None = None
    revoked_at: int | None = None
    revoked_by: str = ""
    first_used_at: int | None = None
    last_used_at: int | None = None
    uses: int = 0
    idle_told: bool = False
    granted_elsewhere: str = ""
    revoked_elsewhere: str = ""

    def is_active(self, at: int) -> bool:
        """Tell whether it stands at a time, milliseconds since 1970."""
        return self.revoked_at is None and (self.expires_at is None or at * 1000 < self.expires_at)

    def idle_since(self) -> int:
        """Give when it was last used, or given."""
        return self.granted_at if self.last_used_at is None else self.last_used_at

    def used(self, at: int) -> "Grant":
        """Give it after one more use."""
        first = at if self.first_used_at is None else self.first_used_at
        return replace(
            self, first_used_at=first, last_used_at=at, uses=self.uses + 1, idle_told=False
        )

    def revoked(self, event: SealedEvent, by: str) -> "Grant":
        """Give it after an event took it back."""
        return replace(
            self,
            revoked_position=event.position,
            revoked_at=event.appended_at,
            revoked_by=by,
            revoked_elsewhere=event.elsewhere,
        )

    def told_idle(self) -> "Grant":
        """Give it after it was reported as unused."""
        return replace(self, idle_told=True)

    def encode(self) -> bytes:
        """Give the state's value."""
        return _encode(self)

    @classmethod
    def decode(cls, value: bytes) -> "Grant":
        """Read the state's value."""
        fields = json.loads(value)
        reach = fields["reach"]
        fields["reach"] = Reach(reach[0], tuple(reach[1]), tuple(reach[2]), reach[3], reach[4])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Review:
    """A periodic review of grants. Times are milliseconds since 1970.

    Attributes:
        review_id: Its identifier.
        reviewer: Who decides.
        opened_position: Position of the event that opened it.
        opened_at: When.
        due_at: By when, microseconds since 1970.
        grants: Grants to be decided on.
        kept: Those that stay.
        revoked: Those that go.
        closed_at: When the last was decided; None while one is open.
        overdue_told: Whether it was reported as overdue.
        opened_elsewhere: The log that opened it where it is not the state's own.
    """

    review_id: str
    reviewer: str
    opened_position: int
    opened_at: int
    due_at: int
    grants: tuple[str, ...]
    kept: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    closed_at: int | None = None
    overdue_told: bool = False
    opened_elsewhere: str = ""

    def decided(self, grant_id: str, decision: str, at: int) -> "Review":
        """Give it after a decision; the last one on a grant holds."""
        kept = tuple(g for g in self.kept if g != grant_id)
        revoked = tuple(g for g in self.revoked if g != grant_id)
        if decision == "keep":
            kept = (*kept, grant_id)
        else:
            revoked = (*revoked, grant_id)
        open_ = set(self.grants) - set(kept) - set(revoked)
        return replace(self, kept=kept, revoked=revoked, closed_at=None if open_ else at)

    def begun(self, at: int) -> "Review":
        """Give it as it is opened: one of nothing is closed at once."""
        return self if self.grants else replace(self, closed_at=at)

    def told_overdue(self) -> "Review":
        """Give it after it was reported as overdue."""
        return replace(self, overdue_told=True)

    def encode(self) -> bytes:
        """Give the state's value."""
        return _encode(self)

    @classmethod
    def decode(cls, value: bytes) -> "Review":
        """Read the state's value."""
        fields: dict[str, Any] = json.loads(value)
        for name in ("grants", "kept", "revoked"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def _encode(value: Grant | Review) -> bytes:
    fields = {
        name: field
        for name in value.__slots__  # not asdict, which copies all that it meets
        if (field := getattr(value, name)) or not name.endswith("_elsewhere")
    }
    return _ENCODER.encode(fields).encode()


def grant_row(event: SealedEvent, grant: Grant) -> Row:
    """Give a grant's row of :data:`GRANTS` after an event."""
    reach = grant.reach
    origin = grant.granted_elsewhere or event.own_log
    taken_back = grant.revoked_elsewhere or event.own_log
    is_apart = grant.revoked_position is not None and taken_back != origin
    return (
        origin,
        event.envelope["tenant"],
        grant.grant_id,
        grant.principal,
        grant.principal_kind,
        grant.role,
        reach.max_sensitivity,
        list(reach.domains),
        list(reach.environments),
        reach.namespace,
        reach.network,
        grant.granted_position,
        grant.granted_at,
        grant.granted_by,
        grant.reason,
        grant.expires_at,
        grant.revoked_position,
        grant.revoked_at,
        grant.revoked_by,
        grant.first_used_at,
        grant.last_used_at,
        grant.uses,
        taken_back if is_apart else "",
        event.version,
    )


def review_row(event: SealedEvent, review: Review) -> Row:
    """Give a review's row of :data:`REVIEWS` after an event."""
    return (
        review.opened_elsewhere or event.own_log,
        event.envelope["tenant"],
        review.review_id,
        review.reviewer,
        review.opened_position,
        review.opened_at,
        review.due_at,
        list(review.grants),
        list(review.kept),
        list(review.revoked),
        review.closed_at,
        event.version,
    )


def event_uuid(event: SealedEvent) -> UUID:
    """Give an event's id."""
    return UUID(event.envelope["event_id"])
