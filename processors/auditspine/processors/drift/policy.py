"""The drift policy: what is monitored, which tier a signal gets, what each tier does. Pure.

It is a TOML file; the shipped one is ``policies/drift.toml``. What a policy does not know is an
error that names the field, never a default that nobody sees.
"""

import tomllib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditspine.processors.drift.errors import PolicyError
from auditspine.schemas.relations import SENSITIVITIES

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


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Names = Annotated[tuple[str, ...], Field(min_length=1)]
Minutes = Annotated[int, Field(ge=0, le=525_600)]


class Budget(_Part):
    """How many false alarms are accepted.

    Attributes:
        false_alarms_per_week: Of all monitors of one model at one deployment, together.
    """

    false_alarms_per_week: Annotated[float, Field(gt=0, le=1000)] = 1.0


class MonitorSettings(_Part):
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


class TrafficSettings(_Part):
    """When the number of predictions is remarkable.

    Attributes:
        silence_minutes: Without any prediction, after there were some; 0 for never.
        burst_factor: Predictions in one report, against the mean of the reports before.
    """

    silence_minutes: Minutes = 60
    burst_factor: Annotated[float, Field(gt=1)] = 10.0


class RiskClass(_Part):
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


class Owner(_Part):
    """Who is told of a deployment's alerts.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        owner: Who is told.
        escalate_to: Who is told when nobody acknowledges.
    """

    deployments: Names
    owner: Annotated[str, Field(min_length=1, max_length=256)]
    escalate_to: Annotated[str, Field(min_length=1, max_length=256)]


class Rule(_Part):
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


class Approvals(_Part):
    """Whose models must be approved to serve.

    Attributes:
        required: Risk classes.
    """

    required: tuple[str, ...] = ()


class Clearance(_Part):
    """How sensitive the data may be that a deployment serves with.

    Attributes:
        deployments: Names of deployments, patterns as in a shell.
        sensitivity: The highest sensitivity.
    """

    deployments: Names
    sensitivity: Literal["public", "internal", "confidential", "restricted"]


class Agreement(_Part):
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


class Fairness(_Part):
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


class Excluded(_Part):
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


class TierRow(_Part):
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


class AlertSettings(_Part):
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


class MaintenanceWindow(_Part):
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
        return first <= at < last and _matches(self.deployments, deployment)


