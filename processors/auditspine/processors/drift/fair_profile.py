"""What a training profile says of groups, as the sums that rows of theirs would have made. Pure."""

from collections.abc import Mapping, Sequence
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

_GRID = (np.arange(200) + 0.5) / 200


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


def profiled_groups(
    profile: Mapping[str, Any], layout: Layout, favourable: frozenset[str]
) -> list[ProfiledGroup]:
    """Read the groups of a training profile.

    Args:
        profile: Its body; one of before there were groups has none.
        layout: Made of the same profile.
        favourable: Decisions that a person hopes for.

    Raises:
        ProfileError: A group cannot be used; the message names the attribute.
    """
    found, seen = [], set()
    for each in profile.get("groups") or ():
        key = each["attribute"], each["token"]
        if key in seen or int(each["rows"]) < 1:
            raise ProfileError(f"profile.groups {key[0]}: a group is given twice or has no rows")
        seen.add(key)
        found.append(_group(each, layout, favourable))
    return found


def seed(known: References, column: int, groups: Mapping[int, ProfiledGroup], score: int) -> None:
    """Begin the sums of an attribute with what training says.

    Args:
        known: The sums.
        column: The attribute's.
        groups: Of it, by their numbers.
        score: Column of the score among places; -1 where there is none.
    """
    known.known[column] = np.array([float(sum(each.rows for each in groups.values())), 0.0])
    for number, group in sorted(groups.items()):
        known.groups[column, number] = _rows(group, score)
        others = [each for each in groups.values() if each is not group]
        if number > 1 and others:
            _hold(known, Side(column, number, REST), group, others)
        for second, other in sorted(groups.items()):
            if second > number:
                _hold(known, Side(column, number, second), group, [other])


def _rows(group: ProfiledGroup, score: int) -> Floats:
    rows, has = float(group.rows), np.isfinite(group.favourable)
    sums = [rows, rows * has, rows * group.favourable if has else 0.0, 0.0, 0.0, 0.0]
    if score >= 0 and np.isfinite(group.means[0, score]):
        mean, variance = group.means[:, score].tolist()
        sums[3:] = [rows, rows * mean, rows * (variance + mean**2)]
    return np.array(sums)


def _hold(
    known: References, side: Side, group: ProfiledGroup, others: Sequence[ProfiledGroup]
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
    known.numeric[side] = np.where(np.isfinite(gap), numeric, 0.0)
    of_own = np.append(group.shares, group.favourable)
    of_rest = sum(
        p * np.append(each.shares, each.favourable) for p, each in zip(part, others, strict=True)
    )
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
    means = np.full((2, len(layout.places)), np.nan)
    shares = np.full(len(layout.rates), np.nan)
    numbers = {each["name"]: each for each in given["numeric"]}
    categories = {each["name"]: each for each in given["categorical"]}
    if given["score"] is not None:
        numbers[SCORE] = given["score"]
    for name, slot in layout.slots.items():
        if (
            isinstance(slot.given, NumericInput)
            and name in numbers
            and _is_placed(layout, slot.given)
        ):
            means[:, slot.score] = _moments(slot.given, numbers[name], given["attribute"])
        if isinstance(slot.given, CategoricalInput) and name in categories:
            own = {each["category"]: float(each["share"]) for each in categories[name]["shares"]}
            for place, category in enumerate(slot.given.watched):
                shares[slot.rate + place] = own.get(category, 0.0)
        told = numbers.get(name) or categories.get(name)
        if told is not None and name not in (SCORE, DECISION):
            shares[slot.rate + slot.rates - 2] = float(told["missing"])
    decided = given["decision"]
    hoped = np.nan
    if decided is not None:
        hoped = sum(float(e["share"]) for e in decided["shares"] if e["category"] in favourable)
    return ProfiledGroup(
        given["attribute"], given["token"], int(given["rows"]), means, shares, float(hoped)
    )


def _moments(given: NumericInput, told: Mapping[str, Any], attribute: str) -> tuple[float, float]:
    """Give mean and variance of a group's normal score, by its quantiles."""
    pairs = np.array(sorted(zip(told["probabilities"], told["quantiles"], strict=False)))
    if pairs.ndim != 2 or not np.isfinite(pairs).all():
        raise ProfileError(f"profile.groups {attribute}: {given.name} has no finite quantiles")
    scores = given.profile.normal_scores(np.interp(_GRID, pairs[:, 0], pairs[:, 1]))
    return float(scores.mean()), float(scores.var())


def _is_placed(layout: Layout, given: Input) -> bool:
    return any(each is given for each in layout.placed)
