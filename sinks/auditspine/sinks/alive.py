"""Signs of life: says that a processor follows its logs, and covers all that its topic says."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from auditspine.sinks.errors import BrokerError
from auditspine.sinks.signed_topic import Followed, SignedTopic

_EVERY_S = 1.0
_POLL_S = 0.2

_log = structlog.get_logger(__name__)


class AliveLoop:
    """Says each second that the processor follows its logs; a blocking loop for a thread.

    It says so of a partition once it has read all of its records, so that the sign covers them.

    Args:
        topic: The topic.
        followed: Gives the partitions that are assigned, and how far each is followed; called
            in the loop's thread.
        every_s: Seconds between two signs.
    """

    def __init__(
        self,
        topic: SignedTopic[Any],
        followed: Callable[[], Mapping[int, Followed]],
        every_s: float = _EVERY_S,
    ) -> None:
        self._topic = topic
        self._followed = followed
        self._every_s = every_s
        self._stopped = threading.Event()
        self._assigned: set[int] = set()
        self._read: set[int] = set()

    def run(self) -> None:
        """Work until stopped.

        Raises:
            BrokerError: The Kafka client failed for good.
        """
        consumer = Consumer(self._properties())
        try:
            while not self._stopped.is_set():
                self._beat(consumer)
                next_beat = time.monotonic() + self._every_s
                while not self._stopped.is_set():
                    left = next_beat - time.monotonic()
                    if left <= 0:
                        break
                    self._take(consumer, min(left, _POLL_S))
        finally:
            consumer.close()

    def stop(self) -> None:
        """Ask the loop to end; callable from any thread."""
        self._stopped.set()

    def _beat(self, consumer: Consumer) -> None:
        followed = self._followed()
        if followed.keys() != self._assigned:
            # What was another's meanwhile is read again: there may be records of its.
            self._assigned, self._read = set(followed), set()
            consumer.assign(
                [TopicPartition(self._topic.name, each, OFFSET_BEGINNING) for each in followed]
            )
        for partition in self._read:
            self._topic.beat(partition, followed[partition])

    def _take(self, consumer: Consumer, timeout_s: float) -> None:
        message = consumer.poll(timeout_s)
        if message is None:
            return
        error = message.error()
        if error is None:
            self._topic.saw(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            partition = message.partition()
            if partition is not None and partition in self._assigned:
                if partition not in self._read:
                    _log.info("records read", topic=self._topic.name, partition=partition)
                self._read.add(partition)
                self._topic.settle(partition)
        elif error.fatal():
            raise BrokerError(f"the Kafka client failed: {error.str()}")
        else:  # librdkafka goes on trying by itself
            _log.warning("kafka", topic=self._topic.name, error=error.str())

    def _properties(self) -> dict[str, Any]:
        return {
            "reconnect.backoff.max.ms": 1000,
            "fetch.wait.max.ms": 500,
            **self._topic.kafka,
            "group.id": "auditspine-alive",  # required, never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",
            "allow.auto.create.topics": False,
            "error_cb": lambda error: _log.warning("kafka", error=error.str()),
        }
