"""The monitors of one model at one deployment: rows in, alarms out, state to go on from. Pure.

Rows are taken in blocks of 25, in the order of the log, wherever segments or restarts cut them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.columns import Rows
from auditspine.processors.drift.detector import BLOCK, Bank
from auditspine.processors.drift.excursion import Excursions
from auditspine.processors.drift.fair import FairWatch, Taken
from auditspine.processors.drift.fair_layout import Setting
from auditspine.processors.drift.layout import Input, Layout, Monitor, read_input, write_input
from auditspine.processors.drift.mixture import Flags, Floats
from auditspine.processors.drift.packing import pack, under, unpack
from auditspine.processors.drift.starts import Starts
from auditspine.processors.projection.errors import StateError

REPORTED = 16
"""Blocks after which it is told how all monitors stand."""
_TOGETHER = 8  # blocks that are stepped together; divides REPORTED


@dataclass(frozen=True, slots=True)
class Alarm:
    """A monitor that raised an alarm.

    Attributes:
        index: Of the monitor, in the layout's order.
        monitor: The monitor.
        row: Index of the block's last row among those that were given.
        effect: How far it moved: training standard deviations, or a difference of shares.
        threshold: Rows that pass on average before it raises a false one.
        rows: Rows of the window since it began to move.
        first_position: Where the window began, in the log.
        started_at: When, milliseconds.
        expected: Mean, standard deviation and rows of the reference.
        found: Mean and standard deviation in the window; the latter of places and rates alone.
        begun: Whether it is raised at this block, and not only followed: how far did it move?
        since: Before and by when the change began, milliseconds, at 95%; None where not known.
    """

    index: int
    monitor: Monitor
    row: int
    effect: float
    threshold: float
    rows: int
    first_position: int
    started_at: int
    expected: tuple[float, float, int]
    found: tuple[float, float | None]
    begun: bool = True
    since: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Levels:
    """How the monitors stand after a block.

    Attributes:
        row: Index of the block's last row among those that were given.
        block: Number of the block, from 1.
        levels: How near each is to an alarm, 0 to 1; 1 as long as it is in a shift.
        expected: Mean that its reference expects.
        found: Mean since it last was where it is expected.
    """

    row: int
    block: int
    levels: Floats
    expected: Floats
    found: Floats


class Watch:
    """Monitors of one model at one deployment.

    Args:
        layout: What is watched.

    Attributes:
        layout: What is watched.
        blocks: Blocks taken.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.fair = FairWatch()
        self.blocks = 0
        self.run_length = 1e5
        self._banks = layout.banks()
        self._excursions = Excursions(len(layout.monitors))
        self._starts = Starts()
        self._rest: Rows | None = None

    @property
    def monitors(self) -> list[Monitor]:
        """All monitors: of inputs and answers, then of groups of people."""
        return [*self.layout.monitors, *(each.monitor for each in self.fair.watched)]

    def drifting(self) -> tuple[list[str], list[str]]:
        """Give the features that are not as they were, and the kinds of what is of none."""
        shifted = np.concatenate([*(bank.shifted for bank in self._banks), self.fair.shifted])
        every = self.monitors
        found = [every[index] for index in np.flatnonzero(shifted)]
        features = sorted({each.feature for each in found if each.feature})
        return features, sorted({each.kind for each in found if not each.feature})

    def set_run_length(self, rows: float) -> None:
        """Set how many rows pass, on average, before a monitor raises a false alarm."""
        self.run_length = rows
        for bank in self._banks:
            bank.set_run_length(rows)
        self.fair.set_run_length(rows)

    def add(self, inputs: Sequence[Input]) -> None:
        """Watch more inputs from the next row on."""
        before = self.layout.sizes
        for each in inputs:
            self.layout.add(each)
        for bank, more in zip(self._banks, self.layout.banks(before), strict=True):
            bank.append(more)
            bank.set_run_length(self.run_length)
        self._excursions.insert(before, self.layout.sizes)
        if self._rest is not None:
            self._rest = self._rest.widened(len(self.layout.places), len(self.layout.rates))

    def forget(self, columns: Sequence[int]) -> None:
        """Forget the monitors, and what is known, of attributes of people by their columns."""
        self.fair.forget(columns)
        if self._rest is not None:
            kept = [each for each in columns if each < self._rest.codes.shape[1]]
            self._rest.codes[:, kept] = np.nan

    def take(self, rows: Rows, setting: Setting) -> Iterator[Alarm | Levels]:
        """Take rows; yield alarms in order of rows and monitors, and now and then how all stand.

        Args:
            rows: What the monitors see of them.
            setting: How groups of people are compared.
        """
        kept = 0 if self._rest is None else len(self._rest)
        held = rows if self._rest is None else self._rest + rows
        whole, at = len(held) // BLOCK, 0
        sums = _sums(held, whole)
        while at < whole:
            end = min(whole, at + _TOGETHER - self.blocks % _TOGETHER)
            groups = None
            if held.codes.shape[1]:
                people = held.group_blocks(at * BLOCK, end * BLOCK, BLOCK)
                groups = self.fair.steps(people, setting, sums.hours[at:end])
            yield from self._steps(sums.part(at, end), groups, held, at, kept)
            if groups is not None and self.blocks % _TOGETHER == 0:
                self.fair.grow(setting)
            at = end
        self._rest = held.part(whole * BLOCK, len(held))

    def _steps(
        self, sums: "_Sums", groups: Taken | None, held: Rows, first: int, kept: int
    ) -> Iterator[Alarm | Levels]:
        """Take some blocks, of which only the last can be one after which all levels are told."""
        rates = (sums.rate_totals, sums.rate_totals, sums.rate_counts)
        places = (sums.totals, sums.squares, sums.counts)
        parts = zip(self._banks, (places, places, rates), strict=True)
        alarms = np.concatenate([_run(bank, part, sums.hours) for bank, part in parts], axis=1)
        values = np.concatenate([sums.totals, sums.squares, sums.rate_totals], axis=1)
        squares = np.concatenate([sums.squares, sums.squares, sums.rate_totals], axis=1)
        counts = np.concatenate([sums.counts, sums.counts, sums.rate_counts], axis=1)
        expected = self.layout.expected
        for block in range(len(alarms)):
            start = (first + block) * BLOCK
            where = (int(held.positions[start]), int(held.times[start]))
            self._excursions.add(values[block], squares[block], counts[block], expected, where)
            self._starts.add(where)
            self.blocks += 1
            row = start + BLOCK - 1 - kept
            end = int(held.times[start + BLOCK - 1])
            for index in self._excursions.follow(alarms[block]):
                yield self._alarm(index, row, end, begun=bool(alarms[block, index]))
            if groups is not None:
                for index, begun in self.fair.follow(groups, block, where):
                    yield self._fair_alarm(index, row, end, begun=begun)
        if self.blocks % REPORTED == 0:
            yield self._levels((first + len(alarms)) * BLOCK - 1 - kept)

    def _levels(self, row: int) -> Levels:
        """Give how near each monitor is to an alarm: 1 as long as it is in a shift."""
        levels = np.concatenate([*(bank.level for bank in self._banks), self.fair.level])
        shifted = np.concatenate([*(bank.shifted for bank in self._banks), self.fair.shifted])
        expected = self.layout.expected.means
        return Levels(
            row,
            self.blocks,
            np.where(shifted != 0, 1.0, np.minimum(levels, 1.0)),
            np.concatenate([expected, self.fair.expected]),
            np.concatenate([self._excursions.found(expected), self.fair.found()]),
        )

    def _alarm(self, index: int, row: int, end: int, *, begun: bool) -> Alarm:
        expected = self.layout.expected
        mean, sd = float(expected.means[index]), float(expected.sds[index])
        window = self._excursions.window(index, mean)
        places, spreads = len(self.layout.places), len(self.layout.spreads)
        if index < places:
            effect = (window.mean - mean) / sd
        elif index < places + spreads:
            effect = float(np.sqrt(max(window.mean, 0.0) / mean) - 1)
        else:
            effect = window.mean - mean
        is_scale = places <= index < places + spreads
        return Alarm(
            index,
            self.layout.monitors[index],
            row,
            effect,
            self.run_length,
            window.rows,
            window.position,
            window.at,
            (mean, sd, int(expected.rows[index])),
            (window.mean, None if is_scale else window.sd),
            begun,
            self._starts.interval(window, abs(window.mean - mean) / sd, end),
        )

    def _fair_alarm(self, index: int, row: int, end: int, *, begun: bool) -> Alarm:
        watched = self.fair.watched[index]
        window, mean, sd = self.fair.window(index)
        unit = watched.unit
        return Alarm(
            len(self.layout.monitors) + index,
            watched.monitor,
            row,
            self.fair.effect(index, window),
            self.run_length,
            window.rows,
            window.position,
            window.at,
            (mean * unit, sd * unit, int(watched.rows)),
            (window.mean * unit, None),
            begun,
            self._starts.interval(window, abs(window.mean - mean) / sd, end),
        )

    def encode(self) -> bytes:
        """Give all that is needed to go on, but the layout."""
        arrays = {
            f"{name}.{key}": array
            for name, bank in zip("psr", self._banks, strict=True)
            for key, array in bank.state().items()
        }
        arrays |= {f"x.{key}": array for key, array in self._excursions.arrays.items()}
        people, more = self.fair.state()
        arrays |= {f"f.{key}": array for key, array in more.items()}
        arrays["starts"] = self._starts.array
        if self._rest is not None:
            arrays |= {
                f"rest.{each.name}": getattr(self._rest, each.name).astype(float)
                for each in fields(Rows)
            }
        head = {"blocks": self.blocks, "run_length": self.run_length, "fair": people}
        return pack(head, arrays)

    def load(self, value: bytes) -> None:
        """Go on from what :meth:`encode` gave for the same layout.

        Raises:
            StateError: It is of another format or another layout.
        """
        head, arrays = unpack(value)
        self.blocks, self.run_length = int(head["blocks"]), float(head["run_length"])
        try:
            for name, bank in zip("psr", self._banks, strict=True):
                bank.load(under(arrays, f"{name}."))
            self.fair.load(head["fair"], under(arrays, "f."))
        except (ValueError, KeyError) as exc:
            raise StateError(f"a monitor's state cannot be used: {exc}") from exc
        self.fair.run_length = self.run_length
        self._excursions.arrays.update(under(arrays, "x."))
        self._starts = Starts(arrays["starts"])
        rest = under(arrays, "rest.")
        if rest:
            self._rest = Rows(
                rest["scores"],
                rest["rates"],
                rest["positions"].astype(np.int64),
                rest["times"].astype(np.int64),
                rest["favourable"],
                rest["codes"],
            )

    def encode_layout(self) -> bytes:
        """Give the layout; :func:`read_layout` reads it."""
        return json.dumps([write_input(each) for each in self.layout.inputs]).encode()


