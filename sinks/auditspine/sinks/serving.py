"""Serving states on their way to services: a tee behind a projection, and its signs of life."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from auditspine.ledger.errors import FormatError
from auditspine.ledger.serving import ServingRecord, encode_value
from auditspine.sinks.errors import BadDataError, BrokerError
from auditspine.sinks.serving_topic import Followed, ServingTopic

TABLE = "serving_states"

_COLUMNS = (
    "tenant",
    "deployment",
    "model_digest",
    "state",
    "releases_frozen",
    "quarantined",
    "alert_id",
    "reason",
    "since",
    "version",
)
_EVERY_S = 1.0
_POLL_S = 0.2

_log = structlog.get_logger(__name__)


class Store(Protocol):
    """Port: where rows of projections go."""

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when they are durable."""


class ServingStates:
    """Passes rows on to a store, and rows of ``serving_states`` to the serving topic before.

    Before, so that a stop reaches services while ClickHouse is away. Both are repeated after a
    failure, and repeats are harmless. A rebuild through it fills a lost topic again.

    A state that no record can hold is logged and left out: it would come again after each restart,
    and no state of any tenant would reach a service any more.

    Args:
        inner: Takes every row.
        topic: The serving topic.
    """

    def __init__(self, inner: Store, topic: ServingTopic) -> None:
        self._inner = inner
        self._topic = topic

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when they are durable in both places.

        Args:
            table: Its name.
            columns: Names of a row's values, in order; the topic needs its own, ignores others.
            rows: The rows; times are integer milliseconds since 1970.

        Raises:
            BadDataError: ``serving_states`` lacks a column.
            BrokerError: The broker did not take them all.
            StoppedError: The topic was closed meanwhile.
            Exception: As the inner store's.
        """
        if table == TABLE:
            self._topic.publish(_records(columns, rows))
        self._inner.write(table, columns, rows)


class AliveLoop:
    """Says each second that the processor follows its logs; a blocking loop for a thread.

    It says so of a partition once it has read all of its states, so that the sign covers them.

    Args:
        topic: The serving topic.
        followed: Gives the partitions that are assigned, and how far each is followed; called
            in the loop's thread.
        every_s: Seconds between two signs.
    """

    def __init__(
        self,
        topic: ServingTopic,
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
            # What was another's meanwhile is read again: there may be states of its.
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
                    _log.info("states read", topic=self._topic.name, partition=partition)
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
            "group.id": "auditspine-serving",  # required, never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",
            "allow.auto.create.topics": False,
            "error_cb": lambda error: _log.warning("kafka", error=error.str()),
        }


def _records(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[ServingRecord]:
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise BadDataError(f"{TABLE}: expected a column {missing[0]}, got none")
    places = {name: columns.index(name) for name in _COLUMNS}
    records = (_record({name: row[at] for name, at in places.items()}) for row in rows)
    return [record for record in records if _is_fit(record)]


def _record(row: Mapping[str, Any]) -> ServingRecord:
    """Give a row's record, whether or not it can be written."""
    return ServingRecord(
        tenant=row["tenant"],
        deployment=row["deployment"],
        model_digest=row["model_digest"],
        state=row["state"],
        releases_frozen=bool(row["releases_frozen"]),
        quarantined=bool(row["quarantined"]),
        alert_id=row["alert_id"] or None,
        reason=row["reason"],
        since=row["since"],
        position=row["version"],
    )


def _is_fit(record: ServingRecord) -> bool:
    """Tell whether a record can be written; else log which it is and which field is wrong."""
    try:
        encode_value(record)
    except FormatError as exc:
        _log.error("state left out", table=TABLE, position=record.position, reason=str(exc))
        return False
    return True
