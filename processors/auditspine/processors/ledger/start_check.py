"""Decides whether a log may be sealed on from its tail. Pure.

A sealed log that went backwards, after a lost disk or an unclean election, must never become a
fork under our signature, and entries lost before they were sealed must be noticed.
"""

from dataclasses import dataclass

from auditspine.ledger.merkle import EMPTY_ROOT
from auditspine.ledger.segment import Place
from auditspine.processors.ledger.errors import RefusedError
from auditspine.processors.ledger.tail import Tail


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What is known of a log when a worker takes it over.

    Attributes:
        place: The log.
        tail: Where its sealed topic ends; ``None`` when nothing was ever sealed.
        source_low: First offset of the source partition.
        source_high: Offset after its last message.
        committed: The group's committed source offset; ``None`` when there is none.
        known: Size and root that somebody else has seen.
    """

    place: Place
    tail: Tail | None
    source_low: int
    source_high: int
    committed: int | None = None
    known: tuple[int, bytes] | None = None


def check_start(facts: StartFacts) -> int:
    """Check that the log can be sealed on.

    Returns:
        The source offset at which to go on.

    Raises:
        RefusedError: It cannot; the message says what is wrong and what to do.
    """
    tail, low, high = facts.tail, facts.source_low, facts.source_high
    next_offset = 0 if tail is None else tail.next_offset
    if next_offset < low:
        raise _refused(
            facts,
            f"source offsets {next_offset} to {low - 1} were deleted before they were sealed; "
            "restore them, or accept the loss by opening new logs under another topic prefix",
        )
    if facts.committed is not None and facts.committed > next_offset:
        raise _refused(
            facts,
            f"entries up to source offset {facts.committed} were sealed, but the sealed topic "
            f"reaches {next_offset}: it lost its tail; restore it from a replica or an archive",
        )
    if next_offset > high:
        raise _refused(
            facts,
            f"the sealed topic reaches source offset {next_offset}, but the source topic ends at "
            f"{high}: the source topic lost its tail; restore it from a replica",
        )
    if facts.known is not None:
        _check_known(facts, *facts.known)
    return next_offset


def _check_known(facts: StartFacts, size: int, root: bytes) -> None:
    ours = 0 if facts.tail is None else facts.tail.head.size
    if size > ours:
        raise _refused(
            facts,
            f"evidence was committed up to size {size}, but the sealed topic ends at {ours}: it "
            "lost its tail; restore it from a replica or an archive",
        )
    roots = {0: EMPTY_ROOT} if facts.tail is None else {0: EMPTY_ROOT, **facts.tail.roots}
    if size in roots and roots[size] != root:
        raise _refused(
            facts,
            f"the committed evidence has another root at size {size} than the sealed topic: "
            "one of them was altered; keep both as they are and run: auditspine verify",
        )


def _refused(facts: StartFacts, detail: str) -> RefusedError:
    return RefusedError(f"refused to seal: {detail}", facts.place.topic, facts.place.partition)
