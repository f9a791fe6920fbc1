"""The one way to read sealed topics: accept what extends the log, drop repeats, stop on a fork.

Zombies and restarts may leave repeated or overlapping segments in a sealed topic; a reader
makes them harmless. The first sealed verdict of an entry is final.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditspine.ledger.errors import ForkError, GapError
from auditspine.ledger.merkle import CHAIN_START, Head, chain_values
from auditspine.ledger.segment import Entry, Segment, decode_segment

_REMEMBERED_SEGMENTS = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a segment adds to the reader's log.

    Attributes:
        segment: The whole segment, checked.
        skip: Entries at its start that the reader already had.
        head: The reader's head after it.
    """

    segment: Segment
    skip: int
    head: Head

    @property
    def first(self) -> int:
        """Position of the first new entry."""
        return self.segment.first + self.skip

    def entries(self) -> Iterator[Entry]:
        """Yield the new entries, valid or not."""
        return self.segment.sealed_entries(self.skip)


class SegmentReader:
    """Follows one log through its sealed topic.

    Args:
        public_keys: Log keys that are trusted, 32 bytes each.
        size: Entries that the caller already has.
        chain: Chain value after them, 32 bytes.
        origin: The log expected; taken from the first segment when not given.

    Attributes:
        size: Entries accepted so far.
        chain: Chain value after them.
        repeats: Segments dropped because they held nothing new.
        unproven_repeats: Those among them too old to be compared with what was read.
    """

    def __init__(
        self,
        public_keys: Sequence[bytes],
        size: int = 0,
        chain: bytes = CHAIN_START,
        origin: str | None = None,
    ) -> None:
        self._public_keys = public_keys
        self.size = size
        self.chain = chain
        self.origin = origin
        self.repeats = 0
        self.unproven_repeats = 0
        self._frontier: tuple[bytes, ...] | None = () if size == 0 else None
        self._recent: deque[tuple[int, list[bytes]]] = deque(maxlen=_REMEMBERED_SEGMENTS)

    def accept(self, raw: bytes) -> Accepted | None:
        """Take the next message of the sealed topic.

        Args:
            raw: A segment's bytes.

        Returns:
            What it adds, possibly a checkpoint over an unchanged size; ``None`` for a repeat.

        Raises:
            FormatError: Not a segment.
            IntegrityError: The segment contradicts itself or has no trusted signature.
            GapError: It starts beyond this reader's head.
            ForkError: It contradicts what was read before.
        """
        segment = decode_segment(raw)
        if self.origin is not None and segment.origin != self.origin:
            raise ForkError(self.origin, segment.first, f"segment of another log {segment.origin}")
        head = segment.check(self._public_keys)
        self.origin = segment.origin
        if segment.first > self.size:
            raise GapError(segment.origin, self.size, segment.first)
        chains = [segment.start.chain, *chain_values(segment.start.chain, segment.leaves)]
        if segment.end < self.size:
            self._check_repeat(segment, chains)
            return None
        skip = self.size - segment.first
        if chains[skip] != self.chain:
            raise ForkError(segment.origin, segment.first, "another chain leads to this size")
        if skip == 0 and self._frontier not in (None, segment.start.frontier):
            raise ForkError(segment.origin, segment.first, "another tree has this size")
        if skip and segment.end == self.size:
            self.repeats += 1
            return None
        self._recent.append((self.size, chains[skip:]))
        self.size, self.chain, self._frontier = head.size, head.chain, head.frontier
        return Accepted(segment, skip, head)

    def _check_repeat(self, segment: Segment, chains: Sequence[bytes]) -> None:
        """Compare an old segment's chain with what was read; one common point proves it."""
        self.repeats += 1
        for start, known in self._recent:
            at = min(segment.end, start + len(known) - 1)
            if start <= at and segment.first <= at:
                if known[at - start] != chains[at - segment.first]:
                    raise ForkError(segment.origin, segment.first, "a repeat differs")
                if at == segment.end:
                    return
        self.unproven_repeats += 1
