"""The rows that the verifier reads, as plain tuples, and a cursor over them. Pure.

Any store can be verified that can give these rows in position order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

Row = TypeVar("Row")


class EntryRow(NamedTuple):
    """One row of ``entries``; the fields as in the table, times in milliseconds since 1970.

    The verifier reads plain tuples of this shape just as well.
    """

    position: int
    source_offset: int
    appended_at: int
    leaf: bytes
    chain: bytes
    verdict: int
    flags: int
    control_size: int
    public_key: bytes
    tenant: str
    producer: str
    epoch: int
    sequence: int


class RawRow(NamedTuple):
    """The raw bytes of one entry, from ``evidence`` (valid) or ``quarantine`` (the others)."""

    position: int
    value: bytes
    sig: bytes


class CheckpointRow(NamedTuple):
    """One row of ``checkpoints``: what a segment claims after its last entry."""

    size: int
    first: int
    root: bytes
    chain: bytes
    control_size: int
    sealed_at: int
    note: str


class CommitRow(NamedTuple):
    """One row of ``commits``: the store holds positions ``first`` to before ``end``."""

    first: int
    end: int
    root: bytes


@dataclass(frozen=True, slots=True)
class LogRows:
    """Everything that is stored of one log, each stream in position (or size) order.

    Attributes:
        origin: ``region/cluster/topic-id/partition``.
        topic: Source topic, which producers' signatures bind.
        partition: Source partition.
        entries: Rows of ``entries``, those beyond the last commit too.
        evidence: Raw rows of valid entries.
        quarantine: Raw rows of the others.
        checkpoints: Gives them, ordered by size, then ``first``; called twice.
        commits: Ordered by ``first``; a store that keeps the last one only gives it with the
            ``first`` 0.
        settled: The largest stored checkpoint that was written before the sink's open claim,
            so that a commit must reach it.
        claim_end: Where the sink's open claim ends at most; ``None`` when no chunk is being
            written.
        claim_end_now: Gives the same anew, and no less than what was committed since. Asked once
            all rows are read, because the sink goes on meanwhile.
        is_control: Whether this is the control log, whose entries are judged on those before.
    """

    origin: str
    topic: str
    partition: int
    entries: Iterable[EntryRow]
    evidence: Iterable[RawRow]
    quarantine: Iterable[RawRow]
    checkpoints: Callable[[], Iterable[CheckpointRow]]
    commits: tuple[CommitRow, ...] = ()
    settled: CheckpointRow | None = None
    claim_end: int | None = None
    claim_end_now: Callable[[], int | None] = lambda: None
    is_control: bool = False


class Cursor(Generic[Row]):
    """An iterator that can be looked ahead in blocks."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: Iterator[Row] = iter(rows)
        self._ahead: deque[Row] = deque()

    def peek(self, count: int) -> list[Row]:
        """Give up to ``count`` rows without taking them."""
        if len(self._ahead) < count:
            self._ahead.extend(islice(self._rows, count - len(self._ahead)))
        return list(islice(self._ahead, count))

    def head(self) -> Row | None:
        """Give the next row without taking it; ``None`` at the end."""
        if not self._ahead:
            self._ahead.extend(islice(self._rows, 1))
        return self._ahead[0] if self._ahead else None

    def take(self) -> Row:
        """Take the next row, which must exist."""
        if not self._ahead:
            return next(self._rows)
        return self._ahead.popleft()

    def drop(self, count: int) -> None:
        """Take ``count`` rows that were peeked."""
        if count >= len(self._ahead):
            self._ahead.clear()
        else:
            for _ in range(count):
                self._ahead.popleft()

    def __iter__(self) -> Iterator[Row]:
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._rows
