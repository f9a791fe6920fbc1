"""Reads one sealed partition by offset, without a consumer group."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.processors.ledger.errors import BrokerError

_TIMEOUT_S = 15.0
_POLL_S = 0.2


class SealedPartition:
    """One partition of a sealed topic, or of any topic that is read by offset.

    Args:
        consumer: From :func:`auditspine.processors.ledger.clients.tail_consumer`; each read
            takes over its assignment.
        topic: Topic.
        partition: Partition.
    """

    def __init__(self, consumer: Consumer, topic: str, partition: int) -> None:
        self._consumer = consumer
        self.topic = topic
        self.partition = partition

    def watermarks(self) -> tuple[int, int]:
        """Give the first offset and the one after the last, asked of the broker.

        Raises:
            BrokerError: It does not answer.
        """
        place = TopicPartition(self.topic, self.partition)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        except KafkaException as exc:
            raise BrokerError(
                f"no watermarks: {exc.args[0].str()}", self.topic, self.partition
            ) from exc
        return low, high

    def read(self, start: int, end: int) -> list[bytes]:
        """Read the messages from offset ``start`` to before ``end``.

        Raises:
            BrokerError: They do not come within 15 seconds.
        """
        values: list[bytes] = []
        if start >= end:
            return values
        self._consumer.assign([TopicPartition(self.topic, self.partition, start)])
        deadline = time.monotonic() + _TIMEOUT_S
        try:
            reached = start
            while reached < end:
                reached = max(reached, self._take(end, values))
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"expected to read to offset {end}, got to {reached} "
                        f"within {_TIMEOUT_S:.0f} s",
                        self.topic,
                        self.partition,
                    )
        finally:
            self._consumer.unassign()
        return values

    def _take(self, end: int, values: list[bytes]) -> int:
        """Take one message; give the offset that is reached by it."""
        message = self._consumer.poll(_POLL_S)
        if message is None:
            return 0
        error, offset = message.error(), message.offset() or 0
        if error is None:
            if offset < end:
                values.append(message.value() or b"")
            return offset + 1
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            return offset
        raise BrokerError(error.str(), self.topic, self.partition)
