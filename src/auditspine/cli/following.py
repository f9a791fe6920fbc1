"""Tells how far a projection is behind the source topic of a stream, and since when."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from faust.types import TP

from auditspine.processors.projection.errors import ReplayError
from auditspine.sinks.signed_topic import Followed

_log = structlog.get_logger(__name__)
_UNKNOWN_S = 3600.0  # behind: nobody has looked yet
_MOST_ENDS = 600  # remembered of a partition; while it is further behind, newer ones are not


class Ends(Protocol):
    """Port: ends of a source topic; see :class:`~.projection.source_ends.SourceEnds`."""

    def end(self, partition: int) -> int:
        """Give the end of a partition."""
        ...

    def reached(self, partition: int, offset: int, end: int) -> int:
        """Give how far a partition is read."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class FollowedLog(Protocol):
    """What is asked of a :class:`~.projection.follower.Follower`."""

    @property
    def source_end(self) -> int:
        """Offset in the source topic after the last entry that is folded."""
        ...

    @property
    def size(self) -> int:
        """Entries that are folded."""
        ...


class Following:
    """How far logs of one stream are followed. One thread at a time.

    Args:
        followers: Gives the assigned partitions' followers.
        ends: Ends of the source topic.
        topic: The source topic.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        followers: Callable[[], Mapping[TP, FollowedLog]],
        ends: Ends,
        topic: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._followers = followers
        self._ends = ends
        self._sealed = f"{topic}.sealed"
        self._clock = clock
        self._current: dict[int, float] = {}
        self._seen: dict[int, deque[tuple[float, int]]] = {}
        self._failing = False

    def is_folded(self, partition: int) -> bool:
        """Tell whether all that a partition holds now is folded; not while nobody can say."""
        follower = self._followers().get(TP(self._sealed, partition))
        if follower is None:
            return False
        ends = self._look(partition, follower.source_end)
        return ends is not None and ends[0] >= ends[1]

    def size(self, partition: int) -> int:
        """Give how many entries of a partition are folded; -1 where it is not assigned."""
        follower = self._followers().get(TP(self._sealed, partition))
        return -1 if follower is None else follower.size

    def followed(self) -> dict[int, Followed]:
        """Give how far each assigned partition is followed, and for how long it has been behind.

        It is behind by the time since which it has not folded what the topic held then: so that
        it is not behind for as long as something new comes all the time. One that has just been
        assigned is long behind until it has folded all that was there.
        """
        followers = {tp.partition: f for tp, f in self._own().items()}
        for gone in self._current.keys() - followers.keys():
            del self._current[gone]
            self._seen.pop(gone, None)
        found = {}
        for partition, follower in followers.items():
            now = self._clock()
            since = self._current.setdefault(partition, now - _UNKNOWN_S)
            ends = self._look(partition, follower.source_end)
            if ends is not None:
                since = self._current[partition] = self._caught_up(partition, now, *ends)
            found[partition] = Followed(follower.size, int((now - since) * 1000))
        return found

    def close(self) -> None:
        """Give up the connection."""
        self._ends.close()

    def _own(self) -> dict[TP, FollowedLog]:
        return {tp: f for tp, f in self._followers().items() if tp.topic == self._sealed}

    def _caught_up(self, partition: int, now: float, reached: int, end: int) -> float:
        """Give the last time at which the topic held no more than what is folded now."""
        seen = self._seen.setdefault(partition, deque())
        if len(seen) < _MOST_ENDS:
            seen.append((now, end))
        since = self._current[partition]
        while seen and seen[0][1] <= reached:
            since = seen.popleft()[0]
        return since

    def _look(self, partition: int, offset: int) -> tuple[int, int] | None:
        """Give how far a partition is read and where it ends, or ``None`` if nobody can say."""
        try:
            end = self._ends.end(partition)
        except ReplayError as exc:
            if not self._failing:
                _log.warning("taken as behind: the end is not known", reason=str(exc))
            self._failing = True
            return None
        self._failing = False
        return self._ends.reached(partition, offset, end), end


class JoinedLogs:
    """How far predictions and outcomes are folded; see :class:`~.drift.predictions.Logs`.

    Args:
        inference: Follows the inference log.
        outcomes: Follows the outcome log.
    """

    def __init__(self, inference: Following, outcomes: Following) -> None:
        self._inference = inference
        self._outcomes = outcomes

    def is_complete(self, partition: int) -> bool:
        """Tell whether all that an inference partition's source holds now is folded."""
        return self._inference.is_folded(partition)

    def position(self, partition: int) -> int:
        """Give how many entries of an inference partition are folded."""
        return self._inference.size(partition)

    def are_outcomes_complete(self, partition: int) -> bool:
        """Tell whether all that an outcome partition's source holds now is folded."""
        return self._outcomes.is_folded(partition)

    def close(self) -> None:
        """Give up the connections."""
        self._inference.close()
        self._outcomes.close()
