"""Proposes larger effects for rows of a drift policy whose alerts were false alarms. Pure.

A row is raised just above the false alarms that lie below every alert of it that was about
something: all of those keep their tier. A row is of risk classes, not of deployments: alerts that
were about something count at every deployment.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from auditspine.auditor.precision import MonitorRecord
from auditspine.cli.errors import CliError
from auditspine.cli.tier_text import Effects, with_budget, with_effects
from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy import DriftPolicy, parse_policy
from auditspine.processors.drift.policy_parts import Tier, TierRow
from auditspine.processors.projection.fit import as_token

LEAST = 3  # dispositions before anything is proposed
_ABOVE = 1.1  # times the largest false alarm that is spared
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """A monitor's largest effect in an alert that a person closed.

    Attributes:
        risk: Risk class.
        kind: Kind of the monitor.
        feature: The feature; empty for none.
        effect: How far it moved, absolute.
        is_true: Whether the alert was about something.
        is_chosen: Whether it is of the deployment that is tuned.
    """

    risk: str
    kind: str
    feature: str
    effect: float
    is_true: bool
    is_chosen: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    """A larger effect for one kind and risk class of a row.

    Attributes:
        row: Number of the row of the policy's tiers, from 0.
        tier: Its tier.
        risk: The risk class.
        kind: The kind.
        before: Its least effect.
        after: The one that is proposed.
        false: False alarms of the row.
        spared: Of those, how many it would not have matched.
        kept: Alerts of it that were about something; all of them it would match still.
    """

    row: int
    tier: Tier
    risk: str
    kind: str
    before: float
    after: float
    false: int
    spared: int
    kept: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """A policy that is proposed.

    Attributes:
        text: Its text; as it was when nothing is proposed.
        proposals: What is different in its tiers.
        budget: The budget of false alarms that is proposed; None for the same.
        silent: False alarms that would have been recorded only.
        false: False alarms in all.
        true: Alerts that were about something, each of which keeps its tier.
    """

    text: str
    proposals: tuple[Proposal, ...]
    budget: float | None
    silent: int
    false: int
    true: int


def alarms_of(records: Iterable[MonitorRecord], deployment: str = "") -> list[Alarm]:
    """Give what monitors' records tell; a deployment's false alarms, or everyone's."""
    found: list[Alarm] = []
    for each in records:
        is_chosen = deployment in ("", each.deployment)
        for effects, is_true in ((each.true_effects, True), (each.false_effects, False)):
            found += (
                Alarm(each.risk_class, each.kind, each.feature, abs(effect), is_true, is_chosen)
                for effect in effects
                if is_true or is_chosen
            )
    return found


def tune(text: str, alarms: Sequence[Alarm]) -> Tuned:
    """Propose a policy.

    Args:
        text: Text of the policy in use.
        alarms: What monitors' records tell.

    Raises:
        PolicyError: The text is no policy.
        CliError: It cannot be edited.
    """
    policy = parse_policy(text)
    proposals = tuple(_proposals(policy, alarms))
    changed: dict[int, dict[tuple[str, str], float]] = {}
    for each in proposals:
        changed.setdefault(each.row, {})[each.risk, each.kind] = each.after
    new = with_effects(text, policy, changed)
    silent = _check(policy, _read(new), alarms, changed)
    false = [each for each in alarms if not each.is_true]
    chosen = [each for each in alarms if each.is_chosen]
    budget = None
    if not proposals and len(chosen) >= LEAST and 2 * len(false) >= len(chosen):
        # No effect tells them apart: all that is left is to ask for more evidence.
        budget = float(f"{policy.budget.false_alarms_per_week / 2:.{_DIGITS}g}")
        new = with_budget(new, budget)
        if _read(new).budget.false_alarms_per_week != budget:
            raise CliError("the policy's text cannot be edited: it names its budget in another way")
    true = sum(each.is_true for each in alarms)
    return Tuned(new, proposals, budget, silent, len(false), true)


def _read(text: str) -> DriftPolicy:
    try:
        return parse_policy(text)
    except PolicyError as exc:
        raise CliError(f"the policy's text cannot be edited: {exc}") from exc


