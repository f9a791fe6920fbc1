"""What the core needs of whoever recomputes verdicts, and the verdicts that need nobody. Pure."""

from typing import NamedTuple, Protocol

from auditspine.auditor.core.rows import EntryRow
from auditspine.ledger.verdict import Verdict


class Judge(Protocol):
    """Recomputes the verdict of an entry whose signature is right.

    Called for every such entry of a log in order.

    Attributes:
        needs_every_entry: Whether verdicts rest on the entries before, so that none can be
            recomputed after one that is lost.
    """

    @property
    def needs_every_entry(self) -> bool:
        """See the class."""
        ...

    def rule(self, row: EntryRow, value: bytes, sig: bytes) -> tuple[int, bool] | None:
        """Give the verdict and whether the clock is skewed; ``None`` when it cannot be told."""
        ...


class Suspect(NamedTuple):
    """An entry whose signature does not fit its verdict: one of the two was changed."""

    position: int
    expected: int
    got: int


def unsigned_verdict(value: bytes, sig: bytes) -> int:
    """Give the verdict of an entry that no signature covers; see auditspine.ledger.verdict."""
    if not value or (not sig and (len(value) < 5 or value[0] != 0)):
        return int(Verdict.FOREIGN)
    return int(Verdict.BAD_SIGNATURE)
