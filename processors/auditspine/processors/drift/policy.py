"""The drift policy: what is monitored, which tier a signal gets, what each tier does. Pure.

It is a TOML file; the shipped one is ``policies/drift.toml``. What a policy does not know is an
error that names the field, never a default that nobody sees.
"""

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy_parts import (
    ACTIONS,
    FAVOURABLE,
    Agreement,
    AlertSettings,
    Approvals,
    Budget,
    Clearance,
    Excluded,
    Fairness,
    MaintenanceWindow,
    MonitorSettings,
    Owner,
    Part,
    RiskClass,
    Rule,
    Tier,
    TierRow,
    TrafficSettings,
    matches,
)
from auditspine.schemas.relations import SENSITIVITIES


class DriftPolicy(Part):
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
            if matches(each.domains, domain) and matches(each.deployments, deployment):
                return each.name
        return self.risk[0].name

    def owner(self, deployment: str) -> Owner:
        """Give whom to tell of a deployment; the last of all when none matches."""
        found = (each for each in self.owners if matches(each.deployments, deployment))
        return next(found, self.owners[-1])

    def feature_patterns(self) -> tuple[str, ...]:
        """Give the patterns of the tiers' rows that are about named features.

        A pattern that the empty name matches is about signals of no feature as well.
        """
        patterns = dict.fromkeys(each for row in self.tiers for each in row.features)
        return tuple(each for each in patterns if not fnmatchcase("", each))

    def rules_of(self, deployment: str) -> tuple[Rule, ...]:
        """Give the business rules of a deployment."""
        return tuple(rule for rule in self.rules if matches(rule.deployments, deployment))

    def clearance(self, deployment: str) -> str:
        """Give how sensitive a deployment's data may be; the first that matches, else anything."""
        found = (each for each in self.clearances if matches(each.deployments, deployment))
        return next((each.sensitivity for each in found), SENSITIVITIES[-1])

    def agrees(self, deployment: str, decision: str, label: str) -> bool:
        """Tell whether an outcome proves a decision right: the same word, unless said otherwise."""
        for each in self.outcomes:
            if matches(each.deployments, deployment) and decision in each.labels:
                return label in each.labels[decision]
        return label == decision

    def favourable(self, deployment: str) -> frozenset[str]:
        """Give the decisions that a person hopes for."""
        rows = (each.favourable for each in self.outcomes if matches(each.deployments, deployment))
        return frozenset(next((each for each in rows if each), FAVOURABLE))

    def is_favourable(self, deployment: str, label: str) -> bool:
        """Tell whether an outcome proves a favourable decision right."""
        return any(self.agrees(deployment, each, label) for each in self.favourable(deployment))

    def probability_of(self, deployment: str) -> frozenset[str]:
        """Give the outcomes that the score is the probability of; empty when it is of none."""
        matching = (each for each in self.outcomes if matches(each.deployments, deployment))
        rows = (each.probability_of for each in matching)
        return frozenset(next((each for each in rows if each), ()))

    def due_ms(self, deployment: str) -> int | None:
        """Give after how many milliseconds an outcome is overdue; None when it never is."""
        rows = (each.due_days for each in self.outcomes if matches(each.deployments, deployment))
        days = next((each for each in rows if each is not None), None)
        return None if days is None else int(days * 86_400_000)

    def excluded(self, domain: str, deployment: str, attribute: str) -> Excluded | None:
        """Give the first exclusion of a protected attribute, if it may not be processed."""
        rows = (
            each
            for each in self.exclusions
            if matches(each.domains, domain)
            and matches(each.deployments, deployment)
            and matches(each.attributes, attribute)
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
            and matches(row.features, feature)
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
