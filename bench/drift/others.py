"""Other detectors on the same streams: river's ADWIN, windowed PSI, and one that always fires.

All are given standardised values: scores of the training profile for numerics (their squares for
scale), and rates less their mean over their deviation, put on the unit scale that ADWIN assumes.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from river.drift import ADWIN

from bench.drift.shifts import Floats, Random, Shift

Make = Callable[[Floats], "Detector"]


class Detector(Protocol):
    """Reads values one after the other."""

    def alarms(self, values: Floats) -> Iterator[int]:
        """Give the rows after which it raises an alarm, counted from 1."""
        ...


class Adwin:
    """ADWIN of river at some δ; ``scale`` puts ±4 deviations on the unit interval where it is 8."""

    def __init__(self, delta: float) -> None:
        self._adwin = ADWIN(delta=delta)

    def alarms(self, values: Floats) -> Iterator[int]:
        adwin = self._adwin
        for row, value in enumerate(values.tolist(), 1):
            adwin.update(value)
            if adwin.drift_detected:
                yield row


class Psi:
    """Population stability index of each window of rows over ten bins, against the usual bound."""

    def __init__(self, training: Floats, window: int = 500, bound: float = 0.2) -> None:
        self._edges = np.unique(np.quantile(training, np.linspace(0.1, 0.9, 9)))
        self._share = self._shares(training)
        self._window, self._bound = window, bound

    def alarms(self, values: Floats) -> Iterator[int]:
        for end in range(self._window, values.size + 1, self._window):
            now = self._shares(values[end - self._window : end])
            if ((now - self._share) * np.log(now / self._share)).sum() > self._bound:
                yield end

    def _shares(self, values: Floats) -> Floats:
        counts = np.bincount(
            np.searchsorted(self._edges, values, "right"), minlength=self._edges.size + 1
        )
        return (counts + 0.5) / (values.size + 0.5 * counts.size)


class Always:
    """Fires after every block."""

    def alarms(self, values: Floats) -> Iterator[int]:
        yield from range(25, values.size + 1, 25)


def standardised(shift: Shift, values: Floats) -> Floats:
    """Give what an ADWIN is to watch, with a mean of 0 and a deviation of 1 before the change."""
    if shift.kind == "scale":
        return (values**2 - 1) / np.sqrt(2)
    if shift.kind == "rate":
        rate = float(shift.before(np.random.default_rng(0), 1, 200_000).mean())
        return (values - rate) / np.sqrt(rate * (1 - rate))
    return values


def false_alarms(make: Make, shift: Shift, random: Random, rows: int, runs: int) -> float:
    """Give alarms per 10,000 rows of streams that do not change."""
    count = 0
    for _ in range(runs):
        training = standardised(shift, shift.before(random, 1, 2000)[0])
        values = standardised(shift, shift.before(random, 1, rows)[0])
        detector = make(training)
        warm(detector, training)
        count += sum(1 for _ in detector.alarms(values))
    return count / (rows * runs) * 10_000


def delays(
    make: Make, shift: Shift, random: Random, runs: int, before: int, horizon: int
) -> Floats:
    """Give the rows from the change to the first alarm after it."""
    found = np.full(runs, np.inf)
    for run in range(runs):
        training = standardised(shift, shift.before(random, 1, 2000)[0])
        detector = make(training)
        warm(detector, training)
        early = standardised(shift, shift.before(random, 1, before)[0])
        for _ in detector.alarms(early):
            pass
        after = standardised(shift, shift.after(random, 1, horizon)[0])
        found[run] = next(detector.alarms(after), np.inf)
    return found


def warm(detector: Detector, training: Floats) -> None:
    """Let a detector that learns as it goes see the training rows."""
    if isinstance(detector, Adwin):
        for _ in detector.alarms(training):
            pass
