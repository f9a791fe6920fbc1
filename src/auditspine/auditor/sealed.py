"""Reads sealed topics for comparison with the store: heads, or every entry."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from auditspine.auditor.core.sealed import SealedRow
from auditspine.auditor.core.signatures import NAMES_AT
from auditspine.auditor.errors import SourceError
from auditspine.ledger.batch import parse_sig
from auditspine.ledger.errors import FormatError
from auditspine.ledger.reader import Accepted, SegmentReader
from auditspine.ledger.segment import Segment, decode_segment
from auditspine.ledger.verdict import Verdict

_TAIL = 16  # messages looked at for the largest size: a zombie may have left repeats at the end
_TIMEOUT_S = 15.0
_TENANT_AT = NAMES_AT + 1  # in a sig header, after the length of its name

Spans = dict[tuple[str, int], tuple[int, int]]
"""First offset and the one after the last, per topic and partition."""


@dataclass(frozen=True, slots=True)
class SealedHead:
    """The last checkpoint of one log in its sealed topic, unauthenticated.

    Attributes:
        origin: The log.
        topic: Sealed topic.
        partition: Its partition.
        size: Entries sealed.
        note: The signed checkpoint.
        sealed_at: The ledger's time of sealing, milliseconds since 1970.
    """

    origin: str
    topic: str
    partition: int
    size: int
    note: str
    sealed_at: int


class SealedTopics:
    """Sealed topics on a broker, read without joining a group.

    Args:
        configuration: Properties of a confluent-kafka consumer, ``bootstrap.servers`` among
            them.
        topics: Sealed topics to read.
    """

    def __init__(self, configuration: dict[str, Any], topics: Iterable[str]) -> None:
        self._configuration = {
            **configuration,
            "group.id": "auditspine-verify",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
        }
        self._topics = tuple(topics)

    def heads(self, until_ms: int | None = None) -> list[SealedHead]:
        """Give the last checkpoint of each log.

        Args:
            until_ms: Only what the broker had appended before this time, milliseconds
                since 1970.

        Raises:
            SourceError: The broker cannot be read.
        """
        return self._reading(lambda consumer: list(self._heads(consumer, until_ms)))

    def entries(self, topic: str, partition: int, public_keys: list[bytes]) -> Iterator[SealedRow]:
        """Give every entry of one sealed partition, each segment checked.

        Raises:
            SourceError: The broker cannot be read.
            LedgerError: A segment contradicts itself or those before it.
        """
        consumer = Consumer(self._configuration)
        try:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=_TIMEOUT_S
            )
            reader = SegmentReader(public_keys)
            for message in _messages(consumer, {(topic, partition): (low, high)}):
                accepted = reader.accept(message.value() or b"")
                if accepted is not None:
                    yield from sealed_rows(accepted)
        except KafkaException as exc:
            raise SourceError(f"sealed topic {topic} cannot be read: {exc}") from exc
        finally:
            consumer.close()

    def _reading(self, read: Callable[[Consumer], list[SealedHead]]) -> list[SealedHead]:
        consumer = Consumer(self._configuration)
        try:
            return read(consumer)
        except KafkaException as exc:
            raise SourceError(f"sealed topics cannot be read: {exc}") from exc
        finally:
            consumer.close()

    def _heads(self, consumer: Consumer, until_ms: int | None) -> Iterator[SealedHead]:
        best: dict[tuple[str, int], Segment] = {}
        for message in _messages(consumer, self._tails(consumer, until_ms)):
            place = message.topic() or "", message.partition() or 0
            try:
                segment = decode_segment(message.value() or b"")
            except FormatError:
                continue
            if place not in best or segment.end >= best[place].end:
                best[place] = segment
        for (topic, partition), segment in sorted(best.items()):
            yield SealedHead(
                segment.origin, topic, partition, segment.end, segment.note, segment.sealed_at
            )

    def _tails(self, consumer: Consumer, until_ms: int | None) -> Spans:
        """Find where the last messages of every partition lie."""
        known = consumer.list_topics(timeout=_TIMEOUT_S).topics
        spans: Spans = {}
        for topic in self._topics:
            for partition in sorted(known[topic].partitions) if topic in known else ():
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=_TIMEOUT_S
                )
                if until_ms is not None:
                    found = consumer.offsets_for_times(
                        [TopicPartition(topic, partition, until_ms)], timeout=_TIMEOUT_S
                    )[0].offset
                    high = min(high, found) if found >= 0 else high
                spans[topic, partition] = max(low, high - _TAIL), high
        return spans


def sealed_rows(accepted: Accepted) -> Iterator[SealedRow]:
    """Give the rows that a segment of the sealed topic adds."""
    control, valid = accepted.segment.control_size, Verdict.VALID
    for position, offset, timestamp, _, sig, leaf, chain, verdict, flags, _ in accepted.entries():
        try:  # the ledger parsed and checked the header of a valid entry
            claimed = sig[_TENANT_AT : _TENANT_AT + sig[NAMES_AT]] if verdict is valid else None
            tenant = parse_sig(sig).tenant if claimed is None else claimed.decode()
        except (FormatError, IndexError, UnicodeDecodeError):
            tenant = ""
        yield SealedRow(position, offset, timestamp, leaf, chain, verdict, flags, control, tenant)


def _messages(consumer: Consumer, spans: Spans) -> Iterator[Message]:
    """Give the messages of partitions, each from its first offset to before its last."""
    left = {place: span for place, span in spans.items() if span[0] < span[1]}
    consumer.assign([TopicPartition(*place, span[0]) for place, span in left.items()])
    while left:
        message = consumer.poll(_TIMEOUT_S)
        if message is None:
            (topic, partition), (at, high) = next(iter(left.items()))
            raise SourceError(
                f"sealed topic {topic}/{partition}: nothing came for {_TIMEOUT_S:.0f} s "
                f"at offset {at} of {high}"
            )
        place = message.topic() or "", message.partition() or 0
        error = message.error()
        if error is not None:
            raise SourceError(f"sealed topic {place[0]}/{place[1]}: {error.str()}")
        if place not in left:
            continue
        offset = message.offset()
        assert offset is not None
        high = left[place][1]
        if offset + 1 < high:
            left[place] = offset + 1, high
        else:
            del left[place]
        if offset < high:
            yield message
