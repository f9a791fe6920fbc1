"""Waits for logs: until what is on their topics has landed, until they have sealed by an entry."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition

from auditspine.cli.connections import kafka_properties
from auditspine.cli.errors import NotSealedError
from auditspine.cli.settings import Settings
from auditspine.ledger.control import OpenedLog
from auditspine.ledger.segment import Segment, decode_segment
from auditspine.sinks.store import Store

_PATIENCE_S = 60.0
_ASK_S = 0.2
_TIMEOUT_S = 15.0


def await_landed(settings: Settings, store: Store, logs: Sequence[OpenedLog]) -> None:
    """Wait until what is on source topics now is sealed and has landed.

    Raises:
        NotSealedError: It takes longer than a minute.
        SinkError: ClickHouse is away or refuses.
    """
    with _asking(settings) as consumer:
        ends = {
            log.origin: consumer.get_watermark_offsets(
                TopicPartition(log.topic, log.partition), timeout=_TIMEOUT_S
            )[1]
            for log in logs
        }
        sizes: dict[str, int] = {}

        def sealed(log: OpenedLog) -> bool:
            segment = _last_segment(consumer, log)
            if segment is not None and segment.next_offset >= ends[log.origin]:
                sizes[log.origin] = segment.end
            return log.origin in sizes or not ends[log.origin]

        _await(logs, sealed, "is not sealed to its end", "does its ledger worker run?")

    def landed(log: OpenedLog) -> bool:
        rows = store.query("SELECT toString(origin), toInt64(size) FROM log_heads")
        there = {str(origin): int(size) for origin, size in rows}
        return there.get(log.origin, 0) >= sizes.get(log.origin, 0)

    _await(logs, landed, "has not landed in ClickHouse", "does its sink run?")


def await_sealed_by(settings: Settings, logs: Sequence[OpenedLog], position: int) -> dict[str, int]:
    """Wait until each log has sealed by an entry of the control log; give their sizes.

    Raises:
        NotSealedError: It takes longer than a minute.
    """
    sizes: dict[str, int] = {}

    def settled(log: OpenedLog) -> bool:
        segment = _last_segment(consumer, log)
        if segment is not None and segment.control_size > position:
            sizes[log.origin] = segment.end
        return log.origin in sizes

    with _asking(settings) as consumer:
        hint = "do the ledger workers of every space run?"
        _await(logs, settled, "has not sealed by the decision", hint)
    return sizes


def _last_segment(consumer: Consumer, log: OpenedLog) -> Segment | None:
    """Give a log's last segment, if it has one."""
    place = TopicPartition(f"{log.topic}.sealed", log.partition)
    _, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
    if not high:
        return None
    place.offset = high - 1
    consumer.assign([place])
    message = consumer.poll(_TIMEOUT_S)
    if message is None or message.error() is not None:
        return None
    return decode_segment(message.value() or b"")


def _await(
    logs: Sequence[OpenedLog], is_done: Callable[[OpenedLog], bool], what: str, hint: str
) -> None:
    """Wait for each log.

    Raises:
        NotSealedError: It takes longer than a minute.
    """
    deadline = time.monotonic() + _PATIENCE_S
    waiting = list(logs)
    while waiting := [log for log in waiting if not is_done(log)]:
        if time.monotonic() > deadline:
            place = f"{waiting[0].topic}/{waiting[0].partition}"
            raise NotSealedError(
                f"{place} {what} within {_PATIENCE_S:.0f} s: {hint} Run this again: it goes on"
            )
        time.sleep(_ASK_S)


@contextmanager
def _asking(settings: Settings) -> Iterator[Consumer]:
    """Give a consumer that joins no group."""
    kafka = kafka_properties(settings)
    consumer = Consumer({"log_level": 0, **kafka, "group.id": "auditspine-move"})
    try:
        yield consumer
    finally:
        consumer.close()
