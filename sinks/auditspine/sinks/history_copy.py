"""Lands a moved tenant's history in the database of the space that it goes on in.

Of each log all entries land, which are free of content, with their checkpoints; and the content
of the tenant's alone. So the database can be verified by itself: positions without gaps up to a
signed checkpoint, and every entry of the tenant with its bytes. It can be repeated at any time,
and goes on where the database's commits end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.ledger.control import PLATFORM_TENANT
from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.sinks.chunk import Follower, Limits
from auditspine.sinks.claims import Claims
from auditspine.sinks.errors import BrokerError, StaleError
from auditspine.sinks.pool import Pool
from auditspine.sinks.sealed_topics import message_error
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas, control_schemas
from auditspine.sinks.writer import ChunkWriter

_BATCH = 64  # messages taken from the client at once
_POLL_S = 0.2
_STALL_S = 30.0
_WRITERS = 2


@dataclass(frozen=True, slots=True)
class Landing:
    """A log to land up to a size.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        size: Entries that must land, at least.
    """

    topic: str
    partition: int
    size: int


def land_history(
    kafka: Mapping[str, str],
    store: Store,
    public_keys: Sequence[bytes],
    tenant: str,
    logs: Sequence[Landing],
    progress: Callable[[Landing, int], None] = lambda _log, _size: None,
) -> None:
    """Land logs, with the content of one tenant and of the platform.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        store: The target database, migrated.
        public_keys: Log keys that are trusted, 32 bytes each.
        tenant: Whose content lands.
        logs: The logs; the control log first, whose schemas the others need.
        progress: Told of each log how many entries are there.

    Raises:
        BrokerError: Kafka gives nothing for 30 s.
        SealedLogError: A sealed topic does not continue what the database holds.
        UnavailableError: ClickHouse is away; repeat later.
        RefusedError: ClickHouse refuses.
    """
    pool = Pool(_WRITERS, "history-insert")
    tenants = frozenset((tenant, PLATFORM_TENANT))
    schemas = StoredSchemas(store, control_schemas())
    try:
        for log in logs:
            writer = ChunkWriter(store, schemas, Claims(store), pool, tenants)
            _Copy(kafka, writer, public_keys, log, progress).run()
    finally:
        pool.close()


class _Copy:
    """One log on its way into the database."""

    def __init__(
        self,
        kafka: Mapping[str, str],
        writer: ChunkWriter,
        public_keys: Sequence[bytes],
        log: Landing,
        progress: Callable[[Landing, int], None],
    ) -> None:
        self._kafka = kafka
        self._writer = writer
        self._keys = public_keys
        self._log = log
        self._progress = progress

    def run(self) -> None:
        while not self._is_landed():
            try:
                self._land()
            except StaleError:  # the space's own sink was faster: go on where it is
                continue

    def _is_landed(self) -> bool:
        size = self._writer.resume(self._log.topic, self._log.partition).size
        self._progress(self._log, size)
        return size >= self._log.size

    def _land(self) -> None:
        log = self._log
        resume = self._writer.resume(log.topic, log.partition)
        follower = Follower(log.topic, log.partition, resume, self._keys, Limits())
        size, heard = resume.size, time.monotonic()
        with closing(self._consumer(resume.offset)) as consumer:
            while size < log.size:
                heard = self._read(consumer, follower, heard)
                chunk = follower.take(time.monotonic())
                if chunk is None:
                    continue
                claimed_until = self._writer.write(chunk)
                if claimed_until != chunk.sealed_next:
                    follower.recut(claimed_until)
                    continue
                follower.settle(chunk)
                size = chunk.last.head.size
                self._progress(log, size)

    def _read(self, consumer: Consumer, follower: Follower, heard: float) -> float:
        """Take what has come; give when anything last came."""
        log, now = self._log, time.monotonic()
        try:
            messages = consumer.consume(_BATCH, _POLL_S)
        except KafkaException as exc:
            raise BrokerError(f"{log.topic}/{log.partition}: {exc.args[0].str()}") from exc
        for message in messages:
            error, offset = message.error(), message.offset()
            failure = None if error is None else message_error(error, log.topic, log.partition)
            if failure is not None:
                raise failure
            if error is None and offset is not None:
                follower.add(offset, message.value() or b"", now)
        if messages or follower.waiting_bytes:
            return now
        if now - heard > _STALL_S:
            raise BrokerError(f"{log.topic}/{log.partition}: nothing came for {_STALL_S:.0f} s")
        return heard

    def _consumer(self, offset: int) -> Consumer:
        consumer = Consumer(
            {
                **self._kafka,
                "group.id": "auditspine-history",  # required, never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
            }
        )
        consumer.assign([TopicPartition(self._log.topic, self._log.partition, offset)])
        return consumer