def _proposals(policy: DriftPolicy, alarms: Sequence[Alarm]) -> Iterator[Proposal]:
    for number, row in enumerate(policy.tiers):
        if row.minutes or row.tier is Tier.INFORMATIONAL:
            continue  # what goes on for long is raised whatever its effect
        classes = [each.name for each in policy.risk] if "*" in row.risk else row.risk
        for risk, kind in product(dict.fromkeys(classes), dict.fromkeys(row.kinds)):
            own = [each for each in alarms if _matches(row, risk, kind, each)]
            true = [each.effect for each in own if each.is_true]
            false = [each.effect for each in own if not each.is_true]
            chosen = sum(each.is_chosen for each in own)
            if chosen < LEAST or 2 * len(false) < chosen:
                continue
            after = _effect(false, min(true, default=math.inf))
            if after is not None and after > row.effect:
                spared = sum(each < after for each in false)
                counts = len(false), spared, len(true)
                yield Proposal(number, row.tier, risk, kind, row.effect, after, *counts)


def _matches(row: TierRow, risk: str, kind: str, alarm: Alarm) -> bool:
    return (
        alarm.risk == as_token(risk)
        and alarm.kind == kind
        and alarm.effect >= row.effect
        and any(fnmatchcase(alarm.feature, each) for each in row.features)
    )


def _effect(false: Iterable[float], least_true: float) -> float | None:
    """Give an effect above the false alarms that lie below all others; None if there is none."""
    largest = max((each for each in false if each < least_true), default=None)
    if largest is None:
        return None
    digits = _DIGITS - 1 - math.floor(math.log10(largest)) if largest > 0 else _DIGITS
    after = math.ceil(largest * _ABOVE * 10**digits) / 10**digits
    after = float(f"{after:.{_DIGITS}g}") if largest > 0 else 10**-_DIGITS
    if not largest < after <= least_true:
        after = float(f"{(largest + least_true) / 2:.6g}") if math.isfinite(least_true) else after
    return after if largest < after <= least_true else None


def _check(
    before: DriftPolicy,
    after: DriftPolicy,
    alarms: Iterable[Alarm],
    changed: Mapping[int, Effects],
) -> int:
    """Check that a policy does what is said of it; count false alarms that it only records.

    Raises:
        CliError: It does something else.
    """
    parts = {"tiers", "digest"}
    if before.model_dump(exclude=parts) != after.model_dump(exclude=parts):
        raise CliError("the policy's text cannot be edited: more than its tiers would change")
    rows = (*before.tiers, *after.tiers)
    kinds = dict.fromkeys(kind for row in rows for kind in row.kinds)
    for risk, kind in product([each.name for each in before.risk], kinds):
        own = [
            row.model_copy(update={"effect": changed.get(n, {}).get((risk, kind), row.effect)})
            for n, row in enumerate(before.tiers)
            if {risk, "*"} & set(row.risk) and kind in row.kinds
        ]
        expected = before.model_copy(update={"tiers": tuple(own)})
        for probe in _probes([row for row in rows if kind in row.kinds]):
            if expected.tier(risk, kind, *probe) is not after.tier(risk, kind, *probe):
                what = f"{kind} of {risk} would get another tier than is said"
                raise CliError(f"the policy's text cannot be edited: {what}")
    silent = 0
    for each in alarms:
        risk = next((r.name for r in before.risk if as_token(r.name) == each.risk), each.risk)
        asked_of = (risk, each.kind, each.effect, 0, each.feature)
        old, new = before.tier(*asked_of), after.tier(*asked_of)
        if each.is_true and old is not new:
            raise CliError("an alert that was about something would have another tier")
        silent += not each.is_true and old is not Tier.INFORMATIONAL is new
    return silent


def _probes(rows: Sequence[TierRow]) -> Iterator[tuple[float, int, str]]:
    """Give effects, minutes and features at and just below whatever some rows ask for."""
    effects = {0.0, *(row.effect for row in rows), *(row.effect * (1 - 1e-9) for row in rows)}
    minutes = {0, *(row.minutes for row in rows)}
    features = {"", *(each for row in rows for each in row.features)}
    yield from product(sorted(effects), sorted(minutes), sorted(features))
