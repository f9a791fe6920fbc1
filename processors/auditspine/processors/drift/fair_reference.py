"""What is to be expected of groups: sums over the rows until they are compared, and after. Pure.

Sums are all that is kept of rows. They begin with what the training profile says of groups, where
it says anything; else the first rows that a group has are what is expected of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from auditspine.processors.drift.contrast import numeric_contrasts, odds_contrasts
from auditspine.processors.drift.mixture import Flags, Floats, plus
from auditspine.processors.drift.protected import MISSING
from auditspine.processors.drift.scores import Blocks

REST = 0
"""Stands for all other groups in a contrast."""

_GROUP, _NUMERIC, _ODDS = 6, 3, 7  # sums that are kept of a group, of places and of rates


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

    @property
    def is_pair(self) -> bool:
        """Whether two groups are held against each other: by what is answered alone."""
        return self.second != REST


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

    def inputs(
        self, score: int, telling: Sequence[int], *, of_pairs: bool
    ) -> tuple[Floats, Floats]:
        """Give what contrasts are made of: places and rates, each (blocks, rows of a block, …).

        Args:
            score: Column of the score among places; -1 where there is none.
            telling: Rates that may tell of a group.
            of_pairs: Whether for pairs of groups: score and favourable decisions.
        """
        if not of_pairs:
            return self.scores, self.rates[:, :, list(telling)]
        return self.scores[:, :, [score] if score >= 0 else []], self.favourable


class Contrasts(NamedTuple):
    """Block sums of some contrasts; the last axis is contrast by input, the contrast slowest.

    Attributes:
        sides: The contrasts.
        numeric: Of places.
        odds: Of rates.
    """

    sides: Sequence[Side]
    numeric: Blocks
    odds: Blocks


class References:
    """Sums of what is expected.

    Attributes:
        groups: Per column and number: rows, rows with a decision, favourable ones, rows with a
            score, sum of their normal scores, sum of their squares.
        numeric: Per side: slope's sum, its weight and the scatter, by place; of a pair, of the
            score alone. Its keys are the sides that are looked at.
        odds: Per side: the two sums of Mantel and Haenszel, hits, rows, rows of the first, and as
            above slope and weight; by telling rate, of a pair of favourable decisions.
        known: Per column, rows in which the attribute is known, and rows in which it is missing.
    """

    def __init__(self) -> None:
        self.groups: dict[tuple[int, int], Floats] = {}
        self.numeric: dict[Side, Floats] = {}
        self.odds: dict[Side, Floats] = {}
        self.known: dict[int, Floats] = {}

    def begin(self, crossed: Sequence[bool]) -> None:
        """Look at all that can be held against each other now: at certain blocks alone.

        That is pairs of groups, and each against the rest. The first group of an attribute is the
        one that others are held against; of two attributes together pairs alone are looked at.

        Args:
            crossed: Which attributes are two together, by column.
        """
        numbers: dict[int, list[int]] = {}
        for column, number in sorted(self.groups):
            numbers.setdefault(column, []).append(number)
        for column, own in numbers.items():
            rest = [] if crossed[column] else [number for number in own if number > 1]
            for pair in (*((number, REST) for number in rest), *combinations(own, 2)):
                self.numeric.setdefault(Side(column, *pair), np.zeros((_NUMERIC, 0)))
                self.odds.setdefault(Side(column, *pair), np.zeros((_ODDS, 0)))

    def contrasts(self, blocks: GroupBlocks, score: int, telling: Sequence[int]) -> list[Contrasts]:
        """Take the block sums of all that is looked at: against the rest, then of pairs.

        Weights are not put to a scale. The arguments are those of :meth:`GroupBlocks.inputs`.
        """
        found = []
        for of_pairs in (False, True):
            sides = [each for each in sorted(self.numeric) if each.is_pair == of_pairs]
            if sides:
                places, rates = blocks.inputs(score, telling, of_pairs=of_pairs)
                given = blocks.sides(sides)
                numeric = numeric_contrasts(places, given, np.ones(len(sides)))
                found.append(Contrasts(sides, numeric, odds_contrasts(rates, given)))
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
            rows = np.array([(code >= 0).sum(), (code == MISSING).sum()], dtype=float)
            if rows.any():
                self.known[column] = self.known.get(column, np.zeros(2)) + rows
            for number in np.unique(code[code >= 1]).astype(int).tolist():
                own = code == number
                sums = [own, *_moments(own, decided)[:2], *_moments(own, scored)]
                each = np.stack([each.sum(axis=1, dtype=float) for each in sums], axis=1)
                known = self.groups.get((column, number), np.zeros(_GROUP))
                self.groups[column, number] = plus(known, each)

    def learn(self, found: Contrasts) -> None:
        """Add block sums of contrasts."""
        numeric, odds = _summed(found.numeric, found.odds)
        for index, side in enumerate(found.sides):
            for kept, sums in ((self.numeric, numeric), (self.odds, odds)):
                own = sums.reshape(*sums.shape[:2], len(found.sides), -1)[:, :, index]
                kept[side] = plus(_padded(kept[side], own.shape[2]), own)

    def knows(self, columns: Collection[int]) -> bool:
        """Tell whether anything is known of some attributes."""
        return any(column in columns for column in self.known)

    def forget(self, columns: Collection[int]) -> None:
        """Forget all of some attributes."""
        self.groups = {key: each for key, each in self.groups.items() if key[0] not in columns}
        self.known = {key: each for key, each in self.known.items() if key not in columns}
        self.numeric = {key: each for key, each in self.numeric.items() if key[0] not in columns}
        self.odds = {key: each for key, each in self.odds.items() if key[0] not in columns}

    def state(self) -> tuple[dict[str, list[list[int]]], dict[str, Floats]]:
        """Give the keys, and the arrays in their order; :meth:`load` takes both."""
        keys, arrays = {}, {}
        for name, kept in self._parts().items():
            keys[name] = [list(key) for key in sorted(kept)]
            if kept:
                width = max(each.shape[-1] for each in kept.values())
                arrays[name] = np.array([_padded(kept[key], width) for key in sorted(kept)])
        return keys, arrays

    def load(self, keys: Mapping[str, list[list[int]]], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state."""
        found: dict[str, list[tuple[list[int], Floats]]] = {
            name: list(zip(own, arrays[name], strict=True)) if own else []
            for name, own in keys.items()
        }
        self.groups = {(a, b): each.copy() for (a, b), each in found["groups"]}
        self.known = {key[0]: each.copy() for key, each in found["known"]}
        self.numeric, self.odds = (
            {Side(*key): each.copy() for part in "rp" for key, each in found[f"{name}.{part}"]}
            for name in ("numeric", "odds")
        )

    def _parts(self) -> dict[str, dict[tuple[int, ...], Floats]]:
        """Give all arrays: of pairs apart from those against the rest, which are wider."""
        parts: dict[str, dict[tuple[int, ...], Floats]] = {
            "groups": {tuple(key): each for key, each in self.groups.items()},
            "known": {(column,): each for column, each in self.known.items()},
        }
        for name, kept in (("numeric", self.numeric), ("odds", self.odds)):
            parts[f"{name}.r"] = {key: each for key, each in kept.items() if not key.is_pair}
            parts[f"{name}.p"] = {key: each for key, each in kept.items() if key.is_pair}
        return parts


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
    """Give sums with room for inputs that came later."""
    more = width - array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, more)]) if more else array
