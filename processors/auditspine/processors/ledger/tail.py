"""Finds where a log ends: reads its sealed topic's tail back to the last producer table.

The sealed topic is the only state of the ledger. Zombies and restarts may have left repeats in
it, so what follows the table is read as every reader reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from auditspine.ledger.errors import FormatError, GapError, LedgerError
from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import Place, Segment, decode_segment
from auditspine.ledger.sequences import ProducerTable
from auditspine.processors.ledger.errors import RefusedError

_FIRST_STEP = 16  # messages, more than zombies leave in a row; further steps are longer


class SealedTail(Protocol):
    """Port: a sealed partition by offset."""

    @property
    def topic(self) -> str:
        """Its topic."""
        ...

    def watermarks(self) -> tuple[int, int]:
        """Give the first offset and the one after the last."""
        ...

    def read(self, start: int, end: int) -> Sequence[bytes]:
        """Read the messages from offset ``start`` to before ``end``."""
        ...


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a log ends.

    Attributes:
        head: State after the last entry.
        judge: The log's judge, its producer table after the last entry.
        next_offset: Source offset at which sealing goes on.
        roots: Merkle root by size, as far as segments ended there and were read.
    """

    head: Head
    judge: Judge
    next_offset: int
    roots: Mapping[int, bytes]


def recover_tail(
    sealed: SealedTail, place: Place, stream: str, public_keys: Sequence[bytes]
) -> Tail | None:
    """Read a log's end from its sealed topic.

    Args:
        sealed: The sealed partition.
        place: The log that it must be.
        stream: The log's stream.
        public_keys: Log keys that may have signed it.

    Returns:
        The end; ``None`` when nothing was ever sealed.

    Raises:
        RefusedError: The sealed topic was emptied, belongs to another log, is not signed by
            our keys, or contradicts itself.
    """
    low, high = sealed.watermarks()
    if low == high:
        if low:
            raise _refused(
                sealed, place, f"all {low} messages are gone; restore the topic from a replica "
                "or an archive: sealing from position 0 again would fork the log"
            )  # fmt: skip
        return None
    try:
        return _search(sealed, (low, high), lambda raws: _fold(raws, place, stream, public_keys))
    except RefusedError:
        raise
    except LedgerError as exc:
        raise _refused(sealed, place, f"{exc}; keep the topic as it is and investigate") from exc


def _search(
    sealed: SealedTail, bounds: tuple[int, int], fold: Callable[[Sequence[bytes]], Tail]
) -> Tail:
    """Fold from the last table from which everything that was read follows.

    A zombie's repeat may carry the last table: what follows it has a gap then, or ends before a
    segment that stands in front of it. An older table leads further.
    """
    low, start = bounds
    step, raws, size = _FIRST_STEP, list[bytes](), 0
    gap: GapError | None = None
    while start > low:
        begin = max(low, start - step)
        fresh = list(sealed.read(begin, start))
        segments = [decode_segment(raw) for raw in fresh]
        raws[:0] = fresh
        size = max([size, *(segment.end for segment in segments)])
        for index in reversed(range(len(fresh))):
            if segments[index].producers is None:
                continue
            try:
                tail = fold(raws[index:])
            except GapError as exc:
                gap = exc
                continue
            if tail.head.size == size:
                return tail
        start, step = begin, step * 4
    raise gap or FormatError(f"no segment from offset {low} on carries a producer table")


def _fold(raws: Sequence[bytes], place: Place, stream: str, public_keys: Sequence[bytes]) -> Tail:
    first = decode_segment(raws[0])
    _check_origin(first, place)
    head = first.check(public_keys)
    judge = Judge(stream, place.topic, place.partition, ProducerTable(first.producers or ()))
    reader = SegmentReader(public_keys, head.size, head.chain, place.origin)
    next_offset, roots = first.next_offset, {head.size: head.root()}
    for raw in raws[1:]:
        accepted = reader.accept(raw)
        if accepted is not None:
            for entry in accepted.entries():
                judge.admit(Message(entry.offset, entry.timestamp, entry.value, entry.sig))
            head, next_offset = accepted.head, accepted.segment.next_offset
            roots[head.size] = head.root()
    return Tail(head, judge, next_offset, roots)


def _check_origin(segment: Segment, place: Place) -> None:
    if segment.origin != place.origin:
        raise RefusedError(
            f"the sealed topic holds the log {segment.origin}, but the source topic is "
            f"{place.origin}: it was made anew or belongs to another cluster; restore it, or give "
            "the deployment another topic prefix",
            place.topic,
            place.partition,
        )


def _refused(sealed: SealedTail, place: Place, detail: str) -> RefusedError:
    return RefusedError(f"sealed topic {sealed.topic}: {detail}", place.topic, place.partition)
