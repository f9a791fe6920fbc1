"""Whether a monitor is in a shift: it is told seldom, and the reference does not learn it. Pure.

A shift begins with an alarm and ends when there was none for a while. Until then rows count
little, so that an episode of broken values neither becomes the reference nor passes for usual
scatter. A stream whose alarms go to one side and the other, again and again, is not in a shift but
in a cycle: from it the detector does learn.
"""

import numpy as np

from auditspine.processors.drift.mixture import Flags, Floats, plus

_ROWS = 1000.0  # after an alarm
_WEIGHT = 0.02  # of those rows
_TURNS = 2.0  # changes of side that make a cycle
_QUIET = 50_000.0  # rows without an alarm after which changes of side are forgotten


class Hold:
    """The shifts that monitors are in.

    Args:
        monitors: How many.

    Attributes:
        arrays: All that it remembers, by name, an element per monitor.
    """

    def __init__(self, monitors: int) -> None:
        self.arrays = {
            "side": np.zeros(monitors),  # of the latest alarm: 1 upwards, -1 downwards
            "turns": np.zeros(monitors),
            "rows": np.full(monitors, np.inf),  # since the latest alarm
            "told": np.full(monitors, np.inf),  # rows since the latest that was passed on
            "wait": np.full(monitors, _ROWS),  # rows until one of the same shift is passed on
        }

    @property
    def weight(self) -> Floats:
        """How much rows count, per monitor."""
        held = (self.arrays["rows"] < _ROWS) & (self.arrays["turns"] < _TURNS)
        return np.where(held, _WEIGHT, 1.0)

    @property
    def side(self) -> Floats:
        """To which side a monitor is in a shift: 1 upwards, -1 downwards, 0 for none."""
        side: Floats = self.arrays["side"] * (self.arrays["rows"] < _ROWS)
        return side

    def add(self, alarms: Flags, upwards: Flags, rows: Floats) -> Flags:
        """Take blocks, of shape (blocks, monitors) each.

        Args:
            alarms: Which monitors raised one.
            upwards: To which side.
            rows: Number of values.

        Returns:
            The alarms that are passed on: those that begin a shift, and of one that lasts those
            after 1,000 rows more, 2,000, 4,000 and so on.
        """
        kept, told = self.arrays, alarms.copy()
        since = 0
        for block in np.flatnonzero(alarms.any(axis=1)).tolist():
            self._pass(rows[since : block + 1])
            since = block + 1
            raised, side = alarms[block], np.where(upwards[block], 1.0, -1.0)
            same = (kept["side"] == side) & (kept["rows"] < _ROWS)
            told[block] = raised & (~same | (kept["told"] >= kept["wait"]))
            kept["wait"] = np.where(
                raised & ~same, _ROWS, np.where(told[block], 2, 1) * kept["wait"]
            )
            kept["told"] = np.where(told[block], 0.0, kept["told"])
            kept["turns"] = kept["turns"] + (raised & (kept["side"] == -side))
            kept["side"] = np.where(raised, side, kept["side"])
            kept["rows"] = np.where(raised, 0.0, kept["rows"])
        self._pass(rows[since:])
        return told

    def _pass(self, rows: Floats) -> None:
        for name in ("rows", "told"):
            self.arrays[name] = plus(self.arrays[name], rows)

    def forget(self) -> None:
        """Forget changes of side where it has been quiet for long."""
        quiet = self.arrays["rows"] > _QUIET
        self.arrays["turns"][quiet] = self.arrays["side"][quiet] = 0.0
