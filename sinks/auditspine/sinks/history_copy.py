"""Lands a moved tenant's history in the database of the space that it goes on in.

Of each log all entries land, which are free of content, with their checkpoints; and the content
of the tenant's alone. So the database can be verified by itself: positions without gaps up to a
signed checkpoint, and every entry of the tenant with its bytes. It can be repeated at any time,
and goes on where the database's commits end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.sinks.chunk import Chunk, Follower, Limits, Resume
from auditspine.sinks.claims import Claims
from auditspine.sinks.errors import BrokerError, RefusedError, StaleError
from auditspine.sinks.pool import Pool
from auditspine.sinks.sealed_topics import message_error
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas, control_schemas
from auditspine.sinks.writer import ChunkWriter

_BATCH = 64  # messages taken from the client at once
_POLL_S = 0.2
_STALL_S = 30.0
_WRITERS = 2


_LACKING = """
SELECT count() FROM entries
WHERE origin = {origin:String} AND tenant = {tenant:String} AND position < {size:UInt64}
    AND verdict != 'wrong_tenant'
    AND position NOT IN (SELECT position FROM evidence WHERE origin = {origin:String})
    AND position NOT IN (SELECT position FROM quarantine WHERE origin = {origin:String})
"""


@dataclass(frozen=True, slots=True)
class Landing:
    """A log to land up to a size.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        size: Entries that must land, at least.
        tenant: Whose content lands; everybody's when ``None``, as of the control log.
    """

    topic: str
    partition: int
    size: int
    tenant: str | None = None


def land_history(
    kafka: Mapping[str, str], store: Store, public_keys: Sequence[bytes], log: Landing
) -> None:
    """Land a log; of its content what is wanted, also where the log landed before without it.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        store: The target database, migrated. It must have the control log, whose schemas
            other logs need.
        public_keys: Log keys that are trusted, 32 bytes each.
        log: The log.

    Raises:
        BrokerError: Kafka gives nothing for 30 s.
        SealedLogError: A sealed topic does not continue what the database holds.
        UnavailableError: ClickHouse is away; repeat later.
        RefusedError: ClickHouse refuses.
    """
    pool = Pool(_WRITERS, "history-insert")
    tenants = None if log.tenant is None else frozenset((log.tenant,))
    schemas = StoredSchemas(store, control_schemas())
    writer = ChunkWriter(store, schemas, Claims(store), pool, tenants)
    try:
        _Copy(kafka, store, writer, public_keys, log).run()
    finally:
        pool.close()


class _Copy:
    """One log on its way into the database."""

    def __init__(
        self,
        kafka: Mapping[str, str],
        store: Store,
        writer: ChunkWriter,
        public_keys: Sequence[bytes],
        log: Landing,
    ) -> None:
        self._kafka = kafka
        self._store = store
        self._writer = writer
        self._keys = public_keys
        self._log = log
        self._committed, self._attempt = 0, ""

    def run(self) -> None:
        resume = self._resume()
        while resume.size < self._log.size:
            with suppress(StaleError):  # the space's own sink was faster: go on where it is
                self._follow(resume, self._write)
            resume = self._resume()
        tenant, origin = self._log.tenant, str(resume.origin)
        if tenant is not None and self._lacks(origin, tenant):
            self._committed, self._attempt = resume.size, uuid4().hex
            self._follow(Resume(), self._fill)
            if self._lacks(origin, tenant):
                raise RefusedError(
                    f"{self._log.topic}/{self._log.partition}: content of {tenant} is missing "
                    "still, though ClickHouse took it"
                )

    def _resume(self) -> Resume:
        return self._writer.resume(self._log.topic, self._log.partition)

    def _lacks(self, origin: str, tenant: str) -> bool:
        """Tell whether content is missing, because the log landed for another tenant before."""
        values = {"origin": origin, "tenant": tenant, "size": self._log.size}
        return int(self._store.query(_LACKING, values)[0][0]) > 0

    def _write(self, chunk: Chunk) -> int:
        return self._writer.write(chunk)

    def _fill(self, chunk: Chunk) -> int:
        self._writer.fill(chunk, self._committed, self._attempt)
        return chunk.sealed_next

    def _follow(self, resume: Resume, take: Callable[[Chunk], int]) -> None:
        """Read the log from somewhere on, and have its chunks taken up to its size."""
        log = self._log
        follower = Follower(log.topic, log.partition, resume, self._keys, Limits())
        size, heard = resume.size, time.monotonic()
        with closing(self._consumer(resume.offset)) as consumer:
            while size < log.size:
                heard = self._read(consumer, follower, heard)
                chunk = follower.take(time.monotonic())
                claimed_until = None if chunk is None else take(chunk)
                if chunk is not None and claimed_until == chunk.sealed_next:
                    follower.settle(chunk)
                    size = chunk.last.head.size
                elif claimed_until is not None:
                    follower.recut(claimed_until)

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
