"""Since when each monitor has been off: what an alarm says of its window. Pure.

CUSUMs of standardised block means, upwards and downwards, for small, middling and large moves: each
restarts where the values are again where they are expected, and of their starts the one that
explains the values best estimates when the change began. They raise no alarm themselves.
Source: Page, *Continuous inspection schemes*, 1954.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.layout import Expected
from auditspine.processors.drift.mixture import Flags, Floats

_SLACKS = np.array([0.25, 1.0, 2.5])[:, None]  # standard errors of a block's mean
_MOST = 60.0  # so that what is over is forgotten again
_FOLLOWED = 9  # blocks, with the one that raises the alarm
_WAYS = 2 * len(_SLACKS)
_FIELDS = ("excess", "total", "squares", "rows", "position", "at")


class Window(NamedTuple):
    """The rows since a monitor has been off.

    Attributes:
        mean: Mean of its score in them.
        sd: Its standard deviation in them.
        rows: How many have a value.
        position: Position of the first in the log.
        at: The broker's time of the first, milliseconds.
    """

    mean: float
    sd: float
    rows: int
    position: int
    at: int


class Excursions:
    """The excursions of some monitors.

    Args:
        monitors: How many.

    Attributes:
        arrays: All that is remembered, by name; each of shape (ways, monitors), but ``fresh`` of
            (1, monitors): for how many blocks more an alarm is followed.
    """

    def __init__(self, monitors: int) -> None:
        self.arrays = {name: np.zeros((_WAYS, monitors)) for name in _FIELDS}
        self.arrays["fresh"] = np.zeros((1, monitors))

    def add(
        self,
        totals: Floats,
        squares: Floats,
        rows: Floats,
        expected: Expected,
        first: tuple[int, int],
    ) -> None:
        """Take a block.

        Args:
            totals: Sum of each monitor's score.
            squares: Sum of its squares; of a spread's, of what it is the square of.
            rows: Number of values.
            expected: What training says of a row.
            first: Position and time of the block's first row.
        """
        scale = expected.sds * np.sqrt(np.maximum(rows, 1.0))
        z = (totals - rows * expected.means) / scale
        steps = np.concatenate([z - _SLACKS, -z - _SLACKS])
        steps[:, rows == 0] = 0.0
        a = self.arrays
        idle = a["excess"] <= 0.0
        a["excess"] = np.clip(a["excess"] + steps, 0.0, _MOST)
        on = ~idle
        a["total"] *= on
        a["total"] += totals
        a["squares"] *= on
        a["squares"] += squares
        a["rows"] *= on
        a["rows"] += rows
        np.putmask(a["position"], idle, first[0])
        np.putmask(a["at"], idle, first[1])

    def follow(self, alarms: Flags) -> list[int]:
        """Give the monitors that raised an alarm at this block or a few before.

        The first blocks after an alarm tell how far it really moved: the one that raised it may
        hold rows of before.
        """
        fresh = self.arrays["fresh"][0]
        fresh[alarms] = _FOLLOWED
        followed = np.flatnonzero(fresh)
        fresh[followed] -= 1
        return followed.tolist()

    def found(self, means: Floats) -> Floats:
        """Give each monitor's mean since it has been off.

        Args:
            means: By the reference.
        """
        best, every = self._best(means), np.arange(means.size)
        total, rows = (self.arrays[name][best, every] for name in ("total", "rows"))
        return np.where(rows > 0, total / np.maximum(rows, 1.0), means)

    def window(self, index: int, mean: float) -> Window:
        """Give the rows since a monitor has been off.

        Args:
            index: Of the monitor.
            mean: By its reference.
        """
        own = {name: array[:, index : index + 1] for name, array in self.arrays.items()}
        best = int(_gains(own["total"], own["rows"], np.array([mean])).argmax())
        total, squares, rows, position, at = (float(own[name][best, 0]) for name in _FIELDS[1:])
        found = total / max(rows, 1.0)
        sd = max(squares / max(rows, 1.0) - found**2, 0.0) ** 0.5
        return Window(found, sd, int(rows), int(position), int(at))

    def insert(self, before: Sequence[int], after: Sequence[int]) -> None:
        """Make room for monitors at the end of each of the three kinds.

        Args:
            before: Monitors of each kind until now.
            after: From now on.
        """
        places = np.repeat(np.cumsum(before), np.array(after) - np.array(before))
        for name, array in self.arrays.items():
            self.arrays[name] = np.insert(array, places, 0.0, axis=1)

    def _best(self, means: Floats) -> NDArray[np.intp]:
        best: NDArray[np.intp] = _gains(self.arrays["total"], self.arrays["rows"], means).argmax(
            axis=0
        )
        return best


def _gains(totals: Floats, rows: Floats, means: Floats) -> Floats:
    """Give how much better another mean explains the values, but for the scatter."""
    gains: Floats = (totals - rows * means) ** 2 / np.maximum(rows, 1.0)
    return gains
