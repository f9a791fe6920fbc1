"""What a moved tenant did in logs of other spaces, for the fold of the log that it goes on in.

``tenant.moved`` in the control log names ranges of those logs, with the number and the hash of
the tenant's entries in them: whoever reads them knows that nothing is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.ledger.batch import claimed_tenant
from auditspine.ledger.control import ControlState
from auditspine.ledger.errors import LedgerError
from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import Entry
from auditspine.ledger.tenancy import LogRange, Move, Tally
from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.processors.ledger.control_follower import ControlFollower
from auditspine.processors.projection.errors import HistoryError
from auditspine.processors.projection.sealed_partition import read_sealed

_TIMEOUT_S = 30.0


class PastEntry(NamedTuple):
    """An entry of a log, with what it was judged by.

    Attributes:
        entry: The entry.
        control_size: Entries of the control log that its segment rests on.
    """

    entry: Entry
    control_size: int


class History(Protocol):
    """Port: moves of tenants, and what they did elsewhere."""

    def moves(self, control_size: int) -> Sequence[Move]:
        """Give the moves in the first ``control_size`` entries of the control log, or more.

        Raises:
            HistoryError: The control log cannot be read so far.
        """
        ...

    def entries(self, part: LogRange, tenant: str) -> Iterator[PastEntry]:
        """Give a tenant's entries in a range of a log, in order.

        Raises:
            HistoryError: They cannot be read, or are not those that the move names.
        """
        ...


class SealedHistory:
    """Reads moves and history from the sealed topics.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        control_topic: Sealed topic of the control log.
        public_keys: Log keys that are trusted, 32 bytes each.
    """

    def __init__(
        self, kafka: Mapping[str, str], control_topic: str, public_keys: Sequence[bytes]
    ) -> None:
        self._kafka = kafka
        self._topic = control_topic
        self._keys = public_keys
        self._control: ControlFollower | None = None

    def state(self) -> ControlState:
        """Give what the control log says at its present end.

        Raises:
            SealingError: It cannot be read, or does not hold together.
        """
        if self._control is None:
            self._control = ControlFollower(
                self._consumer, self._topic, initial_control_state(), self._keys
            )
        self._control.catch_up()
        return self._control.state

    def control(self, size: int) -> ControlState:
        """Give what the control log says; of at least so many entries.

        Raises:
            HistoryError: It holds less.
        """
        known = self._control
        state = self.state() if known is None or known.state.size < size else known.state
        if state.size < size:
            raise HistoryError(
                f"{self._topic}: a segment rests on {size} entries of the control log, "
                f"which holds {state.size}"
            )
        return state

    @property
    def control_origin(self) -> str:
        """The control log's identity; empty before it was read."""
        known = self._control
        source = self._topic.removesuffix(".sealed")
        logs = () if known is None else known.state.logs.values()
        return next((log.origin for log in logs if log.topic == source), "")

    def moves(self, control_size: int) -> Sequence[Move]:
        """Give the moves that a control log of this size says, or more; see :class:`History`."""
        return self.control(control_size).tenancy.moves

    def entries(self, part: LogRange, tenant: str) -> Iterator[PastEntry]:
        """Give a tenant's entries; see :class:`History`."""
        tally = Tally()
        for past in read_range(self._kafka, part, self._keys):
            if claimed_tenant(past.entry.sig) == tenant:
                tally.add(past.entry.leaf)
                yield past
        if not tally.is_that_of(part):
            raise HistoryError(
                f"log {part.origin} from {part.first} to {part.size}: expected {part.entries} "
                f"entries of tenant {tenant}, got {tally.entries}, or others than the move names"
            )

    def close(self) -> None:
        """Give up the consumer."""
        if self._control is not None:
            self._control.close()

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **self._kafka,
                "group.id": "auditspine-history",  # required, never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
            }
        )


def read_range(
    kafka: Mapping[str, str], part: LogRange, public_keys: Sequence[bytes]
) -> Iterator[PastEntry]:
    """Read every entry of a range of a log from its sealed topic, verified from the log's start.

    Raises:
        HistoryError: The sealed topic is of another log, ends before, or does not hold together.
    """
    topic = f"{part.topic}.sealed"
    where = f"{topic}[{part.partition}]"
    reader = SegmentReader(public_keys, origin=part.origin)
    try:
        end = _end(kafka, topic, part.partition)
        for message in read_sealed(kafka, topic, part.partition, end):
            if reader.size >= part.size:
                return
            accepted = reader.accept(message.value or b"")
            for entry in () if accepted is None else accepted.entries():
                if part.first <= entry.position < part.size:
                    assert accepted is not None
                    yield PastEntry(entry, accepted.segment.control_size)
    except (LedgerError, KafkaException) as exc:
        raise HistoryError(f"{where}: {exc}") from exc
    if reader.size < part.size:
        raise HistoryError(f"{where}: expected {part.size} entries, got {reader.size}")


def _end(kafka: Mapping[str, str], topic: str, partition: int) -> int:
    consumer = Consumer({**kafka, "group.id": "auditspine-history"})
    try:
        place = TopicPartition(topic, partition)
        return int(consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1])
    finally:
        consumer.close()
