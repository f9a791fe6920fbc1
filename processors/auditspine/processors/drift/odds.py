"""The score of two groups' odds: whether something happens more often in one of them. Pure.

Given the rows of both groups in a block and how often it happened in both together, how often it
happened in the first follows Fisher's noncentral hypergeometric distribution, which depends on the
ratio of the odds alone: whatever path the common odds take, they say nothing. A tilt λ multiplies
the ratio by e^λ. The reference is the ratio of Mantel and Haenszel's sums over blocks.

Source: Fisher, *The logic of inductive inference*, 1935; Mantel and Haenszel, *Statistical aspects
of the analysis of data from retrospective studies of disease*, 1959.
"""

from typing import ClassVar, NamedTuple

import numpy as np

from auditspine.processors.drift.mixture import BOTH_WAYS, TILTS, Floats
from auditspine.processors.drift.scores import Blocks, log_ratios

_MOST = 5.0  # of a tilt: odds times 148
_MOST_RATIO = np.exp(5.0)  # of the reference
_LEAST_SCATTER = 1e-9  # of a block's count: less says nothing
_SMOOTH = 0.5  # added to both sums: unseen is not never
_WAYS = np.repeat([1.0, -1.0], TILTS // 2)[:, None]


class _Given(NamedTuple):
    """What is known of counts in the first group, given the rows and hits of both.

    Attributes:
        least: The least count that is possible.
        factors: What each term of M is to the one before it; see :func:`_terms`.
        mean: Of the count, less the least.
        variance: Of the count.
    """

    least: Floats
    factors: Floats
    mean: Floats
    variance: Floats


class OddsRatio:
    """Two groups' odds of something, given how often it happens in both together.

    Blocks are those of :func:`odds_contrasts`, of 50 rows at most.

    Args:
        ratio: Of the odds in the first group to those in the second, in the reference.
        rate: How often it happens in both.
        share: Of the first group among both.
        rows: Rows of both that the reference is known from.
    """

    overshoot: ClassVar[float] = 0.6

    def __init__(self, ratio: Floats, rate: Floats, share: Floats, rows: Floats) -> None:
        known = np.maximum(rows, 1.0)
        said = known * rate * (1 - rate) * share * (1 - share)
        root = np.sqrt(np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO))
        self.arrays = {"rows": known, "agreeing": said * root, "opposed": said / root}
        self._latest: tuple[Blocks, _Given] | None = None

    def sums(self, blocks: Blocks) -> Floats:
        """Give by how much it happened more often in the first group than the reference expects."""
        given = self._given(blocks)
        sums: Floats = blocks.total - given.least - given.mean
        return sums

    def without(self, explained: Floats, sums: Floats, rows: Floats) -> Floats:
        """Subtract what the hour explains."""
        plain: Floats = sums - rows * explained
        return plain

    def exponents(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give the log likelihood ratios; see :class:`Score`."""
        given, variance = self._given(blocks), self.variance()
        tilts = _WAYS * np.minimum(np.sqrt(2 * BOTH_WAYS[:, None] / variance), _MOST)
        places = np.concatenate([np.zeros((1, variance.size)), tilts])
        logs = np.log(_polynomial(given.factors, self.ratio() * np.exp(places)))
        cumulants = logs[:, 1:] - logs[:, :1] - tilts * given.mean[:, None, :]
        told = Blocks(blocks.total, blocks.squares, blocks.rows, cumulants)
        doubt = tilts**2 * (variance / 2)
        return log_ratios(tilts, sums, cumulants, doubt, told, self.arrays["rows"])

    def moved(self, sums: Floats, blocks: Blocks) -> Floats:
        """Give sums over what they scatter by in a block, given its rows, hits and the ratio."""
        variance, rows = self._given(blocks).variance, np.maximum(blocks.rows, 1.0)
        says = variance > _LEAST_SCATTER
        moved: Floats = sums * np.sqrt(rows / np.where(says, variance, 1.0)) * says
        return moved

    def learned(self, sums: Floats, blocks: Blocks) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Give Mantel and Haenszel's sums, of pairs that agree and of pairs that are opposed."""
        k, t, n, n1 = blocks.total, blocks.squares, blocks.rows, _first(blocks)
        rows = np.maximum(n, 1.0)
        return k * (n - n1 - t + k) / rows, (n1 - k) * (t - k) / rows

    def absorb(self, sums: Floats, squares: Floats, rows: Floats) -> None:
        """Add rows to the reference: what :meth:`learned` gave, summed up."""
        self.arrays["rows"] = self.arrays["rows"] + rows
        self.arrays["agreeing"] = self.arrays["agreeing"] + sums
        self.arrays["opposed"] = self.arrays["opposed"] + squares
        self.refresh()

    def refresh(self) -> None:
        """Forget what is kept of the latest blocks, by another ratio."""
        self._latest = None

    def explain(self, variance: Floats) -> None:
        """Nothing is known of the variance but what pairs say."""

    def _given(self, blocks: Blocks) -> "_Given":
        """Give what rows and hits of blocks say; it is asked for several times of each."""
        if self._latest is None or self._latest[0] is not blocks:
            least, factors = _terms(blocks)
            self._latest = blocks, _Given(least, factors, *_moments(factors, self.ratio()))
        return self._latest[1]

    def ratio(self) -> Floats:
        """Give the reference's ratio of odds."""
        agreeing, opposed = self.arrays["agreeing"], self.arrays["opposed"]
        ratio = (agreeing + _SMOOTH) / (opposed + _SMOOTH)
        return np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO)

    def mean(self) -> Floats:
        """Give 0: the score is what is left of the expected."""
        return np.zeros(self.arrays["rows"].size)

    def variance(self) -> Floats:
        """Give the score's variance for a row; without a ratio both sums' mean is just that."""
        pairs = (self.arrays["agreeing"] + _SMOOTH) * (self.arrays["opposed"] + _SMOOTH)
        variance: Floats = np.sqrt(pairs) / self.arrays["rows"]
        return variance

    def variance_at(self, mean: Floats) -> Floats:  # noqa: ARG002
        """Give the same variance wherever the mean is."""
        return self.variance()


