"""Defects: what is wrong, where, what was expected and what was found. Pure.

Expected and found values are hashes, numbers or names of columns; never a payload.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict, Unpack

MAX_DEFECTS = 1000  # named per log; further ones are counted only


class Kind(StrEnum):
    """What was done to the evidence, as far as the evidence tells."""

    ALTERED_RAW = "altered_raw"
    """The stored value or signature header is not the one that was sealed."""
    ALTERED_LEAF = "altered_leaf"
    """The stored leaf is not the hash of the entry that was sealed."""
    ALTERED_CHAIN = "altered_chain"
    """The stored chain value is not the one that the leaves give."""
    ALTERED_VERDICT = "altered_verdict"
    """The stored verdict is not the one that follows from the entry and the control log."""
    ALTERED_COLUMN = "altered_column"
    """A stored column differs from the raw bytes or from what it is derived from."""
    MISSING = "missing"
    """A row that was committed is not there."""
    EXTRA = "extra"
    """A row is there that was never sealed at this position."""
    REORDERED = "reordered"
    """An entry that was sealed at another position stands here."""
    TRUNCATED = "truncated"
    """The log ends before a size that is proven elsewhere."""
    REWRITTEN = "rewritten"
    """Entries in the range were changed together with their hashes; only a signed checkpoint
    or the chain after them shows it."""
    FORKED = "forked"
    """A signed checkpoint from elsewhere has another root at the same size."""
    BAD_CHECKPOINT = "bad_checkpoint"
    """A stored checkpoint was edited, or no trusted key signed it."""
    BAD_COMMIT = "bad_commit"
    """A commit row contradicts the log."""
    UNKNOWN_KEY = "unknown_key"
    """A valid entry's key was not registered, or was revoked, when the entry was judged."""
    UNTRUSTED_ROOT = "untrusted_root"
    """The control log does not begin with an operator key that the trust file names."""
    ESCAPED = "escaped"
    """An entry counts in a log that its tenant had left: a ledger sealed it that did not know."""
    WITHHELD = "withheld"
    """A producer's heartbeat lists an event that the log never received."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect, or a run of equal ones at neighbouring positions.

    Attributes:
        kind: What was done.
        origin: The log.
        first: First position concerned.
        last: Last position concerned; more than ``first`` for a run of defects, and where
            only an interval can be named.
        table: The table that the defect is in.
        column: The column, where one can be named.
        expected: What should be stored: a hash in hex, a number, a name.
        got: What is stored.
        detail: How it shows, in a sentence.
        exact: Whether every position from ``first`` to ``last`` is meant, rather than
            something among them.
    """

    kind: Kind
    origin: str
    first: int
    last: int
    table: str
    column: str = ""
    expected: str = ""
    got: str = ""
    detail: str = ""
    exact: bool = True


class Details(TypedDict, total=False):
    """What can be said of a defect beside kind, place and table; see :class:`Defect`."""

    last: int
    column: str
    expected: str
    got: str
    detail: str
    exact: bool


class DefectLog:
    """Collects the defects of one log, joins neighbours and caps their number.

    Attributes:
        origin: The log.
        found: Defects in the order in which they were found.
        beyond_cap: Defects that were counted but not kept.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.found: list[Defect] = []
        self.beyond_cap = 0

    def add(self, kind: Kind, first: int, table: str, **details: Unpack[Details]) -> None:
        """Add a defect at ``first``, and up to ``last`` when that is given."""
        details.setdefault("last", first)
        defect = Defect(kind, self.origin, first, table=table, **details)
        if self.found and _continues(self.found[-1], defect):
            self.found[-1] = replace(self.found[-1], last=defect.last)
        elif len(self.found) >= MAX_DEFECTS:
            self.beyond_cap += 1
        else:
            self.found.append(defect)

    def covers(self, first: int, last: int) -> bool:
        """Tell whether a defect of the entries themselves lies in the range."""
        return any(
            defect.kind in _CONTENT and defect.first <= last and first <= defect.last
            for defect in self.found
        )


_CONTENT = {Kind.ALTERED_RAW, Kind.REORDERED, Kind.REWRITTEN, Kind.MISSING, Kind.ALTERED_LEAF}
_JOINED = {Kind.MISSING, Kind.EXTRA, Kind.TRUNCATED, Kind.ALTERED_CHAIN}


def _continues(earlier: Defect, later: Defect) -> bool:
    """Tell whether a defect goes on where the one before it ended.

    Only kinds whose expected and found values say little are joined: the others keep a line
    of their own, since their hashes differ.
    """
    return (
        later.kind in _JOINED
        and earlier.kind == later.kind
        and (earlier.table, earlier.column) == (later.table, later.column)
        and earlier.exact
        and later.exact
        and earlier.last + 1 == later.first
    )


def pair_swaps(defects: list[Defect]) -> list[Defect]:
    """Name swaps: two altered rows of which each holds what the other should hold.

    Args:
        defects: Of one log.

    Returns:
        The same defects, with both halves of a swap turned to :attr:`Kind.REORDERED`.
    """
    altered = {
        defect.got: defect
        for defect in defects
        if defect.kind in (Kind.ALTERED_RAW, Kind.ALTERED_LEAF, Kind.ALTERED_CHAIN) and defect.got
    }
    named = []
    for defect in defects:
        other = altered.get(defect.expected)
        if (
            other is not None
            and altered.get(defect.got) is defect
            and other.kind == defect.kind
            and other is not defect
        ):
            named.append(
                replace(
                    defect,
                    kind=Kind.REORDERED,
                    detail=f"what was sealed here stands at position {other.first}",
                )
            )
        else:
            named.append(defect)
    return named
