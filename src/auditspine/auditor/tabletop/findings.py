"""Makes what was found of a piece. Pure."""

from collections.abc import Iterable

from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.report import Fact, Found, Standing


def present(text: str, facts: Iterable[Fact] = (), entries: Iterable[Entry] = ()) -> Found:
    """The evidence has it."""
    return Found(Standing.PRESENT, text, "", tuple(facts), tuple(entries))


def missing(
    text: str, mend: str, facts: Iterable[Fact] = (), entries: Iterable[Entry] = ()
) -> Found:
    """The evidence does not have it, or not all of it."""
    return Found(Standing.MISSING, text, mend, tuple(facts), tuple(entries))


def unverifiable(
    text: str, mend: str, facts: Iterable[Fact] = (), entries: Iterable[Entry] = ()
) -> Found:
    """The evidence has it, and it does not hold."""
    return Found(Standing.UNVERIFIABLE, text, mend, tuple(facts), tuple(entries))


def listed(names: Iterable[str], most: int = 4) -> str:
    """Give names in a sentence, the first ones when there are many."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def counted(number: int, noun: str) -> str:
    """Give a number with its noun."""
    several = "people" if noun == "person" else f"{noun}s"
    return f"{number} {noun if number == 1 else several}"
