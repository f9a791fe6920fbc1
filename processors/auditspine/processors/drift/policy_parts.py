"""The parts of a drift policy, as the TOML file has them. Pure.

What a policy does not know is an error that names the field, never a default that nobody sees.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

KINDS = (
    *("location", "scale", "shape", "constant", "category", "new_category", "missing", "schema"),
    *("score", "decision", "error", "rule", "served", "profile", "traffic", "outcome"),
    *("proxy", "fairness", "group", "protected", "calibration", "delay", "coverage", "threshold"),
)
"""What a signal can be of."""

FAVOURABLE = ("accept", "accepted", "approve", "approved", "grant", "granted")
"""Decisions that a person hopes for, where the policy names none."""

ACTIONS = ("notify", "investigate", "freeze_releases", "fallback", "block", "quarantine")
"""What a tier can do."""


class Tier(StrEnum):
    """What an alert asks for, least first; the symbols of ``auditspine.events.AlertTier``."""

    INFORMATIONAL = "informational"
    CAUTION = "caution"
    REVIEW = "review"
    STOP_THE_LINE = "stop_the_line"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Tier).index(self)


class Part(BaseModel):
    """A part of a policy: it takes no field that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Names = Annotated[tuple[str, ...], Field(min_length=1)]
Minutes = Annotated[int, Field(ge=0, le=525_600)]


class Budget(Part):
    """How many false alarms are accepted.

    Attributes:
        false_alarms_per_week: Of all monitors of one model at one deployment, together.
    """

    false_alarms_per_week: Annotated[float, Field(gt=0, le=1000)] = 1.0


class MonitorSettings(Part):
    """How monitors are set up.

    Attributes:
        most_categories: Categories of a feature with a monitor each; rarer ones share one.
        warm_up_rows: Rows that make the reference of what the training profile does not know.
        outcome_days: How long a prediction waits for its outcome.
        report_minutes: How often what is served is reported.
    """

    most_categories: Annotated[int, Field(ge=1, le=100)] = 8
    warm_up_rows: Annotated[int, Field(ge=100, le=100_000)] = 1000
    outcome_days: Annotated[int, Field(ge=1, le=3650)] = 90
    report_minutes: Annotated[int, Field(ge=1, le=1440)] = 5


class TrafficSettings(Part):
    """When the number of predictions is remarkable.

    Attributes:
        silence_minutes: Without any prediction, after there were some; 0 for never.
        burst_factor: Predictions in one report, against the mean of the reports before.
    """

    silence_minutes: Minutes = 60
    burst_factor: Annotated[float, Field(gt=1)] = 10.0


class RiskClass(Part):
    """Whose decisions are of a risk class; patterns as in a shell.

    Attributes:
        name: The class, ``class`` in the file.
        domains: Business domains.
        deployments: Names of deployments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    name: Annotated[str, Field(alias="class", min_length=1, max_length=64)]
    domains: Names = ("*",)
    deployments: Names = ("*",)


class Owner(Part):
    """Who is told of a deployment's alerts.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        owner: Who is told.
        escalate_to: Who is told when nobody acknowledges.
    """

    deployments: Names
    owner: Annotated[str, Field(min_length=1, max_length=256)]
    escalate_to: Annotated[str, Field(min_length=1, max_length=256)]


class Rule(Part):
    """A business rule that a prediction must keep.

    Attributes:
        name: Its name.
        deployments: Where it holds, patterns as in a shell.
        conflict: CEL over ``features``, ``score``, ``threshold`` and ``decision``; true when a
            prediction breaks the rule.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    deployments: Names = ("*",)
    conflict: Annotated[str, Field(min_length=1, max_length=4096)]


class Approvals(Part):
    """Whose models must be approved to serve.

    Attributes:
        required: Risk classes.
    """

    required: tuple[str, ...] = ()


class Clearance(Part):
    """How sensitive the data may be that a deployment serves with.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        sensitivity: The highest sensitivity.
    """

    deployments: Names
    sensitivity: Literal["public", "internal", "confidential", "restricted"]


