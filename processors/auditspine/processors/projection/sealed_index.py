"""Answers look-ups into another log as of a time: by a fold of the whole stream, read for itself.

Every worker reads all of the stream, once, and then what came since: what is looked for may be in
one partition and what it is looked for in any other.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from auditspine.ledger.topics import Topics
from auditspine.processors.projection.errors import NotYet, ReplayError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_tail import SealedTail, Tail
from auditspine.processors.projection.source_ends import SourceEnds

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0
_STEP_S = 1.0  # for which the caller's thread is held, at most
_POLL_S = 0.05
_MARGIN_MS = 60_000  # by which our clock and the broker's surely agree


class Ends(Protocol):
    """Port: ends of the source topic; see :class:`~.projection.source_ends.SourceEnds`."""

    def end(self, partition: int) -> int:
        """Give the end of a partition."""
        ...

    def reached(self, partition: int, offset: int, end: int) -> int:
        """Give how far a partition is read."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


@dataclass(frozen=True, slots=True)
class _Goal:
    """How far to read, so that all is known that the broker took until a time.

    Attributes:
        through: The time, milliseconds since 1970.
        ends: Ends of the source topic's partitions that must be read.
    """

    through: int
    ends: Mapping[int, int]


class SealedIndex:
    """A stream's fold, read as far as a look-up needs. One thread at a time.

    Args:
        parts: With the fold; it has one stream.
        topics: Topics of the space.
        kafka: librdkafka properties with ``bootstrap.servers``.
        clock: Monotonic seconds.
        ends: Ends of the source topic; the broker's when not given.
        tail: Gives what is new in the sealed topic; the broker's when not given.
        gives_up: Whether a log that has not moved for five seconds is taken as read. Then what is
            found may be another thing when the log is folded anew.
    """

    def __init__(
        self,
        parts: Parts,
        topics: Topics,
        kafka: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        *,
        ends: Ends | None = None,
        tail: Tail | None = None,
        gives_up: bool = True,
    ) -> None:
        [self._stream] = parts.projection.streams
        sealed = topics.sealed(self._stream)
        self._clock = clock
        self._gives_up = gives_up
        self._followers = [Follower(parts, sealed, each) for each in range(topics.partitions)]
        self._ends = ends or SourceEnds(kafka, topics.source(self._stream), timeout_s=_STEP_S)
        self._tail = tail or SealedTail(
            kafka, sealed, [each.position.next_offset for each in self._followers]
        )
        self._through: dict[int | None, int] = {}
        self._goals: dict[int | None, _Goal] = {}
        self._failing = False
        self._still: tuple[Sequence[int], float] = ((), 0.0)

    def values(self, key: bytes, at: int, partition: int | None = None) -> list[bytes]:
        """Give what the partitions' states hold under a key, all that the broker took until a time.

        They may hold what it took later as well. A log that has not moved for five seconds is
        taken as read, until it moves on, unless the index never gives up.

        Args:
            key: The key.
            at: The time, milliseconds since 1970.
            partition: The only one that is looked into and waited for; all when not given.

        Raises:
            NotYet: The log is not read that far.
            ReplayError: The sealed log cannot be read.
        """
        self._read_through(at, partition)
        found = (self._followers[each].state.get(key) for each in self._wanted(partition))
        return [each for each in found if each]

    def close(self) -> None:
        """Close the states and the connections."""
        for follower in self._followers:
            follower.close()
        self._ends.close()
        self._tail.close()

    def _wanted(self, partition: int | None) -> Sequence[int]:
        return range(len(self._followers)) if partition is None else (partition,)

    def _read_through(self, at: int, partition: int | None) -> None:
        """Read what is sealed; return once all is known that the broker took until a time."""
        deadline = self._clock() + _STEP_S
        while at > self._through.get(partition, -1):
            goal = self._goals.get(partition) or self._next_goal(at, partition)
            moved = not self._is_read(goal) and self._read(deadline)
            if self._is_read(goal):
                self._through[partition] = goal.through
                del self._goals[partition]
            elif self._gives_up and self._stands_still():
                return
            elif self._clock() >= deadline or not moved:
                raise NotYet(f"the {self._stream} log is not read through {at}")

    def _next_goal(self, at: int, partition: int | None) -> _Goal:
        """Measure the ends: what the broker took before is before them."""
        sure = int(time.time() * 1000) - _MARGIN_MS
        try:
            ends = {each: self._ends.end(each) for each in self._wanted(partition)}
        except ReplayError as exc:
            if not self._failing:
                _log.warning("the %s log cannot be looked into: %s", self._stream, exc)
            self._failing = True
            raise NotYet(str(exc)) from exc
        self._failing = False
        goal = self._goals[partition] = _Goal(max(at, sure), ends)
        return goal

    def _is_read(self, goal: _Goal) -> bool:
        return all(
            self._followers[each].source_end >= end
            or self._ends.reached(each, self._followers[each].source_end, end) >= end
            for each, end in goal.ends.items()
        )

    def _read(self, deadline: float) -> bool:
        """Take what is sealed, for a while; tell whether there was anything."""
        moved = False
        while taken := self._tail.take(0.0 if self._stands_still() else _POLL_S):
            for partition, messages in taken.items():
                self._followers[partition].step(messages)
            moved = True
            if self._clock() >= deadline:
                break
        return moved

    def _stands_still(self) -> bool:
        """Tell whether the log has not moved for too long to be waited for."""
        now, at = self._clock(), [each.source_end for each in self._followers]
        if at != self._still[0]:
            self._still = at, now
        return now - self._still[1] >= _PATIENCE_S
