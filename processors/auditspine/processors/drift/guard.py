"""A guard against values that hang together: it weighs down bets that assume they do not. Pure.

Under autocorrelation, or a cycle that nothing else explains, sums of values scatter more than their
variance says, and a detector that does not know it alarms all the time. The guard measures that
scatter over sums of several lengths. What it does not do: notice a change. A single sum counts for
little more than what was usual, scatter must be sure before it counts, and a long sum counts only
when the next one is complete, so that a real shift is found before the guard takes it for scatter.
"""

import numpy as np

from auditspine.processors.drift.mixture import BOTH_WAYS, Flags, Floats, plus

SPANS = np.array([25.0, 200.0, 1600.0, 12800.0])
"""Rows of a sum: of one block, whatever rows it has, and of more. A cycle equals one at most."""

_MEMORY = np.array([[400.0], [100.0], [40.0], [20.0]])  # sums that weigh most
_PRIOR = np.array([[2.0], [4.0], [8.0], [8.0]])  # sums as independence gives, before the first
_MOST = 8.0  # times the usual scatter: the most that one sum counts for
_SURE = np.array(
    [[2.5], [3.0], [3.0], [3.0]]
)  # standard errors that scatter must be above independence's to count
_SEEN = 50_000.0  # rows that the mean is taken over
_AT_FIRST, _FIRST = 12.0, 16  # the least excess until as many blocks were seen
_LONGER = 1.35  # where sums scatter more, still longer ones scatter more than that,
_MUCH_LONGER, _FIRST_LONGER = 1.6, 5  # the more so until as many sums of 200 rows were seen
_REACH = 36.0  # times 1 / KL: rows over which a tilt may bet; an alarm takes a third as long

SPAN_OF_TILT = np.maximum(SPANS.searchsorted(_REACH / BOTH_WAYS, "right") - 1, 1)
"""The longest sums whose scatter matters to a tilt."""


class Guard:
    """How much more the sums of values scatter than independent values' would.

    Args:
        monitors: How many.

    Attributes:
        arrays: All that it remembers, by name; the last axis is the monitors.
        excess: What each tilt's exponents are to be divided by, of shape (tilts, monitors).
    """

    def __init__(self, monitors: int) -> None:
        long = (SPANS.size - 1, monitors)
        self.arrays = {
            "scatter": np.zeros(monitors),  # of blocks since the last time it learned
            "blocks": np.zeros(monitors),
            "seen_total": np.zeros(monitors),  # of all, whose mean scatter is taken around
            "seen_rows": np.zeros(monitors),
            "new_total": np.zeros(monitors),
            "new_rows": np.zeros(monitors),
            "total": np.zeros(long),
            "rows": np.zeros(long),
            "latest": np.ones(long),
            "sums": np.zeros((SPANS.size, monitors)),
            "usual": np.ones((SPANS.size, monitors)),
        }
        self.refresh()

    def refresh(self) -> None:
        """Compute what follows from the arrays."""
        usual, sums = self.arrays["usual"], self.arrays["sums"]
        sure = usual > 1 + _SURE * np.sqrt(2 / np.minimum(sums + _PRIOR, _MEMORY))
        longer = np.where(sums[1] < _FIRST_LONGER, _MUCH_LONGER, _LONGER)
        excess = np.maximum.accumulate(np.where(sure, longer * usual, 1.0))
        excess = np.maximum(excess, np.where(sums[0] < _FIRST, _AT_FIRST, 1.0))
        self.excess: Floats = excess[SPAN_OF_TILT]
        self._most = _MOST * excess[-1]

    def add(self, moved: Floats, rows: Floats) -> None:
        """Take blocks; what they say counts after :meth:`learn`.

        Args:
            moved: Sum of each block's values, less what the reference expects, in the reference's
                standard deviations of one value; of shape (blocks, monitors).
            rows: Number of values.
        """
        scatter = np.minimum(moved**2 / np.maximum(rows, 1.0), self._most)
        kept = self.arrays
        kept["scatter"] = plus(kept["scatter"], scatter)
        kept["blocks"] = plus(kept["blocks"], (rows > 0).astype(float))
        kept["new_total"] = plus(kept["new_total"], moved)
        kept["new_rows"] = plus(kept["new_rows"], rows)

    @property
    def offset(self) -> Floats:
        """The mean of a value over all that was seen, in the same unit as what is taken."""
        offset: Floats = self.arrays["seen_total"] / np.maximum(self.arrays["seen_rows"], 1.0)
        return offset

    def learn(self, weight: Floats, variance: Floats) -> None:
        """Let the blocks that were taken count.

        Args:
            weight: How much they count, per monitor: 1, or little during a shift.
            variance: Of a value about :attr:`offset`, in the reference's; 1 or more.
        """
        kept = self.arrays
        blocks, total, rows = kept["blocks"], kept["new_total"], kept["new_rows"]
        fade = np.minimum(1.0, _SEEN / np.maximum(kept["seen_rows"] + rows, 1.0))
        kept["seen_total"] = fade * (kept["seen_total"] + weight * total)
        kept["seen_rows"] = fade * (kept["seen_rows"] + weight * rows)
        seen, mean = np.maximum(kept["seen_rows"], 1.0), self.offset
        around = np.maximum(kept["scatter"] - 2 * mean * total + mean**2 * rows, 0.0) / variance
        self._count(slice(0, 1), (around / np.maximum(blocks, 1.0))[None], (weight * blocks)[None])
        for name in ("total", "rows"):
            kept[name] = kept[name] + np.where(weight >= 1, kept[f"new_{name}"], 0.0)
            kept[f"new_{name}"] = np.zeros_like(blocks)
        full = kept["rows"] >= SPANS[1:, None]
        if full.any():
            self._count(slice(1, None), kept["latest"], full)
            left = np.maximum(1 - kept["rows"] / seen, 0.5)  # by the mean, which it is part of
            around = (kept["total"] - kept["rows"] * mean) ** 2 / (left * variance)
            scatter = np.minimum(around / np.maximum(kept["rows"], 1.0), self._most)
            kept["latest"] = np.where(full, scatter, kept["latest"])
            kept["total"] = np.where(full, 0.0, kept["total"])
            kept["rows"] = np.where(full, 0.0, kept["rows"])
        kept["scatter"], kept["blocks"] = np.zeros_like(blocks), np.zeros_like(blocks)
        self.refresh()

    def forget(self, which: Flags) -> None:
        """Begin anew for some monitors, whose scatter something else explains from now on."""
        for name, first in (("usual", 1.0), ("latest", 1.0), ("sums", 0.0), ("total", 0.0)):
            self.arrays[name][..., which] = first
        self.arrays["rows"][:, which] = 0.0
        self.refresh()

    def _count(self, spans: slice, scatter: Floats, count: Floats | Flags) -> None:
        usual, sums = self.arrays["usual"][spans], self.arrays["sums"][spans]
        usual += (scatter - usual) * (
            count / np.minimum(sums + np.maximum(count, 1.0) + _PRIOR[spans], _MEMORY[spans])
        )
        sums += count
