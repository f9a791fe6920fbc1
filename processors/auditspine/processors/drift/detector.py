"""A detector of shifts behind river's interface: one monitor of a numeric value. Pure.

What is not a finite number is no value: it is left out and counted, where most detectors would fall
silent for ever. Missing values have monitors of their own.
"""

import math

import numpy as np
from river.base import DriftDetector

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.profile import NumericProfile
from auditspine.processors.drift.scores import Location

__all__ = ["BLOCK", "Bank", "ShiftDetector"]

BLOCK = 25
"""Rows after which a monitor is stepped."""


class ShiftDetector(DriftDetector):
    """One monitor with the interface of river's detectors: by default of a numeric value's place.

    Args:
        profile: Of the values in training; a constant is watched for how often values differ.
        run_length: Values that are to pass without a false alarm on average.

    Attributes:
        ignored: Values that were no finite numbers.
    """

    def __init__(self, profile: NumericProfile, run_length: float = 1e5) -> None:
        super().__init__()
        self.profile = profile
        self.run_length = run_length
        self.ignored = 0
        self._block: list[float] = []
        rows = np.array([profile.known_rows])
        if profile.constant:
            self._bank = Bank.rate(np.zeros(1), rows, run_length)
        else:
            self._bank = Bank.location(
                np.array([profile.mean]),
                np.array([profile.variance]),
                rows,
                run_length,
                Location.cumulants_of(profile.training)[:, None],
            )

    @property
    def level(self) -> float:
        """How near it is to an alarm: 1 is the alarm itself."""
        return float(self._bank.level[0])

    def update(self, x: float) -> None:
        """Take a value; ``drift_detected`` tells of the block that it completes.

        What is no finite number, a string for one, is counted and left out.
        """
        self._drift_detected = False
        if isinstance(x, str | bytes) or not _finite(x):
            self.ignored += 1
            return
        self._block.append(float(x))
        if len(self._block) == BLOCK:
            self._drift_detected = self._step()

    def _step(self) -> bool:
        values = np.asarray(self._block)
        self._block = []
        profile = self.profile
        scores = profile.differs(values) if profile.constant else profile.normal_scores(values)
        total, squares = np.array([scores.sum()]), np.array([scores @ scores])
        return bool(self._bank.step(total, squares, np.array([float(BLOCK)]))[0])


def _finite(x: object) -> bool:
    try:
        return math.isfinite(x)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False
