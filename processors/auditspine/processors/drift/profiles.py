"""Training profiles, read from the sealed lifecycle log when a model is first seen.

Every worker reads all of the lifecycle log for itself, once, and then what came since: a model may
be registered by one partition and served by any other.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from auditspine.ledger.topics import Topics
from auditspine.processors.drift.port import FoundProfile, NotYet
from auditspine.processors.projection.errors import ReplayError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.port import Changes, SealedEvent, State, Table
from auditspine.processors.projection.sealed_tail import SealedTail, Tail
from auditspine.processors.projection.source_ends import SourceEnds

_log = logging.getLogger(__name__)
_MOST_USABLE, _MOST_PROBLEMS = 16, 4  # of one model; the first: a replay finds what was found
_PATIENCE_S = 5.0
_STEP_S = 1.0  # for which the caller's thread is held, at most
_POLL_S = 0.05
_MARGIN_MS = 60_000  # by which our clock and the broker's surely agree


class ProfileIndex:
    """Folds the lifecycle log into profiles by model; see :class:`~.projection.port.Projection`."""

    name = "drift-profiles"
    logic_version = 2
    streams: tuple[str, ...] = ("lifecycle",)
    event_types: frozenset[str] = frozenset(("run.completed",))
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = ()

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log; see :class:`~.projection.port.Projection`."""
        for event in events:
            profile = event.body.get("profile")  # runs of before there were profiles have none
            if profile is None or event.body["status"] != "succeeded":
                continue
            tenant = str(event.envelope["tenant"])
            outputs = {bytes(each["digest"]) for each in event.body["outputs"]}
            named = bytes(profile["model"]["digest"])
            problem = (
                "" if named in outputs else "the training profile is of another model than the run"
            )
            for digest in {named} if not problem else {named, *outputs}:
                _append(
                    state,
                    _key(tenant, digest),
                    {
                        "at": event.appended_at,
                        "event_id": event.envelope["event_id"],
                        "profile": {} if problem else _plain(profile),
                        "problem": problem,
                    },
                )
        return {}


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
        ends: Ends of the source topic's partitions.
    """

    through: int
    ends: Sequence[int]


class SealedProfiles:
    """Finds profiles; see :class:`~.port.Profiles`. One thread at a time.

    Args:
        parts: With a :class:`ProfileIndex`.
        topics: Topics of the space.
        kafka: librdkafka properties with ``bootstrap.servers``.
        clock: Monotonic seconds.
        ends: Ends of the source topic; the broker's when not given.
        tail: Gives what is new in the sealed topic; the broker's when not given.
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
    ) -> None:
        sealed = topics.sealed("lifecycle")
        self._clock = clock
        self._followers = [Follower(parts, sealed, each) for each in range(topics.partitions)]
        self._ends = ends or SourceEnds(kafka, topics.source("lifecycle"), timeout_s=_STEP_S)
        self._tail = tail or SealedTail(
            kafka, sealed, [each.position.next_offset for each in self._followers]
        )
        self._through = -1
        self._goal: _Goal | None = None
        self._failing = False
        self._still: tuple[Sequence[int], float] = ((), 0.0)

    def find(self, tenant: str, model_digest: bytes, at: int) -> FoundProfile | None:
        """Give the last usable profile of a model that the broker took until a time.

        Without one, the last that is not usable. A lifecycle log that has not moved for five
        seconds is taken as read, until it moves on.

        Raises:
            NotYet: The lifecycle log is not read that far.
            ReplayError: The sealed lifecycle log cannot be read.
        """
        self._read_through(at)
        return self._look(_key(tenant, model_digest), at)

    def close(self) -> None:
        """Close the states and the connections."""
        for follower in self._followers:
            follower.close()
        self._ends.close()
        self._tail.close()

    def _look(self, key: bytes, at: int) -> FoundProfile | None:
        known = [
            each
            for follower in self._followers
            for each in json.loads(follower.state.get(key) or b"[]")
            if each["at"] <= at
        ]
        if not known:
            return None
        last = max(known, key=lambda each: (not each["problem"], each["at"], each["event_id"]))
        return FoundProfile(last["event_id"], last["profile"], last["problem"])

    def _read_through(self, at: int) -> None:
        """Read what is sealed; return once all is known that the broker took until a time."""
        deadline = self._clock() + _STEP_S
        while at > self._through:
            goal = self._goal or self._next_goal(at)
            moved = not self._is_read(goal) and self._read(deadline)
            if self._is_read(goal):
                self._through, self._goal = goal.through, None
            elif self._stands_still():
                return
            elif self._clock() >= deadline or not moved:
                raise NotYet(f"the lifecycle log is not read through {at}")

    def _next_goal(self, at: int) -> _Goal:
        """Measure the ends: what the broker took before is before them."""
        sure = int(time.time() * 1000) - _MARGIN_MS
        try:
            ends = [self._ends.end(each) for each in range(len(self._followers))]
        except ReplayError as exc:
            if not self._failing:
                _log.warning("no profile can be looked for: %s", exc)
            self._failing = True
            raise NotYet(str(exc)) from exc
        self._failing = False
        self._goal = _Goal(max(at, sure), ends)
        return self._goal

    def _is_read(self, goal: _Goal) -> bool:
        return all(
            follower.source_end >= end
            or self._ends.reached(partition, follower.source_end, end) >= end
            for partition, (follower, end) in enumerate(
                zip(self._followers, goal.ends, strict=True)
            )
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


def _append(state: State, key: bytes, found: dict[str, Any]) -> None:
    known = json.loads(state.get(key) or b"[]")
    alike = sum(bool(each["problem"]) == bool(found["problem"]) for each in known)
    if alike < (_MOST_PROBLEMS if found["problem"] else _MOST_USABLE):
        state.put(key, json.dumps([*known, found]).encode())


def _key(tenant: str, digest: bytes) -> bytes:
    return digest + tenant.encode("utf-8", "surrogatepass")


def _plain(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Give a profile as JSON takes it, without what only names it."""
    kept = ("rows", "numeric", "categorical", "score", "decision", "error_rate")
    return {name: profile[name] for name in kept}
