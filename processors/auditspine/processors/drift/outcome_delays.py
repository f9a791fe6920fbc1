"""Delays of outcomes as scores: where each lies among the first ones. Pure.

A delay becomes the value that an exponential variable of mean 1 has at its rank, so that neither
unit nor tail matters, nor whether outcomes come in batches. What ranks alike, or between two ranks,
gets the mean over the ranks that it may have.
"""

import numpy as np

from auditspine.processors.drift.mixture import Floats

_MOST = 1000  # delays that are kept


class Ranks:
    """The delays that others are ranked among.

    Args:
        delays: In order, none or more.
    """

    def __init__(self, delays: Floats) -> None:
        self.delays = delays

    @classmethod
    def learned(cls, delays: Floats) -> "Ranks":
        """Learn from the first delays, in any order and unit; of many some are kept."""
        ordered = np.sort(delays)
        if ordered.size > _MOST:
            ordered = ordered[np.linspace(0, ordered.size - 1, _MOST).round().astype(int)]
        return cls(ordered)

    def scores(self, delays: Floats) -> Floats:
        """Give the scores of delays; NaN where there is none, or nothing to rank it among."""
        known = self.delays.size
        if not known:
            return np.full(delays.shape, np.nan)
        low = self.delays.searchsorted(delays, "left") / (known + 1)
        high = (self.delays.searchsorted(delays, "right") + 1) / (known + 1)
        scores = (_below(high) - _below(low)) / (high - low)
        return np.where(np.isfinite(delays), scores, np.nan)


def _below(rank: Floats) -> Floats:
    """Give the integral of -ln(1 - u) up to a rank of 0 to 1."""
    left = np.maximum(1 - rank, np.finfo(float).tiny)
    below: Floats = rank + left * np.log(left)
    return below
