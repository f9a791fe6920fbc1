"""Mixtures of Shiryaev-Roberts e-detectors: many monitors stepped at once. Pure.

Each monitor bets, with a mixture of exponential tilts of its score, that the score has moved. Its
statistic R grows as the bets win and forgets what came before they did; an alarm is raised when
the mixture's mean reaches a threshold. For a reference that is right, R minus the rows that passed
is a supermartingale, so that on average at least as many rows as the threshold says pass before a
false alarm. More do, since R overshoots: the threshold is what gives the run length asked for.

Source: Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential change
detection*, 2024, §2 and §4 (Shiryaev-Roberts e-detector, mixtures over a grid).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

KL_GRID: Floats = np.asarray(0.002 * 2.5 ** np.arange(7), dtype=np.float64)
"""Divergence of a row after the change that each tilt is best for, in nats: from .002, which needs
thousands of rows, to .49, which needs a few dozen."""

BOTH_WAYS = np.concatenate([KL_GRID, KL_GRID])
"""Divergence of each tilt: those upwards, then those downwards."""

TILTS = BOTH_WAYS.size

_OF_FEW = 0.35  # how much less a few rows a block overshoot than 25; measured

_MOST = 600.0  # of an exponent: with it every number stays finite


def plus(kept: Floats, blocks: Floats) -> Floats:
    """Add blocks to a running sum one after the other, so that their grouping changes no bit."""
    total = kept.copy()
    for block in blocks:  # for a few blocks faster than numpy's accumulate
        total += block
    return total


def group_run_length(run_length: float, share: float | Floats) -> Floats:
    """Give the run length of a monitor that sees the rows of a group alone, in its own rows.

    Args:
        run_length: Rows of all groups that are to pass without a false alarm on average.
        share: Of the group, from 0 to 1. The smaller it is, the fewer rows it has of each block
            and the less its statistic overshoots, for which there is something added.
    """
    own = np.minimum(np.asarray(share, dtype=float), 1.0)
    length: Floats = own * run_length * (1 + _OF_FEW * (1 - own))
    return length


class Mixture:
    """The statistics of some monitors; the last axis of every array is the monitors.

    Args:
        run_length: Rows that are to pass without a false alarm on average, per monitor.
        overshoot: The threshold that gives it, over it.

    Attributes:
        mass: R per tilt and monitor.
        run_length: As above.
    """

    def __init__(self, run_length: Floats, overshoot: float) -> None:
        self.run_length = run_length
        self._overshoot = overshoot
        self.mass = np.zeros((TILTS, run_length.size))

    @property
    def level(self) -> Floats:
        """How near each monitor is to an alarm: 1 is the alarm itself."""
        level: Floats = self.mass.sum(axis=0) / self._threshold
        return level

    @property
    def _threshold(self) -> Floats:
        """What the masses of all tilts are to add up to."""
        threshold: Floats = TILTS * self._overshoot * self.run_length
        return threshold

    def run(self, exponents: Floats, rows: Floats, betting: Floats) -> tuple[Flags, Flags]:
        """Take blocks, one after the other.

        Args:
            exponents: Logarithm of each tilt's likelihood ratio over each block, of shape
                (blocks, tilts, monitors).
            rows: Rows of each block that each monitor has a value of, of shape (blocks, monitors);
                where they are 0 with exponents of 0, a monitor stays as it is.
            betting: 1 for tilts that bet, 0 for those that do not; of shape (tilts, monitors).

        Returns:
            Which monitors raise an alarm after each block, and begin anew; and which of them do so
            because of tilts upwards.
        """
        ratios = np.exp(np.minimum(exponents, _MOST, out=exponents), out=exponents)
        ratios *= betting
        mass, threshold = self.mass, self._threshold
        alarms, upwards = np.zeros((2, *rows.shape), dtype=bool)
        for block, count in enumerate(rows):
            mass += count
            mass *= ratios[block]
            raised = np.add.reduce(mass, axis=0) >= threshold
            if raised.any():
                alarms[block] = raised
                upwards[block] = 2 * mass[: TILTS // 2].sum(axis=0) > mass.sum(axis=0)
                mass[:, raised] = 0.0
        return alarms, upwards
