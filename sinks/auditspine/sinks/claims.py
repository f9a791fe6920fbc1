"""Who may write which chunk, and how far each log is committed: the tables claims and commits.

The first claim of a sealed offset fixes the chunk's boundaries for whoever writes it, so that
everybody sends the same rows under the same tokens. docs/adr/0004-commits-table.md has the reasons.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from auditspine.sinks.chunk import Chunk, Resume
from auditspine.sinks.errors import StaleError, UnavailableError
from auditspine.sinks.store import Store

LEASE_S = 60.0
"""Rows go out only so long after their claim was read. ClickHouse remembers the tokens of far
more inserts than it takes in that time, so a repeat within it is recognised."""

_CLAIM = {"topic": "String", "partition": "UInt16", "sealed_first": "Int64", "sealed_next": "Int64"}
_COMMIT = {
    "topic": "String",
    "partition": "UInt16",
    "origin": "String",
    "first": "UInt64",
    "last": "Int64",
    "chain": "FixedString(32)",
    "root": "FixedString(32)",
    "next_sealed_offset": "Int64",
}
_LAST_COMMIT = """
SELECT next_sealed_offset, last + 1, chain, origin FROM commits
WHERE topic = {topic:String} AND partition = {partition:UInt16}
ORDER BY next_sealed_offset DESC LIMIT 1
"""
_LAST_CLAIM = """
SELECT
    sealed_first,
    sealed_next,
    dateDiff('second', claimed_at, now64(3, 'UTC')),
    (
        SELECT max(next_sealed_offset) FROM commits
        WHERE topic = {topic:String} AND partition = {partition:UInt16}
    )
FROM claims
WHERE topic = {topic:String} AND partition = {partition:UInt16}
ORDER BY sealed_first DESC, claimed_at LIMIT 1
"""


class Lease(NamedTuple):
    """A claim as it was read.

    Attributes:
        sealed_next: Sealed offset after the chunk that was claimed.
        until: When it must be read again, by the clock of :class:`Claims`.
        is_old: Whether rows may have been written under it so long ago that ClickHouse has
            forgotten their tokens.
    """

    sealed_next: int
    until: float
    is_old: bool


class Claims:
    """Claims and commits chunks.

    Args:
        store: ClickHouse.
        clock: Monotonic seconds that run on while the process is stopped.

    Every method raises ``UnavailableError`` while ClickHouse is away, and ``RefusedError`` when
    it refuses.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._committed: dict[tuple[str, int], tuple[int, float]] = {}

    def resume(self, topic: str, partition: int) -> Resume:
        """Give where a sealed partition goes on."""
        place = {"topic": topic, "partition": partition}
        claims = self._store.query(_LAST_CLAIM, place)  # first: a commit follows its claim
        commits = self._store.query(_LAST_COMMIT, place)
        offset, size, chain, origin = commits[0] if commits else (0, 0, bytes(32), None)
        is_open = bool(claims) and claims[0][0] == offset
        return Resume(offset, size, bytes(chain), origin, claims[0][1] if is_open else None)

    def claim(self, chunk: Chunk) -> Lease:
        """Claim a chunk, unless another sink claimed its first offset before.

        Returns:
            The claim that holds; its boundary may be another than the chunk's.

        Raises:
            StaleError: Another sink went on.
        """
        lease = None if self._is_next(chunk) else self._read(chunk)
        if lease is None:
            row = (chunk.topic, chunk.partition, chunk.sealed_first, chunk.sealed_next)
            token = f"{chunk.topic}/{chunk.partition}:{chunk.sealed_first}"
            self._store.insert_rows("claims", _CLAIM, [row], token)
            lease = self._read(chunk)
        if lease is None:
            raise UnavailableError(f"{chunk.name}: the claim is not readable yet")
        return lease

    def hold(self, chunk: Chunk, lease: Lease) -> Lease:
        """Give a lease that holds now; call it before each insert.

        Raises:
            StaleError: The claim is no longer what was read, or another sink committed it.
        """
        if self._clock() < lease.until:
            return lease
        renewed = self._read(chunk)
        if renewed is None or renewed.sealed_next != lease.sealed_next:
            raise StaleError(f"{chunk.name}: the claim changed while its rows were written")
        return renewed

    def commit(self, chunk: Chunk) -> None:
        """Declare a chunk's rows complete."""
        at = self._clock()
        last = chunk.last
        row = (
            chunk.topic,
            chunk.partition,
            last.segment.origin,
            chunk.first,
            last.head.size - 1,
            last.head.chain,
            last.head.root(),
            chunk.sealed_next,
        )
        self._store.insert_rows("commits", _COMMIT, [row], chunk.name)
        self._committed[chunk.topic, chunk.partition] = chunk.sealed_next, at

    def _is_next(self, chunk: Chunk) -> bool:
        """Tell whether the chunk follows one that was committed here just now.

        Then its claim need not be looked for: if another sink was faster, ClickHouse still
        knows that claim's token and drops ours.
        """
        offset, at = self._committed.get((chunk.topic, chunk.partition), (-1, 0.0))
        return offset == chunk.sealed_first and self._clock() < at + LEASE_S

    def _read(self, chunk: Chunk) -> Lease | None:
        """Read the claim of a chunk's first offset; ``None`` when there is none yet."""
        until = self._clock() + LEASE_S
        place = {"topic": chunk.topic, "partition": chunk.partition}
        rows = self._store.query(_LAST_CLAIM, place)
        first, sealed_next, age_s, committed = rows[0] if rows else (-1, 0, 0, 0)
        if first > chunk.sealed_first or committed > chunk.sealed_first:
            raise StaleError(
                f"{chunk.name}: another sink claimed {first} and committed up to {committed}"
            )
        if first < chunk.sealed_first:
            return None
        return Lease(int(sealed_next), until, age_s > LEASE_S)
