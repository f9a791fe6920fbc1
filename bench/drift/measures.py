"""What is measured of our detector: false alarms, delays, a family of monitors, bad input."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from river.base import DriftDetector
from river.drift import ADWIN

from auditspine.processors.drift.detector import BLOCK, Bank, ShiftDetector
from auditspine.processors.drift.profile import NumericProfile
from bench.drift.ours import RUN_LENGTH, TRAINING, Ours, first
from bench.drift.shifts import Floats, Random, Shift, Stream, ramp

HORIZON = 5000  # rows after which a shift counts as missed
SETTLE = 5000  # rows after which false alarms are counted apart from those of the start
_RUNS, _CHUNK = 40, 5000


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Alarms of streams that do not change.

    ``start`` counts those per monitor while it settles (5,000 rows, or two days of a cycle),
    ``after`` those per 10,000 of the ``rows`` that follow.
    """

    start: float
    after: float
    rows: int


def false_alarms(stream: Stream, random: Random, rows: int) -> FalseAlarms:
    """Count them over so many rows after the start."""
    settle = max(SETTLE, 2 * stream.day)
    length = settle + rows // _RUNS
    chunk = stream.day * -(-_CHUNK // stream.day) if stream.day else _CHUNK  # whole days
    training = stream.draw(random, _RUNS, max(TRAINING, stream.day))
    training = random.permuted(training, axis=1) if stream.day else training
    ours = Ours(stream.kind, training[:, :TRAINING])
    early = late = counted = 0
    for at in range(0, length, chunk):
        alarms = ours.alarms(stream.draw(random, _RUNS, chunk), stream.day, at)
        if at < settle:
            early += int(alarms.sum())
        else:
            late += int(alarms.sum())
            counted += chunk * _RUNS
    return FalseAlarms(early / _RUNS, late / counted * 10_000, counted)


def delays(
    shift: Shift, random: Random, runs: int, before: int, run_length: float = RUN_LENGTH
) -> Floats:
    """Give the rows from a change to the alarm, which comes after ``before`` rows in service."""
    ours = Ours(shift.kind, shift.before(random, runs, TRAINING), run_length)
    if before:
        ours.alarms(shift.before(random, runs, before))
    return first(ours.alarms(shift.after(random, runs, HORIZON)))


def ramp_delays(random: Random, runs: int) -> Floats:
    """Give the rows from the beginning of a ramp of +.5 sd over 2,000 rows to the alarm."""
    ours = Ours("location", random.standard_normal((runs, TRAINING)))
    ours.alarms(random.standard_normal((runs, 1000)))
    return first(ours.alarms(ramp(random, runs, HORIZON)))


Spoil = Callable[[Random], list[object]]


def _some(value: object) -> Spoil:
    return lambda random: [
        value if random.random() < 0.02 else float(random.standard_normal()) for _ in range(1000)
    ]


SPOILED: Mapping[str, Spoil] = {
    "clean": _some(0.0),
    "one NaN": lambda random: [math.nan, *random.standard_normal(999).tolist()],
    "one infinity": lambda random: [math.inf, *random.standard_normal(999).tolist()],
    "2% NaN": _some(math.nan),
    "2% strings": _some("n/a"),
    "2% of 1e308": _some(1e308),
    "all missing": lambda _: [math.nan] * 1000,
    "constant": lambda _: [0.0] * 1000,
    "rescaled x1000": lambda random: (random.standard_normal(1000) * 1000).tolist(),
    "shifted by 3 sd": lambda random: (random.standard_normal(1000) + 3).tolist(),
}


def after_bad_input(random: Random, runs: int) -> dict[str, tuple[float, float]]:
    """Give the median delay of +.5 sd after 1,000 odd rows amid usual ones, for ours and ADWIN."""
    table = {}
    for name, spoil in SPOILED.items():
        ours, adwin = np.full(runs, np.inf), np.full(runs, np.inf)
        for run in range(runs):
            profile = NumericProfile.of(random.standard_normal(TRAINING))
            usual = random.standard_normal((2, 1000)).tolist()
            rows = [*usual[0], *spoil(random), *usual[1]]
            after = (random.standard_normal(HORIZON) + 0.5).tolist()
            ours[run] = _delay(ShiftDetector(profile), rows, after)
            adwin[run] = _delay(ADWIN(), rows, after)
        table[name] = float(np.median(ours)), float(np.median(adwin))
    return table


def _delay(detector: DriftDetector, before: list[object], after: list[float]) -> float:
    for value in before:
        try:
            detector.update(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
    for row, value in enumerate(after, 1):
        detector.update(value)
        if detector.drift_detected:
            return row
    return math.inf


def speeds(random: Random, blocks: int = 4000) -> dict[str, float]:
    """Measure rows per second of one core through a bank: by segments of 1,000 rows, by blocks."""
    found = {}
    for monitors in (84, 500):
        rows = np.full(monitors, 2000.0)
        bank = Bank.location(np.zeros(monitors), np.ones(monitors), rows, RUN_LENGTH)
        total = random.standard_normal((blocks, monitors)) * math.sqrt(BLOCK)
        squares = np.full((blocks, monitors), float(BLOCK))
        counts = np.full((blocks, monitors), float(BLOCK))
        for name, size in (("segments", 40), ("blocks", 1)):
            began = time.process_time()
            for at in range(0, blocks, size):
                now = slice(at, at + size)
                bank.steps(total[now], squares[now], counts[now])
            took = time.process_time() - began
            found[f"{monitors} monitors, by {name}"] = blocks * BLOCK / took
    return found
