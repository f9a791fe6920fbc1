"""Training profiles, read from the sealed lifecycle log when a model is first seen.

Every worker reads all of the lifecycle log for itself, once, and then what came since: a model may
be registered by one partition and served by any other.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.ledger.topics import Topics
from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.projection.errors import ReplayError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.port import Changes, SealedEvent, State, Table
from auditspine.processors.projection.sealed_partition import read_sealed

_BATCH = 256  # segments
_PATIENCE_S = 5.0
_PAUSE_S = 0.05
_TIMEOUT_S = 10.0


class ProfileIndex:
    """Folds the lifecycle log into profiles by model; see :class:`~.projection.port.Projection`."""

    name = "drift-profiles"
    logic_version = 1
    streams: tuple[str, ...] = ("lifecycle",)
    event_types: frozenset[str] = frozenset(("run.completed",))
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = ()

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log; see :class:`~.projection.port.Projection`."""
        for event in events:
            profile = event.body.get("profile")  # runs of before there were profiles have none
            if profile is None:
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


class SealedProfiles:
    """Finds profiles; see :class:`~.port.Profiles`. One thread at a time.

    Args:
        parts: With a :class:`ProfileIndex`.
        topics: Topics of the space.
        kafka: librdkafka properties with ``bootstrap.servers``.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        parts: Parts,
        topics: Topics,
        kafka: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._kafka = dict(kafka)
        self._clock = clock
        self._source = topics.source("lifecycle")
        self._sealed = topics.sealed("lifecycle")
        self._followers = [Follower(parts, self._sealed, each) for each in range(topics.partitions)]

    def find(self, tenant: str, model_digest: bytes, at: int) -> FoundProfile | None:
        """Give the last profile of a model that the broker took until a time.

        Raises:
            ReplayError: The lifecycle log cannot be read.
        """
        deadline = self._clock() + _PATIENCE_S
        while True:
            complete = self._catch_up()
            found = self._look(_key(tenant, model_digest), at)
            if found is not None or complete or self._clock() > deadline:
                return found
            time.sleep(_PAUSE_S)  # an event that is not sealed yet

    def close(self) -> None:
        """Close the states."""
        for follower in self._followers:
            follower.close()

    def _look(self, key: bytes, at: int) -> FoundProfile | None:
        found = None
        for follower in self._followers:
            position = follower.state.position()
            with follower.state.snapshot(position) as state:
                for each in json.loads(state.get(key) or b"[]"):
                    if each["at"] <= at:
                        found = FoundProfile(each["event_id"], each["profile"], each["problem"])
        return found

    def _catch_up(self) -> bool:
        """Read what is sealed; tell whether that is all that the source topic holds."""
        complete = True
        try:
            consumer = Consumer({**self._kafka, "group.id": "auditspine-profiles"})
            try:
                ends = [
                    (
                        self._end(consumer, self._source, each),
                        self._end(consumer, self._sealed, each),
                    )
                    for each in range(len(self._followers))
                ]
            finally:
                consumer.close()
        except KafkaException as exc:
            raise ReplayError(f"{self._sealed}: {exc.args[0]}") from exc
        for partition, (follower, (published, sealed)) in enumerate(
            zip(self._followers, ends, strict=True)
        ):
            start = follower.position.next_offset
            if start < sealed:
                messages = read_sealed(self._kafka, self._sealed, partition, sealed, start)
                while batch := list(islice(messages, _BATCH)):
                    follower.step(batch)
            complete &= follower.position.size >= published
        return complete

    def _end(self, consumer: Consumer, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        return int(high - low) if topic == self._source else int(high)


def _append(state: State, key: bytes, found: dict[str, Any]) -> None:
    known = json.loads(state.get(key) or b"[]")
    state.put(key, json.dumps([*known[-3:], found]).encode())


def _key(tenant: str, digest: bytes) -> bytes:
    return digest + tenant.encode("utf-8", "surrogatepass")


def _plain(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Give a profile as JSON takes it, without what only names it."""
    kept = ("rows", "numeric", "categorical", "score", "decision", "error_rate")
    return {name: profile[name] for name in kept}
