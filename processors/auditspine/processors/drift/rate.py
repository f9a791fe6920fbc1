"""The score of how often something happens: a category, a missing value, an error. Pure."""

from typing import ClassVar

import numpy as np

from auditspine.processors.drift.mixture import BOTH_WAYS, TILTS, Flags, Floats
from auditspine.processors.drift.roots import solve
from auditspine.processors.drift.scores import Blocks, log_ratios, standardised

_LEAST = 1e-4  # what has never been seen is known only as far as its rows go
_EDGE = 1e-6  # as near to 0 and 1 as a tilt goes
_MOVED = 0.03  # by how much, of itself, a rate may move before its tilts are computed again


class Rate:
    """How often something happens: a category, a missing value, an error.

    Tilts go with the rate; they are kept until it has moved, and ψ follows it in a straight line
    that lies above ψ.

    Args:
        rate: Of the reference, per monitor.
        rows: Rows that the reference is known from.
    """

    overshoot: ClassVar[float] = 0.55

    def __init__(self, rate: Floats, rows: Floats) -> None:
        self.arrays = {
            "rows": np.maximum(rows, 1.0),
            "total": rate * rows,
            "anchor": np.zeros(rows.size),
        }
        self.arrays["anchor"] = self.mean()
        self._tilted = np.zeros(0)  # the anchors that the tilts, ψ, its slope and doubt are of
        self._tilts = self._cumulants = self._slopes = self._doubt = np.zeros((TILTS, 0))
        self._beyond = np.zeros((TILTS, 0), dtype=bool)
        self.refresh()

    def sums(self, blocks: Blocks) -> Floats:
        """Give how often it happened."""
        return blocks.total

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:
        """Subtract what the hour explains."""
        plain: Floats = sums - rows * explained
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        kept = self.arrays
        cumulants = self._cumulants + self._slopes * (self.mean() - kept["anchor"])
        ratios = log_ratios(self._tilts, sums, cumulants, self._doubt, blocks, kept["rows"])
        ratios[:, self._beyond] = -np.inf
        return ratios

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by; see :class:`Score`."""
        return standardised(self, sums, blocks)

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:
        """Give the sums; nothing is made of the squares."""
        return sums, blocks.squares

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:  # noqa: ARG002
        """Add rows to the reference, and take the tilts of rates that have moved anew."""
        self.arrays["rows"] = self.arrays["rows"] + rows
        self.arrays["total"] = self.arrays["total"] + sums
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
            self._beyond = np.zeros((TILTS, anchor.size), dtype=bool)
        stale = self._tilted != anchor
        if stale.any():
            rates = anchor[stale]
            tilts, self._beyond[:, stale] = rate_tilts(rates)
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
        return self.variance_at(self.mean())

    def variance_at(self, mean: Floats) -> Floats:
        """Give the variance at another rate."""
        rate = np.minimum(np.maximum(mean, _LEAST), 1 - _LEAST)
        variance: Floats = rate * (1 - rate)
        return variance


def rate_tilts(rates: Floats) -> tuple[Floats, Flags]:
    """Give the tilts of rates for the grid of divergences, upwards and downwards.

    Args:
        rates: One per monitor.

    Returns:
        The tilts, of shape (tilts, monitors), and where no rate is as far away: a bet on it would
        win a little for ever from what merely has not happened yet.
    """

    def divergence(other: Floats) -> Floats:
        value: Floats = other * np.log(other / rates) + (1 - other) * np.log(
            (1 - other) / (1 - rates)
        )
        return value

    near = np.broadcast_to(rates, (TILTS, rates.size))
    far = np.repeat([1 - _EDGE, _EDGE], TILTS // 2)[:, None]
    wanted = np.broadcast_to(BOTH_WAYS[:, None], near.shape)
    away = solve(divergence, wanted, near, far)
    tilts: Floats = np.log(away / (1 - away)) - np.log(rates / (1 - rates))
    return tilts, divergence(np.broadcast_to(far, near.shape)) < wanted


def _smooth(total: Floats, rows: Floats) -> Floats:
    rate = (total + 1.0) / (rows + 2.0)
    return np.minimum(np.maximum(rate, _LEAST), 1 - _LEAST)
