"""Writes a compacted, signed topic: records durably, signs of life once a second.

Compaction keeps the last record of a key, not the newest. So who writes signs of life reads its
partitions as well (:meth:`SignedTopic.saw`) and says the newest record again where an old
writer, or somebody without the key, put another behind it.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeAlias

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.record_signing import SIGNATURE_HEADER, Verifier, sign
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, R, encode_value, partition_of
from auditspine.ledger.topics import MAX_SERVING_BYTES
from auditspine.sinks.errors import BadDataError, BrokerError, StoppedError

_DELIVERY_MS = 60_000
_SLICE_S = 0.1
_MOST_WAITING = 10_000  # librdkafka holds ten times as many

Report: TypeAlias = Callable[[KafkaError | None, Message], None]

_log = structlog.get_logger(__name__)


class Followed(NamedTuple):
    """How far a processor has followed a partition's log.

    Attributes:
        position: Entries that it has folded.
        behind_ms: How long ago it last had folded all that there was; 0 when it has now. It must
            grow while the processor is stuck.
    """

    position: int
    behind_ms: int


class SignedTopic(Generic[R]):
    """One processor's end of the topic, which nobody else writes. Thread-safe.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        name: The topic.
        partitions: Its partitions.
        kind: The kind of its records.
        key: Signs the records; services trust its public half.
        former_keys: Public keys whose records still count; they are signed anew.

    Raises:
        FormatError: A former key is no Ed25519 public key.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        name: str,
        partitions: int,
        kind: type[R],
        key: Ed25519PrivateKey,
        former_keys: Collection[bytes] = (),
    ) -> None:
        self.kafka = dict(kafka)
        self.name = name
        self._partitions = partitions
        self._key = key
        self._own = raw_public_key(key)
        self._verifier = Verifier(self.name, {self._own, *former_keys}, kind)
        self._lock = threading.Lock()
        self._tables: list[RecordTable[R]] = [RecordTable() for _ in range(partitions)]
        self._suspects: list[set[bytes]] = [set() for _ in range(partitions)]
        self._said_at = [0] * partitions
        self._beating: set[int] = set()
        self._clock: tuple[float, float] | None = None  # the broker's, and when, monotonic
        self._stopped = threading.Event()
        self._producer = Producer(self._properties())

    def publish(self, records: Sequence[R]) -> None:
        """Write records; return when the broker has them on all replicas in sync.

        A record that is older than what is known is left out: repeats are normal.

        Raises:
            BadDataError: A record cannot be written as it is.
            BrokerError: Not all were acknowledged; write them again.
            StoppedError: :meth:`close` was called meanwhile.
        """
        waiting: set[int] = set()
        failures: list[KafkaError] = []

        def settle(number: int, error: KafkaError | None, _: Message) -> None:
            waiting.discard(number)
            if error is not None:
                failures.append(error)

        for number, record in enumerate(records):
            partition = partition_of(record.tenant, self._partitions)
            with self._lock:
                # Under the lock, so that a sign of life covers what stands before it.
                if not self._take(partition, record):
                    continue
                waiting.add(number)
                self._say(partition, record, partial(settle, number))
            if len(waiting) >= _MOST_WAITING:
                self._await(waiting)
        self._await(waiting)
        if failures:
            raise BrokerError(f"{self.name}: a record was not written: {failures[0].str()}")

    def beat(self, partition: int, followed: Followed) -> None:
        """Write a sign of life, unless the one before is still under way. Does not wait.

        Args:
            partition: A partition whose records were all read (:meth:`saw`).
            followed: How far its log is followed.
        """

        def settle(error: KafkaError | None, message: Message, sent: float) -> None:
            self._beating.discard(partition)
            if error is None:
                self._clock = message.timestamp()[1], sent
            else:
                _log.warning("no sign of life", partition=partition, reason=error.str())

        self._producer.poll(0)
        with self._lock:
            if partition in self._beating:
                return
            now = time.monotonic()
            table = self._tables[partition]
            said_at = self._said_at[partition] = max(self._said_at[partition] + 1, self._now_ms())
            behind_ms = max(0, int(followed.behind_ms))
            alive = Alive(
                partition,
                self._partitions,
                said_at,
                behind_ms,
                followed.position,
                len(table),
                table.digest(),
            )
            self._beating.add(partition)
            self._say(partition, alive, lambda error, message: settle(error, message, now))

    def saw(self, message: Message) -> None:
        """Take a record that was read from the topic: an earlier one, one's own, or another's."""
        partition, key = message.partition(), message.key()
        if partition is None or key is None:
            return
        headers = dict(message.headers() or ())
        header = headers.get(SIGNATURE_HEADER)
        header = header if isinstance(header, bytes) else None
        try:
            record = self._verifier.open(partition, key, message.value(), header)
        except (FormatError, IntegrityError) as exc:
            _log.warning("foreign record", topic=self.name, partition=partition, reason=str(exc))
            record = None
        with self._lock:
            if isinstance(record, Alive):
                self._said_at[partition] = max(self._said_at[partition], record.said_at)
                return
            newest = record is not None and self._tables[partition].take(record)
            if newest and header is not None and header[1:33] == self._own:
                self._suspects[partition].discard(key)
            elif self._tables[partition].get(key) is not None:
                self._suspects[partition].add(key)

    def settle(self, partition: int) -> None:
        """Say again, at the partition's end, the records behind which something else stands."""
        with self._lock:
            suspects, self._suspects[partition] = self._suspects[partition], set()
            for key in suspects:
                record = self._tables[partition].get(key)
                if record is not None:
                    _log.warning("record said again", topic=self.name, partition=partition)
                    self._say(partition, record, lambda *_: None)

    def close(self) -> None:
        """End waits; callable from any thread. What is under way is still tried for a moment."""
        self._stopped.set()
        self._producer.flush(1.0)

    def _await(self, waiting: set[int]) -> None:
        while waiting:
            if self._stopped.is_set():
                raise StoppedError(f"stopped while writing to {self.name}")
            self._producer.poll(_SLICE_S)

    def _take(self, partition: int, record: R) -> bool:
        try:
            return self._tables[partition].take(record)
        except FormatError as exc:
            raise BadDataError(str(exc)) from exc

    def _say(self, partition: int, record: R | Alive, on_delivery: Report) -> None:
        key, value = record.key, encode_value(record)
        header = sign(self._key, self.name, partition, key, value)
        try:
            self._producer.produce(
                self.name,
                value,
                key=key,
                partition=partition,
                headers={SIGNATURE_HEADER: header},
                on_delivery=on_delivery,
            )
        except (KafkaException, BufferError) as exc:
            raise BrokerError(f"{self.name}: a record cannot be written: {exc}") from exc

    def _now_ms(self) -> int:
        """Give the time by the broker's clock, once that is known: ours may be wrong, or step."""
        if self._clock is None:
            return int(time.time() * 1000)
        broker_ms, at = self._clock
        return int(broker_ms + (time.monotonic() - at) * 1000)

    def _properties(self) -> dict[str, object]:
        return {
            "client.id": "auditspine-" + self.name.rpartition(".")[2],
            "reconnect.backoff.max.ms": 1000,
            "linger.ms": 0,
            "batch.size": 4 * MAX_SERVING_BYTES,  # the topic's limit is for a batch
            "delivery.timeout.ms": _DELIVERY_MS,
            **self.kafka,
            "acks": "all",
            "enable.idempotence": True,
            "error_cb": lambda error: _log.warning("kafka", error=error.str()),
        }
