"""Delays of outcomes as scores: where each lies among those of before. Pure.

A delay becomes the value that an exponential variable of mean 1 has at its rank, so that neither
unit nor tail matters, nor whether outcomes come in batches. What ranks alike, or between two ranks,
gets the mean over the ranks that it may have.

The first outcomes of a deployment are the fast ones: slow ones are yet to come. Those that others
are ranked among are therefore taken from when outcomes have come for twice as long as nearly all of
them take, or for as long as is waited for any.
"""

from collections.abc import Sequence

import numpy as np

from auditspine.processors.drift.mixture import Floats

_MOST = 1000  # delays that others are ranked among
_NEARLY_ALL, _TIMES = 0.95, 2.0


class Delays:
    """The delays that others are ranked among, and until there are enough those that may be.

    Args:
        ranked: In order; none as long as they are not known.
    """

    def __init__(self, ranked: Floats | None = None) -> None:
        self.ranked = np.zeros(0) if ranked is None else ranked
        self._since = 0  # how long outcomes had come when the first below did, milliseconds
        self._kept: list[tuple[float, float, tuple[int, ...]]] = []

    def scores(self, delays: Floats) -> Floats:
        """Give the scores of delays; NaN where there is none, or nothing to rank it among."""
        known = self.ranked.size
        if not known:
            return np.full(delays.shape, np.nan)
        low = self.ranked.searchsorted(delays, "left") / (known + 1)
        high = (self.ranked.searchsorted(delays, "right") + 1) / (known + 1)
        scores = (_below(high) - _below(low)) / (high - low)
        return np.where(np.isfinite(delays), scores, np.nan)

    def add(
        self, delays: Floats, arrived: Floats, who: Sequence[tuple[int, ...]], since: int
    ) -> None:
        """Take the rows of a block, as long as nothing is ranked.

        Args:
            delays: In any unit; NaN where there is none.
            arrived: How long after its prediction each outcome was taken, milliseconds.
            who: The groups that each is of.
            since: How long outcomes had come when the block began, milliseconds.
        """
        if self.ranked.size:
            return
        if not self._kept:
            self._since = since
        rows = zip(delays.tolist(), arrived.tolist(), who, strict=True)
        self._kept += [row for row in rows if np.isfinite(row[0])]

    def learn(self, rows: int, longest: int) -> tuple[Floats, list[tuple[int, ...]]] | None:
        """Rank what was kept if that can be relied on; begin anew if it cannot.

        Args:
            rows: How many are enough.
            longest: How long outcomes are waited for, milliseconds.

        Returns:
            The scores of what was kept and the groups that each is of; None if nothing is ranked.
        """
        if self.ranked.size or len(self._kept) < rows:
            return None
        kept, self._kept = self._kept, []
        taken = float(np.quantile([arrived for _, arrived, _ in kept], _NEARLY_ALL))
        if self._since < min(_TIMES * taken, longest):
            return None
        delays = np.array([delay for delay, _, _ in kept])
        ordered = np.sort(delays)
        if ordered.size > _MOST:
            ordered = ordered[np.linspace(0, ordered.size - 1, _MOST).round().astype(int)]
        self.ranked = ordered
        return self.scores(delays), [who for _, _, who in kept]

    def state(self) -> tuple[list[tuple[int, ...]], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`restored` takes both."""
        kinds = list(dict.fromkeys(who for _, _, who in self._kept))
        places = {who: place for place, who in enumerate(kinds)}
        rows = [(delay, arrived, places[who]) for delay, arrived, who in self._kept]
        kept = np.array(rows, dtype=float).reshape(-1, 3)
        return kinds, {"ranked": self.ranked, "kept": kept, "since": np.array([self._since])}

    @classmethod
    def restored(cls, kinds: Sequence[Sequence[int]], arrays: dict[str, Floats]) -> "Delays":
        """Go on from a state."""
        delays = cls(arrays["ranked"])
        delays._since = int(arrays["since"][0])
        delays._kept = [
            (delay, arrived, tuple(kinds[int(kind)]))
            for delay, arrived, kind in arrays["kept"].tolist()
        ]
        return delays


def _below(rank: Floats) -> Floats:
    """Give the integral of -ln(1 - u) up to a rank of 0 to 1."""
    left = np.maximum(1 - rank, np.finfo(float).tiny)
    below: Floats = rank + left * np.log(left)
    return below
