"""Alerts, serving states and what is said of them, as the database has them. Values; no queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TIERS = ("informational", "caution", "review", "stop_the_line")
"""Least first."""
OPEN = ("open", "acknowledged")
STATES = (*OPEN, "resolved")
PREFIX = "alert-"
"""What every id begins with; a person need not write it."""

_SHORT = 8  # digits of an id that are shown at least


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is; the columns of the table ``alerts`` (docs/sql.md).

    ``model_digest`` is in hex.
    """

    alert_id: str
    deployment: str
    model: str
    model_version: str
    model_digest: str
    kind: str
    tier: str
    state: str
    risk_class: str
    owner: str
    features: list[str]
    effect_size: float
    signals: int
    since: datetime
    raised_at: datetime
    last_signal_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    silenced_until: datetime | None
    investigation_id: str
    investigating: bool
    level: int
    title: str
    evidence_origin: str
    evidence_first: int
    evidence_last: int

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state in OPEN

    def silenced(self, now: datetime) -> bool:
        """Tell whether nobody is told of it at a time."""
        return self.silenced_until is not None and now < self.silenced_until


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether a model may serve at a deployment; the columns of ``serving_states``."""

    deployment: str
    model: str
    model_version: str
    model_digest: str
    state: str
    releases_frozen: bool
    quarantined: bool
    alert_id: str
    reason: str
    since: datetime

    @property
    def is_held(self) -> bool:
        """Whether anything is held back."""
        return self.state != "live" or self.releases_frozen or self.quarantined

    @property
    def words(self) -> str:
        """The state in words."""
        frozen = "releases frozen" if self.releases_frozen else ""
        quarantined = "quarantined" if self.quarantined else ""
        return ", ".join(filter(None, (self.state, frozen, quarantined)))


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an alert; the columns of ``alert_history``."""

    at: datetime
    what: str
    who: str
    detail: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """An event about an alert.

    Attributes:
        event_id: The event.
        at: When it was appended.
        body: Its body.
    """

    event_id: str
    at: datetime
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one alert.

    Attributes:
        alert: The alert.
        history: What happened, in order.
        raised: Each ``alert.raised``, in order; none of an informational alert.
        signals: Each ``drift.signalled`` that it rests on and that landed, in order.
        told: Each ``notification.delivered``, in order.
        serving: The state of its model at its deployment; None when it was never held back.
        analysed: The latest ``investigation.analysed``; None when there is none.
    """

    alert: Alert
    history: list[Happening]
    raised: list[Said]
    signals: list[Said]
    told: list[Said]
    serving: Serving | None
    analysed: Said | None = None


def short_ids(alerts: Sequence[Alert]) -> dict[str, str]:
    """Give for each alert the beginning of its id that no other of them has, 8 digits or more."""
    ids = [each.alert_id.removeprefix(PREFIX) for each in alerts]
    length = _SHORT
    longest = max(map(len, ids), default=0)
    while length < longest and len({each[:length] for each in ids}) < len(set(ids)):
        length += 1
    return {each.alert_id: each.alert_id.removeprefix(PREFIX)[:length] for each in alerts}
