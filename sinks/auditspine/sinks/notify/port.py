"""What a notification is, and what tells and records it. Interfaces and values only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, Protocol, Self

from auditspine.sinks.errors import SinkError


class NotifyError(SinkError):
    """Notifications cannot be made as asked: an operator must act; the message says how."""


class UnrecordableError(SinkError):
    """What became of a notification cannot be evidence as it is: it fails again whenever tried."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told of one alert event; the columns of the ``notifications`` table.

    Attributes:
        event_id: The event that is told.
        tenant: Whose alert it is.
        environment: For example ``production``.
        happened: ``raised`` or ``resolved``.
        alert_id: The alert.
        fingerprint: Same for all alerts with the same cause.
        owner: Who is told, a name.
        tier: What the alert asks for.
        tiers_told: Tiers in which it was told before.
        cause: Why it was raised, or is over.
        level: How often it was raised again.
        kind: What moved.
        deployment_name: The deployment.
        deployment_version: Its version.
        model_name: The model.
        model_version: Its version.
        model_digest: Its digest, as ``sha256:…``.
        risk_class: Of the decisions that the deployment makes.
        features: Features that moved.
        effect_size: The largest effect.
        signals: How many signals it rests on.
        since: When it began to move, milliseconds since 1970.
        actions: What the policy does about it.
        title: One sentence.
        reason: Why it is over; empty when it is not.
        appended_at: When the broker took the event, milliseconds since 1970.
        occurred_at: When it was what the event is about, milliseconds since 1970: earlier than
            ``appended_at`` by as much as the processors were behind.
    """

    event_id: str
    tenant: str
    environment: str
    happened: str
    alert_id: str
    fingerprint: str
    owner: str
    tier: str
    tiers_told: tuple[str, ...]
    cause: str
    level: int
    kind: str
    deployment_name: str
    deployment_version: str
    model_name: str
    model_version: str
    model_digest: str
    risk_class: str
    features: tuple[str, ...]
    effect_size: float
    signals: int
    since: int
    actions: tuple[str, ...]
    title: str
    reason: str
    appended_at: int
    occurred_at: int

    @property
    def over(self) -> bool:
        """Whether the alert is over."""
        return self.happened == "resolved"

    @property
    def alert_key(self) -> str:
        """The alert's key for receivers that keep incidents: the same until it is over."""
        return sha256(f"{self.tenant}\0{self.alert_id}".encode()).hexdigest()[:32]

    @classmethod
    def from_row(cls, columns: Sequence[str], row: Sequence[object]) -> Self:
        """Read a row of the ``notifications`` table; columns that nobody needs are passed over.

        Raises:
            NotifyError: A column is missing; the message names it.
        """
        named = dict(zip(columns, row, strict=True))
        missing = [each.name for each in fields(cls) if each.name not in named]
        if missing:
            raise NotifyError(f"notifications: expected a column {missing[0]}, got none")
        values: dict[str, Any] = {each.name: named[each.name] for each in fields(cls)}
        values["event_id"] = str(values["event_id"])
        values["model_digest"] = f"sha256:{values['model_digest'].hex()}"
        for name in ("tiers_told", "features", "actions"):
            values[name] = tuple(json.loads(values[name]))
        return cls(**values)

    def to_json(self) -> str:
        """Give it as it is kept in the queue."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` gave."""
        values: dict[str, Any] = json.loads(text)
        for name in ("tiers_told", "features", "actions"):
            values[name] = tuple(values[name])
        values.setdefault("occurred_at", values["appended_at"])  # queued by an earlier version
        return cls(**values)


def notification_id(event_id: str, receiver: str) -> str:
    """Give the id of telling a receiver of an event: the same for every attempt.

    Returns:
        32 hexadecimal digits, the first half of a SHA-256.
    """
    return sha256(f"{event_id}\0{receiver}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        delivered: Whether the receiver took it.
        detail: Why not, without any address or secret; empty when delivered.
        retry_after_s: How long the receiver asks to be left alone, seconds; 0 when it did not.
    """

    delivered: bool
    detail: str = ""
    retry_after_s: float = 0.0


DELIVERED = Outcome(delivered=True)


class Receiver(Protocol):
    """Port: tells one receiver."""

    def tell(self, notice: Notice, key: str) -> Outcome:
        """Make one attempt; return in bounded time.

        Args:
            notice: What is told.
            key: Its notification id, passed on so that a repeat can be recognised.

        Returns:
            What became of it; whatever fails is an outcome, not an exception.
        """
        ...


class Recorder(Protocol):
    """Port: makes evidence of what became of a notification."""

    def record(self, tenant: str, body: Mapping[str, Any]) -> None:
        """Publish a ``notification.delivered`` event; return when the broker has it.

        Args:
            tenant: Whose alert was told.
            body: The event's body; a repeat of the same ``notification_id`` is the same fact.

        Raises:
            UnrecordableError: It can never be published.
            Exception: It may not have been published; it is recorded again later.
        """
        ...
