"""Changes that concern groups, probabilities and delays, and the monitors that are to find them.

A case draws rows of two or more columns: the side that a row is on (1 in the first group, 0 in the
second, NaN in neither) and a value, a probability and an outcome, or a delay alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from auditspine.processors.drift.calibrated import calibration_blocks, calibration_tilts
from auditspine.processors.drift.contrast import numeric_contrasts, odds_contrasts
from auditspine.processors.drift.detector import BLOCK, Bank
from auditspine.processors.drift.mixture import group_run_length
from auditspine.processors.drift.scores import Blocks
from bench.drift.shifts import Floats, Random

SHARE = 0.2
Rows = tuple[Floats, ...]
"""Columns, each of shape (runs, rows)."""

Draw = Callable[[Random, int, int], Rows]
"""Draws so many runs of so many rows."""

_KNOWN = 1e9  # rows of a reference that is known


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor of each run.

    Attributes:
        name: What it is called in tables.
        exposure: Rows of its own per row of the stream.
        sums: Gives blocks of shape (blocks, runs).
        bank: Makes the bank from a training sample.
        known: Makes the bank of so many runs from what is true.
    """

    name: str
    exposure: float
    sums: Callable[[Rows], Blocks]
    bank: Callable[[Rows, float], Bank]
    known: Callable[[int, float], Bank]


def fields(blocks: Blocks) -> dict[str, Any]:
    """Give what a bank steps through."""
    return {
        "total": blocks.total,
        "squares": blocks.squares,
        "rows": blocks.rows,
        "cumulants": blocks.cumulants,
        "first": blocks.first,
    }


def own_rate(share: float, rate: float) -> Monitor:
    """Watch how often something happens in the first group, by its rows alone."""

    def bank(training: Rows, run_length: float) -> Bank:
        blocks = _own(training)
        rows = blocks.rows.sum(axis=0)
        return Bank.rate(blocks.total.sum(axis=0) / rows, rows, group_run_length(run_length, share))

    def known(runs: int, run_length: float) -> Bank:
        own = group_run_length(run_length, share)
        return Bank.rate(np.full(runs, rate), np.full(runs, _KNOWN), own)

    return Monitor("the group's rate", share, _own, bank, known)


def own_location(share: float) -> Monitor:
    """Watch where values of the first group lie, by its rows alone."""

    def bank(training: Rows, run_length: float) -> Bank:
        return _location(_own(training), group_run_length(run_length, share))

    def known(runs: int, run_length: float) -> Bank:
        return _standard(runs, group_run_length(run_length, share))

    return Monitor("the group's scores", share, _own, bank, known)


def pair_location(share: float, both: float = 1.0, name: str = "contrast of scores") -> Monitor:
    """Watch how values go with the group; ``share`` is that among both groups."""

    def sums(rows: Rows) -> Blocks:
        side, values = (_cut(column) for column in rows)
        return _by_run(numeric_contrasts(values, side, np.array([share * (1 - share)])), rows)

    def bank(training: Rows, run_length: float) -> Bank:
        return _location(sums(training), both * run_length)

    def known(runs: int, run_length: float) -> Bank:
        return _standard(runs, both * run_length)

    return Monitor(name, both, sums, bank, known)


def pair_odds(share: float, rate: float, both: float = 1.0) -> Monitor:
    """Watch the ratio of two groups' odds; ``share`` is that among both groups."""

    def sums(rows: Rows) -> Blocks:
        side, hits = (_cut(column) for column in rows)
        return _by_run(odds_contrasts(hits, side), rows)

    def bank(training: Rows, run_length: float) -> Bank:
        side, hits = training
        has = np.isfinite(side)
        first = np.where(has, side, 0.0)
        n, n1 = has.sum(axis=1), first.sum(axis=1)
        t, k = (has * hits).sum(axis=1), (first * hits).sum(axis=1)
        ratio = (k + 0.5) * (n - n1 - t + k + 0.5) / ((n1 - k + 0.5) * (t - k + 0.5))
        return Bank.odds(ratio, t / n, n1 / n, n, both * run_length)

    def known(runs: int, run_length: float) -> Bank:
        ones = np.ones(runs)
        return Bank.odds(ones, rate * ones, share * ones, _KNOWN * ones, both * run_length)

    return Monitor("contrast of decisions", both, sums, bank, known)


def calibration(rate: float) -> Monitor:
    """Watch outcomes less what was said of them."""
    tilts = calibration_tilts(np.array([rate]))

    def sums(rows: Rows) -> Blocks:
        said, outcomes = (_across(column) for column in rows)
        return calibration_blocks(outcomes, said, np.broadcast_to(tilts, (14, said.shape[2])))

    def bank(training: Rows, run_length: float) -> Bank:
        return known(len(training[0]), run_length)

    def known(runs: int, run_length: float) -> Bank:
        return Bank.calibration(np.full(runs, rate), run_length)

    return Monitor("calibration", 1.0, sums, bank, known)


def delay() -> Monitor:
    """Watch how long something takes."""

    def sums(rows: Rows) -> Blocks:
        values = _across(rows[0])
        return Blocks(values.sum(axis=1), (values**2).sum(axis=1), _full(values))

    def bank(training: Rows, run_length: float) -> Bank:
        rows = np.full(len(training[0]), float(training[0].shape[1]))
        return Bank.delay(training[0].mean(axis=1), rows, run_length)

    def known(runs: int, run_length: float) -> Bank:
        return Bank.delay(np.ones(runs), np.full(runs, _KNOWN), run_length)

    return Monitor("delay", 1.0, sums, bank, known)


def sided(random: Random, runs: int, rows: int, share: float = SHARE) -> Floats:
    """Draw sides."""
    return (random.random((runs, rows)) < share).astype(float)


def _own(rows: Rows) -> Blocks:
    side, values = (_across(column) for column in rows)
    own = np.where(side == 1, values, 0.0)
    return Blocks(own.sum(axis=1), (own**2).sum(axis=1), (side == 1).sum(axis=1).astype(float))


def _location(blocks: Blocks, run_length: float) -> Bank:
    rows = blocks.rows.sum(axis=0)
    mean = blocks.total.sum(axis=0) / rows
    return Bank.location(mean, blocks.squares.sum(axis=0) / rows - mean**2, rows, run_length)


def _standard(runs: int, run_length: float) -> Bank:
    return Bank.location(np.zeros(runs), np.ones(runs), np.full(runs, _KNOWN), run_length)


def _full(values: Floats) -> Floats:
    return np.full((values.shape[0], values.shape[2]), float(BLOCK))


def _across(column: Floats) -> Floats:
    """Give blocks of shape (blocks, rows, runs)."""
    return column.reshape(column.shape[0], -1, BLOCK).transpose(1, 2, 0)


def _cut(column: Floats) -> Floats:
    """Give the blocks of one run after another."""
    return column.reshape(-1, BLOCK, 1)


def _by_run(blocks: Blocks, rows: Rows) -> Blocks:
    runs = rows[0].shape[0]
    total, squares, n = (
        each.reshape(runs, -1).T for each in (blocks.total, blocks.squares, blocks.rows)
    )
    first = None if blocks.first is None else blocks.first.reshape(runs, -1).T
    return Blocks(total, squares, n, first=first)
