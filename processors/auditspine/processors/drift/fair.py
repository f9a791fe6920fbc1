"""Watches how a model treats groups of people: gaps, proxies, and who is there at all. Pure.

It is stepped with the other monitors of the model, block by block. A contrast holds the rows of a
group against others of the same block, so that what moves all of them alike moves it not at all;
the group's own rows alone tell sooner, and of that as well.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.excursion import Excursions, Window
from auditspine.processors.drift.fair_layout import (
    CONTRAST,
    FAVOURABLE,
    MISSING_SHARE,
    ODDS,
    PLACE,
    RATE,
    SHARE,
    Setting,
    Watched,
    new_monitors,
)
from auditspine.processors.drift.fair_reference import (
    Contrasts,
    GroupBlocks,
    References,
    Side,
    linear,
)
from auditspine.processors.drift.layout import Expected
from auditspine.processors.drift.mixture import Flags, Floats, group_run_length
from auditspine.processors.drift.packing import under
from auditspine.processors.drift.protected import MISSING
from auditspine.processors.drift.scores import Blocks

_PANELS = (RATE, PLACE, CONTRAST, ODDS)
_MOST, _MOST_PROXIES = 4000, 2000  # monitors of groups of one model, and proxies among them


class FairWatch:
    """Monitors of groups of one model at one deployment.

    Attributes:
        watched: The monitors, panel by panel.
        known: What is expected, and what is learned of groups that are not compared yet.
        left_out: Whether there is more that could be watched than there is room for.
    """

    def __init__(self) -> None:
        self.known = References()
        self.left_out = False
        self._panels: list[list[Watched]] = [[] for _ in _PANELS]
        self._banks: list[Bank | None] = [None for _ in _PANELS]
        self._excursions = Excursions(0)
        self.run_length = 1e5
        self._refresh()

    def __len__(self) -> int:
        return len(self.watched)

    @property
    def shifted(self) -> Floats:
        """To which side each is in a shift; see :class:`~.bank.Bank`."""
        return self._all(lambda bank: bank.shifted)

    @property
    def level(self) -> Floats:
        """How near each is to an alarm."""
        return self._all(lambda bank: bank.level)

    def set_run_length(self, rows: float) -> None:
        """Set how many of the model's rows pass, on average, before one raises a false alarm."""
        self.run_length = rows
        for number, bank in enumerate(self._banks):
            if bank is not None:
                shares = np.array([each.share for each in self._panels[number]])
                bank.set_run_length(_lengths(number, shares, rows))

    def steps(self, blocks: GroupBlocks, setting: Setting, hours: NDArray[np.int64]) -> "Taken":
        """Take some blocks; :meth:`follow` then tells of each."""
        found = self.known.contrasts(blocks, setting.score, setting.telling)
        self.known.note(blocks, setting.score)
        for each in found:
            self.known.learn(each)
        parts = [self._rates(blocks), self._places(blocks), *self._contrasted(found, setting)]
        alarms, sums = [], []
        for panel, (given, told) in zip(_PANELS, parts, strict=True):
            bank = self._banks[panel]
            if bank is None:
                continue
            seasons = hours if panel in (RATE, PLACE) else None
            sums_of = given.total, given.squares, given.rows
            alarms.append(bank.steps(*sums_of, seasons, first=given.first))
            sums.append(told)
        return Taken(alarms, sums, len(blocks.codes))

    def follow(self, taken: "Taken", block: int, first: tuple[int, int]) -> list[tuple[int, bool]]:
        """Give the monitors that raised an alarm at a block or a few before, and which of them now.

        Args:
            taken: From :meth:`steps`.
            block: Number of the block in it.
            first: Position and time of the block's first row.
        """
        totals, squares, rows = taken.sums(block)
        self._excursions.add(totals, squares, rows, self._expected, first)
        alarms = taken.alarms(block)
        return [(index, bool(alarms[index])) for index in self._excursions.follow(alarms)]

    def found(self) -> Floats:
        """Give each monitor's mean since it has been off, in its unit."""
        found: Floats = self._excursions.found(self._expected.means) * self._units
        return found

    @property
    def expected(self) -> Floats:
        """Each monitor's expected mean, in its unit."""
        expected: Floats = self._expected.means * self._units
        return expected

    def window(self, index: int) -> tuple[Window, float, float]:
        """Give a monitor's window, the expected mean and by how much a row scatters."""
        mean, sd = float(self._expected.means[index]), float(self._expected.sds[index])
        return self._excursions.window(index, mean), mean, sd

    def effect(self, index: int, window: Window) -> float:
        """Give how far a monitor moved: shares, deviations of scores, or correlations."""
        watched = self.watched[index]
        moved = (window.mean - watched.mean) * watched.unit
        return float(moved / watched.variance**0.5 if watched.panel == PLACE else moved)

    def grow(self, setting: Setting) -> int:
        """Add the monitors that there are enough rows for now; give how many.

        What is looked at changes here alone, after blocks that do not depend on how rows are cut.
        """
        self.known.begin(setting.crossed)
        keys = {(each.panel, each.side, each.of): each for each in self.watched}
        found = new_monitors(setting, self.known, keys)
        proxies = [each for each in found if each.kind == "proxy"]
        room = max(_MOST_PROXIES - sum(each.kind == "proxy" for each in self.watched), 0)
        added = [*(each for each in found if each.kind != "proxy"), *proxies[:room]]
        added = added[: _MOST - len(keys)]
        self.left_out = len(added) < len(found)
        if added:
            before = [len(each) for each in self._panels]
            for panel in _PANELS:
                self._append(panel, [each for each in added if each.panel == panel])
            self._excursions.insert(before, [len(each) for each in self._panels])
            self._refresh()
        return len(added)

    def forget(self, columns: Collection[int]) -> None:
        """Forget the monitors and all that is known of some attributes, by their columns."""
        if not self.known.knows(columns) and all(
            each.side.column not in columns for each in self.watched
        ):
            return
        self.known.forget(columns)
        kept = np.array([each.side.column not in columns for each in self.watched], dtype=bool)
        arrays = self._excursions.arrays
        arrays.update({name: array[:, kept] for name, array in arrays.items()})
        start = 0
        for panel in _PANELS:
            own, bank = self._panels[panel], self._banks[panel]
            part, start = kept[start : start + len(own)], start + len(own)
            self._panels[panel] = [each for each, stays in zip(own, part, strict=True) if stays]
            if bank is not None:
                bank.load({name: array[..., part] for name, array in bank.state().items()})
                self._banks[panel] = bank if part.any() else None
        self._refresh()

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`load` takes both."""
        keys, arrays = self.known.state()
        arrays = {f"known.{name}": each for name, each in arrays.items()}
        for panel, bank in enumerate(self._banks):
            if bank is not None:
                arrays |= {f"{panel}.{name}": each for name, each in bank.state().items()}
        arrays |= {f"x.{name}": each for name, each in self._excursions.arrays.items()}
        watched = [list(each) for each in self.watched]
        return {"keys": keys, "watched": watched, "left_out": self.left_out}, arrays

    def load(self, head: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state.

        Raises:
            ValueError: It is none of these monitors.
        """
        self.known.load(head["keys"], under(arrays, "known."))
        self.left_out = head["left_out"]
        every = [Watched(panel, Side(*side), *rest) for panel, side, *rest in head["watched"]]
        for panel in _PANELS:
            self._panels[panel], self._banks[panel] = [], None
            self._append(panel, [each for each in every if each.panel == panel])
            bank = self._banks[panel]
            if bank is not None:
                bank.load(under(arrays, f"{panel}."))
        self._excursions.arrays.update(under(arrays, "x."))
        self._refresh()

    def _append(self, panel: int, added: Sequence[Watched]) -> None:
        if not added:
            return
        more, bank = _bank(panel, added, self.run_length), self._banks[panel]
        self._panels[panel].extend(added)
        if bank is None:
            self._banks[panel] = more
        else:
            bank.append(more)

    def _refresh(self) -> None:
        self.watched = [each for panel in self._panels for each in panel]
        self._expected = Expected(
            np.array([each.mean for each in self.watched]),
            np.sqrt([each.variance for each in self.watched]),
            np.array([each.rows for each in self.watched]),
        )
        self._units = np.array([each.unit for each in self.watched])
        self._columns = [
            np.array([each.side.column for each in panel], dtype=int) for panel in self._panels
        ]
        self._numbers = [np.array([each.side.first for each in panel]) for panel in self._panels]
        self._of = [np.array([each.of for each in panel], dtype=int) for panel in self._panels]
        self._spreads = [np.array([each.spread for each in panel]) for panel in self._panels]

    def _all(self, get: Any) -> Floats:
        parts = [get(bank) for bank in self._banks if bank is not None]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _rates(self, blocks: GroupBlocks) -> tuple[Blocks, tuple[Floats, Floats, Floats]]:
        """Take the sums of shares: of groups, of rows without one, of favourable decisions."""
        codes = blocks.codes[:, :, self._columns[RATE]]
        own, of = codes == self._numbers[RATE], self._of[RATE]
        hits = np.where(
            of == FAVOURABLE, blocks.favourable, np.where(of == SHARE, own, codes == MISSING)
        )
        counts = np.where(
            of == FAVOURABLE,
            own & np.isfinite(blocks.favourable),
            np.where(of == SHARE, codes >= 0, (of == MISSING_SHARE) & np.isfinite(codes)),
        )
        total = np.where(counts, hits, 0.0).sum(axis=1)
        rows = counts.sum(axis=1, dtype=float)
        return Blocks(total, total, rows), (total, total, rows)

    def _places(self, blocks: GroupBlocks) -> tuple[Blocks, tuple[Floats, Floats, Floats]]:
        """Take the sums of the scores of groups' rows."""
        codes = blocks.codes[:, :, self._columns[PLACE]]
        values = blocks.scores[:, :, self._of[PLACE]] if codes.shape[2] else codes
        own = (codes == self._numbers[PLACE]) & np.isfinite(values)
        kept = np.where(own, values, 0.0)
        total, squares = kept.sum(axis=1), (kept * kept).sum(axis=1)
        rows = own.sum(axis=1, dtype=float)
        return Blocks(total, squares, rows), (total, squares, rows)

    def _contrasted(
        self, found: Sequence[Contrasts], setting: Setting
    ) -> list[tuple[Blocks, tuple[Floats, Floats, Floats]]]:
        """Pick the sums of the contrasts that are watched, on the scale of rows."""
        starts = _starts(found, "numeric")
        at = [starts[e.side] + e.of * (not e.side.is_pair) for e in self._panels[CONTRAST]]
        spread, picked = self._spreads[CONTRAST], _picked([each.numeric for each in found], at)
        total, rows, squares = (
            picked.total / np.sqrt(spread),
            picked.rows / spread,
            picked.squares / spread,
        )
        numeric = Blocks(total, squares, rows), (total, squares, rows)
        starts = _starts(found, "odds")
        places = {number: place for place, number in enumerate(setting.telling)} | {FAVOURABLE: 0}
        at = [starts[each.side] + places[each.of] for each in self._panels[ODDS]]
        odds = _picked([each.odds for each in found], at)
        slope, weight = (each / self._spreads[ODDS] for each in linear(odds))
        return [numeric, (odds, (slope, slope, weight))]