class Agreement(Part):
    """What outcomes mean at deployments. Of each field the first row counts that has it.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        labels: Per decision the outcomes that prove it right, where they are not the same word.
        favourable: Decisions that a person hopes for; empty for the usual words.
        probability_of: Outcomes that the score is the probability of; empty when it is of none.
        due_days: How long after its prediction an outcome is overdue.
    """

    deployments: Names
    labels: dict[str, tuple[str, ...]] = {}
    favourable: tuple[str, ...] = ()
    probability_of: tuple[str, ...] = ()
    due_days: Annotated[float, Field(gt=0, le=3650)] | None = None


class Fairness(Part):
    """How groups of people are compared.

    Attributes:
        least_group_rows: Rows that a group needs before it is compared, also in an assessment.
        most_groups: Groups of an attribute that are compared: those first seen.
        intersections: Whether groups of two attributes together are compared as well.
        assess_minutes: How long the period of an assessment is.
    """

    least_group_rows: Annotated[int, Field(ge=30, le=1_000_000)] = 100
    most_groups: Annotated[int, Field(ge=2, le=32)] = 8
    intersections: bool = True
    assess_minutes: Annotated[int, Field(ge=1, le=525_600)] = 10_080


class Excluded(Part):
    """Protected attributes that are not processed.

    Attributes:
        jurisdiction: Where it is forbidden.
        reason: By which rule.
        attributes: Names of attributes, patterns as in a shell.
        domains: Business domains, patterns as in a shell.
        deployments: Names of deployments, patterns as in a shell.
    """

    jurisdiction: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    attributes: Names
    domains: Names = ("*",)
    deployments: Names = ("*",)


class TierRow(Part):
    """One row of the table of tiers.

    Attributes:
        risk: Risk classes; ``*`` for all.
        kinds: Kinds of signals.
        effect: Least absolute effect.
        minutes: For how long it must have been signalled.
        features: Features, patterns as in a shell; a signal of no feature has the empty name. One
            that no report matches becomes a finding (see :mod:`~.processors.alerts.patterns`).
        tier: What it then gets.
    """

    risk: Names
    kinds: Names
    effect: Annotated[float, Field(ge=0)] = 0.0
    minutes: Minutes = 0
    features: Names = ("*",)
    tier: Tier

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"unknown kind {unknown[0]}: expected one of {', '.join(KINDS)}")
        return self


class AlertSettings(Part):
    """When alerts end, come back and escalate.

    Attributes:
        quiet_minutes: Without a signal, an alert that asks for no investigation is over.
        cool_down_minutes: After it is over, the same cause raises it again and tells nobody.
        many_features: Features that move within ``many_minutes`` and are then one alert.
        many_minutes: See there.
        served_grace_minutes: How much later than its first prediction a deployment may be told.
        unacknowledged_minutes: After how long an alert of a tier is raised again; 0 for never.
    """

    quiet_minutes: Minutes = 240
    cool_down_minutes: Minutes = 60
    many_features: Annotated[int, Field(ge=2)] = 3
    many_minutes: Minutes = 60
    served_grace_minutes: Minutes = 5
    unacknowledged_minutes: dict[Tier, Minutes] = {}


class MaintenanceWindow(Part):
    """A time in which nobody is told.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        starts_at: From when, with a time zone.
        ends_at: Until when.
        reason: Why.
    """

    deployments: Names
    starts_at: datetime
    ends_at: datetime
    reason: Annotated[str, Field(min_length=1, max_length=1024)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("expected times with a time zone")
        if self.ends_at <= self.starts_at:
            raise ValueError("expected ends_at after starts_at")
        return self

    def covers(self, deployment: str, at: int) -> bool:
        """Tell whether it silences a deployment at a time in milliseconds since 1970."""
        first, last = (int(each.timestamp() * 1000) for each in (self.starts_at, self.ends_at))
        return first <= at < last and matches(self.deployments, deployment)


def matches(patterns: Iterable[str], name: str) -> bool:
    """Tell whether a name is of a pattern, as in a shell."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
