"""Intervals of rates, means and how far two of them lie apart. Pure.

All are of 95% confidence. Sources: Wilson, *Probable inference*, 1927 (a rate); Newcombe, *Interval
estimation for the difference between independent proportions*, 1998, method 10 (a difference); Katz
et al., *Obtaining confidence intervals for the risk ratio*, 1978 (a ratio).
"""

import math
from typing import NamedTuple

CONFIDENCE = 0.95
_Z = 1.959963984540054  # of a normal value, two-sided


class Interval(NamedTuple):
    """A figure and its interval.

    Attributes:
        value: The figure.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


class Rate(NamedTuple):
    """How often something happened.

    Attributes:
        hits: In how many rows.
        rows: Of how many, 1 or more.
    """

    hits: int
    rows: int

    @property
    def value(self) -> float:
        """The rate."""
        return self.hits / self.rows

    def interval(self) -> Interval:
        """Give the rate with Wilson's interval."""
        hits, rows = self
        middle = (hits + _Z**2 / 2) / (rows + _Z**2)
        half = _Z / (rows + _Z**2) * math.sqrt(hits * (rows - hits) / rows + _Z**2 / 4)
        low, high = max(0.0, middle - half), min(1.0, middle + half)
        return Interval(self.value, min(low, self.value), max(high, self.value))

    def less(self, other: "Rate") -> Interval:
        """Give this rate less another with Newcombe's interval."""
        mine, theirs = self.interval(), other.interval()
        gap = mine.value - theirs.value
        below = math.hypot(mine.value - mine.low, theirs.high - theirs.value)
        above = math.hypot(mine.high - mine.value, theirs.value - theirs.low)
        return Interval(gap, gap - below, gap + above)

    def against(self, other: "Rate") -> Interval | None:
        """Give the lower of two rates over the higher with Katz's interval; None when both are 0.

        Where that has no width or no end, because one rate is 0 or both are 1, half a row is added
        to each count. What exceeds 1 is 1.
        """
        lower, higher = sorted((self, other), key=lambda rate: rate.value)
        if not higher.hits:
            return None
        ratio = lower.value / higher.value
        exact = lower.hits > 0 and lower.hits < lower.rows
        more, rows = (0.0, 0.0) if exact else (0.5, 1.0)
        counts = [(rate.hits + more, rate.rows + rows) for rate in (lower, higher)]
        middle = (counts[0][0] / counts[0][1]) / (counts[1][0] / counts[1][1])
        width = math.exp(_Z * math.sqrt(sum(1 / hits - 1 / n for hits, n in counts)))
        return Interval(ratio, min(ratio, middle / width), min(1.0, max(ratio, middle * width)))


class Mean(NamedTuple):
    """Values of which the mean is asked.

    Attributes:
        rows: How many, 2 or more.
        total: Their sum.
        squares: Sum of their squares.
    """

    rows: int
    total: float
    squares: float

    @property
    def value(self) -> float:
        """The mean."""
        return self.total / self.rows

    @property
    def error(self) -> float:
        """The mean's standard error."""
        scatter = max(self.squares - self.total * self.value, 0.0) / (self.rows - 1)
        return math.sqrt(scatter / self.rows)

    def interval(self) -> Interval:
        """Give the mean with the normal interval."""
        half = _Z * self.error
        return Interval(self.value, self.value - half, self.value + half)

    def less(self, other: "Mean") -> Interval:
        """Give this mean less another with the normal interval."""
        gap, half = self.value - other.value, _Z * math.hypot(self.error, other.error)
        return Interval(gap, gap - half, gap + half)

    def against(self, other: "Mean") -> Interval | None:  # noqa: ARG002 - as a rate
        """Give nothing: means have no zero that a ratio would be of."""
        return None
