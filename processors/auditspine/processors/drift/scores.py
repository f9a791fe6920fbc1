"""Scores: what a block says of each tilt, against a reference that goes on learning. Pure.

A score gives, per tilt λ and monitor, the logarithm of a likelihood ratio over a block of b rows:
λ·S - Σψ(λ), for a sum S of the score and its cumulant function ψ under the reference. A block is
tested first and absorbed later, so that a reference of a few thousand rows does not stay wrong for
ever. The reference is itself known from n rows only: averaged over what it may be, the ratio of a
sum over w rows is smaller by (w·∂ψ)²·Var/2n to second order, which is taken off ("doubt").
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from auditspine.processors.drift.mixture import KL_GRID, TILTS, Floats
from auditspine.processors.drift.roots import solve

_LEAST_VARIANCE = 1e-2  # of a normal score: what hardly varies has a rate to be watched instead
_UNABSORBED = 100.0  # rows that are tested against one reference, on average
_LEAST_LEFT = 0.2  # of the variance, whatever the hour of day explains


@dataclass(frozen=True, slots=True)
class Blocks:
    """What is known of the values of some blocks; arrays are of shape (blocks, monitors).

    Attributes:
        total: Sum of the values.
        squares: Sum of their squares; for a score of products, of what the variance goes with.
        rows: Number of values.
        cumulants: Sum of ψ over the rows, of shape (blocks, tilts, monitors), where ψ differs from
            row to row, as it does for calibration; otherwise left out.
        first: Rows in the first of two groups, for odds ratios; otherwise left out.
    """

    total: Floats
    squares: Floats
    rows: Floats
    cumulants: Floats | None = None
    first: Floats | None = None


class Score(Protocol):
    """What a mixture bets on. The last axis of every array is the monitors.

    Attributes:
        arrays: All that a score remembers, by name; a bank saves, restores and extends them. One is
            ``rows``: those that the reference is known from.
        overshoot: Threshold over run length, as measured for blocks of 25 rows.
    """

    arrays: dict[str, Floats]
    overshoot: ClassVar[float]

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the score per block: those of the values, or of their squares."""
        ...

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:
        """Take from sums what the hour of day explains.

        Args:
            explained: By how much a row's score deviates in the block's hours, on average.
            sums: Of the score.
            rows: Number of values.
        """
        ...

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios, of shape (blocks, tilts, monitors).

        Args:
            sums: Of the score, without what the hour of day explains.
            blocks: The blocks.
        """
        ...

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums less what the reference expects, on a scale on which a row's variance is 1."""
        ...

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
        """Give the two sums of each block that the reference is to absorb.

        Args:
            sums: Of the score, without what the hour of day explains.
            blocks: The blocks.
        """
        ...

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:
        """Add rows to the reference; arrays have an element per monitor.

        Args:
            sums: The first of what :meth:`learned` gave, summed up.
            squares: The second.
            rows: How many.
        """
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

    def variance_at(self, mean: Floats) -> Floats:
        """Give the score's variance for a row if its mean were another."""
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

    overshoot: ClassVar[float] = 0.5
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

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:
        """Subtract what the hour explains."""
        plain: Floats = sums - rows * explained
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        moved, kept = self.moved(sums, blocks), self.arrays
        return log_ratios(self.tilts, moved, kept["cumulants"], self._doubt, blocks, kept["rows"])

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by; see :class:`Score`."""
        return standardised(self, sums, blocks)

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
        """Give the sums, and the squares without what the hour explains."""
        if sums is blocks.total:
            return sums, blocks.squares
        explained = (blocks.total - sums) / np.maximum(blocks.rows, 1.0)
        return sums, blocks.squares - explained * (blocks.total + sums)

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:
        """Add rows to the reference; see :class:`Score`."""
        self.arrays["rows"] = self.arrays["rows"] + rows
        self.arrays["total"] = self.arrays["total"] + sums
        self.arrays["squares"] = self.arrays["squares"] + squares

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
        variance: Floats = self.arrays["squares"] / self.arrays["rows"] - self.mean() ** 2
        return np.maximum(variance, _LEAST_VARIANCE)

    def variance_at(self, mean: Floats) -> Floats:  # noqa: ARG002
        """Give the same variance wherever the mean is."""
        return self.variance()


class Factor:
    """Values above 0 whose changes are factors: all of them grow, or shrink, alike.

    Args:
        mean: Of the reference, per monitor.
        rows: Rows that the reference is known from.
        cumulants: ψ of each tilt for a value over its mean, of shape (tilts, monitors), where it is
            not that of the usual distribution.
    """

    overshoot: ClassVar[float] = 0.5
    tilts: ClassVar[Floats]
    _usual: ClassVar[Floats]
    _doubt: ClassVar[Floats]
    _least: ClassVar[float]  # of a mean
    _spread: ClassVar[float]  # variance of a value over its mean

    def __init__(self, mean: Floats, rows: Floats, cumulants: Floats | None = None) -> None:
        known = np.maximum(rows, 1.0)
        self.arrays = {
            "rows": known,
            "total": np.maximum(mean, self._least) * known,
            "cumulants": _cumulants(self._usual, rows.size, cumulants),
        }

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the values."""
        return blocks.total

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:  # noqa: ARG002
        """Divide by what the hour explains, which is a factor as well."""
        plain: Floats = sums / np.maximum(1 + explained / self.mean(), _LEAST_LEFT)
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        unit, kept = sums / self.mean(), self.arrays
        return log_ratios(self.tilts, unit, kept["cumulants"], self._doubt, blocks, kept["rows"])

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by; see :class:`Score`."""
        return standardised(self, sums, blocks)

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
        """Give the sums; nothing is made of the squares."""
        return sums, blocks.squares

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:  # noqa: ARG002
        """Add rows to the reference; see :class:`Score`."""
        self.arrays["rows"] = self.arrays["rows"] + rows
        self.arrays["total"] = self.arrays["total"] + sums

    def refresh(self) -> None:
        """Nothing is kept for speed."""

    def explain(self, variance: Floats) -> None:
        """Nothing is known of a value's variance but its mean."""

    def mean(self) -> Floats:
        """Give the reference's mean of a value."""
        mean: Floats = self.arrays["total"] / self.arrays["rows"]
        return np.maximum(mean, self._least)

    def variance(self) -> Floats:
        """Give the reference's variance of a value."""
        return self.variance_at(self.mean())

    def variance_at(self, mean: Floats) -> Floats:
        """Give the variance of a value of another mean: it goes with its square."""
        variance: Floats = self._spread * np.maximum(mean, self._least) ** 2
        return variance


