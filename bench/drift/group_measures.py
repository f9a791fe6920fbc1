"""What is measured of monitors of groups: false alarms, delays, speed."""

import time
from collections.abc import Callable

import numpy as np

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.contrast import numeric_contrasts, odds_contrasts
from auditspine.processors.drift.detector import BLOCK
from auditspine.processors.drift.mixture import Flags, group_run_length
from auditspine.processors.drift.scores import Blocks
from bench.drift.group_cases import Case
from bench.drift.groups import SHARE, Draw, Monitor, fields
from bench.drift.measures import HORIZON, SETTLE
from bench.drift.ours import RUN_LENGTH, first
from bench.drift.shifts import Floats, Random, Shift

TRAINING = 10_000  # rows, of which a group of a fifth has 2,000
BEFORE = 10_000  # rows in service when the change comes
_RUNS, _CHUNK = 40, 1000
_GROUPS = 10  # of the bank whose speed is measured


def as_seen(case: Case, *, by_oracle: bool) -> Shift:
    """Give a case as the oracle sees it, by its ratios, or as an ADWIN does."""
    seen = case.ratio if by_oracle else case.plain
    before, after = (
        lambda random, runs, rows, draw=draw: seen(draw(random, runs, rows))
        for draw in (case.before, case.after)
    )
    return Shift(case.name, "location", before, after, lambda ratios: ratios)


def false_alarms(draw: Draw, monitor: Monitor, random: Random, rows: int, *, known: bool) -> float:
    """Give alarms per 10,000 rows after the first 5,000, over so many rows."""
    bank = _bank(draw, monitor, random, _RUNS, known=known)
    _run(bank, draw, monitor, random, _RUNS, SETTLE)
    late = _run(bank, draw, monitor, random, _RUNS, rows // _RUNS)
    return float(late.sum()) / (late.shape[0] * BLOCK * _RUNS) * 10_000


def delays(
    case: Case, monitor: Monitor, random: Random, runs: int, *, known: bool
) -> tuple[Floats, Flags]:
    """Give the rows from a change after 10,000 rows in service to the alarm.

    And which runs were in a shift already when it came, by a false alarm: of the same shift they
    tell again only after a while.
    """
    bank = _bank(case.before, monitor, random, runs, known=known)
    _run(bank, case.before, monitor, random, runs, BEFORE)
    told = bank.shifted != 0
    late = first(_run(bank, case.after, monitor, random, runs, HORIZON))
    return late, told


def speeds(random: Random, blocks: int = 4000) -> dict[str, float]:
    """Measure rows per second through banks of ten groups: 3 features, 15 things that happen."""
    sides = (random.random((blocks, BLOCK, _GROUPS)) < SHARE).astype(float)
    values = random.standard_normal((blocks, BLOCK, 3))
    hits = (random.random((blocks, BLOCK, 15)) < 0.3).astype(float)
    spread = np.full(_GROUPS, SHARE * (1 - SHARE))
    sums: list[Blocks] = []

    def summed() -> None:
        sums.append(numeric_contrasts(values, sides, spread))
        sums.append(odds_contrasts(hits, sides))
        own = sides.sum(axis=1)
        for column in (hits[..., :1], values[..., :1]):
            part = sides * column
            sums.append(Blocks(part.sum(axis=1), (part**2).sum(axis=1), own))

    found = {"sums, µs per row": _micros(summed, blocks)}
    length = group_run_length(RUN_LENGTH, SHARE)
    ones = np.ones(_GROUPS)
    usual = np.zeros((blocks, 84))
    for name, size in (("segments", 40), ("blocks", 1)):
        banks = [
            Bank.location(np.zeros(30), np.ones(30), np.full(30, 1e4), RUN_LENGTH),
            Bank.odds(*(np.full(150, x) for x in (1.0, 0.3, SHARE, 1e4)), RUN_LENGTH),
            Bank.rate(0.3 * ones, 2000 * ones, length),
            Bank.location(0 * ones, ones, 2000 * ones, length),
        ]
        parts = [_stepped(bank, each, size) for bank, each in zip(banks, sums, strict=True)]
        plain = Bank.location(np.zeros(84), np.ones(84), np.full(84, 2000.0), RUN_LENGTH)
        rows = Blocks(usual, usual + BLOCK, usual + BLOCK)
        took = [_micros(part, blocks) for part in parts]
        whole, location = sum(took), _micros(_stepped(plain, rows, size), blocks)
        found |= {
            f"30 contrasts of numbers, by {name}, µs per row": took[0],
            f"150 contrasts of rates, by {name}, µs per row": took[1],
            f"20 of groups' own rows, by {name}, µs per row": took[2] + took[3],
            f"all of them, by {name}, rows/s": 1e6 / (whole + found["sums, µs per row"]),
            f"84 monitors of location, by {name}, rows/s": 1e6 / location,
        }
    return found


def _stepped(bank: Bank, blocks: Blocks, size: int) -> Callable[[], None]:
    given = {name: each for name, each in fields(blocks).items() if each is not None}

    def step() -> None:
        for at in range(0, len(blocks.rows), size):
            bank.steps(**{name: each[at : at + size] for name, each in given.items()})

    return step


def _micros(work: Callable[[], None], blocks: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / (blocks * BLOCK) * 1e6


def _bank(draw: Draw, monitor: Monitor, random: Random, runs: int, *, known: bool) -> Bank:
    if known:
        return monitor.known(runs, RUN_LENGTH)
    return monitor.bank(draw(random, runs, TRAINING), RUN_LENGTH)


def _run(bank: Bank, draw: Draw, monitor: Monitor, random: Random, runs: int, rows: int) -> Flags:
    parts = []
    for at in range(0, rows, _CHUNK):
        drawn = draw(random, runs, min(_CHUNK, rows - at))
        parts.append(bank.steps(**fields(monitor.sums(drawn))))
    return np.concatenate(parts)
