"""The score of calibration: whether what was said to be likely happens as often. Pure.

A row's score is y - p, for an outcome y and the probability p that was said; its cumulant function
ψ(λ) = ln(1 - p + p·e^λ) - λp differs from row to row. There is nothing to be learned: a model whose
probabilities are wrong from the start is not calibrated either.
"""

from typing import ClassVar

import numpy as np

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.rate import rate_tilts
from auditspine.processors.drift.scores import Blocks, log_ratios

_MOST = 6.0  # of a tilt: odds times 403
_LEAST_RATE = 1e-4  # that tilts are chosen for
_KNOWN = 1e12  # rows: probabilities are no estimates


def calibration_tilts(rate: Floats) -> Floats:
    """Give the tilts that fit events of some rate, of shape (tilts, monitors)."""
    tilts, _ = rate_tilts(np.clip(rate, _LEAST_RATE, 1 - _LEAST_RATE))
    return np.clip(tilts, -_MOST, _MOST)


def calibration_blocks(outcomes: Floats, probabilities: Floats, tilts: Floats) -> Blocks:
    """Sum up outcomes and what was said of them.

    Args:
        outcomes: 0 or 1, of shape (blocks, rows, monitors); NaN where there is none.
        probabilities: That it is 1, likewise; a row with one outside 0 to 1 is left out.
        tilts: What :func:`calibration_tilts` gave.

    Returns:
        ``total`` of y - p, ``squares`` of its variance p(1 - p), ``rows`` with both, and ψ.
    """
    has = np.isfinite(outcomes) & (probabilities >= 0) & (probabilities <= 1)
    p = np.where(has, probabilities, 0.0)
    said = p.sum(axis=1)
    cumulants = np.log1p(p[:, :, None, :] * np.expm1(tilts)).sum(axis=1)
    cumulants -= tilts * said[:, None, :]
    total = np.where(has, outcomes, 0.0).sum(axis=1) - said
    return Blocks(total, (p * (1 - p)).sum(axis=1), has.sum(axis=1).astype(float), cumulants)


class Calibration:
    """Outcomes less what was said of them; blocks are those of :func:`calibration_blocks`.

    Args:
        rate: How often the outcome is 1, per monitor, which tilts are chosen for.
    """

    overshoot: ClassVar[float] = 0.5

    def __init__(self, rate: Floats) -> None:
        self.arrays = {"rows": np.full(rate.size, _KNOWN), "rate": np.array(rate, dtype=float)}
        self._tilts = calibration_tilts(self.arrays["rate"])

    def sums(self, blocks: Blocks) -> Floats:
        """Give the sums of y - p."""
        return blocks.total

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:
        """Subtract what the hour explains."""
        plain: Floats = sums - rows * explained
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        if blocks.cumulants is None:
            raise ValueError("expected blocks with ψ of each row, got none")
        none = np.zeros(self._tilts.shape)
        return log_ratios(self._tilts, sums, none, none, blocks, self.arrays["rows"])

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by in a block, given its probabilities."""
        says = blocks.squares > 0
        scale = np.where(says, blocks.squares, 1.0)
        moved: Floats = sums * np.sqrt(blocks.rows / scale) * says
        return moved

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
        """Give sums and squares, though nothing is made of them."""
        return sums, blocks.squares

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:
        """Nothing is learned."""

    def refresh(self) -> None:
        """Compute the tilts."""
        self._tilts = calibration_tilts(self.arrays["rate"])

    def explain(self, variance: Floats) -> None:
        """Nothing is known of the variance but the probabilities."""

    def mean(self) -> Floats:
        """Give 0: what was said is what is expected."""
        return np.zeros(self.arrays["rows"].size)

    def variance(self) -> Floats:
        """Give the variance of a row of which no more is known than the rate."""
        rate = np.clip(self.arrays["rate"], _LEAST_RATE, 1 - _LEAST_RATE)
        variance: Floats = rate * (1 - rate)
        return variance

    def variance_at(self, mean: Floats) -> Floats:  # noqa: ARG002
        """Give the same variance wherever the mean is."""
        return self.variance()
