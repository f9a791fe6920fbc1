"""Waits until published events are sealed, and says where and with which verdict."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.cli.errors import NotSealedError
from auditspine.ledger.segment import Segment, decode_segment
from auditspine.ledger.verdict import Flag, Verdict

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where an event was sealed.

    Attributes:
        topic: Source topic.
        partition: Source partition.
        offset: Kafka offset in it.
        origin: The log.
        position: Position in the log.
        verdict: Whether the event counts.
        flags: Remarks.
        reason: Why it does not count; empty when it does.
        leaf: RFC 6962 leaf hash, 32 bytes.
    """

    topic: str
    partition: int
    offset: int
    origin: str
    position: int
    verdict: Verdict
    flags: Flag
    reason: str
    leaf: bytes


class SealedWatch:
    """Follows sealed topics from the moment it is made.

    Make it before publishing; then :meth:`wait` for the offsets of what was delivered.

    Args:
        kafka: librdkafka properties.
        topics: Sealed topics of what will be published, with their numbers of partitions.
        log_keys: Log keys whose segments are believed, 32 bytes each.
    """

    def __init__(
        self,
        kafka: dict[str, str],
        topics: Mapping[str, int],
        log_keys: Sequence[bytes],
    ) -> None:
        self._log_keys = log_keys
        self._found: dict[tuple[str, int, int], Sealed] = {}
        self._consumer = Consumer(
            {
                "group.id": "auditspine-watch",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": 8 * 1024 * 1024,
                "log_level": 0,
                **kafka,
            }
        )
        self._consumer.assign(
            [
                self._from_now(topic, partition)
                for topic, partitions in topics.items()
                for partition in range(partitions)
            ]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._consumer.close()

    def wait(
        self,
        delivered: Sequence[tuple[str, int, int]],
        timeout_s: float = 30.0,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> list[Sealed]:
        """Wait until all of the given events are sealed.

        Args:
            delivered: Source topic, partition and offset of each event.
            timeout_s: Longest wait without any progress, seconds.
            on_progress: Called with the number of events sealed so far.

        Returns:
            Where each was sealed, in the order given.

        Raises:
            NotSealedError: Nothing more was sealed within ``timeout_s``.
            IntegrityError: A segment does not hold or has no trusted signature.
        """
        missing = {place for place in delivered if place not in self._found}
        deadline = time.monotonic() + timeout_s
        while missing:
            if time.monotonic() > deadline:
                raise NotSealedError(
                    f"{len(missing)} of {len(delivered)} events are on Kafka but not sealed after "
                    f"{timeout_s:.0f} s: is `auditspine worker ledger` running?"
                )
            for segment in self._segments():
                fresh = self._index(segment, missing)
                if fresh:
                    deadline = time.monotonic() + timeout_s
                    on_progress(len(delivered) - len(missing))
        return [self._found[place] for place in delivered]

    def values(self, timeout_s: float) -> Iterator[bytes]:
        """Give the values of valid entries as they are sealed, in each log's order.

        Repeated entries are given again; what :meth:`wait` went past is not.

        Args:
            timeout_s: For how long, seconds.

        Raises:
            IntegrityError: A segment does not hold or has no trusted signature.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for segment in self._segments():
                for entry in segment.sealed_entries():
                    if entry.verdict is Verdict.VALID:
                        yield entry.value

    def _index(self, segment: Segment, missing: set[tuple[str, int, int]]) -> bool:
        before = len(missing)
        for entry in segment.sealed_entries():
            place = (segment.topic, segment.partition, entry.offset)
            if place in missing:
                missing.discard(place)
                self._found[place] = Sealed(
                    *place,
                    segment.origin,
                    entry.position,
                    entry.verdict,
                    entry.flags,
                    entry.reason,
                    entry.leaf,
                )
        return len(missing) < before

    def _segments(self) -> Iterable[Segment]:
        message = self._consumer.poll(_POLL_S)
        if message is None:
            return
        error = message.error()
        if error is not None:
            if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):  # noqa: SLF001
                return
            raise KafkaException(error)
        segment = decode_segment(message.value() or b"")
        segment.check(self._log_keys)
        yield segment

    def _from_now(self, topic: str, partition: int) -> TopicPartition:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=15)
        return TopicPartition(topic, partition, high)