def _starts(found: Sequence[Contrasts], name: str) -> dict[Side, int]:
    """Give where each contrast begins in the sums of all, put side by side."""
    starts: dict[Side, int] = {}
    start = 0
    for each in found:
        width = getattr(each, name).total.shape[1] // len(each.sides)
        starts |= {side: start + index * width for index, side in enumerate(each.sides)}
        start += width * len(each.sides)
    return starts


def _picked(given: Sequence[Blocks], at: Sequence[int]) -> Blocks:
    """Give some columns of block sums that are put side by side."""
    if not at:
        none = np.zeros((len(given[0].total) if given else 0, 0))
        return Blocks(none, none, none, first=none)
    total, squares, rows = (
        np.concatenate([getattr(each, name) for each in given], axis=1)[:, at]
        for name in ("total", "squares", "rows")
    )
    firsts = [each.first for each in given if each.first is not None]
    first = np.concatenate(firsts, axis=1)[:, at] if firsts else None
    return Blocks(total, squares, rows, first=first)


class Taken:
    """What some blocks held for each monitor."""

    def __init__(
        self, alarms: Sequence[Flags], sums: Sequence[tuple[Floats, Floats, Floats]], blocks: int
    ) -> None:
        none = np.zeros((blocks, 0))
        self._alarms = np.concatenate(alarms, axis=1) if alarms else none.astype(bool)
        self._sums = [
            np.concatenate([each[part] for each in sums], axis=1) if sums else none
            for part in range(3)
        ]

    def alarms(self, block: int) -> Flags:
        """Give which monitors raise an alarm at a block."""
        raised: Flags = self._alarms[block]
        return raised

    def sums(self, block: int) -> tuple[Floats, Floats, Floats]:
        """Give totals, squares and rows of a block."""
        totals, squares, rows = (each[block] for each in self._sums)
        return totals, squares, rows


def _bank(panel: int, watched: Sequence[Watched], run_length: float) -> Bank:
    means, variances, rows, shares, spreads, ratios, rates = (
        np.array([getattr(each, name) for each in watched])
        for name in ("mean", "variance", "rows", "share", "spread", "ratio", "rate")
    )
    length = _lengths(panel, shares, run_length)
    if panel == RATE:
        return Bank.rate(means, rows, length)
    if panel == ODDS:
        own = (1 - np.sqrt(np.maximum(1 - 4 * spreads, 0.0))) / 2
        return Bank.odds(ratios, rates, own, rows, length)
    return Bank.location(means, variances, rows, length)


def _lengths(panel: int, shares: Floats, run_length: float) -> Floats:
    """Give how many of their own rows pass, on average, before monitors raise a false alarm."""
    if panel in (RATE, PLACE):
        return group_run_length(run_length, shares)
    return run_length * shares
