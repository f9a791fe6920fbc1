"""Scores: what a block of values says of each tilt, against a reference that goes on learning. Pure.

A score gives, per tilt λ and monitor, the logarithm of a likelihood ratio over a block of b rows:
λ·S - Σψ(λ), for a sum S of the score and its cumulant function ψ under the reference. A block is
tested first and absorbed after, so that a reference of a few thousand rows does not stay wrong for
ever. The reference is itself known from n rows only: averaged over what it may be, the ratio is
smaller by (b·∂ψ)²·Var/2n to second order, which is taken off ("doubt").
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from auditspine.processors.drift.mixture import BOTH_WAYS, KL_GRID, TILTS, Floats
from auditspine.processors.drift.roots import solve

_LEAST_VARIANCE = 1e-2  # of a normal score: what hardly varies has a rate to be watched instead
_LEAST_RATE = 1e-4  # what has never been seen is known only as far as its rows go
_LEAST_LEFT = 0.2  # of the variance, whatever the hour of day explains
_MOVED = 0.03  # by how much, of itself, a rate may move before its tilts are computed again


@dataclass(frozen=True, slots=True)
class Blocks:
    """What is known of the values of some blocks; arrays are of shape (blocks, monitors).

    Attributes:
        total: Sum of the values.
        squares: Sum of their squares; for a score of products, of what the variance goes with.
        rows: Number of values.
        cumulants: Sum of ψ over the rows, of shape (blocks, tilts, monitors), where ψ differs from
            row to row, as it does for calibration; otherwise left out.
    """

    total: Floats
    squares: Floats
    rows: Floats
    cumulants: Floats | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What blocks say against the reference as it was before each of them.

    Attributes:
        exponents: Log likelihood ratios, of shape (blocks, tilts, monitors).
        moved: Sum of the score less what was expected, in standard deviations of one row's; of
            shape (blocks, monitors).
    """

    exponents: Floats
    moved: Floats


class Score(Protocol):
    """What a mixture bets on. The last axis of every array is the monitors.

    Attributes:
        arrays: All that a score remembers, by name; a bank saves, restores and extends them. One is
            ``rows``: those that the reference is known from.
    """

    arrays: dict[str, Floats]

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the score per block: those of the values, or of their squares."""
        ...

    def take(self, sums: Floats, blocks: Blocks) -> Evidence:
        """Test blocks, each against the reference that has absorbed those before it.

        Args:
            sums: Of the score, without what the hour of day explains.
            blocks: The blocks.
        """
        ...

    def learn(self) -> None:
        """Follow the reference with what is kept for speed."""
        ...

    def refresh(self) -> None:
        """Compute from the arrays what is kept for speed."""
        ...

    def explain(self, variance: Floats) -> None:
        """Take from the variance what the hour of day explains from now on."""
        ...

    def mean(self) -> Floats:
        """Give the score's mean for a row, by the reference."""
        ...

    def variance(self) -> Floats:
        """Give the score's variance for a row, by the reference."""
        ...


class Location:
    """A numeric value's place: a Gaussian score around the reference's mean.

    Args:
        mean: Of the reference, per monitor.
        variance: Of the reference.
        rows: Rows that the reference is known from.
        cumulants: ψ of each tilt for the standardised value, of shape (tilts, monitors), where it
            is not the Gaussian λ²/2; see :meth:`cumulants_of`.
    """

    tilts: ClassVar[Floats] = np.concatenate([np.sqrt(2 * KL_GRID), -np.sqrt(2 * KL_GRID)])
    _usual: ClassVar[Floats] = tilts**2 / 2
    _doubt: ClassVar[Floats] = tilts**2 / 2 + tilts**4 / 4  # of the mean, and of the variance

    def __init__(
        self, mean: Floats, variance: Floats, rows: Floats, cumulants: Floats | None = None
    ) -> None:
        self.arrays = {
            "rows": np.maximum(rows, 1.0),
            "total": mean * np.maximum(rows, 1.0),
            "squares": (np.maximum(variance, _LEAST_VARIANCE) + mean**2) * np.maximum(rows, 1.0),
            "cumulants": _cumulants(self._usual, rows.size, cumulants),
        }

    @classmethod
    def cumulants_of(cls, training: Floats) -> Floats:
        """Give ψ of each tilt for equally likely values, standardised; never below the Gaussian."""
        sd = np.sqrt(np.maximum(training.var(), _LEAST_VARIANCE))
        return _cumulants_of((training - training.mean()) / sd, cls.tilts, cls._usual)

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the values."""
        return blocks.total

    def take(self, sums: Floats, blocks: Blocks) -> Evidence:
        """Test blocks, then absorb them; see :class:`Score`."""
        rows, explained = blocks.rows, (blocks.total - sums) / np.maximum(blocks.rows, 1.0)
        known = _before(self.arrays, "rows", rows)
        mean = _before(self.arrays, "total", sums) / known
        squares = blocks.squares - explained * (blocks.total + sums)
        variance = _before(self.arrays, "squares", squares) / known - mean**2
        moved = (sums - rows * mean) / np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return Evidence(
            _exponents(self.tilts, moved, self.arrays["cumulants"], self._doubt, rows, known), moved
        )

    def learn(self) -> None:
        """Nothing is kept for speed."""

    def refresh(self) -> None:
        """Nothing is kept for speed."""

    def explain(self, variance: Floats) -> None:
        """Take from the variance what the hour of day explains from now on."""
        taken = np.minimum(variance, (1 - _LEAST_LEFT) * self.variance())
        self.arrays["squares"] = self.arrays["squares"] - taken * self.arrays["rows"]

    def mean(self) -> Floats:
        """Give the reference's mean of a value."""
        mean: Floats = self.arrays["total"] / self.arrays["rows"]
        return mean

    def variance(self) -> Floats:
        """Give the reference's variance of a value."""
        variance = self.arrays["squares"] / self.arrays["rows"] - self.mean() ** 2
        return np.maximum(variance, _LEAST_VARIANCE)


