"""Waits for logs: until what is on their topics has landed, until they have sealed by an entry."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition

from auditspine.cli.connections import kafka_properties
from auditspine.cli.errors import NotSealedError
from auditspine.cli.settings import Settings
from auditspine.ledger.control import OpenedLog
from auditspine.ledger.errors import FormatError
from auditspine.ledger.segment import Segment, decode_segment
from auditspine.sinks.store import Store

_PATIENCE_S = 60.0
_ASK_S = 0.2
_TIMEOUT_S = 15.0
_TAIL = 16  # messages looked at
_FRESH_S = 180.0


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


def require_sealing(settings: Settings, logs: Sequence[OpenedLog]) -> None:
    """Check that ledger workers seal logs: each seals a checkpoint every minute.

    Raises:
        NotSealedError: A log has no fresh checkpoint.
    """
    with _asking(settings) as consumer:
        for log in logs:
            segment = _last_segment(consumer, log)
            age_s = time.time() - (0 if segment is None else segment.sealed_at / 1000)
            if age_s > _FRESH_S:
                raise NotSealedError(
                    f"{log.topic}/{log.partition} has not been sealed for {_FRESH_S:.0f} s: start "
                    "the ledger worker of its space. Nothing was decided"
                )


def _last_segment(consumer: Consumer, log: OpenedLog) -> Segment | None:
    """Give the segment that reaches furthest: a zombie may have left repeats at the end."""
    place = TopicPartition(f"{log.topic}.sealed", log.partition)
    low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
    place.offset = max(low, high - _TAIL)
    consumer.assign([place])
    best: Segment | None = None
    deadline = time.monotonic() + _TIMEOUT_S
    at = place.offset
    while at < high and time.monotonic() < deadline:
        message = consumer.poll(_ASK_S)
        if message is None or message.error() is not None:
            continue
        at = (message.offset() or 0) + 1
        segment = _segment(message.value() or b"")
        if segment is not None and segment.origin == log.origin:
            best = segment if best is None or _reach(segment) >= _reach(best) else best
    return best


def _segment(raw: bytes) -> Segment | None:
    try:
        return decode_segment(raw)
    except FormatError:
        return None  # readers stop at it, and say so


def _reach(segment: Segment) -> tuple[int, int]:
    return segment.end, segment.control_size


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
