"""Monitors over one kind of rows of the outcome log: stepped, told and kept together. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.calibrated import calibration_blocks, calibration_tilts
from auditspine.processors.drift.excursion import Excursions
from auditspine.processors.drift.layout import Expected, Monitor
from auditspine.processors.drift.mixture import Floats, group_run_length
from auditspine.processors.drift.outcome_delays import factor
from auditspine.processors.drift.outcome_rows import Block, Lane, Outcome
from auditspine.processors.drift.packing import under
from auditspine.processors.drift.scores import Blocks
from auditspine.processors.drift.starts import Starts
from auditspine.processors.drift.watch import Alarm

RATE, CALIBRATION, ODDS, DELAY = range(4)
"""The banks: how often something happens; how far from what was said; in one of two groups more
often than in the other; how late."""

_BANKS = (RATE, CALIBRATION, ODDS, DELAY)

Sums = tuple[Floats, Floats, Floats]
"""Totals, squares and rows of a block, an element per monitor."""


class Watched(NamedTuple):
    """One monitor.

    Attributes:
        bank: Its bank.
        first: Index of the group that it is of.
        second: Index of the other group, of a contrast; -1 for others.
        columns: Of the total, its squares and the rows among a block's sums.
        name: Its name.
        kind: As in ``drift.signalled``.
        mean: Expected mean of a row.
        sd: By how much a row scatters.
        rows: Rows that this is known from.
        share: Of the rows, those that it sees.
        rate: How often what it watches happens, of calibration and odds; of delays, how often they
            are longer than the horizon.
        ratio: Expected ratio of odds.
        own: Share of the first group among both, of odds.
    """

    bank: int
    first: int
    second: int
    columns: tuple[int, int, int]
    name: str
    kind: str
    mean: float
    sd: float
    rows: float
    share: float
    rate: float = 0.5
    ratio: float = 1.0
    own: float = 0.5

    @property
    def monitor(self) -> Monitor:
        """It as any monitor."""
        return Monitor(self.name, self.kind, "")


class Board:
    """Monitors that are stepped at the same blocks.

    Attributes:
        watched: The monitors, bank by bank.
    """

    def __init__(self) -> None:
        self._parts: list[list[Watched]] = [[] for _ in _BANKS]
        self._banks = [_bank(number, []) for number in _BANKS]
        self._excursions = Excursions(0)
        self._starts = Starts()
        self._refresh()

    def step(self, block: Block, run_length: float) -> list[tuple[int, bool]]:
        """Take a block; give the monitors to tell of, and whether they raise an alarm at it.

        Args:
            block: The block.
            run_length: Rows that pass, on average, before a monitor raises a false alarm.
        """
        alarms, sums = [], []
        for number, bank in enumerate(self._banks):
            if not self._parts[number]:
                continue
            given, told = self._sums(number, block)
            length = group_run_length(run_length, self._shares[number])
            bank.set_run_length(length)
            sums_of = given.total, given.squares, given.rows
            hours = block.hours if number == DELAY else None
            alarms.append(bank.step(*sums_of, hours, given.cumulants, given.first))
            sums.append(told)
        self._starts.add(block.start)
        if not sums:
            return []
        total, squares, rows = (np.concatenate(each) for each in zip(*sums, strict=True))
        self._excursions.add(total, squares, rows, self.expected, block.start)
        begun = np.concatenate(alarms)
        return [(index, bool(begun[index])) for index in self._excursions.follow(begun)]

    def alarm(self, index: int, run_length: float, end: int, *, begun: bool) -> Alarm:
        """Tell of a monitor at the latest block.

        Args:
            index: Of the monitor.
            run_length: As for :meth:`step`.
            end: When the block ended, milliseconds.
            begun: Whether it raises the alarm now.
        """
        watched = self.watched[index]
        mean, sd = watched.mean, watched.sd
        window = self._excursions.window(index, mean)
        moved = window.mean - mean
        is_delay = watched.bank == DELAY
        return Alarm(
            index=index,
            monitor=watched.monitor,
            row=0,
            effect=factor(window.mean / mean, watched.rate) - 1 if is_delay else moved,
            threshold=run_length,
            rows=window.rows,
            first_position=window.position,
            started_at=window.at,
            expected=(mean, sd, int(watched.rows)),
            found=(window.mean, None if watched.bank == ODDS else window.sd),
            begun=begun,
            since=self._starts.interval(window, abs(moved) / sd, end),
        )

    def levels(self) -> Sums:
        """Give how near each monitor is to an alarm, what is expected of it and what was found."""
        level = np.concatenate([bank.level for bank in self._banks])
        shifted = np.concatenate([bank.shifted for bank in self._banks])
        level = np.where(shifted != 0, 1.0, np.minimum(level, 1.0))
        return level, self.expected.means, self._excursions.found(self.expected.means)

    def add(self, added: Sequence[Watched]) -> None:
        """Watch more from the next block on."""
        before = [len(each) for each in self._parts]
        for number in sorted({each.bank for each in added}):
            more = [each for each in added if each.bank == number]
            self._banks[number].append(_bank(number, more))
            self._parts[number] += more
        self._excursions.insert(before, [len(each) for each in self._parts])
        self._refresh()

    def state(self) -> tuple[list[list[Any]], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`load` takes both."""
        arrays = {
            f"{number}.{name}": array
            for number, bank in enumerate(self._banks)
            if self._parts[number]
            for name, array in bank.state().items()
        }
        arrays |= {f"x.{name}": array for name, array in self._excursions.arrays.items()}
        return [list(each) for each in self.watched], arrays | {"starts": self._starts.array}

    def load(self, watched: Sequence[Sequence[Any]], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state.

        Raises:
            ValueError: It is none of these monitors.
            KeyError: Likewise.
        """
        every = [
            Watched(bank, first, second, (columns[0], columns[1], columns[2]), *rest)
            for bank, first, second, columns, *rest in watched
        ]
        self._parts = [[each for each in every if each.bank == number] for number in _BANKS]
        for number in _BANKS:
            self._banks[number] = _bank(number, self._parts[number])
            if self._parts[number]:
                self._banks[number].load(under(arrays, f"{number}."))
        self._excursions.arrays.update(under(arrays, "x."))
        self._starts = Starts(arrays["starts"])
        self._refresh()

    def _sums(self, number: int, block: Block) -> tuple[Blocks, Sums]:
        """Give what a bank is to test in a block, and what is told of it."""
        first, second, (total, squares, rows) = self._places[number]
        told = block.sums[first, total], block.sums[first, squares], block.sums[first, rows]
        if number == CALIBRATION:
            return self._calibration(first, block), told
        if number == ODDS:
            return _odds(told, block.sums[second, total], block.sums[second, rows], self._spreads)
        return Blocks(*told), told

    def _calibration(self, first: NDArray[np.intp], block: Block) -> Blocks:
        happened = np.where(block.of[:, first] > 0, block.rows[:, [Outcome.HAPPENED]], np.nan)
        said = np.broadcast_to(block.rows[:, [Outcome.PROBABILITY]], happened.shape)
        found = calibration_blocks(happened[None], said[None], self._tilts)
        assert found.cumulants is not None
        return Blocks(found.total[0], found.squares[0], found.rows[0], found.cumulants[0])

    def _refresh(self) -> None:
        """Compute what follows from the monitors."""
        self.watched = [each for part in self._parts for each in part]
        means, sds, rows = (
            np.array([getattr(each, name) for each in self.watched], dtype=float)
            for name in ("mean", "sd", "rows")
        )
        self.expected = Expected(means, sds, rows)
        self._shares = [np.array([each.share for each in part]) for part in self._parts]
        self._places = [_places(part) for part in self._parts]
        odds = np.array([each.own for each in self._parts[ODDS]])
        self._spreads = odds * (1 - odds)
        rates = np.array([each.rate for each in self._parts[CALIBRATION]])
        self._tilts = calibration_tilts(rates)


class Part:
    """Rows of one kind and the monitors over them.

    Args:
        columns: How many columns the rows' sums have.

    Attributes:
        lane: The rows.
        board: The monitors.
        blocks: Blocks taken.
    """

    def __init__(self, columns: int) -> None:
        self.lane, self.board, self.blocks = Lane(columns), Board(), 0

    def step(
        self,
        people: int,
        columns: Floats,
        run_length: float,
        hours: NDArray[np.intp] | None = None,
    ) -> tuple[Block, list[tuple[int, bool]]]:
        """Take the rows as a block; see :meth:`Lane.block` and :meth:`Board.step`."""
        block = self.lane.block(people, columns, hours)
        self.blocks += 1
        return block, self.board.step(block, run_length)

    def grow(self, candidates: Iterable[Watched], most: int) -> None:
        """Watch what is not watched yet, up to a number of monitors."""
        known = {each.name for each in self.board.watched}
        added = [each for each in candidates if each.name not in known]
        added = added[: max(most - len(known), 0)]
        if added:
            self.board.add(added)

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`load` takes both."""
        lane, arrays = self.lane.state()
        watched, more = self.board.state()
        return {"lane": lane, "watched": watched, "blocks": self.blocks}, arrays | more

    def load(self, head: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state; see :meth:`Board.load`."""
        self.lane.load(head["lane"], arrays)
        self.board.load(head["watched"], arrays)
        self.blocks = head["blocks"]


def _places(part: Sequence[Watched]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    first = np.array([each.first for each in part], dtype=np.intp)
    second = np.array([each.second for each in part], dtype=np.intp)
    return first, second, np.array([each.columns for each in part], dtype=np.intp).reshape(-1, 3).T


def _odds(told: Sums, hits: Floats, others: Floats, spread: Floats) -> tuple[Blocks, Sums]:
    """Give the counts of two groups, and how far their rates lie apart.

    Args:
        told: Hits, hits and rows of the first group.
        hits: Of the second.
        others: Rows of the second.
        spread: Product of the shares of both.
    """
    mine, _, rows = told
    both, all_hits = rows + others, mine + hits
    says = (rows > 0) & (others > 0) & (all_hits > 0) & (all_hits < both)
    counts = [np.where(says, each, 0.0) for each in (mine, all_hits, both, rows)]
    given = Blocks(counts[0], counts[1], counts[2], first=counts[3])
    scale = np.maximum(both, 1.0) * spread
    slope = (mine * others - hits * rows) / scale
    return given, (slope, np.zeros_like(slope), rows * others / scale)


def _bank(number: int, watched: Sequence[Watched]) -> Bank:
    means, rows, rates, ratios, own = (
        np.array([getattr(each, name) for each in watched], dtype=float)
        for name in ("mean", "rows", "rate", "ratio", "own")
    )
    if number == RATE:
        return Bank.rate(means, rows, 1e5)
    if number == CALIBRATION:
        return Bank.calibration(rates, 1e5)
    if number == ODDS:
        return Bank.odds(ratios, rates, own, rows, 1e5)
    return Bank.delay(means, rows, 1e5)
