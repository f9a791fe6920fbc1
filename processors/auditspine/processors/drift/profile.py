"""The training profile of a numeric feature, and the normal scores that it gives. Pure.

A profile holds quantiles, never data. A value's normal score is the standard normal's quantile at
the value's place among them: heavy tails, odd units and zero inflation all become one
scale, on which a shift of a training spread is 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.mixture import Floats

Places = NDArray[np.intp]

PROBABILITIES = np.concatenate([[0.001, 0.005], np.linspace(0.01, 0.99, 99), [0.995, 0.999]])
"""Where a profile's quantiles lie, unless it says otherwise."""

_NORMAL = NormalDist()
_MOST = 3.3  # a normal score beyond the outermost quantiles
_GRID = (np.arange(4000) + 0.5) / 4000  # equally likely places, for what training looked like
_GRID_SCORES = np.array([_NORMAL.inv_cdf(float(p)) for p in _GRID])
_LEAST_POINTS = 3
_ROWS_PER_POINT = 2  # how far k quantiles are relied on: as far as this · k² rows go,
_ROWS_OUTSIDE = 20  # and if so many or fewer lie beyond the outermost


@dataclass(frozen=True, slots=True)
class NumericProfile:
    """Quantiles of a feature in training.

    Attributes:
        quantiles: In the order of ``probabilities``; they do not fall.
        rows: Rows that they were taken from.
        probabilities: Where they lie, rising, between 0 and 1.
    """

    quantiles: Floats
    rows: int
    probabilities: Floats = field(default_factory=lambda: PROBABILITIES)
    _values: Floats = field(init=False, repr=False)
    _scores: Floats = field(init=False, repr=False)
    _training: Floats = field(init=False, repr=False)
    _slope: float = field(init=False, repr=False)
    _mode: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check(self.quantiles, self.probabilities, self.rows)
        places, quantiles = _inner(self.probabilities, self.quantiles, self.rows)
        values, start = np.unique(quantiles, return_index=True)
        end = np.append(start[1:], places.size) - 1
        low, high = _edges(places, start, end)
        scores = np.where(end > start, _middle(low, high), _scores_at(places[start]))
        share = np.where(end > start, high - low, 0.0)
        training = _GRID_SCORES.copy()
        for tie in np.flatnonzero(share):
            training[(low[tie] < _GRID) & (high[tie] > _GRID)] = scores[tie]
        for name, value in (
            ("_values", values),
            ("_scores", scores),
            ("_training", training),
            ("_slope", _slope(values, scores)),
            ("_mode", (float(values[share.argmax()]), float(share.max()))),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, values: Floats) -> "NumericProfile":
        """Take a profile of training values; those that are no finite numbers are left out.

        Raises:
            ValueError: There is no finite value.
        """
        finite = values[np.isfinite(values)]
        if not finite.size:
            raise ValueError(f"expected a finite value, got none among {values.size}")
        return cls(np.quantile(finite, PROBABILITIES), finite.size)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[float, float]], rows: int) -> "NumericProfile":
        """Make a profile of pairs of a probability and the quantile there, in any order.

        Raises:
            ValueError: They are fewer than three, or not quantiles.
        """
        ordered = np.array(sorted(pairs), dtype=float).reshape(-1, 2)
        return cls(ordered[:, 1], rows, ordered[:, 0])

    @property
    def mode(self) -> float:
        """The value that most training rows share."""
        return self._mode[0]

    @property
    def mode_share(self) -> float:
        """The share of training rows that have it; 0 where no two quantiles are equal."""
        return self._mode[1]

    @property
    def constant(self) -> bool:
        """Whether all quantiles are one: such a feature has a rate to be watched, no place."""
        return bool(self._values.size == 1)

    @property
    def known_rows(self) -> float:
        """Rows that the reference counts as: fewer than in training where quantiles are few."""
        inner = self.probabilities[(self.probabilities > 0) & (self.probabilities < 1)]
        outside = max(inner[0], 1 - inner[-1]) if inner.size else 1.0
        return float(min(self.rows, _ROWS_PER_POINT * inner.size**2 + 1, _ROWS_OUTSIDE / outside))

    @property
    def mean(self) -> float:
        """The mean of the normal score in training, by the quantiles."""
        return float(self._training.mean())

    @property
    def variance(self) -> float:
        """Its variance: 1 unless many rows share a value."""
        return float(self._training.var())

    @property
    def training(self) -> Floats:
        """Equally likely normal scores, as training had them by the quantiles."""
        return self._training

    def normal_scores(self, values: Floats) -> Floats:
        """Give values' normal scores; NaN where a value is no finite number.

        A value that many training rows share gets the mean of the scores that it spans. Beyond the
        outermost quantiles scores go on in a straight line, up to 3.3.
        """
        values = np.asarray(values, dtype=float)
        known, scores = self._values, self._scores
        if self.constant:
            inside = np.where(values > known[0], _MOST, np.where(values < known[0], -_MOST, 0.0))
            return np.where(np.isfinite(values), inside, np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            inside = np.interp(values, known, scores)
            above = scores[-1] + (values - known[-1]) / self._slope
            below = scores[0] + (values - known[0]) / self._slope
            out = np.where(values > known[-1], above, np.where(values < known[0], below, inside))
        return np.where(np.isfinite(values), np.clip(out, -_MOST, _MOST), np.nan)

    def differs(self, values: Floats) -> Floats:
        """Give 1 where a value is not the mode, 0 where it is, NaN where it is no finite number."""
        values = np.asarray(values, dtype=float)
        return np.where(np.isfinite(values), (values != self.mode).astype(float), np.nan)


def _check(quantiles: Floats, probabilities: Floats, rows: int) -> None:
    if quantiles.shape != probabilities.shape or quantiles.size < _LEAST_POINTS or rows < 1:
        raise ValueError(
            f"expected {_LEAST_POINTS} quantiles or more of at least one row, got "
            f"{quantiles.size} at {probabilities.size} probabilities of {rows} rows"
        )
    if not np.all(np.isfinite(quantiles)) or np.any(np.diff(quantiles) < 0):
        raise ValueError("expected finite quantiles that do not fall")
    if not np.all(np.diff(probabilities) > 0) or probabilities[0] < 0 or probabilities[-1] > 1:
        raise ValueError("expected probabilities that rise, between 0 and 1")


def _inner(probabilities: Floats, quantiles: Floats, rows: int) -> tuple[Floats, Floats]:
    """Leave out the least and the greatest value, which say little, unless few others are left."""
    inner = (probabilities > 0) & (probabilities < 1)
    if inner.sum() >= _LEAST_POINTS:
        return probabilities[inner], quantiles[inner]
    return np.clip(probabilities, 0.5 / (rows + 1), 1 - 0.5 / (rows + 1)), quantiles


def _edges(places: Floats, start: Places, end: Places) -> tuple[Floats, Floats]:
    """Give where the rows that share a value begin and end: half-way to the next quantile."""
    borders = np.concatenate([[0.0], (places[1:] + places[:-1]) / 2, [1.0]])
    return borders[start], borders[end + 1]


def _scores_at(places: Floats) -> Floats:
    return np.array([_NORMAL.inv_cdf(float(p)) for p in places])


def _middle(low: Floats, high: Floats) -> Floats:
    """Give the mean of the standard normal between two places."""

    def density(place: float) -> float:
        return _NORMAL.pdf(_NORMAL.inv_cdf(place)) if 0 < place < 1 else 0.0

    at_low = np.array([density(float(p)) for p in low])
    at_high = np.array([density(float(p)) for p in high])
    middle: Floats = (at_low - at_high) / np.maximum(high - low, 1e-12)
    return middle


def _slope(values: Floats, scores: Floats) -> float:
    """Give the width of a normal score of 1, about the middle of the distribution."""
    if values.size == 1:
        return 1.0
    low, high = np.interp([-1.0, 1.0], scores, values)
    inner = float(high - low) / 2
    return inner if inner > 0 else float(values[-1] - values[0])
