"""Sealed entries that a drift report rests on: values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Sealed entries: the log, the first and the last position."""

    origin: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Sealed entries that something on the page rests on.

    Attributes:
        section: Where on the page.
        what: What they prove.
        entries: The entries.
        first_leaf: RFC 6962 leaf hash of the first, hex; empty when it is not known here.
        last_leaf: That of the last.
    """

    section: str
    what: str
    entries: Range
    first_leaf: str
    last_leaf: str
