"""Waits for logs: until what is on their topics has landed, until they have sealed by an entry."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_ASK_S = 0.1
_TIMEOUT_S = 15.0
_TAIL = 16  # messages looked at
_FRESH_S = 180.0


def await_landed(settings: Settings, store: Store, logs: Sequence[OpenedLog]) -> None:
    """Wait until what is on source topics now is sealed and has landed.

    Raises:
        NotSealedError: It takes longer than a minute.
        SinkError: ClickHouse is away or refuses.
    """
    sizes: dict[str, int] = {}
    with _asking(settings) as consumer:
        ends = {
            log.origin: _marks(consumer, TopicPartition(log.topic, log.partition))[1]
            for log in logs
        }

        def sealed(waiting: Sequence[OpenedLog]) -> set[str]:
            for origin, segment in _tails(consumer, waiting).items():
                if segment.next_offset >= ends[origin]:
                    sizes[origin] = segment.end
            return {log.origin for log in waiting if log.origin in sizes or not ends[log.origin]}

        _await(logs, sealed, "is not sealed to its end", "does its ledger worker run?")

    def landed(waiting: Sequence[OpenedLog]) -> set[str]:
        rows = store.query("SELECT toString(origin), toInt64(size) FROM log_heads")
        there = {str(origin): int(size) for origin, size in rows}
        return {o for o in (log.origin for log in waiting) if there.get(o, 0) >= sizes.get(o, 0)}

    _await(logs, landed, "has not landed in ClickHouse", "does its sink run?")


def await_sealed_by(settings: Settings, logs: Sequence[OpenedLog], position: int) -> dict[str, int]:
    """Wait until each log has sealed by an entry of the control log; give their sizes.

    Raises:
        NotSealedError: It takes longer than a minute.
    """
    sizes: dict[str, int] = {}
    with _asking(settings) as consumer:

        def settled(waiting: Sequence[OpenedLog]) -> set[str]:
            for origin, segment in _tails(consumer, waiting).items():
                if segment.control_size > position:
                    sizes[origin] = segment.end
            return set(sizes)

        hint = "do the ledger workers of every space run?"
        _await(logs, settled, "has not sealed by the decision", hint)
    return sizes


def require_sealing(settings: Settings, logs: Sequence[OpenedLog]) -> None:
    """Check that ledger workers seal logs: each seals a checkpoint every minute.

    Raises:
        NotSealedError: A log has no fresh checkpoint.
    """
    with _asking(settings) as consumer:
        tails = _tails(consumer, logs)
    for log in logs:
        sealed_at = tails[log.origin].sealed_at if log.origin in tails else 0
        if time.time() - sealed_at / 1000 > _FRESH_S:
            raise NotSealedError(
                f"{log.topic}/{log.partition} has not been sealed for {_FRESH_S:.0f} s: start the "
                "ledger worker of its space, then run this again"
            )


def last_sizes(settings: Settings, logs: Sequence[OpenedLog]) -> dict[str, int]:
    """Give the sizes of logs as their sealed topics have them, by origin."""
    with _asking(settings) as consumer:
        tails = _tails(consumer, logs)
    return {log.origin: tails[log.origin].end if log.origin in tails else 0 for log in logs}


def _tails(consumer: Consumer, logs: Sequence[OpenedLog]) -> dict[str, Segment]:
    """Give of each log the segment that reaches furthest: zombies leave repeats at the end."""
    by_place = {(f"{log.topic}.sealed", log.partition): log.origin for log in logs}
    left: dict[tuple[str, int], int] = {}
    places = []
    for topic, partition in by_place:
        low, high = _marks(consumer, TopicPartition(topic, partition))
        if high > low:
            left[topic, partition] = high
            places.append(TopicPartition(topic, partition, max(low, high - _TAIL)))
    consumer.assign(places)
    best: dict[str, Segment] = {}
    deadline = time.monotonic() + _TIMEOUT_S
    while left and time.monotonic() < deadline:
        message = consumer.poll(_ASK_S)
        if message is None or message.error() is not None:
            continue
        place = message.topic() or "", message.partition() or 0
        segment, origin = _segment(message.value() or b""), by_place[place]
        if segment is not None and segment.origin == origin:
            known = best.get(origin)
            best[origin] = segment if known is None else max(known, segment, key=_reach)
        if (message.offset() or 0) + 1 >= left.get(place, 0):
            left.pop(place, None)
    return best


def _segment(raw: bytes) -> Segment | None:
    try:
        return decode_segment(raw)
    except FormatError:
        return None  # readers stop at it, and say so


def _reach(segment: Segment) -> tuple[int, int]:
    return segment.end, segment.control_size


def _marks(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
    return low, high


def _await(
    logs: Sequence[OpenedLog],
    done: Callable[[Sequence[OpenedLog]], set[str]],
    what: str,
    hint: str,
) -> None:
    """Wait for each log.

    Raises:
        NotSealedError: It takes longer than a minute.
    """
    deadline = time.monotonic() + _PATIENCE_S
    waiting = list(logs)
    while waiting:
        ready = done(waiting)
        waiting = [log for log in waiting if log.origin not in ready]
        if waiting and time.monotonic() > deadline:
            place = f"{waiting[0].topic}/{waiting[0].partition}"
            raise NotSealedError(
                f"{place} {what} within {_PATIENCE_S:.0f} s: {hint} Run this again: it goes on"
            )
        if waiting:
            time.sleep(_ASK_S)


@contextmanager
def _asking(settings: Settings) -> Iterator[Consumer]:
    """Give a consumer that joins no group."""
    more: Mapping[str, object] = {"group.id": "auditspine-move", "fetch.wait.max.ms": 20}
    consumer = Consumer({"log_level": 0, **kafka_properties(settings), **more})
    try:
        yield consumer
    finally:
        consumer.close()