def read_layout(value: bytes) -> Layout:
    """Read what :meth:`Watch.encode_layout` gave."""
    return Layout(read_input(each) for each in json.loads(value))


@dataclass(slots=True)
class _Sums:
    """Sums of whole blocks; each array has a row per block."""

    totals: Floats
    squares: Floats
    counts: Floats
    rate_totals: Floats
    rate_counts: Floats
    hours: NDArray[np.int64]

    def part(self, start: int, end: int) -> "_Sums":
        """Give some of the blocks."""
        return _Sums(*(getattr(self, each.name)[start:end] for each in fields(self)))


def _sums(rows: Rows, blocks: int) -> _Sums:
    used = rows.part(0, blocks * BLOCK)
    scores = used.scores.reshape(blocks, BLOCK, used.scores.shape[1])
    rates = used.rates.reshape(blocks, BLOCK, used.rates.shape[1])
    has, told = np.isfinite(scores), np.isfinite(rates)
    scores = np.where(has, scores, 0.0)
    hours = np.zeros((blocks, 24), dtype=np.int64)
    np.add.at(hours, (np.repeat(np.arange(blocks), BLOCK), used.hours), 1)
    return _Sums(
        scores.sum(axis=1),
        np.einsum("ijk,ijk->ik", scores, scores),
        has.sum(axis=1).astype(float),
        np.where(told, rates, 0.0).sum(axis=1),
        told.sum(axis=1).astype(float),
        hours,
    )


def _run(bank: Bank, part: tuple[Floats, Floats, Floats], hours: NDArray[np.int64]) -> Flags:
    if not bank.rows.size:
        return np.zeros((len(hours), 0), dtype=bool)
    return bank.steps(*part, hours)