class Scale(Factor):
    """A normal score's spread: its square, which is χ² with one degree of freedom.

    Its mean is the variance of the reference around 0.
    """

    _wider: ClassVar[Floats] = solve(lambda r: (r - 1 - np.log(r)) / 2, KL_GRID, 1.0, 60.0)
    _narrower: ClassVar[Floats] = solve(lambda r: (r - 1 - np.log(r)) / 2, KL_GRID, 1.0, 1e-4)
    _factors: ClassVar[Floats] = np.concatenate([_wider, _narrower])
    tilts: ClassVar[Floats] = np.asarray((1 - 1 / _factors) / 2)
    _usual: ClassVar[Floats] = np.log(_factors) / 2
    _doubt: ClassVar[Floats] = (tilts * _factors) ** 2
    _least: ClassVar[float] = _LEAST_VARIANCE
    _spread: ClassVar[float] = 2.0

    @classmethod
    def cumulants_of(cls, training: Floats) -> Floats:
        """Give ψ of each tilt for equally likely values' squares; never below that of χ²."""
        squares = training**2
        mean = np.maximum(squares.mean(), _LEAST_VARIANCE)
        return _cumulants_of(squares / mean, cls.tilts, cls._usual)

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the squares."""
        return blocks.squares


class Delay(Factor):
    """How long something takes, in any unit: over its mean an exponential of mean 1.

    A tilt of 1 - 1/r is for delays r times as long, and ψ is ln r.
    """

    _longer: ClassVar[Floats] = solve(lambda r: r - 1 - np.log(r), KL_GRID, 1.0, 60.0)
    _shorter: ClassVar[Floats] = solve(lambda r: r - 1 - np.log(r), KL_GRID, 1.0, 1e-4)
    _factors: ClassVar[Floats] = np.concatenate([_longer, _shorter])
    tilts: ClassVar[Floats] = np.asarray(1 - 1 / _factors)
    _usual: ClassVar[Floats] = np.log(_factors)
    _doubt: ClassVar[Floats] = (tilts * _factors) ** 2 / 2
    _least: ClassVar[float] = 1e-12  # in whatever unit
    _spread: ClassVar[float] = 1.0


def standardised(score: Score, sums: Floats, blocks: Blocks) -> Floats:
    """Give sums less what a score's reference expects, in its standard deviations of a row."""
    moved: Floats = (sums - blocks.rows * score.mean()) / np.sqrt(score.variance())
    return moved


def log_ratios(
    tilts: Floats, sums: Floats, cumulants: Floats, doubt: Floats, blocks: Blocks, known: Floats
) -> Floats:
    """Give λ·S - Σψ - doubt·b·w/n, of shape (blocks, tilts, monitors)."""
    exponents: Floats = _by_tilt(tilts) * sums[:, None, :]
    rows = blocks.rows[:, None, :]
    given = blocks.cumulants
    exponents -= _by_tilt(cumulants) * rows if given is None else given
    exponents -= _by_tilt(doubt) * (_UNABSORBED / known) * rows
    return exponents


def _by_tilt(values: Floats) -> Floats:
    return values[:, None] if values.ndim == 1 else values


def _cumulants(usual: Floats, monitors: int, given: Floats | None) -> Floats:
    shape = (TILTS, monitors)
    return np.array(np.broadcast_to(usual[:, None] if given is None else given, shape), dtype=float)


def _cumulants_of(scores: Floats, tilts: Floats, least: Floats) -> Floats:
    cumulants: Floats = np.log(np.exp(tilts[:, None] * scores).mean(axis=1))
    return np.maximum(cumulants, least)
