"""Chunks: consecutive segments of one sealed partition, which land in ClickHouse together. Pure."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from auditspine.ledger.errors import LedgerError
from auditspine.ledger.merkle import CHAIN_START
from auditspine.ledger.note import Checkpoint
from auditspine.ledger.reader import Accepted, SegmentReader
from auditspine.ledger.segment import Entry, checkpoint_of
from auditspine.sinks.errors import SealedLogError


@dataclass(frozen=True, slots=True)
class Limits:
    """When a chunk is written.

    Attributes:
        max_entries: Entries that make it due at once.
        max_bytes: Bytes of sealed segments that make it due at once.
        linger_s: Wait for more after its first entry. A larger chunk costs ClickHouse less.
        quiet_linger_s: The same when it holds checkpoints only.
        max_waiting_bytes: Bytes in memory per partition beyond which its reading pauses.
        max_total_bytes: Bytes in memory beyond which all reading pauses.
    """

    max_entries: int = 20_000
    max_bytes: int = 16 * 1024 * 1024
    linger_s: float = 0.2
    quiet_linger_s: float = 5.0
    max_waiting_bytes: int = 32 * 1024 * 1024
    max_total_bytes: int = 192 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a sealed partition goes on, as ClickHouse has it.

    Attributes:
        offset: Sealed offset of the next segment.
        size: Entries that are committed.
        chain: Chain after them, 32 bytes.
        origin: The log; ``None`` when nothing is committed.
        claimed_until: Sealed offset after the chunk that was begun here; ``None`` without one.
    """

    offset: int = 0
    size: int = 0
    chain: bytes = CHAIN_START
    origin: str | None = None
    claimed_until: int | None = None


