"""Rows of the outcome log and their sums per group of people, block by block. Pure.

A row is an answered prediction, or one whose outcome is due. What is known of it is summed up per
group: over a block, for the monitors; over all blocks, for what is to be expected; and over a
period, whose end cuts a block, for its assessment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.detector import BLOCK
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.port import Member

EVERYONE = 0
"""Index of all people, whatever group they are of."""

MISSING = -1
"""Number of those whose attribute is missing."""

_DAY_MS = 24 * 3_600_000
_REMEMBERED = 4096  # combinations of groups that are not looked up again


class Answered(IntEnum):
    """Columns of the sums of answered predictions."""

    ROWS = 0
    WRONG = 1
    GOOD = 2  # outcomes that a favourable decision is right for
    GOOD_FAVOURED = 3
    BAD = 4
    BAD_FAVOURED = 5
    SAID = 6  # with a probability
    HAPPENED = 7
    OFF = 8  # what happened less the probability
    OFF_SQUARES = 9
    WAITED = 10  # with a delay
    DAYS = 11
    DAYS_SQUARES = 12


class IsDue(IntEnum):
    """Columns of the sums of predictions whose outcome is due."""

    ROWS = 0
    ANSWERED = 1


class Judged(IntEnum):
    """Columns of the sums of predictions whose delay is judged."""

    ROWS = 0
    RANK = 1
    RANK_SQUARES = 2


class Outcome(IntEnum):
    """What is known of an answered prediction, in this order; NaN for what is not."""

    WRONG = 0
    GOOD = 1
    FAVOURED = 2
    HAPPENED = 3
    PROBABILITY = 4
    DELAY_MS = 5
    ARRIVED_MS = 6  # after its prediction, by the broker's clock


def answered_columns(rows: Floats) -> Floats:
    """Give the columns of answered predictions, of shape (rows, 7), see :class:`Outcome`."""
    wrong, good, favoured, happened, said, delay = rows.T[: Outcome.ARRIVED_MS]
    off, days = happened - said, delay / _DAY_MS
    has, waited = np.isfinite(off), np.isfinite(days)
    off, days = np.where(has, off, 0.0), np.where(waited, days, 0.0)
    columns = [
        *(np.ones(len(rows)), wrong, good, good * favoured, 1 - good, (1 - good) * favoured),
        *(has, np.where(has, happened, 0.0), off, off**2),
        *(waited, days, days**2),
    ]
    return np.stack(columns, axis=1)


def judged_columns(scores: Floats) -> Floats:
    """Give the columns of predictions whose delay is judged, by its score; NaN for none."""
    has = np.isfinite(scores)
    plain = np.where(has, scores, 0.0)
    return np.stack([has, plain, plain**2], axis=1)


class People:
    """The groups of people of one model, in the order in which outcomes first name them.

    Args:
        entries: Attribute, number and token of each; the first is everyone.
    """

    def __init__(self, entries: Sequence[Sequence[Any]] = (("", 0, ""),)) -> None:
        self.entries: list[Member] = [(name, number, token) for name, number, token in entries]
        self._indexes = {(name, number): at for at, (name, number, _) in enumerate(self.entries)}
        self._known: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def who(self, members: tuple[Member, ...], without: tuple[str, ...]) -> tuple[int, ...]:
        """Give the indexes of the groups that a person is of, everyone among them."""
        found = self._known.get((members, without))
        if found is None:
            missing = [(attribute, MISSING, "") for attribute in without]
            own = dict.fromkeys(map(self._index, [*members, *missing]))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[members, without] = (EVERYONE, *own)
        return found

    def compared(self) -> list[tuple[int, str, int]]:
        """Give index, attribute and number of the groups that are compared."""
        return [(at, name, n) for at, (name, n, _) in enumerate(self.entries) if n > 0]

    def _index(self, member: Member) -> int:
        name, number, token = member
        at = self._indexes.get((name, number))
        if at is None:
            at = self._indexes[name, number] = len(self.entries)
            self.entries.append((name, number, token if number > 0 else ""))
        return at


@dataclass(frozen=True, slots=True)
class Block:
    """A block of rows.

    Attributes:
        sums: Per group and column.
        of: Which row is of which group: 1 or 0, of shape (rows, groups).
        rows: What is known of each row.
        start: Position and time where it begins.
        hours: How many of its predictions were made in each hour of day, of delays.
    """

    sums: Floats
    of: Floats
    rows: Floats
    start: tuple[int, int]
    hours: NDArray[np.intp] | None = None


class Lane:
    """Rows of one kind until they are a block.

    Args:
        columns: How many columns their sums have.

    Attributes:
        rows: What is known of each.
        who: The groups that each is of.
        start: Position and time where the block begins.
        known: Sums over all blocks, per group and column.
    """

    def __init__(self, columns: int) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.known = np.zeros((1, columns))
        self.who: list[tuple[int, ...]] = []
        self.start = (0, 0)
        self._period = np.zeros((1, columns))
        self._counted = 0  # rows that the period's sums have

    def append(self, row: tuple[float, ...], who: tuple[int, ...], at: tuple[int, int]) -> bool:
        """Take a row, which begins a block at a position and time; tell whether it ends one."""
        if not self.rows:
            self.start = at
        self.rows.append(row)
        self.who.append(who)
        return len(self.rows) == BLOCK

    def block(self, people: int, columns: Floats, hours: NDArray[np.intp] | None = None) -> Block:
        """Give the rows as a block, and begin the next one.

        Args:
            people: How many groups there are.
            columns: Of the rows.
            hours: See :class:`Block`.
        """
        self._count(people, columns)
        of = self._of(people)
        block = Block(of.T @ columns, of, np.array(self.rows), self.start, hours)
        self.known = _wide(self.known, people) + block.sums
        self.rows, self.who, self._counted = [], [], 0
        return block

    def learn(self, who: Sequence[tuple[int, ...]], columns: Floats) -> None:
        """Add to what is known what became so of rows of before."""
        people = len(self.known)
        self.known = self.known + _of(who, people).T @ columns

    def end_period(self, people: int, columns: Floats) -> Floats:
        """Give the sums of a period, and begin the next one; see :meth:`block`."""
        if self.rows:
            self._count(people, columns)
        sums = _wide(self._period, people)
        self._period = np.zeros_like(sums)
        return sums

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Give what JSON holds and the arrays; :meth:`load` takes both."""
        head = {
            "rows": self.rows,
            "who": self.who,
            "start": self.start,
            "counted": self._counted,
        }
        return head, {"known": self.known, "period": self._period}

    def load(self, head: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Go on from a state."""
        self.rows = [tuple(each) for each in head["rows"]]
        self.who = [tuple(each) for each in head["who"]]
        self.start, self._counted = (head["start"][0], head["start"][1]), head["counted"]
        self.known, self._period = arrays["known"], arrays["period"]

    def _count(self, people: int, columns: Floats) -> None:
        new = self._of(people)[self._counted :].T @ columns[self._counted :]
        self._period = _wide(self._period, people) + new
        self._counted = len(self.rows)

    def _of(self, people: int) -> Floats:
        return _of(self.who, people)


def _of(who: Sequence[tuple[int, ...]], people: int) -> Floats:
    of = np.zeros((len(who), people))
    rows = [row for row, own in enumerate(who) for _ in own]
    of[rows, [group for own in who for group in own]] = 1.0
    return of


def _wide(sums: Floats, people: int) -> Floats:
    """Give sums with room for groups that came later."""
    more = people - len(sums)
    return np.concatenate([sums, np.zeros((more, sums.shape[1]))]) if more else sums
