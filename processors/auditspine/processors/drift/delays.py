"""The score of waiting times: whether outcomes come later, or sooner, than they did. Pure.

A delay over its mean in the reference is taken for an exponential of mean 1: a tilt of 1 - 1/r is
for delays r times as long, and ψ is ln r.
"""

from typing import ClassVar

import numpy as np

from auditspine.processors.drift.mixture import KL_GRID, Floats
from auditspine.processors.drift.roots import solve
from auditspine.processors.drift.scores import Blocks, log_ratios, standardised

_LEAST = 1e-12  # of a mean, in whatever unit
_LEAST_LEFT = 0.2  # of a delay, whatever the hour of day explains


class Delay:
    """How long something takes, in any unit.

    Args:
        mean: Of the reference, per monitor.
        rows: Rows that the reference is known from.
    """

    overshoot: ClassVar[float] = 0.5
    _longer: ClassVar[Floats] = solve(lambda r: r - 1 - np.log(r), KL_GRID, 1.0, 60.0)
    _shorter: ClassVar[Floats] = solve(lambda r: r - 1 - np.log(r), KL_GRID, 1.0, 1e-4)
    _factors: ClassVar[Floats] = np.concatenate([_longer, _shorter])
    tilts: ClassVar[Floats] = np.asarray(1 - 1 / _factors)
    _cumulants: ClassVar[Floats] = np.log(_factors)
    _doubt: ClassVar[Floats] = (tilts * _factors) ** 2 / 2

    def __init__(self, mean: Floats, rows: Floats) -> None:
        known = np.maximum(rows, 1.0)
        self.arrays = {"rows": known, "total": mean * known}

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of the delays."""
        return blocks.total

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:  # noqa: ARG002
        """Divide by what the hour explains: a delay is longer by a factor."""
        plain: Floats = sums / np.maximum(1 + explained / self.mean(), _LEAST_LEFT)
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        unit, known = sums / self.mean(), self.arrays["rows"]
        return log_ratios(self.tilts, unit, self._cumulants, self._doubt, blocks, known)

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by."""
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
        """Nothing is known of the variance but the mean."""

    def mean(self) -> Floats:
        """Give the reference's mean delay."""
        mean: Floats = self.arrays["total"] / self.arrays["rows"]
        return np.maximum(mean, _LEAST)

    def variance(self) -> Floats:
        """Give the reference's variance, as an exponential delay has it."""
        return self.variance_at(self.mean())

    def variance_at(self, mean: Floats) -> Floats:
        """Give the variance of an exponential delay of another mean."""
        variance: Floats = np.maximum(mean, _LEAST) ** 2
        return variance
