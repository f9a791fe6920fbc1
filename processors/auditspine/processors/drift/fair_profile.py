"""What a training profile says of groups, as the sums that rows of theirs would have made. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auditspine.processors.drift.errors import ProfileError
from auditspine.processors.drift.fair_reference import REST, References, Side
from auditspine.processors.drift.layout import (
    DECISION,
    SCORE,
    CategoricalInput,
    Input,
    Layout,
    NumericInput,
)
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.protected import attribute_name
from auditspine.schemas.tokens import kept_token

_GRID = (np.arange(200) + 0.5) / 200
_LEAST_TOTAL, _MOST_TOTAL = 0.99, 1.01  # of shares, as they are rounded


@dataclass(frozen=True, slots=True)
class ProfiledGroup:
    """A group of a training profile.

    Attributes:
        attribute: The protected attribute.
        token: Of its value.
        rows: Rows of it.
        means: Mean and variance of its normal score by place; NaN where it says nothing.
        shares: Of rows that each rate counts; NaN where it says nothing.
        favourable: Share of favourable decisions; NaN where it says nothing.
    """

    attribute: str
    token: str
    rows: int
    means: Floats
    shares: Floats
    favourable: float

    def rates(self, side: Side, telling: Sequence[int]) -> Floats:
        """Give the shares that a contrast is made of."""
        return np.array([self.favourable]) if side.is_pair else self.shares[list(telling)]


def profiled_groups(
    groups: Iterable[Mapping[str, Any]], layout: Layout, favourable: frozenset[str]
) -> list[ProfiledGroup]:
    """Read the groups of a training profile.

    Args:
        groups: As in its body.
        layout: Made of the same profile.
        favourable: Decisions that a person hopes for.

    Raises:
        ProfileError: A group cannot be used; the message names the attribute.
    """
    found = [_group(each, layout, favourable) for each in groups]
    seen = Counter((each.attribute, each.token) for each in found)
    twice = sorted(attribute for (attribute, _), count in seen.items() if count > 1)
    if twice:
        raise ProfileError(f"profile.groups {twice[0]}: a group is given twice")
    return found


def seed(
    known: References,
    column: int,
    groups: Mapping[int, ProfiledGroup],
    score: int,
    telling: Sequence[int],
) -> None:
    """Begin the sums of an attribute with what training says.

    Args:
        known: The sums.
        column: The attribute's.
        groups: Of it, by their numbers.
        score: Column of the score among places; -1 where there is none.
        telling: Rates that may tell of a group.
    """
    known.known[column] = np.array([float(sum(each.rows for each in groups.values())), 0.0])
    for number, group in sorted(groups.items()):
        known.groups[column, number] = _rows(group, score)
        others = [each for each in groups.values() if each is not group]
        if number > 1 and others:
            _hold(known, Side(column, number, REST), group, others, (score, telling))
        for second, other in sorted(groups.items()):
            if second > number:
                _hold(known, Side(column, number, second), group, [other], (score, telling))


def _rows(group: ProfiledGroup, score: int) -> Floats:
    rows, has = float(group.rows), np.isfinite(group.favourable)
    sums = [rows, rows * has, rows * group.favourable if has else 0.0, 0.0, 0.0, 0.0]
    if score >= 0 and np.isfinite(group.means[0, score]):
        mean, variance = group.means[:, score].tolist()
        sums[3:] = [rows, rows * mean, rows * (variance + mean**2)]
    return np.array(sums)


def _hold(
    known: References,
    side: Side,
    group: ProfiledGroup,
    others: Sequence[ProfiledGroup],
    which: tuple[int, Sequence[int]],
) -> None:
    """Put in the sums of a contrast that as many rows would have made, in one block."""
    own, rest = float(group.rows), float(sum(each.rows for each in others))
    part = [each.rows / rest for each in others]
    weight = own * rest / (own + rest)
    first, variance = group.means
    second = sum(p * each.means[0] for p, each in zip(part, others, strict=True))
    gap = first - second
    within = own * variance + rest * sum(p * e.means[1] for p, e in zip(part, others, strict=True))
    scatter = within / (own + rest) + gap**2 * weight / (own + rest)
    numeric = np.array([weight * gap, np.full_like(gap, weight), weight * scatter])
    score, telling = which
    places = ([score] if score >= 0 else []) if side.is_pair else list(range(gap.size))
    known.numeric[side] = np.where(np.isfinite(gap), numeric, 0.0)[:, places]
    of_own = group.rates(side, telling)
    of_rest = sum(p * each.rates(side, telling) for p, each in zip(part, others, strict=True))
    both = own + rest
    odds = np.array(
        [
            own * of_own * rest * (1 - of_rest) / both,
            own * (1 - of_own) * rest * of_rest / both,
            own * of_own + rest * of_rest,
            np.full_like(of_own, both),
            np.full_like(of_own, own),
            weight * (of_own - of_rest),
            np.full_like(of_own, weight),
        ]
    )
    known.odds[side] = np.where(np.isfinite(of_own + of_rest), odds, 0.0)


def _group(given: Mapping[str, Any], layout: Layout, favourable: frozenset[str]) -> ProfiledGroup:
    attribute = _attribute(given)
    means = np.full((2, len(layout.places)), np.nan)
    shares = np.full(len(layout.rates), np.nan)
    numbers = {each["name"]: each for each in given["numeric"]}
    categories = {each["name"]: each for each in given["categorical"]}
    if given["score"] is not None:
        numbers[SCORE] = given["score"]
    for name, slot in layout.slots.items():
        if name in numbers and isinstance(slot.given, NumericInput):
            if _is_placed(layout, slot.given):
                means[:, slot.score] = _moments(slot.given, numbers[name], attribute)
        elif name in categories and isinstance(slot.given, CategoricalInput):
            own = _shares(categories[name], attribute)
            for place, category in enumerate(slot.given.watched):
                shares[slot.rate + place] = own.get(category, 0.0)
        told = numbers.get(name) or categories.get(name)
        if told is not None and name not in (SCORE, DECISION):
            missing = float(told["missing"])
            shares[slot.rate + slot.rates - 2] = _share(missing, name, attribute)
    hoped = np.nan
    if given["decision"] is not None:
        decided = _shares(given["decision"], attribute)
        hoped = sum(share for decision, share in decided.items() if decision in favourable)
    token = kept_token(given["token"])
    return ProfiledGroup(attribute, token, int(given["rows"]), means, shares, min(hoped, 1.0))


def _attribute(given: Mapping[str, Any]) -> str:
    attribute = attribute_name(given["attribute"])
    if BOTH in given["attribute"]:
        raise ProfileError(f"profile.groups {attribute}: expected one attribute, got two")
    if int(given["rows"]) < 1 or not given["token"]:
        raise ProfileError(f"profile.groups {attribute}: a group has no rows or no token")
    return attribute


def _shares(told: Mapping[str, Any], attribute: str) -> dict[str, float]:
    """Give the shares of a group's categories."""
    name = told["name"]
    shares = {e["category"]: _share(float(e["share"]), name, attribute) for e in told["shares"]}
    total = sum(shares.values())
    if shares and not _LEAST_TOTAL <= total <= _MOST_TOTAL:
        raise ProfileError(
            f"profile.groups {attribute}: {name}: expected shares of 1, got {total:.3f}"
        )
    return shares


def _share(share: float, name: str, attribute: str) -> float:
    if not 0 <= share <= 1:
        raise ProfileError(f"profile.groups {attribute}: {name}: expected shares from 0 to 1")
    return share


def _moments(given: NumericInput, told: Mapping[str, Any], attribute: str) -> tuple[float, float]:
    """Give mean and variance of a group's normal score, by its quantiles."""
    pairs = np.array(sorted(zip(told["probabilities"], told["quantiles"], strict=False)))
    name = f"profile.groups {attribute}: {given.name}"
    if pairs.ndim != 2 or not np.isfinite(pairs).all():
        raise ProfileError(f"{name} has no finite quantiles")
    if (np.diff(pairs[:, 1]) < 0).any():
        raise ProfileError(f"{name}: expected quantiles that do not fall")
    scores = given.profile.normal_scores(np.interp(_GRID, pairs[:, 0], pairs[:, 1]))
    return float(scores.mean()), float(scores.var())


def _is_placed(layout: Layout, given: Input) -> bool:
    return any(each is given for each in layout.placed)
