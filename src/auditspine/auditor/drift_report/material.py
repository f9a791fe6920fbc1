"""What was read for a drift report, as the database has it. Values; no queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from auditspine.auditor.alert_rows import Alert, Happening, Serving
from auditspine.auditor.drift import Place, Report
from auditspine.auditor.drift_report.ranges import Range


class Sealed(NamedTuple):
    """An event, and where it is sealed."""

    event_type: str
    event_id: str
    at: datetime
    origin: str
    position: int
    actor: str
    body: dict[str, Any]

    @property
    def entries(self) -> Range:
        """Where it is sealed."""
        return Range(self.origin, self.position, self.position)


class Of(NamedTuple):
    """Whose values: all rows, where the attribute is empty, or a group's."""

    attribute: str
    token: str


ALL = Of("", "")


@dataclass(slots=True)
class Values:
    """Values of one input in the newest predictions.

    Attributes:
        numbers: How many are numbers.
        quantiles: Of the numbers, at ``statistics.PLACES``.
        texts: How often each text came, those that came most.
        worded: How many are texts.
    """

    numbers: int = 0
    quantiles: tuple[float, ...] = ()
    texts: dict[str, int] = field(default_factory=dict)
    worded: int = 0


@dataclass(frozen=True, slots=True)
class Current:
    """The newest predictions.

    Attributes:
        ranges: Where they are sealed.
        first_at: When the first was appended; None without any.
        last_at: When the last was.
        rows: How many of whom; of all and of each group.
        values: Values of each input, by whose and its name; ``(score)`` and ``(decision)`` too.
    """

    ranges: tuple[Range, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None
    rows: Mapping[Of, int] = field(default_factory=dict)
    values: Mapping[Of, Mapping[str, Values]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report is made of.

    Attributes:
        tenant: Whose.
        place: The model and the deployment.
        others: Other versions that were watched there, the newest first.
        since: Beginning of the period.
        made_at: Now.
        most_rows: How many of the newest predictions were asked for.
        reports: How the monitors stood, by log and time.
        profile: The ``run.completed`` with the training profile; None when there is none.
        alerts: Alerts of the period.
        more_alerts: How many more there are.
        history: What happened to them, by alert.
        events: Signals, analyses, dispositions and assessments of the period, the oldest first.
        serving: What holds of the model; None when it was never held back.
        current: The newest predictions.
        attributes: Protected attributes that the policy lets be read.
    """

    tenant: str
    place: Place
    others: tuple[str, ...]
    since: datetime
    made_at: datetime
    most_rows: int
    reports: Sequence[Report]
    profile: Sealed | None
    alerts: Sequence[Alert]
    more_alerts: int
    history: Mapping[str, Sequence[Happening]]
    events: Sequence[Sealed]
    serving: Serving | None
    current: Current
    attributes: frozenset[str]

    def said(self, event_type: str) -> list[Sealed]:
        """Give the events of a type, the oldest first."""
        return [each for each in self.events if each.event_type == event_type]
