"""What a drift report says: values, without query or markup. No token of a group is in them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from auditspine.auditor.drift_report.fair_content import Assessment
from auditspine.auditor.drift_report.ranges import Proof, Range


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a value is distributed.

    Attributes:
        rows: Rows that it was taken from, those without a value too.
        missing: Share of them without a value, 0 to 1.
        quantiles: At ``statistics.PLACES``; empty where it is no number.
        shares: Categories, the most frequent first, each with its share of the rows with a value.
        others: Share of the rows with a value that are of the other type.
    """

    rows: int
    missing: float
    quantiles: tuple[float, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()
    others: float = 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Reference against current.

    Attributes:
        whose: The group; empty for all rows.
        reference: By the training profile; None when it has none.
        current: Of the newest predictions; None when there are none.
        distance: How far apart, 0 to 1: of a number the largest difference of the cumulative
            shares, of a category half the sum of the differences of shares; the difference of the
            shares that are missing or of another type where that is more. None without both.
        chance: What that is by chance alone on average, of as many independent rows.
        shift: Mean difference of the quantiles in standard deviations of the reference; None for
            a category, or without both.
    """

    whose: str
    reference: Distribution | None
    current: Distribution | None
    distance: float | None
    chance: float | None
    shift: float | None

    @property
    def is_far(self) -> bool:
        """Whether they lie apart by more than three times what chance does."""
        return self.distance is not None and self.distance > 3 * (self.chance or 0.0)


@dataclass(frozen=True, slots=True)
class Signal:
    """A ``drift.signalled``.

    Attributes:
        event_id: The event.
        monitor: The monitor.
        kind: What it watches.
        at: When it was told.
        earliest: Before which the change did not begin, at 95% confidence; None if not known.
        began: When its window began.
        latest: By which the change had begun, at 95% confidence; None if not known.
        detail: One sentence.
        entries: What it rests on.
    """

    event_id: str
    monitor: str
    kind: str
    at: datetime
    earliest: datetime | None
    began: datetime
    latest: datetime | None
    detail: str
    entries: Range


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor over time.

    Attributes:
        name: Its name.
        kind: What it watches.
        words: What it found against what it expects, at its last report.
        times: When it was reported.
        near: How near it was to a signal then: 0 to 1, on the scale of evidence.
        expected: What it expected then.
        found: What it found then.
        signals: Its signals, the oldest first.
        in_alert: Whether an open alert rests on one of them.
    """

    name: str
    kind: str
    words: str
    times: tuple[datetime, ...]
    near: tuple[float, ...]
    expected: tuple[float, ...]
    found: tuple[float, ...]
    signals: tuple[Signal, ...]
    in_alert: bool


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, the score or the decision.

    Attributes:
        name: Its name; ``(score)`` and ``(decision)`` for what the model answers.
        overall: All rows.
        groups: Groups of people.
        monitors: What watches it, the nearest to a signal first.
    """

    name: str
    overall: Comparison
    groups: tuple[Comparison, ...]
    monitors: tuple[Monitor, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be behind an alert: a class, its probability and what speaks for or against it."""

    disposition: str
    probability: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """A change upstream: the event, of what, how it is upstream, when and how long before."""

    event_type: str
    artifact: str
    relation: str
    at: datetime
    minutes_before: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """The latest ``investigation.analysed`` of an alert."""

    revision: int
    at: datetime
    likeliest: str
    detail: str
    causes: tuple[Cause, ...]
    changes: tuple[Upstream, ...]
    features: tuple[str, ...]
    groups: tuple[str, ...]
    earliest: datetime
    changed: datetime
    latest: datetime
    entries: Range


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to an alert."""

    at: datetime
    what: str
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlertStory:
    """An alert of the period.

    Attributes:
        alert_id: The alert.
        tier: Its tier now.
        state: Open, acknowledged or resolved.
        title: One sentence.
        kind: What moved.
        features: Features that moved.
        since: When what moved began to move.
        earliest: Before which it did not, at 95% confidence; None if not known.
        latest: By which it had; None if not known.
        raised_at: When it was raised.
        resolved_at: When it was over.
        owner: Whose it is.
        acknowledged_by: Who took it on; empty for nobody.
        acknowledged_at: When.
        actions: What the system did.
        disposition: What a person said it was; empty when nobody did.
        rationale: Why.
        signals: The signals that it rests on.
        analysis: The latest analysis; None when there is none.
        history: What happened, in order.
        entries: What it rests on.
    """

    alert_id: str
    tier: str
    state: str
    title: str
    kind: str
    features: tuple[str, ...]
    since: datetime
    earliest: datetime | None
    latest: datetime | None
    raised_at: datetime
    resolved_at: datetime | None
    owner: str
    acknowledged_by: str
    acknowledged_at: datetime | None
    actions: tuple[str, ...]
    disposition: str
    rationale: str
    signals: tuple[Signal, ...]
    analysis: Analysis | None
    history: tuple[Step, ...]
    entries: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """A model at a deployment, and all that is known of its drift in a period.

    Attributes:
        tenant: Whose.
        model: Name of the model.
        version: Its version.
        digest: SHA-256, hex.
        deployment: The deployment; empty when none is known.
        since: Beginning of the period.
        until: Its end.
        made_at: When the report was made.
        tier: The highest tier of an open alert; empty when there is none.
        serving: What holds of the model there, in words.
        predictions: Predictions that the monitors have seen.
        reference: What the reference is, in words.
        watched: How many monitors there are, by kind.
        policies: SHA-256 of the drift policies that what is said rests on.
        remarks: What to know before reading.
        missing: Why a section is empty, by its name.
        alerts: Alerts, the open and worst first.
        features: Features, those that moved most first.
        answers: Score and decision.
        current: How many of the newest predictions were compared, from when to when.
        others: Monitors of no feature, group or outcome.
        fairness: The latest assessment of each basis.
        group_monitors: Monitors of groups and pairs, by attribute.
        outcomes: Monitors of outcomes.
        labelled: Whether it contains labels of groups that a person gave.
        proofs: Sealed entries that it rests on.
    """

    tenant: str
    model: str
    version: str
    digest: str
    deployment: str
    since: datetime
    until: datetime
    made_at: datetime
    tier: str
    serving: str
    predictions: int
    reference: str
    watched: Mapping[str, int]
    policies: tuple[str, ...]
    remarks: tuple[str, ...]
    missing: Mapping[str, str]
    alerts: tuple[AlertStory, ...]
    features: tuple[Feature, ...]
    answers: tuple[Feature, ...]
    current: tuple[int, datetime | None, datetime | None]
    others: tuple[Monitor, ...]
    fairness: tuple[Assessment, ...]
    group_monitors: Mapping[str, tuple[Monitor, ...]]
    outcomes: tuple[Monitor, ...]
    labelled: bool
    proofs: tuple[Proof, ...]


def as_value(report: DriftReport) -> dict[str, Any]:
    """Give a report as JSON takes it; times are ISO 8601."""
    value: dict[str, Any] = _plain(asdict(report))
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
