"""How far a distribution lies from another. Pure; the standard library is enough."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from auditspine.auditor.drift_report.content import Comparison, Distribution

PLACES = (0.01, *(round(0.025 * n, 3) for n in range(1, 40)), 0.99)
"""Probabilities at which distributions of numbers are known here, rising."""

_MEAN_OF_KOLMOGOROV = math.sqrt(math.pi / 2) * math.log(2)
"""Mean of the Kolmogorov distribution: what the largest difference is by chance, times √n."""
_INNER = (0.05, 0.95)  # quantiles beyond are too uncertain for a mean difference
_ONE_DEVIATION = (0.1587, 0.8413)  # of a normal distribution, below and above its middle


def compare(whose: str, reference: Distribution | None, current: Distribution | None) -> Comparison:
    """Hold the current distribution against the reference.

    Args:
        whose: The group; empty for all rows.
        reference: By the training profile.
        current: Of the newest predictions.
    """
    if reference is None or current is None or not current.rows or not reference.rows:
        return Comparison(whose, reference, current, None, None, None)
    valued = [max(each.rows * (1 - each.missing), 1.0) for each in (reference, current)]
    scatter = sum(1 / each for each in valued)
    numeric = bool(reference.quantiles)
    inner, chance, shift = 0.0, 0.0, None
    if numeric and current.quantiles:
        inner = largest_difference(reference.quantiles, current.quantiles)
        chance = _MEAN_OF_KOLMOGOROV * math.sqrt(scatter)
        shift = mean_shift(reference.quantiles, current.quantiles)
    elif not numeric and current.shares:
        inner, chance = differing_shares(reference.shares, current.shares, scatter)
    gaps = abs(current.missing - reference.missing)
    other = abs(current.others - reference.others)
    return Comparison(whose, reference, current, max(inner, gaps, other), chance, shift)


def at_places(probabilities: Sequence[float], quantiles: Sequence[float]) -> tuple[float, ...]:
    """Give the quantiles of a profile at :data:`PLACES`, by linear interpolation.

    Args:
        probabilities: Where they are known, rising.
        quantiles: The quantiles there; as many.

    Returns:
        Quantiles at the places; beyond the outermost known ones these. Empty when none is known.
    """
    if not quantiles or len(quantiles) != len(probabilities):
        return ()
    return tuple(_interpolated(place, probabilities, quantiles) for place in PLACES)


def largest_difference(reference: Sequence[float], current: Sequence[float]) -> float:
    """Give the largest difference of the cumulative shares at the known quantiles, 0 to 1.

    A value that many rows share has a range of cumulative shares, all of which are right.

    Source: the statistic of Kolmogorov and Smirnov.
    """
    both = ((reference, current), (current, reference))
    return max(
        _outside(place, *_shares_below(value, other))
        for of, other in both
        for place, value in zip(PLACES, of, strict=True)
    )


def mean_shift(reference: Sequence[float], current: Sequence[float]) -> float | None:
    """Give the mean difference of the quantiles from 5% to 95%, in the reference's deviations.

    A deviation is half of what the middle 68% span. None when they share a value.
    """
    inner = [n for n, place in enumerate(PLACES) if _INNER[0] <= place <= _INNER[1]]
    low, high = (_interpolated(each, PLACES, reference) for each in _ONE_DEVIATION)
    spread = (high - low) / 2
    moved = sum(current[n] - reference[n] for n in inner) / len(inner)
    return moved / spread if spread > 0 and math.isfinite(moved / spread) else None


def differing_shares(
    reference: Sequence[tuple[str, float]], current: Sequence[tuple[str, float]], scatter: float
) -> tuple[float, float]:
    """Give half the sum of the differences of shares, and its mean by chance.

    Args:
        reference: Shares by category.
        current: Shares by category.
        scatter: Sum of one over the rows of each.
    """
    before, now = dict(reference), dict(current)
    names = {*before, *now}
    total = sum(abs(now.get(name, 0.0) - before.get(name, 0.0)) for name in names) / 2
    variances = [share * (1 - share) * scatter for share in before.values() if 0 < share < 1]
    return total, sum(math.sqrt(2 / math.pi * each) for each in variances) / 2


def histogram(quantiles: Sequence[float], low: float, high: float, bins: int) -> list[float]:
    """Give the share of rows in each of some bins between two values, by the known quantiles."""
    edges = [low + (high - low) * n / bins for n in range(bins + 1)]
    below = [_cumulative(edge, quantiles) for edge in edges]
    return [max(0.0, after - before) for before, after in pairwise(below)]


def _interpolated(at: float, known: Sequence[float], values: Sequence[float]) -> float:
    right = bisect_left(known, at)
    if right == 0:
        return values[0]
    if right == len(known):
        return values[-1]
    before, after = known[right - 1], known[right]
    part = (at - before) / (after - before) if after > before else 1.0
    return values[right - 1] + part * (values[right] - values[right - 1])


def _shares_below(value: float, quantiles: Sequence[float]) -> tuple[float, float]:
    """Give the least and the most that the cumulative share of a value may be."""
    left, right = bisect_left(quantiles, value), bisect_right(quantiles, value)
    is_tied = right - left > 1
    if left == right and 0 < left < len(quantiles):
        between = _interpolated(value, quantiles, PLACES)
        return between, between
    if left == right:
        return (0.0, PLACES[0]) if left == 0 else (PLACES[-1], 1.0)
    least = 0.0 if left == 0 else PLACES[left - 1 if is_tied else left]
    most = 1.0 if right == len(quantiles) else PLACES[right if is_tied else right - 1]
    return least, most


def _cumulative(value: float, quantiles: Sequence[float]) -> float:
    least, most = _shares_below(value, quantiles)
    return (least + most) / 2


def _outside(place: float, least: float, most: float) -> float:
    return max(0.0, least - place, place - most)
