"""A guard's background thread: reads one partition of a signed topic into its knowledge.

It joins no group and commits nothing: every start reads the compacted topic from its beginning.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from auditspine.ledger.record_signing import SIGNATURE_HEADER
from auditspine.producers import lifetime
from auditspine.producers.errors import SetupError
from auditspine.producers.knowledge import Knowledge, Message

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_BATCH = 500
_AGAIN_S = 1.0
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while suspended


def now_s() -> float:
    """Give the time of a clock that never steps, seconds."""
    return time.clock_gettime(_CLOCK)


class TopicFollower:
    """Follows the partition until told to stop; what goes wrong makes the knowledge old.

    Args:
        given: The librdkafka properties that the caller chose.
        topic: The topic.
        knowledge: Takes what is read.

    Raises:
        SetupError: librdkafka refuses a property.
    """

    def __init__(
        self, given: Mapping[str, Any], topic: str, knowledge: Knowledge[Any, Any]
    ) -> None:
        self._given = given
        self._topic = topic
        self._knowledge = knowledge
        self._stopped = threading.Event()
        self._consumer = self._connect()  # kept here, so that a forked child never frees it
        self._thread = threading.Thread(target=self._run, name="auditspine-guard", daemon=True)
        lifetime.keep_in_children(self)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow(self._consumer)
            except Exception as exc:  # noqa: BLE001 - a guard that is not fed says unknown
                self._knowledge.trouble(f"following failed: {type(exc).__name__}")
                _log.exception("following %s failed; it is tried again", self._topic)
                self._stopped.wait(_AGAIN_S)
                self._consumer = self._connect()

    def _connect(self) -> Consumer:
        try:
            return Consumer(self._properties(), logger=_log)
        except KafkaException as exc:
            raise SetupError(f"Kafka properties: {exc.args[0].str()}") from exc

    def _follow(self, consumer: Consumer) -> None:
        try:
            place = TopicPartition(self._topic, self._knowledge.partition, OFFSET_BEGINNING)
            consumer.assign([place])
            while not self._stopped.is_set():
                first = consumer.poll(_POLL_S)
                if first is not None:
                    self._take([first, *consumer.consume(_BATCH, 0)])
        finally:
            consumer.close()

    def _take(self, messages: list[KafkaMessage]) -> None:
        for message in messages:
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise KafkaException(error)
                self._knowledge.trouble(f"Kafka: {error.str()}")
        whole = [_message(each) for each in messages if each.error() is None]
        if whole:
            self._knowledge.take(whole, time.time() * 1000, now_s())

    def _properties(self) -> dict[str, Any]:
        return {
            "client.id": "auditspine-guard",
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.interval.ms": 5000,  # a topic that is created later is found
            "fetch.wait.max.ms": 500,
            "fetch.min.bytes": 1,
            "queued.max.messages.kbytes": 4096,
            "group.id": "auditspine-guard",  # required, never joined
            **self._given,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "earliest",  # a topic that was made anew is read anew
            # Each record is judged by its own signature, so nobody's open transaction can hold
            # back what comes after.
            "isolation.level": "read_uncommitted",
            "allow.auto.create.topics": False,
            "error_cb": self._on_error,
        }

    def _on_error(self, error: KafkaError) -> None:
        self._knowledge.trouble(f"Kafka: {error.str()}")
        _log.warning("Kafka: %s", error.str())


def _message(message: KafkaMessage) -> Message:
    header = dict(message.headers() or ()).get(SIGNATURE_HEADER)
    _, appended_at = message.timestamp()
    signature = header if isinstance(header, bytes) else None
    return Message(message.key(), message.value(), signature, appended_at)
