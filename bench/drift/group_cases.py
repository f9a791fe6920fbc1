"""Changes of groups, probabilities and delays, and streams in which groups do not move apart.

Each case is what its oracle needs: how rows are drawn, and how likely each is before and after.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from auditspine.processors.drift.profile import NumericProfile
from bench.drift.groups import (
    SHARE,
    Draw,
    Monitor,
    Rows,
    calibration,
    delay,
    own_location,
    own_rate,
    pair_location,
    pair_odds,
    sided,
)
from bench.drift.shifts import Draw as Plain
from bench.drift.shifts import Floats, Random, autoregressive, zero_inflated

_NORMAL = NormalDist()
_SWITCHED = 1000  # rows after which what is common to all groups may be another


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of change.

    Attributes:
        name: What it is called in tables.
        before: Draws rows as they are before it.
        after: And after it.
        ratio: The log likelihood ratio of each row, which the oracle alone knows.
        plain: What an ADWIN is to watch.
        monitors: Those of ours that watch for it.
    """

    name: str
    before: Draw
    after: Draw
    ratio: Callable[[Rows], Floats]
    plain: Callable[[Rows], Floats]
    monitors: tuple[Monitor, ...]


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stream in which groups do not move apart, and a monitor that is to be quiet."""

    name: str
    draw: Draw
    monitor: Monitor


def _proxy(correlation: float) -> Case:
    sd = math.sqrt(SHARE * (1 - SHARE))
    left = 1 - correlation**2

    def before(random: Random, runs: int, rows: int) -> Rows:
        side = sided(random, runs, rows)
        return side, random.standard_normal(side.shape)

    def after(random: Random, runs: int, rows: int) -> Rows:
        side, noise = before(random, runs, rows)
        return side, correlation * (side - SHARE) / sd + math.sqrt(left) * noise

    def ratio(rows: Rows) -> Floats:
        missed = (rows[1] - correlation * (rows[0] - SHARE) / sd) ** 2 / (2 * left)
        found: Floats = rows[1] ** 2 / 2 - missed - math.log(left) / 2
        return found

    def plain(rows: Rows) -> Floats:
        return (rows[0] - SHARE) / sd * rows[1]

    monitors = (pair_location(SHARE, name="contrast"),)
    return Case(f"correlation 0→{correlation}", before, after, ratio, plain, monitors)


def _decided(share: float, rate: float, moved: float = 0.0) -> Draw:
    """Draw decisions at a rate that is ``moved`` more in the first group."""

    def draw(random: Random, runs: int, rows: int) -> Rows:
        side = sided(random, runs, rows, share)
        return side, (random.random(side.shape) < rate + moved * side).astype(float)

    return draw


def _scored(share: float, moved: float = 0.0) -> Draw:
    def draw(random: Random, runs: int, rows: int) -> Rows:
        side = sided(random, runs, rows, share)
        return side, random.standard_normal(side.shape) + moved * side

    return draw


def _decisions(rate: float, other: float) -> Case:
    up, down = math.log(other / rate), math.log((1 - other) / (1 - rate))
    sd = math.sqrt(SHARE * (1 - SHARE) * rate * (1 - rate))

    def ratio(rows: Rows) -> Floats:
        found: Floats = rows[0] * np.where(rows[1] == 1, up, down)
        return found

    def plain(rows: Rows) -> Floats:
        found: Floats = (rows[0] - SHARE) * (rows[1] - rate) / sd
        return found

    draws = _decided(SHARE, rate), _decided(SHARE, rate, other - rate)
    monitors = own_rate(SHARE, rate), pair_odds(SHARE, rate)
    return Case(f"decisions {rate}→{other}", *draws, ratio, plain, monitors)


def _scores(rate: float, other: float) -> Case:
    moved = _NORMAL.inv_cdf(other) - _NORMAL.inv_cdf(rate)

    def ratio(rows: Rows) -> Floats:
        found: Floats = rows[0] * (moved * rows[1] - moved**2 / 2)
        return found

    def plain(rows: Rows) -> Floats:
        found: Floats = (rows[0] - SHARE) * rows[1] / math.sqrt(SHARE * (1 - SHARE))
        return found

    draws, monitors = (
        (_scored(SHARE), _scored(SHARE, moved)),
        (
            own_location(SHARE),
            pair_location(SHARE),
        ),
    )
    return Case(f"scores {rate}→{other}", *draws, ratio, plain, monitors)


def _calibrated(shift: float) -> Case:
    def drawn(shift: float) -> Draw:
        def draw(random: Random, runs: int, rows: int) -> Rows:
            logit = random.standard_normal((runs, rows)) - 1
            true = 1 / (1 + np.exp(-logit - shift))
            return 1 / (1 + np.exp(-logit)), (random.random(logit.shape) < true).astype(float)

        return draw

    def ratio(rows: Rows) -> Floats:
        found: Floats = shift * rows[1] - np.log1p(rows[0] * math.expm1(shift))
        return found

    def plain(rows: Rows) -> Floats:
        return rows[1] - rows[0]

    monitors = (calibration(0.303),)
    return Case(f"calibration: logit +{shift}", drawn(0.0), drawn(shift), ratio, plain, monitors)


def _later(factor: float) -> Case:
    def drawn(factor: float) -> Draw:
        return lambda random, runs, rows: (random.standard_exponential((runs, rows)) * factor,)

    def ratio(rows: Rows) -> Floats:
        found: Floats = rows[0] * (1 - 1 / factor) - math.log(factor)
        return found

    return Case(
        f"delay x{factor}", drawn(1.0), drawn(factor), ratio, lambda rows: rows[0], (delay(),)
    )


_RATES = (0.1, 0.2), (0.3, 0.2), (0.5, 0.4)

CASES = (
    _proxy(0.25),
    _proxy(0.10),
    _calibrated(0.5),
    _later(1.3),
    *(_decisions(*rates) for rates in _RATES),
    *(_scores(*rates) for rates in _RATES),
)


def _switching(share: float) -> Draw:
    """Draw numbers that are 1 sd higher in all groups at random times, 1,000 rows each."""

    def draw(random: Random, runs: int, rows: int) -> Rows:
        side, values = _scored(share)(random, runs, rows)
        return side, values + _level(random, runs, rows)

    return draw


def _switching_rates(share: float, low: float, high: float) -> Draw:
    def draw(random: Random, runs: int, rows: int) -> Rows:
        rate = low + (high - low) * _level(random, runs, rows)
        return sided(random, runs, rows, share), (random.random(rate.shape) < rate).astype(float)

    return draw


def _level(random: Random, runs: int, rows: int) -> Floats:
    high = random.integers(0, 2, (runs, -(-rows // _SWITCHED))).astype(float)
    return np.repeat(high, _SWITCHED, axis=1)[:, :rows]


def _drifting(share: float) -> Draw:
    common = autoregressive(0.9)

    def draw(random: Random, runs: int, rows: int) -> Rows:
        side, values = _scored(share)(random, runs, rows)
        return side, values + common(random, runs, rows)

    return draw


def _drifting_odds(share: float) -> Draw:
    common = autoregressive(0.9)

    def draw(random: Random, runs: int, rows: int) -> Rows:
        rate = 1 / (1 + np.exp(1.5 - common(random, runs, rows)))
        return sided(random, runs, rows, share), (random.random(rate.shape) < rate).astype(float)

    return draw


def _odd(share: float, draw: Plain, *, scored: bool = True) -> Draw:
    """Draw odd values, as they are or as the normal scores that a processor makes of them."""
    training = draw(np.random.default_rng(0), 1, 50_000)[0]
    profile = NumericProfile.of(training)

    def drawn(random: Random, runs: int, rows: int) -> Rows:
        values = draw(random, runs, rows)
        return sided(random, runs, rows, share), profile.normal_scores(values) if scored else values

    return drawn


def _heavy(random: Random, runs: int, rows: int) -> Floats:
    return random.standard_t(3, (runs, rows))


def _two_of_three(draw: Draw) -> Draw:
    """Put 80% of rows in neither group; the others stay as they were drawn."""

    def drawn(random: Random, runs: int, rows: int) -> Rows:
        side, values = draw(random, runs, rows)
        return np.where(random.random(side.shape) < 0.8, np.nan, side), values

    return drawn


QUIET = (
    Quiet("all +1 sd by turns", _switching(SHARE), pair_location(SHARE)),
    Quiet("all .1 ↔ .3 by turns", _switching_rates(SHARE, 0.1, 0.3), pair_odds(SHARE, 0.2)),
    Quiet("AR(.9) of all", _drifting(SHARE), pair_location(SHARE)),
    Quiet("AR(.9) of all", _drifting_odds(SHARE), pair_odds(SHARE, 0.24)),
    Quiet("t with 3 degrees", _odd(SHARE, _heavy), pair_location(SHARE)),
    Quiet("the same, no scores", _odd(SHARE, _heavy, scored=False), pair_location(SHARE)),
    Quiet("40% zeros", _odd(SHARE, zero_inflated(0.4)), pair_location(SHARE)),
    Quiet("40% zeros, group of 5%", _odd(0.05, zero_inflated(0.4)), pair_location(0.05)),
    Quiet("group of 5%", _scored(0.05), own_location(0.05)),
    Quiet("group of 5%", _scored(0.05), pair_location(0.05)),
    Quiet("group of 5%, rate .2", _decided(0.05, 0.2), own_rate(0.05, 0.2)),
    Quiet("group of 5%, rate .2", _decided(0.05, 0.2), pair_odds(0.05, 0.2)),
    Quiet("rate .02", _decided(SHARE, 0.02), own_rate(SHARE, 0.02)),
    Quiet("rate .02", _decided(SHARE, 0.02), pair_odds(SHARE, 0.02)),
    Quiet("10% and 10% of three", _two_of_three(_scored(0.5)), pair_location(0.5, 0.2)),
    Quiet("10% and 10%, rate .2", _two_of_three(_decided(0.5, 0.2)), pair_odds(0.5, 0.2, 0.2)),
)
