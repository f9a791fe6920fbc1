"""Where and when a model's last blocks began: what an interval of rows is in time. Pure."""

import math

import numpy as np

from auditspine.processors.drift.changepoint import change_interval
from auditspine.processors.drift.excursion import Window
from auditspine.processors.drift.mixture import Floats

_MOST = 1024  # blocks: before what began longer ago nothing is known


class Starts:
    """Positions and times of the last blocks' first rows.

    Args:
        array: As :attr:`array` gave it.
    """

    def __init__(self, array: Floats | None = None) -> None:
        kept: list[list[float]] = [] if array is None else array.tolist()
        self._starts = [(int(position), int(at)) for position, at in kept]

    @property
    def array(self) -> Floats:
        """The last blocks, of shape (blocks, 2): position and the broker's time, milliseconds."""
        return np.array(self._starts[-_MOST:], dtype=float).reshape(-1, 2)

    def add(self, start: tuple[int, int]) -> None:
        """Take a block's start: position and time."""
        self._starts.append(start)
        if len(self._starts) > 2 * _MOST:
            del self._starts[:-_MOST]

    def interval(self, window: Window, delta: float, end: int) -> tuple[int | None, int | None]:
        """Give before and by when a change began, milliseconds, at 95% confidence.

        Args:
            window: Of the monitor that found it, at the latest block.
            delta: How far it moved, in standard deviations of a row.
            end: When the latest block ended.

        Returns:
            Each None where the blocks of then are not known any more.
        """
        starts = self._starts[-_MOST:]
        index = next(
            (n for n in range(len(starts) - 1, -1, -1) if starts[n][0] <= window.position), -1
        )
        if index < 0 or not window.rows:
            return None, None
        rows = window.rows / (len(starts) - index)  # of the monitor, in a block
        before, after = change_interval(window.rows, delta, rows)
        first, last = index - math.ceil(before / rows), index + 1 + math.ceil(after / rows)
        is_whole = len(self._starts) < _MOST
        earliest = starts[max(first, 0)][1] if first >= 0 or is_whole else None
        return earliest, starts[last][1] if last < len(starts) else end