class _Message(NamedTuple):
    """A message of a sealed topic that adds something."""

    offset: int
    accepted: Accepted
    weight: int  # bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is written as one.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        sealed_first: Offset at which it starts.
        sealed_next: Offset after its last message.
        segments: The segments that add something, with their offsets.
    """

    topic: str
    partition: int
    sealed_first: int
    sealed_next: int
    segments: tuple[tuple[int, Accepted], ...]

    @property
    def name(self) -> str:
        """Identifies it; the stem of its deduplication tokens."""
        return f"{self.topic}/{self.partition}:{self.sealed_first}-{self.sealed_next}"

    @property
    def first(self) -> int:
        """Position of its first entry; the log's size when it has none."""
        return self.segments[0][1].first

    @property
    def last(self) -> Accepted:
        """Its last segment."""
        return self.segments[-1][1]

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint after its last entry."""
        return checkpoint_of(self.last.segment)

    def entries(self) -> Iterator[tuple[Entry, int]]:
        """Yield its entries, each with the size of the control log that it was judged on."""
        for _, accepted in self.segments:
            control_size = accepted.segment.control_size
            for entry in accepted.entries():
                yield entry, control_size


class Follower:
    """Turns the messages of one sealed partition into chunks, one at a time.

    Args:
        topic: Sealed topic.
        partition: Its partition.
        resume: Where ClickHouse is.
        public_keys: Log keys that are trusted, 32 bytes each.
        limits: When a chunk is due.

    Attributes:
        waiting_bytes: Bytes of segments in memory.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        resume: Resume,
        public_keys: Sequence[bytes],
        limits: Limits,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.waiting_bytes = 0
        self._limits = limits
        self._next = self._seen = resume.offset
        self._claimed_until = resume.claimed_until
        self._reader = SegmentReader(public_keys, resume.size, resume.chain, resume.origin)
        self._messages: deque[_Message] = deque()
        self._in_flight: list[_Message] = []
        self._entries = 0
        self._since = 0.0

    @property
    def needs_more(self) -> bool:
        """Whether a chunk that was claimed has not been read to its end."""
        return self._claimed_until is not None and self._seen < self._claimed_until

    def should_pause(self, *, everything: bool) -> bool:
        """Tell whether reading should pause.

        Args:
            everything: Whether all reading should, because memory is short.
        """
        full = self.waiting_bytes > self._limits.max_waiting_bytes
        return (full or everything) and not self.needs_more

    def may_resume(self, *, everything: bool) -> bool:
        """Tell whether a paused reading may go on.

        Args:
            everything: Whether memory allows it.
        """
        room = self.waiting_bytes <= self._limits.max_waiting_bytes // 2
        return (room and everything) or self.needs_more

    @property
    def next_offset(self) -> int:
        """Sealed offset after the last message taken."""
        return self._seen

    @property
    def has_room(self) -> bool:
        """Whether a paused reading should go on."""
        return self.waiting_bytes <= self._limits.max_waiting_bytes // 2 or self.needs_more

    def add(self, offset: int, raw: bytes, now: float) -> None:
        """Take the next message.

        Args:
            offset: Its offset.
            raw: Its value.
            now: Of a monotonic clock, seconds.

        Raises:
            SealedLogError: It does not continue what ClickHouse holds.
        """
        try:
            accepted = self._reader.accept(raw)
        except LedgerError as exc:
            raise SealedLogError(
                f"{self.topic}/{self.partition} at offset {offset} does not continue what "
                f"ClickHouse holds or this sink trusts: {exc}. Nothing of it was written. If the "
                "sealed topic was lost or recreated, restore it or start with an empty database"
            ) from exc
        self._seen = offset + 1
        if accepted is None:  # a repeat: the next chunk covers its offset
            return
        if not self._messages or (self._entries == 0 and _entries_of(accepted)):
            self._since = now
        message = _Message(offset, accepted, len(raw))
        self._messages.append(message)
        self._count(message, 1)

    def take(self, now: float) -> Chunk | None:
        """Give the next chunk when it is due and none is in flight.

        A chunk that another sink claimed has that sink's boundaries.

        Args:
            now: Of the clock of ``add``, seconds.
        """
        if self._in_flight:
            return None
        if self._claimed_until is None:
            if not self._is_due(now):
                return None
            until = self._boundary()
        elif self._seen < self._claimed_until:
            return None
        else:
            until = self._claimed_until
        while self._messages and self._messages[0].offset < until:
            self._in_flight.append(self._messages.popleft())
        segments = tuple((message.offset, message.accepted) for message in self._in_flight)
        if not segments:
            raise SealedLogError(
                f"{self.topic}/{self.partition}: a sink claimed the offsets {self._next} to {until}"
                ", which now hold nothing new: the sealed topic is not what that sink read"
            )
        return Chunk(self.topic, self.partition, self._next, until, segments)

    def settle(self, chunk: Chunk) -> None:
        """Forget a chunk that was committed."""
        self._next, self._claimed_until = chunk.sealed_next, None
        for message in self._in_flight:
            self._count(message, -1)
        self._in_flight.clear()

    def recut(self, claimed_until: int) -> None:
        """Take back the chunk in flight, because another sink claimed other boundaries."""
        self._claimed_until = claimed_until
        self._messages.extendleft(reversed(self._in_flight))
        self._in_flight.clear()

    def _is_due(self, now: float) -> bool:
        if not self._messages:
            return False
        limits = self._limits
        if self._entries >= limits.max_entries or self.waiting_bytes >= limits.max_bytes:
            return True
        return now - self._since >= (limits.linger_s if self._entries else limits.quiet_linger_s)

    def _boundary(self) -> int:
        """Give the offset after as many messages as a chunk may hold, one at least."""
        entries = weight = 0
        until = self._messages[0].offset + 1
        for message in self._messages:
            entries += _entries_of(message.accepted)
            weight += message.weight
            if entries > self._limits.max_entries or weight > self._limits.max_bytes:
                break
            until = message.offset + 1
        return until

    def _count(self, message: _Message, sign: int) -> None:
        self.waiting_bytes += sign * message.weight
        self._entries += sign * _entries_of(message.accepted)


def _entries_of(accepted: Accepted) -> int:
    return len(accepted.segment.entries) - accepted.skip
