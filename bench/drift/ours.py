"""The bank as the processor steps it, a monitor per run; each knows its own profile alone."""

from dataclasses import dataclass, field

import numpy as np

from auditspine.processors.drift.detector import BLOCK, Bank
from auditspine.processors.drift.mixture import Flags
from auditspine.processors.drift.profile import NumericProfile
from auditspine.processors.drift.scores import Location, Scale
from bench.drift.shifts import Floats

TRAINING = 2000  # rows
RUN_LENGTH = 1e5
_CHUNK = 400  # blocks at once


@dataclass(slots=True)
class Ours:
    """Monitors of many runs, from a training sample of each."""

    kind: str
    training: Floats
    run_length: float = RUN_LENGTH
    bank: Bank = field(init=False)
    _profiles: list[NumericProfile] = field(init=False)

    def __post_init__(self) -> None:
        if self.kind == "rate":
            rows = np.full(self.training.shape[0], float(self.training.shape[1]))
            self._profiles = []
            self.bank = Bank.rate(self.training.mean(axis=1), rows, self.run_length)
            return
        profiles = self._profiles = [NumericProfile.of(values) for values in self.training]
        mean = np.array([profile.mean for profile in profiles])
        variance = np.array([profile.variance for profile in profiles])
        rows = np.array([profile.known_rows for profile in profiles])
        score = Location if self.kind == "location" else Scale
        psi = np.stack([score.cumulants_of(profile.training) for profile in profiles], axis=1)
        if self.kind == "location":
            self.bank = Bank.location(mean, variance, rows, self.run_length, psi)
        else:
            self.bank = Bank.scale(variance + mean**2, rows, self.run_length, psi)

    def alarms(self, values: Floats, day: int = 0, start: int = 0) -> Flags:
        """Step through (runs, rows) values; give (blocks, runs) flags."""
        blocks = values.shape[1] // BLOCK
        parts = []
        for at in range(0, blocks, _CHUNK):
            end = min(at + _CHUNK, blocks)
            part = self._scores(values[:, at * BLOCK : end * BLOCK])
            scores = part.reshape(part.shape[0], -1, BLOCK).transpose(1, 0, 2)
            rows = np.isfinite(scores).sum(axis=2).astype(float)
            scores = np.nan_to_num(scores, nan=0.0)
            hours = hours_of_day(start // BLOCK + at, start // BLOCK + end, day) if day else None
            total, squares = scores.sum(axis=2), (scores**2).sum(axis=2)
            parts.append(self.bank.steps(total, squares, rows, hours))
        return np.concatenate(parts)

    def _scores(self, values: Floats) -> Floats:
        if not self._profiles:
            return values
        scored = [p.normal_scores(run) for p, run in zip(self._profiles, values, strict=True)]
        return np.stack(scored)


def hours_of_day(first: int, last: int, day: int) -> Floats:
    """Count the rows of each hour in blocks ``first`` to ``last`` of a day of so many rows."""
    hour = np.arange(first * BLOCK, last * BLOCK) % day * 24 // day
    counts = np.zeros((last - first, 24))
    np.add.at(counts, (np.arange(hour.size) // BLOCK, hour), 1.0)
    return counts


def first(alarms: Flags) -> Floats:
    """Give the rows until the first alarm of each run; infinity where there is none."""
    found = (alarms.argmax(axis=0) + 1.0) * BLOCK
    return np.where(alarms.any(axis=0), found, np.inf)
