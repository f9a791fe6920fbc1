"""Tells whether a source topic holds anything after what was sealed of it; reads no event.

Offsets have gaps: the end of a transaction takes one and no reader ever gets it. So an offset
before the topic's end may still be all that there is: then one look at the topic says so.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.processors.projection.errors import ReplayError

_LOOK_S = 1.0
_TIMEOUT_S = 5.0


class _Nothing(NamedTuple):
    """Between two offsets of a partition there is nothing that a reader would get."""

    start: int = 0
    end: int = 0


class SourceEnds:
    """The ends of one source topic's partitions. One thread at a time.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topic: The source topic.
        clock: Monotonic seconds.
        timeout_s: How long the broker may take to answer.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        topic: str,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._clock = clock
        self._timeout_s = timeout_s
        self._consumer: Consumer | None = None
        self._nothing: dict[int, _Nothing] = {}
        self._asked: dict[int, tuple[int, int]] = {}
        self._looked: dict[int, float] = {}

    def end(self, partition: int) -> int:
        """Give the offset after the last that a reader of committed messages may get now.

        Raises:
            ReplayError: The broker does not say.
        """
        place = TopicPartition(self._topic, partition)
        try:
            return int(self._open().get_watermark_offsets(place, timeout=self._timeout_s)[1])
        except KafkaException as exc:
            raise ReplayError(f"{self._topic}[{partition}]: {exc.args[0]}") from exc

    def reached(self, partition: int, offset: int, end: int) -> int:
        """Give how far a partition is read for one who has read to an offset.

        Args:
            partition: The partition.
            offset: Offset after the last message that was read.
            end: From :meth:`end`.

        Returns:
            The offset, or a later one where nothing is between the two. It is looked for when it
            stays where it is before the same end, at most once a second.
        """
        nothing = self._nothing.get(partition, _Nothing())
        if nothing.start <= offset < nothing.end:
            offset = nothing.end
        if offset >= end:
            return offset
        asked, self._asked[partition] = self._asked.get(partition), (offset, end)
        now = self._clock()
        if asked == (offset, end) and now - self._looked.get(partition, -_LOOK_S) >= _LOOK_S:
            self._looked[partition] = now
            return self._look(partition, offset)
        return offset

    def close(self) -> None:
        """Give up the connection."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _look(self, partition: int, offset: int) -> int:
        """See whether the end comes before any message."""
        consumer = self._open()
        try:
            consumer.assign([TopicPartition(self._topic, partition, offset)])
            message = consumer.poll(_LOOK_S)
            consumer.unassign()
        except KafkaException:
            return offset
        error = None if message is None else message.error()
        if message is None or error is None:
            return offset
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            end = max(offset, message.offset() or 0)
            self._nothing[partition] = _Nothing(offset, end)
            return end
        return offset

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    "log_level": "0",
                    **self._kafka,
                    "group.id": "auditspine-ends",  # required, never joined
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "isolation.level": "read_committed",  # as the ledger reads
                    "fetch.message.max.bytes": 1024,  # one look needs one message
                    "queued.max.messages.kbytes": 64,
                }
            )
        return self._consumer
