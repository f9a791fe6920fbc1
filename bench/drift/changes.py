"""How often the interval of a change holds the change, at the alarm that tells of it."""

import math
from dataclasses import dataclass

import numpy as np

from auditspine.processors.drift.changepoint import change_interval
from auditspine.processors.drift.detector import BLOCK, Bank
from auditspine.processors.drift.excursion import Excursions
from auditspine.processors.drift.layout import Expected
from auditspine.processors.drift.mixture import Flags
from bench.drift.ours import RUN_LENGTH
from bench.drift.shifts import Floats, Random

BEFORE = 4000  # rows in service when the change comes, and up to a block more
HORIZON = 5000
_KNOWN = 20_000.0  # rows of the reference


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a mean (in standard deviations) or of a rate.

    ``rate`` is that before, 0 for a mean; ``to`` is what comes after.
    """

    name: str
    rate: float
    to: float


MOVES = (
    *(Move(f"mean +{delta} sd", 0.0, delta) for delta in (0.25, 0.5, 1.0)),
    *(Move(f"rate {rate}→{to}", rate, to) for rate, to in ((0.1, 0.15), (0.2, 0.35), (0.5, 0.4))),
)


def coverage(move: Move, random: Random, runs: int) -> dict[str, float]:
    """Give the share of alarms whose interval holds the change, and how long intervals are."""
    began = BEFORE + random.integers(0, BLOCK, runs)
    values = _values(move, random, began)
    blocks = values.reshape(runs, -1, BLOCK).transpose(1, 0, 2)
    totals, squares = blocks.sum(axis=2), (blocks**2).sum(axis=2)
    ones = np.ones(runs)
    mean, sd = move.rate, math.sqrt(move.rate * (1 - move.rate)) or 1.0
    bank = (
        Bank.rate(mean * ones, _KNOWN * ones, RUN_LENGTH)
        if move.rate
        else Bank.location(0 * ones, ones, _KNOWN * ones, RUN_LENGTH)
    )
    alarms = bank.steps(totals, squares, np.full(totals.shape, float(BLOCK)))
    early = alarms[: BEFORE // BLOCK].any(axis=0)  # is in a shift, or begins anew after one
    expected = Expected(mean * ones, sd * ones, _KNOWN * ones)
    windows = _windows(totals, squares, alarms, expected)
    holds, lengths, offs = [], [], []
    for run, (position, end, found) in windows.items():
        if early[run]:
            continue
        before, after = change_interval(end - position, (found - mean) / sd)
        holds.append(position - before <= began[run] <= position + after)
        lengths.append(before + after)
        offs.append(position - began[run])
    return {
        "alarms": float(len(holds)),
        "covered": float(np.mean(holds)),
        "median length": float(np.median(lengths)),
        "median error": float(np.median(offs)),
        "median absolute error": float(np.median(np.abs(offs))),
    }


def _values(move: Move, random: Random, began: Floats) -> Floats:
    shape = (began.size, BEFORE + HORIZON)
    changed = np.arange(shape[1]) >= began[:, None]
    if move.rate:
        rates = np.where(changed, move.to, move.rate)
        return (random.random(shape) < rates).astype(float)
    return random.standard_normal(shape) + move.to * changed


def _windows(
    totals: Floats, squares: Floats, alarms: Flags, expected: Expected
) -> dict[int, tuple[int, int, float]]:
    """Give where each run's excursion began, where the alarm came, and the mean between."""
    followed, found = Excursions(totals.shape[1]), {}
    rows = np.full(totals.shape[1], float(BLOCK))
    for block in range(len(totals)):
        at = block * BLOCK
        followed.add(totals[block], squares[block], rows, expected, (at, at))
        for run in np.flatnonzero(alarms[block]).tolist():
            if run not in found and at >= BEFORE:
                window = followed.window(run, float(expected.means[run]))
                found[run] = window.position, at + BLOCK, window.mean
    return found