class DriftPolicy(_Part):
    """A whole policy; see the shipped file for what each part is for."""

    version: Annotated[str, Field(min_length=1, max_length=64)]
    budget: Budget = Budget()
    monitors: MonitorSettings = MonitorSettings()
    traffic: TrafficSettings = TrafficSettings()
    risk: Annotated[tuple[RiskClass, ...], Field(min_length=1)]
    owners: Annotated[tuple[Owner, ...], Field(min_length=1)]
    rules: tuple[Rule, ...] = ()
    outcomes: tuple[Agreement, ...] = ()
    fairness: Fairness = Fairness()
    exclusions: tuple[Excluded, ...] = ()
    approvals: Approvals = Approvals()
    clearances: tuple[Clearance, ...] = ()
    tiers: Annotated[tuple[TierRow, ...], Field(min_length=1)]
    actions: dict[Tier, tuple[str, ...]]
    alerts: AlertSettings = AlertSettings()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    digest: Annotated[bytes, Field(exclude=True)] = b""
    """SHA-256 of the policy's text, 32 bytes."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        missing = [tier.value for tier in Tier if tier not in self.actions]
        if missing:
            raise ValueError(
                f"actions: no {missing[0]}: expected one for each of {', '.join(Tier)}"
            )
        if self.actions[Tier.INFORMATIONAL]:
            raise ValueError("actions.informational: expected none, as it is recorded only")
        unknown = sorted({a for each in self.actions.values() for a in each} - set(ACTIONS))
        if unknown:
            raise ValueError(f"actions: unknown {unknown[0]}: expected {', '.join(ACTIONS)}")
        classes = {each.name for each in self.risk} | {"*"}
        for row in self.tiers:
            if lost := sorted(set(row.risk) - classes):
                raise ValueError(f"tiers: no risk class {lost[0]}")
        if lost := sorted(set(self.approvals.required) - classes):
            raise ValueError(f"approvals.required: no risk class {lost[0]}")
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("rules: expected a name of its own for each")
        return self

    def risk_class(self, domain: str, deployment: str) -> str:
        """Give the risk class of a deployment's decisions; the first of all when none matches."""
        for each in self.risk:
            if _matches(each.domains, domain) and _matches(each.deployments, deployment):
                return each.name
        return self.risk[0].name

    def owner(self, deployment: str) -> Owner:
        """Give whom to tell of a deployment; the last of all when none matches."""
        found = (each for each in self.owners if _matches(each.deployments, deployment))
        return next(found, self.owners[-1])

    def feature_patterns(self) -> tuple[str, ...]:
        """Give the patterns of the tiers' rows that are about named features.

        A pattern that the empty name matches is about signals of no feature as well.
        """
        patterns = dict.fromkeys(each for row in self.tiers for each in row.features)
        return tuple(each for each in patterns if not fnmatchcase("", each))

    def rules_of(self, deployment: str) -> tuple[Rule, ...]:
        """Give the business rules of a deployment."""
        return tuple(rule for rule in self.rules if _matches(rule.deployments, deployment))

    def clearance(self, deployment: str) -> str:
        """Give how sensitive a deployment's data may be; the first that matches, else anything."""
        found = (each for each in self.clearances if _matches(each.deployments, deployment))
        return next((each.sensitivity for each in found), SENSITIVITIES[-1])

    def agrees(self, deployment: str, decision: str, label: str) -> bool:
        """Tell whether an outcome proves a decision right: the same word, unless said otherwise."""
        for each in self.outcomes:
            if _matches(each.deployments, deployment) and decision in each.labels:
                return label in each.labels[decision]
        return label == decision

    def favourable(self, deployment: str) -> frozenset[str]:
        """Give the decisions that a person hopes for."""
        rows = (each.favourable for each in self.outcomes if _matches(each.deployments, deployment))
        return frozenset(next((each for each in rows if each), FAVOURABLE))

    def is_favourable(self, deployment: str, label: str) -> bool:
        """Tell whether an outcome proves a favourable decision right."""
        return any(self.agrees(deployment, each, label) for each in self.favourable(deployment))

    def probability_of(self, deployment: str) -> frozenset[str]:
        """Give the outcomes that the score is the probability of; empty when it is of none."""
        matching = (each for each in self.outcomes if _matches(each.deployments, deployment))
        rows = (each.probability_of for each in matching)
        return frozenset(next((each for each in rows if each), ()))

    def due_ms(self, deployment: str) -> int | None:
        """Give after how many milliseconds an outcome is overdue; None when it never is."""
        rows = (each.due_days for each in self.outcomes if _matches(each.deployments, deployment))
        days = next((each for each in rows if each is not None), None)
        return None if days is None else int(days * 86_400_000)

    def excluded(self, domain: str, deployment: str, attribute: str) -> Excluded | None:
        """Give the first exclusion of a protected attribute, if it may not be processed."""
        rows = (
            each
            for each in self.exclusions
            if _matches(each.domains, domain)
            and _matches(each.deployments, deployment)
            and _matches(each.attributes, attribute)
        )
        return next(rows, None)

    def tier(self, risk: str, kind: str, effect: float, minutes: float, feature: str = "") -> Tier:
        """Give a signal's tier.

        Args:
            risk: Risk class of the decisions.
            kind: Kind of the signal.
            effect: How far it moved.
            minutes: For how long it has been signalled.
            feature: Of what; empty for no single feature.
        """
        rows = (
            row.tier
            for row in self.tiers
            if {risk, "*"} & set(row.risk)
            and kind in row.kinds
            and abs(effect) >= row.effect
            and minutes >= row.minutes
            and _matches(row.features, feature)
        )
        return max(rows, key=lambda tier: tier.rank, default=Tier.INFORMATIONAL)

    def actions_of(self, tier: Tier) -> tuple[str, ...]:
        """Give what a tier does."""
        return self.actions[tier]

    def in_maintenance(self, deployment: str, at: int) -> str:
        """Give why nobody is told at a time in milliseconds since 1970; empty when they are."""
        windows = (each.reason for each in self.maintenance if each.covers(deployment, at))
        return next(windows, "")


def parse_policy(text: str) -> DriftPolicy:
    """Read a policy.

    Raises:
        PolicyError: It is not TOML or says what cannot be; the message names the field.
    """
    try:
        content: dict[str, Any] = tomllib.loads(text)
        policy = DriftPolicy.model_validate(content)
    except tomllib.TOMLDecodeError as exc:
        raise PolicyError(f"the drift policy is not TOML: {exc}") from None
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'policy'}: {each['msg']}"
            for each in exc.errors(include_input=False, include_url=False, include_context=False)
        )
        raise PolicyError(f"the drift policy cannot be used: {problems}") from None
    return policy.model_copy(update={"digest": sha256(text.encode()).digest()})


@cache
def shipped_policy() -> DriftPolicy:
    """Give the policy that is shipped."""
    return parse_policy((files("auditspine.policies") / "drift.toml").read_text("utf-8"))


def _matches(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
