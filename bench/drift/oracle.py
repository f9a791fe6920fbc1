"""CUSUM that knows both densities, at one false alarm per 100,000 rows: the physical limit."""

import math

import numpy as np

from bench.drift.shifts import Floats, Random, Shift

RUN_LENGTH = 1e5
_CHUNK = 100


def threshold(shift: Shift, random: Random, runs: int = 2000, rows: int = 20_000) -> float:
    """Find the threshold whose alarms, on 40 million rows, come once in 100,000."""
    grid = np.arange(4.0, 11.5, 0.5)
    level, alarms = np.zeros((grid.size, runs)), np.zeros(grid.size)
    for _ in range(rows // _CHUNK):
        ratios = shift.ratio(shift.before(random, runs, _CHUNK))
        for row in range(_CHUNK):
            level = np.maximum(level + ratios[:, row], 0.0)
            over = level >= grid[:, None]
            alarms += over.sum(axis=1)
            level[over] = 0.0
    rates = np.maximum(alarms, 0.5) / (runs * rows)
    return float(np.interp(math.log(RUN_LENGTH), -np.log(rates), grid))


def delays(shift: Shift, bound: float, random: Random, runs: int, horizon: int) -> Floats:
    """Give the rows from the change to the alarm, after 1,000 rows that raised none."""
    state = np.zeros(runs)
    for row in shift.ratio(shift.before(random, runs, 1000)).T:
        state = np.maximum(state + row, 0.0)
        state[state >= bound] = 0.0
    found = np.full(runs, np.inf)
    for now, row in enumerate(shift.ratio(shift.after(random, runs, horizon)).T, 1):
        state = np.maximum(state + row, 0.0)
        found = np.where((state >= bound) & np.isinf(found), now, found)
    return found
