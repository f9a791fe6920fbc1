"""Figures of groups in a drift report: values, without query or markup."""

from dataclasses import dataclass
from datetime import datetime

from auditspine.auditor.drift_report.ranges import Range


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a group, with its interval and the rows that it was taken from."""

    measure: str
    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an attribute: its name on the page, rows, share and figures."""

    name: str
    rows: int
    share: float
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a figure of two groups lies apart.

    The ratio, with its interval, is None where there is none. ``past`` has the gap of each period
    with its interval, the oldest first: when it ended, gap, low, high.
    """

    first: str
    second: str
    measure: str
    gap: float
    low: float
    high: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    past: tuple[tuple[datetime, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Assessed:
    """An attribute in the latest assessment of a basis."""

    attribute: str
    rows: int
    missing: int
    small_groups: int
    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Excluded:
    """An attribute that may not be processed, and was not."""

    attribute: str
    jurisdiction: str
    reason: str
    predictions: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """The latest ``bias.assessed`` of a basis."""

    basis: str
    started_at: datetime
    ended_at: datetime
    predictions: int
    periods: int
    attributes: tuple[Assessed, ...]
    exclusions: tuple[Excluded, ...]
    overdue: int
    error_rate: float | None
    error_rate_low: float | None
    error_rate_high: float | None
    confidence: float
    least_rows: int
    entries: Range