class Scale:
    """A normal score's spread: its square, which is χ² with one degree of freedom.

    Args:
        variance: Of the reference around 0, per monitor.
        rows: Rows that the reference is known from.
        cumulants: ψ of each tilt for the square over ``variance``, of shape (tilts, monitors),
            where it is not that of χ²; see :meth:`cumulants_of`.
    """

    _wider: ClassVar[Floats] = solve(lambda r: (r - 1 - np.log(r)) / 2, KL_GRID, 1.0, 60.0)
    _narrower: ClassVar[Floats] = solve(lambda r: (r - 1 - np.log(r)) / 2, KL_GRID, 1.0, 1e-4)
    _factors: ClassVar[Floats] = np.concatenate([_wider, _narrower])
    tilts: ClassVar[Floats] = (1 - 1 / _factors) / 2
    _usual: ClassVar[Floats] = np.log(_factors) / 2
    _doubt: ClassVar[Floats] = (tilts * _factors) ** 2

    def __init__(self, variance: Floats, rows: Floats, cumulants: Floats | None = None) -> None:
        self.arrays = {
            "rows": np.maximum(rows, 1.0),
            "total": np.maximum(variance, _LEAST_VARIANCE) * np.maximum(rows, 1.0),
            "cumulants": _cumulants(self._usual, rows.size, cumulants),
        }

    @classmethod
    def cumulants_of(cls, training: Floats) -> Floats:
        """Give ψ of each tilt for equally likely values' squares; never below that of χ²."""
        squares = training**2
        mean = np.maximum(squares.mean(), _LEAST_VARIANCE)
        return _cumulants_of(squares / mean, cls.tilts, cls._usual)

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the squares."""
        return blocks.squares

    def take(self, sums: Floats, blocks: Blocks) -> Evidence:
        """Test blocks, then absorb them; see :class:`Score`."""
        known = _before(self.arrays, "rows", blocks.rows)
        mean = np.maximum(_before(self.arrays, "total", sums) / known, _LEAST_VARIANCE)
        unit, cumulants = sums / mean, self.arrays["cumulants"]
        exponents = _exponents(self.tilts, unit, cumulants, self._doubt, blocks.rows, known)
        return Evidence(exponents, (unit - blocks.rows) / np.sqrt(2.0))

    def learn(self) -> None:
        """Nothing is kept for speed."""

    def refresh(self) -> None:
        """Nothing is kept for speed."""

    def explain(self, variance: Floats) -> None:
        """Nothing is known of the square's variance but its mean."""

    def mean(self) -> Floats:
        """Give the reference's mean of a square."""
        return np.maximum(self.arrays["total"] / self.arrays["rows"], _LEAST_VARIANCE)

    def variance(self) -> Floats:
        """Give the reference's variance of a square, as a Gaussian value has it."""
        variance: Floats = 2 * self.mean() ** 2
        return variance


