"""Reads on in a sealed topic, outside of any consumer group, over one connection."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.processors.projection.errors import ReplayError
from auditspine.processors.projection.sealed_partition import SealedMessage

_MOST = 256  # messages at once
_PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's names


class Tail(Protocol):
    """Port: gives what is new in a sealed topic."""

    def take(self, timeout_s: float) -> dict[int, list[SealedMessage]]:
        """Give new messages by partition; see :meth:`SealedTail.take`."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class SealedTail:
    """What is new in a sealed topic. One thread at a time.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topic: Sealed topic.
        offsets: Where to begin in each partition.
    """

    def __init__(self, kafka: Mapping[str, str], topic: str, offsets: Sequence[int]) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "log_level": "0",
                **kafka,
                "group.id": "auditspine-tail",  # required, never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
            }
        )
        self._consumer.assign([TopicPartition(topic, n, at) for n, at in enumerate(offsets)])

    def take(self, timeout_s: float) -> dict[int, list[SealedMessage]]:
        """Give messages by partition, each in its order; none when none came in time.

        Raises:
            ReplayError: The topic cannot be read.
        """
        found: dict[int, list[SealedMessage]] = {}
        try:
            messages = self._consumer.consume(_MOST, timeout_s)
        except KafkaException as exc:
            raise ReplayError(f"{self._topic}: {exc.args[0]}") from exc
        for message in messages:
            error, partition = message.error(), message.partition() or 0
            if error is None:
                taken = SealedMessage(message.offset() or 0, message.value())
                found.setdefault(partition, []).append(taken)
            elif not error.retriable() and error.code() not in _PASSING:
                raise ReplayError(f"{self._topic}[{partition}]: {error.str()}")
        return found

    def close(self) -> None:
        """Give up the connection."""
        self._consumer.close()
