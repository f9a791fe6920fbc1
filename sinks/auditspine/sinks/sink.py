"""The evidence sink: lands the sealed topics in ClickHouse, every entry once and in order.

One thread polls Kafka, checks segments and cuts chunks; a few others write chunks. Where to go
on is read from ClickHouse whenever a partition is assigned; the group's committed offsets serve
lag metrics only. While ClickHouse is away the loop goes on polling, so the group stays whole.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import wait
from functools import partial

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from auditspine.ledger.topics import Topics
from auditspine.sinks.assigned import Assigned
from auditspine.sinks.chunk import Chunk, Follower, Limits, Resume
from auditspine.sinks.claims import Claims
from auditspine.sinks.errors import (
    BrokerError,
    SchemaNotStoredError,
    StaleError,
    UnavailableError,
)
from auditspine.sinks.failures import Failures
from auditspine.sinks.pool import Pool, Task
from auditspine.sinks.sealed_topics import (
    asking_consumer,
    await_topics,
    check_reaches,
    message_error,
    names,
    sealed_consumer,
)
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas, control_schemas
from auditspine.sinks.throttle import Throttle
from auditspine.sinks.writer import ChunkWriter

_WRITERS = 4
_IDLE_S = 0.2  # longest wait for a message when nothing else is to be done
_BUSY_S = 0.02
_BATCH = 64  # messages taken from the client at once
_COMMIT_EVERY_S = 1.0
_REVOKE_S = 3.0  # longest wait for what is being written before partitions are given up
_STOP_S = 3.0
_TOPICS_S = 60.0  # longest wait for topics at the start

_log = structlog.get_logger(__name__)


class EvidenceSink:
    """Lands sealed topics until it is stopped; runs once.

    Several may run at once, in one group or not: a chunk is written under a claim, so that
    whoever writes it writes the same.

    Args:
        kafka: librdkafka properties, with ``bootstrap.servers``.
        topics: The deployment's topics.
        store: ClickHouse, its tables made by :func:`auditspine.sinks.migrate.migrate`.
        public_keys: Log keys that are trusted, 32 bytes each.
        limits: How large chunks get, and how much may wait in memory.
        first_schemas: Schema texts by id that a control log starts with, before it registers
            any; those of control events when not given.
        group_id: Consumer group.
        instance_id: Static membership, unique in the group: a restarted sink gets its
            partitions back at once.
    """

    def __init__(  # noqa: PLR0913 - four are options
        self,
        kafka: Mapping[str, str],
        topics: Topics,
        store: Store,
        public_keys: Sequence[bytes],
        *,
        limits: Limits | None = None,
        first_schemas: Mapping[int, str] | None = None,
        group_id: str = "auditspine-sink",
        instance_id: str | None = None,
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._public_keys = public_keys
        self._limits = limits or Limits()
        self._group = group_id, instance_id
        self._asking = asking_consumer(kafka)
        self._store = store
        self._schemas = StoredSchemas(store, first_schemas or control_schemas())
        self._stopped = threading.Event()
        self._failures = Failures()
        self._assigned: dict[tuple[str, int], Assigned] = {}
        self._throttle = Throttle(self._limits)
        self._report_at = 0.0
        self._is_fetching = True  # whether the consumer reads just what has a follower
        self.landed_entries = 0
        self.landed_chunks = 0

    def stop(self) -> None:
        """Ask it to end; callable from any thread and from a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Land evidence until stopped.

        Raises:
            SealedLogError: A sealed topic does not continue what ClickHouse holds.
            RefusedError: ClickHouse refuses for good.
            BrokerError: Kafka failed for good, or its topics are not what they must be.
        """
        consumer = sealed_consumer(self._kafka, *self._group, self._failures.report)
        pool, inserts = Pool(_WRITERS, "sink-writer"), Pool(_WRITERS, "sink-insert")
        self._writer = ChunkWriter(self._store, self._schemas, Claims(self._store), inserts)
        try:
            sealed = await_topics(self._asking, self._topics, self._stopped, _TOPICS_S)
            if not self._stopped.is_set():
                self._subscribe(consumer, sealed)
            while not self._stopped.is_set():
                self._step(consumer, pool)
        except KafkaException as exc:
            raise BrokerError(f"the Kafka client failed: {exc.args[0].str()}") from exc
        finally:
            self._stopped.set()
            abandoned = list(self._assigned.values())
            self._release(consumer, abandoned, _STOP_S)
            self._assigned.clear()
            pool.close()
            inserts.close()
            consumer.close()
            if not any(each.task and not each.task.done() for each in abandoned):
                self._asking.close()  # a request that hangs may still use it
        _log.info("stopped", entries=self.landed_entries, chunks=self.landed_chunks)

    def _subscribe(self, consumer: Consumer, sealed: list[str]) -> None:
        def assign(_: Consumer, partitions: list[TopicPartition]) -> None:
            for each in partitions:
                self._assigned[each.topic, each.partition] = Assigned(each.topic, each.partition)
            consumer.assign([])  # each is added when its offset is known
            _log.info("assigned", partitions=names(partitions))

        def revoke(_: Consumer, partitions: list[TopicPartition]) -> None:
            _log.info("revoked", partitions=names(partitions))
            self._release(consumer, self._forget(partitions), _REVOKE_S)
            consumer.unassign()

        def lose(_: Consumer, partitions: list[TopicPartition]) -> None:
            _log.warning("lost", partitions=names(partitions))
            self._forget(partitions)
            consumer.unassign()

        guard = self._failures.guard
        consumer.subscribe(
            sealed, on_assign=guard(assign), on_revoke=guard(revoke), on_lost=guard(lose)
        )

    def _forget(self, partitions: Iterable[TopicPartition]) -> list[Assigned]:
        found = (self._assigned.pop((each.topic, each.partition), None) for each in partitions)
        return [each for each in found if each is not None]

    def _release(self, consumer: Consumer, given_up: list[Assigned], patience_s: float) -> None:
        """Let what is being written end; what does not in time is recognised by who goes on."""
        tasks = [each.task for each in given_up if each.task is not None]
        wait(tasks, patience_s)
        for each in given_up:
            if each.chunk and each.task and each.task.done() and each.task.exception() is None:
                self._written(each, each.chunk, each.task.result())
        self._report(consumer, given_up)

    def _step(self, consumer: Consumer, pool: Pool) -> None:
        messages = self._consume(consumer)
        self._failures.check()
        now = time.monotonic()
        for message in messages:
            self._take(message, now)
        for each in list(self._assigned.values()):
            self._advance(pool, each)
        self._fetch(consumer)
        self._throttle.apply(consumer, self._assigned.values())
        if now >= self._report_at:
            self._report_at = now + _COMMIT_EVERY_S
            self._report(consumer, self._assigned.values())

    def _consume(self, consumer: Consumer) -> list[Message]:
        """Take messages; ``consume`` alone would wait out its time to get all that it asks for."""
        busy = any(
            each.task or each.chunk or (each.follower and each.follower.waiting_bytes)
            for each in self._assigned.values()
        )
        first = consumer.poll(_BUSY_S if busy else _IDLE_S)
        return [] if first is None else [first, *consumer.consume(_BATCH - 1, 0)]

    def _take(self, message: Message, now: float) -> None:
        error, topic, number = message.error(), message.topic() or "", message.partition() or 0
        if error is not None:
            failure = message_error(error, topic, number)
            if failure is not None:
                raise failure
            return
        each = self._assigned.get((topic, number))
        offset = message.offset()
        if each is None or each.follower is None or offset is None:
            return  # given up with messages in hand
        if offset >= each.follower.next_offset:
            each.follower.add(offset, message.value() or b"", now)

    def _advance(self, pool: Pool, each: Assigned) -> None:
        """Take one partition's next step, if it has one."""
        if each.task is not None and each.task.done():
            task, each.task = each.task, None
            self._finish(each, task)
        now = time.monotonic()
        if not each.may_try(now):
            return
        if each.follower is None:
            each.task = pool.submit(partial(self._resume, each.topic, each.partition))
            return
        each.chunk = each.chunk or each.follower.take(now)
        if each.chunk is not None:
            each.task = pool.submit(partial(self._writer.write, each.chunk))

    def _resume(self, topic: str, number: int) -> Resume:
        resume = self._writer.resume(topic, number)
        check_reaches(self._asking, topic, number, resume)
        return resume

    def _finish(self, each: Assigned, task: Task) -> None:
        now = time.monotonic()
        try:
            result = task.result()
        except (UnavailableError, SchemaNotStoredError) as exc:
            each.put_off(exc, now)
            return
        except StaleError as exc:
            _log.info("resuming", topic=each.topic, partition=each.partition, reason=str(exc))
            each.restart()
            self._is_fetching = False
            return
        each.go_on(now)
        if each.chunk is not None:
            self._written(each, each.chunk, result)
        else:
            self._begin(each, result)

    def _begin(self, each: Assigned, resume: Resume) -> None:
        each.follower = Follower(
            each.topic, each.partition, resume, self._public_keys, self._limits
        )
        self._is_fetching = False
        _log.info(
            "resumed",
            topic=each.topic,
            partition=each.partition,
            offset=resume.offset,
            size=resume.size,
            finishing_a_claim=resume.claimed_until is not None,
        )

    def _fetch(self, consumer: Consumer) -> None:
        """Have the consumer read what has a follower, each from where it is."""
        if self._is_fetching:
            return
        places = [
            TopicPartition(each.topic, each.partition, each.follower.next_offset)
            for each in self._assigned.values()
            if each.follower is not None
        ]
        consumer.assign(places)
        consumer.resume(places)
        for each in self._assigned.values():
            each.is_paused = False
        self._is_fetching = True

    def _written(self, each: Assigned, chunk: Chunk, claimed_until: int) -> None:
        each.chunk = None
        if each.follower is None:
            return
        if claimed_until != chunk.sealed_next:
            each.follower.recut(claimed_until)
            return
        each.follower.settle(chunk)
        each.landed_next = chunk.sealed_next
        self.landed_entries += chunk.last.head.size - chunk.first
        self.landed_chunks += 1

    def _report(self, consumer: Consumer, assigned: Iterable[Assigned]) -> None:
        """Commit offsets, for lag metrics alone."""
        offsets = []
        for each in assigned:
            if each.landed_next is not None and each.landed_next != each.reported_next:
                offsets.append(TopicPartition(each.topic, each.partition, each.landed_next))
                each.reported_next = each.landed_next
        if offsets:
            try:
                consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as exc:  # a later commit says more anyway
                _log.info("offsets were not committed", reason=exc.args[0].str())
