"""Reads one partition of a sealed topic from its start, outside of any consumer group."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.processors.projection.errors import ReplayError

_STALL_S = 30.0


class SealedMessage(NamedTuple):
    """A message of a sealed topic.

    Attributes:
        offset: Its Kafka offset.
        value: A segment's bytes; ``None`` for a Kafka tombstone, which is refused.
    """

    offset: int
    value: bytes | None


def read_sealed(
    kafka: Mapping[str, str], topic: str, partition: int, end: int, start: int = 0
) -> Iterator[SealedMessage]:
    """Read a sealed partition up to an offset.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topic: Sealed topic.
        partition: Its partition.
        end: Offset to stop before.
        start: Offset to begin at; its first when not given.

    Raises:
        ReplayError: The broker reports an error, or gives nothing for 30 s.
    """
    consumer = Consumer(
        {
            **kafka,
            "group.id": "auditspine-rebuild",  # required, never committed to
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
        }
    )
    where = f"{topic}[{partition}]"
    try:
        consumer.assign([TopicPartition(topic, partition, start)])
        offset, deadline = start, time.monotonic() + _STALL_S
        while offset < end:
            message = consumer.poll(1.0)
            error = None if message is None else message.error()
            if error is not None and not error.retriable():
                raise ReplayError(f"{where} at offset {offset}: {error.str()}")
            if message is not None and error is None:
                offset, deadline = (message.offset() or 0) + 1, time.monotonic() + _STALL_S
                if offset <= end:
                    yield SealedMessage(offset - 1, message.value())
            elif time.monotonic() > deadline:
                raise ReplayError(f"{where}: expected offset {end - 1}, got nothing after {offset}")
    except KafkaException as exc:
        raise ReplayError(f"{where}: {exc.args[0]}") from exc
    finally:
        consumer.close()
