"""How long outcomes take, prediction by prediction: when each is judged, and as which score. Pure.

Outcomes in the order in which they come would say little: the first ones are the fast ones, a batch
has its own order, and where traffic falls those that come are the slow ones. So predictions are
judged in the order in which they were made, each at the same age, at which three of four outcomes
are there; what takes longer, or never comes, is longer than that.

A delay becomes the value that an exponential variable of mean 1 has at its rank among those of
before, so that neither unit nor tail matters. What ranks alike, or between two ranks, gets the mean
over the ranks that it may have.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from auditspine.processors.drift.mixture import Floats

_MOST = 1000  # delays that others are ranked among
_THERE = 0.75  # of the outcomes, when a prediction is judged
_HAND_OVER = 0.99  # of them are in the log as long after they were observed as is waited for
_MOST_FACTOR = 20.0


class Delays:
    """When predictions are judged, and what their delays are ranked among.

    Attributes:
        horizon: What takes longer, milliseconds, is not told from what never comes.
        age: How old a prediction is when it is judged, milliseconds; -1 as long as not known.
        ranked: Delays that others are ranked among, in order; none as long as not known.
    """

    def __init__(self) -> None:
        self.horizon, self.age = 0.0, -1
        self.ranked = np.zeros(0)
        self._noted: list[tuple[float, float]] = []  # of the first answered predictions
        self._kept: list[tuple[float, tuple[int, ...]]] = []  # of the first that are judged

    def note(self, delays: Floats, arrived: Floats, rows: int) -> None:
        """Take answered predictions until there are enough to know when to judge.

        Args:
            delays: Milliseconds; NaN where there is none.
            arrived: How long after its prediction each outcome was taken, milliseconds.
            rows: How many are enough.
        """
        if self.age >= 0:
            return
        pairs = zip(delays.tolist(), arrived.tolist(), strict=True)
        self._noted += [pair for pair in pairs if np.isfinite(pair[0])]
        if len(self._noted) >= rows:
            known = np.array(self._noted)
            self.horizon = float(np.quantile(known[:, 0], _THERE))
            handed = np.maximum(known[:, 1] - known[:, 0], 0.0)
            self.age = int(self.horizon + np.quantile(handed, _HAND_OVER))
            self._noted = []

    def judged(self, delay: float | None) -> float:
        """Give the delay that a prediction is judged by; None for one that is not answered."""
        return self.horizon + 1 if delay is None or delay > self.horizon else delay

    def scores(self, delays: Floats) -> Floats:
        """Give the scores of delays; NaN where there is nothing to rank them among."""
        known = self.ranked.size
        if not known:
            return np.full(delays.shape, np.nan)
        low = self.ranked.searchsorted(delays, "left") / (known + 1)
        high = (self.ranked.searchsorted(delays, "right") + 1) / (known + 1)
        scores: Floats = (_below(high) - _below(low)) / (high - low)
        return scores

    def learn(
        self, delays: Sequence[float], who: Sequence[tuple[int, ...]], rows: int
    ) -> tuple[Floats, list[tuple[int, ...]]] | None:
        """Take judged predictions until there are enough to rank others among.

        Args:
            delays: From :meth:`judged`.
            who: The groups that each is of.
            rows: How many are enough.

        Returns:
            The scores of all of them and the groups that each is of, once.
        """
        if self.ranked.size:
            return None
        self._kept += zip(delays, who, strict=True)
        if len(self._kept) < rows:
            return None
        kept, self._kept = self._kept, []
        values = np.array([delay for delay, _ in kept])
        ordered = np.sort(values)
        if ordered.size > _MOST:
            ordered = ordered[np.linspace(0, ordered.size - 1, _MOST).round().astype(int)]
        self.ranked = ordered
        return self.scores(values), [who for _, who in kept]

    @property
    def late(self) -> float:
        """Share of those of before that took longer than the horizon."""
        return float((self.ranked > self.horizon).mean()) if self.ranked.size else 0.0

    def state(self) -> tuple[list[tuple[int, ...]], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`restored` takes both."""
        kinds = list(dict.fromkeys(who for _, who in self._kept))
        places = {who: place for place, who in enumerate(kinds)}
        kept = [(delay, places[who]) for delay, who in self._kept]
        return kinds, {
            "ranked": self.ranked,
            "noted": np.array(self._noted, dtype=float).reshape(-1, 2),
            "kept": np.array(kept, dtype=float).reshape(-1, 2),
            "when": np.array([self.horizon, self.age], dtype=float),
        }

    @classmethod
    def restored(cls, kinds: Sequence[Sequence[int]], arrays: Mapping[str, Floats]) -> "Delays":
        """Go on from a state."""
        delays = cls()
        delays.ranked = arrays["ranked"]
        delays.horizon, delays.age = float(arrays["when"][0]), int(arrays["when"][1])
        delays._noted = [(delay, arrived) for delay, arrived in arrays["noted"].tolist()]
        delays._kept = [(delay, tuple(kinds[int(at)])) for delay, at in arrays["kept"].tolist()]
        return delays


def factor(mean: float, late: float) -> float:
    """Give by which factor exponential delays are longer than others of mean 1.

    Args:
        mean: Of their scores, where all above the horizon count alike.
        late: Share of the others above the horizon.
    """
    if late <= 0:
        return mean
    horizon, low, high = -np.log(late), 0.0, _MOST_FACTOR
    for _ in range(40):
        middle = (low + high) / 2
        left = float(np.exp(-horizon / middle))
        low, high = (middle, high) if middle * (1 - left) + left < mean else (low, middle)
    return (low + high) / 2


def _below(rank: Floats) -> Floats:
    """Give the integral of -ln(1 - u) up to a rank of 0 to 1."""
    left = np.maximum(1 - rank, np.finfo(float).tiny)
    below: Floats = rank + left * np.log(left)
    return below
