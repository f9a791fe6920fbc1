"""What is to be expected of groups: sums over the rows until they are compared, and after. Pure.

Sums are all that is kept of rows. They begin with what the training profile says of groups, where
it says anything; else the first rows that a group has are what is expected of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from auditspine.processors.drift.contrast import numeric_contrasts, odds_contrasts
from auditspine.processors.drift.mixture import Flags, Floats, plus
from auditspine.processors.drift.protected import MISSING
from auditspine.processors.drift.scores import Blocks

REST = 0
"""Stands for all other groups in a contrast."""

_NUMERIC, _GROUP = 3, 6  # sums that are kept of a contrast of places, and of a group


class Side(NamedTuple):
    """Which rows are held against which.

    Attributes:
        column: Of the attribute, among the codes' columns.
        first: Number of the group.
        second: Number of the other, or :data:`REST`.
    """

    column: int
    first: int
    second: int


@dataclass(slots=True)
class GroupBlocks:
    """Blocks of rows as groups see them; arrays are of shape (blocks, rows of a block, …).

    Attributes:
        scores: Normal scores by place; NaN where there is none.
        rates: What rates count; NaN where it cannot be told.
        favourable: 1 for a decision that the person hopes for, 0 for another; one column.
        codes: Numbers of the groups by attribute.
    """

    scores: Floats
    rates: Floats
    favourable: Floats
    codes: Floats

    def sides(self, sides: Sequence[Side]) -> Floats:
        """Give 1 for rows of the first group, 0 for those of the second, NaN for others."""
        found = np.full((*self.codes.shape[:2], len(sides)), np.nan)
        for index, (column, first, second) in enumerate(sides):
            code = self.codes[:, :, column]
            own, other = code == first, (code >= 0 if second == REST else code == second)
            found[:, :, index] = np.where(own, 1.0, np.where(other, 0.0, np.nan))
        return found


class Contrasts(NamedTuple):
    """Block sums of some contrasts; the last axis is contrast by input, the contrast slowest.

    Attributes:
        numeric: Of places.
        odds: Of rates.
    """

    numeric: Blocks
    odds: Blocks


class References:
    """Sums of what is expected.

    Attributes:
        groups: Per column and number: rows, rows with a decision, favourable ones, rows with a
            score, sum of their normal scores, sum of their squares.
        numeric: Per side: slope's sum, its weight and the scatter, by place.
        odds: Per side: the two sums of Mantel and Haenszel, hits, rows, rows of the first, and as
            above slope and weight; by rate, the favourable decision behind the others.
        known: Per column, rows in which the attribute is known, and rows in which it is missing.
    """

    def __init__(self) -> None:
        self.groups: dict[tuple[int, int], Floats] = {}
        self.numeric: dict[Side, Floats] = {}
        self.odds: dict[Side, Floats] = {}
        self.known: dict[int, Floats] = {}

    def sides(self, crossed: Sequence[bool]) -> list[Side]:
        """Give all that can be held against each other: pairs of groups, and each against the rest.

        The first group of an attribute is the one that others are held against; of two attributes
        together pairs alone are looked at.
        """
        found = []
        for column, number in sorted(self.groups):
            others = [second for at, second in sorted(self.groups) if at == column]
            if not crossed[column] and number > 1:
                found.append(Side(column, number, REST))
            found += [Side(column, number, second) for second in others if second > number]
        return found

    def note(self, blocks: GroupBlocks, score: int) -> None:
        """Count the rows of each group.

        Args:
            blocks: The rows.
            score: Column of the model's score among places; -1 where it has none.
        """
        decided = blocks.favourable[:, :, 0]
        scored = np.full_like(decided, np.nan) if score < 0 else blocks.scores[:, :, score]
        for column in range(blocks.codes.shape[2]):
            code = blocks.codes[:, :, column]
            seen = self.known.setdefault(column, np.zeros(2))
            seen += ((code >= 0).sum(), (code == MISSING).sum())
            for number in np.unique(code[code >= 1]).astype(int).tolist():
                own = code == number
                sums = [own, *_moments(own, decided)[:2], *_moments(own, scored)]
                each = np.stack([each.sum(axis=1, dtype=float) for each in sums], axis=1)
                known = self.groups.get((column, number), np.zeros(_GROUP))
                self.groups[column, number] = plus(known, each)

    def learn(self, sides: Sequence[Side], found: Contrasts) -> None:
        """Add block sums of contrasts."""
        numeric, odds = _summed(found.numeric, found.odds)
        for index, side in enumerate(sides):
            for kept, sums in ((self.numeric, numeric), (self.odds, odds)):
                own = sums.reshape(*sums.shape[:2], len(sides), -1)[:, :, index]
                known = kept.get(side, np.zeros((own.shape[1], 0)))
                kept[side] = plus(_padded(known, own.shape[2]), own)

    def state(self) -> tuple[dict[str, list[list[int]]], dict[str, Floats]]:
        """Give the keys, and the arrays in their order; :meth:`load` takes both."""
        keys = {
            "groups": [list(key) for key in self.groups],
            "known": [[column] for column in self.known],
            "numeric": [list(side) for side in self.numeric],
            "odds": [list(side) for side in self.odds],
        }
        kept: dict[str, Sequence[Floats]] = {
            "groups": list(self.groups.values()),
            "known": list(self.known.values()),
            "numeric": _alike(self.numeric),
            "odds": _alike(self.odds),
        }
        return keys, {name: np.array(arrays) for name, arrays in kept.items() if len(arrays)}

    def load(self, keys: Mapping[str, list[list[int]]], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state."""
        self.groups = {(a, b): each.copy() for (a, b), each in _zipped(keys, arrays, "groups")}
        self.known = {key[0]: each.copy() for key, each in _zipped(keys, arrays, "known")}
        self.numeric = {Side(*k): each.copy() for k, each in _zipped(keys, arrays, "numeric")}
        self.odds = {Side(*key): each.copy() for key, each in _zipped(keys, arrays, "odds")}