class Rate:
    """How often something happens: a category, a missing value, an error.

    Tilts go with the rate; they are kept until it has moved, and ψ follows it in a straight line
    that lies above ψ.

    Args:
        rate: Of the reference, per monitor.
        rows: Rows that the reference is known from.
    """

    def __init__(self, rate: Floats, rows: Floats) -> None:
        self.arrays = {"rows": np.maximum(rows, 1.0), "total": rate * rows, "anchor": np.zeros(rows.size)}
        self.arrays["anchor"] = self.mean()
        self._tilted = np.zeros(0)  # the anchors that what follows is of
        self.refresh()

    def sums(self, blocks: Blocks) -> Floats:
        """Give how often it happened."""
        return blocks.total

    def take(self, sums: Floats, blocks: Blocks) -> Evidence:
        """Test blocks, then absorb them; see :class:`Score`."""
        rows = blocks.rows
        known = _before(self.arrays, "rows", rows)
        rate = _smooth(_before(self.arrays, "total", sums), known)
        exponents = _exponents(self._tilts, sums, self._cumulants, self._doubt, rows, known)
        exponents -= self._slopes * (rows * (rate - self.arrays["anchor"]))[:, None, :]
        return Evidence(exponents, (sums - rows * rate) / np.sqrt(rate * (1 - rate)))

    def learn(self) -> None:
        """Take the tilts of the rates that have moved anew."""
        rate, anchor = self.mean(), self.arrays["anchor"]
        moved = np.abs(rate - anchor) > _MOVED * np.minimum(anchor, 1 - anchor)
        if moved.any():
            self.arrays["anchor"] = np.where(moved, rate, anchor)
            self.refresh()

    def refresh(self) -> None:
        """Compute the tilts of those rates whose tilts are not at hand."""
        anchor = self.arrays["anchor"]
        if self._tilted.shape != anchor.shape:
            self._tilted = np.zeros(anchor.size)
            self._tilts, self._cumulants, self._slopes, self._doubt = np.zeros(
                (4, TILTS, anchor.size)
            )
        stale = self._tilted != anchor
        if stale.any():
            rates = anchor[stale]
            tilts = rate_tilts(rates)
            growth = np.expm1(tilts)
            slopes = growth / (1 + rates * growth)
            self._tilts[:, stale] = tilts
            self._cumulants[:, stale] = np.log1p(rates * growth)
            self._slopes[:, stale] = slopes
            self._doubt[:, stale] = slopes**2 * (rates * (1 - rates) / 2)
            self._tilted[stale] = rates

    def explain(self, variance: Floats) -> None:
        """Nothing is known of the rate's variance but the rate."""

    def mean(self) -> Floats:
        """Give the reference's rate, never 0 or 1: unseen in n rows is not never."""
        return _smooth(self.arrays["total"], self.arrays["rows"])

    def variance(self) -> Floats:
        """Give the reference's variance."""
        rate = self.mean()
        variance: Floats = rate * (1 - rate)
        return variance


def rate_tilts(rates: Floats) -> Floats:
    """Give the tilts of rates for the grid of divergences, upwards and downwards.

    Args:
        rates: One per monitor.

    Returns:
        Of shape (tilts, monitors); where no rate is as far away, the farthest there is.
    """

    def divergence(other: Floats) -> Floats:
        value: Floats = other * np.log(other / rates) + (1 - other) * np.log(
            (1 - other) / (1 - rates)
        )
        return value

    near = np.broadcast_to(rates, (TILTS, rates.size))
    far = np.repeat([1 - 1e-6, 1e-6], TILTS // 2)[:, None]
    away = solve(divergence, np.broadcast_to(BOTH_WAYS[:, None], near.shape), near, far)
    tilts: Floats = np.log(away / (1 - away)) - np.log(rates / (1 - rates))
    return tilts


def _smooth(total: Floats, rows: Floats) -> Floats:
    rate = (total + 1.0) / (rows + 2.0)
    return np.minimum(np.maximum(rate, _LEAST_RATE), 1 - _LEAST_RATE)


def _before(arrays: dict[str, Floats], name: str, added: Floats) -> Floats:
    """Add blocks to a running sum; give what it was before each, whatever their grouping."""
    path = np.cumsum(np.concatenate([arrays[name][None], added]), axis=0)
    arrays[name] = path[-1]
    before: Floats = path[:-1]
    return before


def _exponents(
    tilts: Floats, sums: Floats, cumulants: Floats, doubt: Floats, rows: Floats, known: Floats
) -> Floats:
    """Give λ·S - b·ψ - doubt·b²/n, of shape (blocks, tilts, monitors)."""
    exponents: Floats = _by_tilt(tilts) * sums[:, None, :]
    exponents -= _by_tilt(cumulants) * rows[:, None, :]
    exponents -= _by_tilt(doubt) * (rows**2 / known)[:, None, :]
    return exponents


def _by_tilt(values: Floats) -> Floats:
    return values[:, None] if values.ndim == 1 else values


def _cumulants(usual: Floats, monitors: int, given: Floats | None) -> Floats:
    shape = (TILTS, monitors)
    return np.array(np.broadcast_to(usual[:, None] if given is None else given, shape), dtype=float)


def _cumulants_of(scores: Floats, tilts: Floats, least: Floats) -> Floats:
    return np.maximum(np.log(np.exp(tilts[:, None] * scores).mean(axis=1)), least)