def _first(blocks: Blocks) -> Floats:
    if blocks.first is None:
        raise ValueError("expected blocks with the rows of the first group, got none")
    return blocks.first


def _terms(blocks: Blocks) -> tuple[Floats, Floats]:
    """Give the least count that is possible, and what each term of M is to the one before it.

    M(w) = Σ C(n₁, k) C(n₂, t - k) wᵏ over all counts k; the factors are of shape (blocks, terms,
    monitors), without w, and 0 from the last count on.
    """
    n1, t = _first(blocks), blocks.squares
    n2 = blocks.rows - n1
    least = np.maximum(t - n2, 0.0)
    terms = int((np.minimum(n1, t) - least).max(initial=0.0))
    k = least[:, None, :] + np.arange(terms)[:, None]
    n1, t, n2 = n1[:, None, :], t[:, None, :], n2[:, None, :]
    ways = np.maximum(n1 - k, 0.0) * np.maximum(t - k, 0.0)
    return least, ways / ((k + 1) * (n2 - t + k + 1))


def _polynomial(factors: Floats, at: Floats) -> Floats:
    """Give M over its first term by Horner's scheme, of shape (blocks, places, monitors)."""
    value = np.ones((factors.shape[0], *at.shape))
    for term in reversed(range(factors.shape[1])):
        value *= at
        value *= factors[:, term, None, :]
        value += 1.0
    return value


def _moments(factors: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Give mean and variance of the count by M, less the least possible.

    With θ = w·d/dw the mean is θM / M, and the variance θ²M / M less its square.
    """
    shape = factors.shape[0], at.size
    value, slope, curve = np.ones(shape), np.zeros(shape), np.zeros(shape)
    for term in reversed(range(factors.shape[1])):
        step = factors[:, term] * at
        curve = step * (value + 2 * slope + curve)
        slope = step * (value + slope)
        value = 1.0 + step * value
    mean: Floats = slope / value
    return mean, np.maximum(curve / value - mean**2, 0.0)