def contrasts(blocks: GroupBlocks, sides: Sequence[Side]) -> Contrasts:
    """Take the block sums of contrasts, of places and of rates; weights are not put to a scale."""
    given = blocks.sides(sides)
    hits = np.concatenate([blocks.rates, blocks.favourable], axis=2)
    return Contrasts(
        numeric_contrasts(blocks.scores, given, np.ones(len(sides))), odds_contrasts(hits, given)
    )


def linear(odds: Blocks) -> tuple[Floats, Floats]:
    """Give the difference of shares as sums: of the slope, and its weight. Each (blocks, …)."""
    assert odds.first is not None
    rows = np.maximum(odds.rows, 1.0)
    return (
        odds.total - odds.first * odds.squares / rows,
        odds.first * (odds.rows - odds.first) / rows,
    )


def _summed(numeric: Blocks, odds: Blocks) -> tuple[Floats, Floats]:
    assert odds.first is not None
    hits, rows, first = odds.squares, np.maximum(odds.rows, 1.0), odds.first
    second, others = odds.rows - first, hits - odds.total
    mantel = odds.total * (second - others) / rows
    haenszel = (first - odds.total) * others / rows
    return (
        np.stack([numeric.total, numeric.rows, numeric.squares], axis=1),
        np.stack([mantel, haenszel, hits, odds.rows, first, *linear(odds)], axis=1),
    )


def _moments(own: Flags, values: Floats) -> tuple[Floats, Floats, Floats]:
    """Give how many values there are of a group, the values and their squares; 0 elsewhere."""
    has = own & np.isfinite(values)
    kept = np.where(has, values, 0.0)
    return has.astype(float), kept, kept * kept


def _padded(array: Floats, width: int) -> Floats:
    """Give sums with room for inputs that came later; of rates the last stays the last."""
    missing = width - array.shape[1]
    if not missing or not array.size:
        return np.zeros((len(array), width)) if missing else array
    if len(array) == _NUMERIC:
        return np.pad(array, ((0, 0), (0, missing)))
    return np.insert(array, [array.shape[1] - 1] * missing, 0.0, axis=1)


def _alike(kept: Mapping[Side, Floats]) -> list[Floats]:
    width = max((each.shape[1] for each in kept.values()), default=0)
    return [_padded(each, width) for each in kept.values()]


def _zipped(
    keys: Mapping[str, list[list[int]]], arrays: Mapping[str, Floats], name: str
) -> Iterator[tuple[list[int], Floats]]:
    if keys[name]:
        yield from zip(keys[name], arrays[name], strict=True)
