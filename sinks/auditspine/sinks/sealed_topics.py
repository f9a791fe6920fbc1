"""Kafka as the evidence sink sees it: its consumer, and checks that sealed topics are whole."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.ledger.topics import MAX_MESSAGE_BYTES, STREAMS, Topics
from auditspine.sinks.chunk import Resume
from auditspine.sinks.errors import BrokerError, SealedLogError, UnavailableError

_TIMEOUT_S = 10.0
_AGAIN_S = 1.0

_log = structlog.get_logger(__name__)


def sealed_consumer(
    kafka: Mapping[str, str],
    group_id: str,
    instance_id: str | None,
    on_fatal: Callable[[KafkaError], None],
) -> Consumer:
    """Make the group's consumer of sealed topics.

    Positions come from ClickHouse alone, so one that no longer exists is an error. Classic
    protocol: with the new one a restarted static member got no partition.
    """

    def on_error(error: KafkaError) -> None:
        if _is_fatal(error):
            on_fatal(error)
        else:  # librdkafka goes on trying by itself
            _log.warning("kafka", error=error.str())

    properties: dict[str, object] = {
        "session.timeout.ms": 10_000,
        "fetch.wait.max.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        **kafka,
        "group.id": group_id,
        "group.protocol": "classic",
        "partition.assignment.strategy": "roundrobin",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
        "queued.max.messages.kbytes": 16 * 1024,
        "error_cb": on_error,
    }
    if instance_id:
        properties["group.instance.id"] = instance_id
    return Consumer(properties)


def asking_consumer(kafka: Mapping[str, str]) -> Consumer:
    """Make a consumer that only asks for topics and offsets; it joins no group.

    The group's consumer does not answer other threads while it is polled.
    """
    return Consumer({**kafka, "group.id": "auditspine-sink-asks", "enable.auto.commit": False})


def await_topics(
    consumer: Consumer, topics: Topics, stopped: threading.Event, patience_s: float
) -> list[str]:
    """Wait until all sealed topics exist, and give their names.

    Raises:
        BrokerError: Kafka does not answer, topics are missing, or one has another number of
            partitions.
    """
    expected = {topics.sealed(stream): topics.partition_count(stream) for stream in STREAMS}
    deadline = time.monotonic() + patience_s
    while True:
        problem = _problem(consumer, expected)
        if problem is None or stopped.is_set():
            return list(expected)
        if time.monotonic() > deadline:
            raise BrokerError(problem)
        _log.warning("waiting for topics", reason=problem)
        stopped.wait(_AGAIN_S)


def check_reaches(consumer: Consumer, topic: str, partition: int, resume: Resume) -> None:
    """Check that a sealed partition holds what ClickHouse has of it.

    Raises:
        SealedLogError: It lost its tail, or what comes next.
        UnavailableError: Kafka does not answer.
    """
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=_TIMEOUT_S
        )
    except KafkaException as exc:
        raise UnavailableError(f"Kafka does not answer: {exc.args[0].str()}") from exc
    needed = max(resume.offset, resume.claimed_until or 0)
    if high < needed:
        raise SealedLogError(
            f"{topic}/{partition} lost its tail: ClickHouse has it up to offset {needed}, but it "
            f"ends at {high}. Restore it from a replica or an archive; a new sealed topic needs a "
            "new database"
        )
    if low > resume.offset:
        raise SealedLogError(
            f"{topic}/{partition} lost what comes next: ClickHouse has it up to offset "
            f"{resume.offset}, but it begins at {low}. Restore it from a replica or an archive"
        )


def message_error(error: KafkaError, topic: str, partition: int) -> Exception | None:
    """Sort an error in place of a message; ``None`` when librdkafka goes on by itself."""
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
        return SealedLogError(
            f"{topic}/{partition}: the offset that comes next does not exist ({error.str()}): the "
            "sealed topic lost entries or was made anew. Restore it from a replica or an archive"
        )
    if _is_fatal(error):
        return BrokerError(f"the Kafka client failed: {error.str()}")
    _log.warning("kafka", topic=topic, partition=partition, error=error.str())
    return None


def _is_fatal(error: KafkaError) -> bool:
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001 - librdkafka's name


def _problem(consumer: Consumer, expected: Mapping[str, int]) -> str | None:
    try:
        found = consumer.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as exc:
        return f"Kafka does not answer: {exc.args[0].str()}"
    missing = [name for name in expected if name not in found or found[name].error]
    if missing:
        return f"topics are missing: {', '.join(missing)}; `auditspine init` creates them"
    wrong = [name for name, count in expected.items() if len(found[name].partitions) != count]
    if wrong:
        return _wrong_count(wrong[0], expected[wrong[0]], len(found[wrong[0]].partitions))
    return None


def _wrong_count(topic: str, expected: int, got: int) -> str:
    return f"topic {topic}: expected {expected} partitions, got {got}; see AUDITSPINE_PARTITIONS"


def names(partitions: Sequence[TopicPartition]) -> list[str]:
    """Give partitions as ``topic/partition``, for the log."""
    return [f"{each.topic}/{each.partition}" for each in partitions]
