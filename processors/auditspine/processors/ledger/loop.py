"""The ledger's loop: consumes source partitions and produces sealed segments.

It blocks, so it runs in a thread of its own (see ``auditspine.processors.hosting``). Whatever
goes wrong ends it: the next run recovers every log from its sealed tail, and readers drop what
was written twice. So nothing is retried here.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from auditspine.ledger.batch import SIG_HEADER
from auditspine.ledger.judge import Message
from auditspine.processors.ledger.assigned import AssignedLog, Sealer
from auditspine.processors.ledger.clients import admin_client, source_consumer, tail_consumer
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.errors import BrokerError, RefusedError
from auditspine.processors.ledger.failures import Failures
from auditspine.processors.ledger.places import find_places
from auditspine.processors.ledger.takeover import Takeover
from auditspine.processors.ledger.writer import SegmentWriter

_IDLE_S = 0.2  # longest wait for messages, so that a stop is heard
_TIMEOUT_S = 15.0
_REVOKE_S = 5.0  # longest wait for acknowledgements before partitions are given up
_STOP_S = 1.5  # the same at a clean stop
_COMMIT_EVERY_S = 1.0
_BATCH = 500  # messages taken from the client at once

_log = logging.getLogger(__name__)


class LedgerLoop:
    """Seals source partitions until it is stopped; runs once.

    Args:
        config: Where, with which key, and how large segments get.
    """

    def __init__(self, config: LedgerConfig) -> None:
        self._config = config
        self._stop = threading.Event()
        self._failures = Failures()
        self._writer = SegmentWriter(config, self._failures)
        self._logs: dict[tuple[str, int], AssignedLog] = {}
        self._commit_at = 0.0

    @property
    def sealed_entries(self) -> int:
        """Entries in acknowledged segments, for metrics."""
        return self._writer.entries

    @property
    def sealed_segments(self) -> int:
        """Acknowledged segments, for metrics."""
        return self._writer.segments

    def stop(self) -> None:
        """Ask the loop to seal what waits and end; callable from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Seal until stopped.

        Raises:
            SetupError: Topics are missing or not what logs need.
            RefusedError: A log must not be sealed on.
            BrokerError: The broker failed; a restart recovers.
        """
        config = self._config
        places = find_places(admin_client(config), config)
        with ExitStack() as stack:
            stack.callback(self._writer.abandon)
            tails = tail_consumer(config)
            stack.callback(tails.close)
            takeover = Takeover(config, places, tails, time.monotonic)
            control = takeover.follow_control()
            stack.callback(control.close)
            control.catch_up()
            sealer = Sealer(config.key, control, config.limits, lambda: time.time_ns() // 1_000_000)
            consumer = source_consumer(config, self._failures.report)
            stack.callback(consumer.close)
            stack.callback(self._logs.clear)  # before close, whose revoke then seals nothing
            self._subscribe(consumer, takeover, sealer)
            while not self._stop.is_set():
                self._step(consumer, sealer)
            self._release(consumer, sealer, list(self._logs.values()), _STOP_S)

    def _subscribe(self, consumer: Consumer, takeover: Takeover, sealer: Sealer) -> None:
        def assign(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._take_over(consumer, takeover, partitions)
            sealer.asked_at = float("-inf")  # what was sealed before rests on the present

        def revoke(_: Consumer, partitions: list[TopicPartition]) -> None:
            if not self._failures:
                self._release(consumer, sealer, self._forget(partitions), _REVOKE_S)
            consumer.unassign()

        def lose(_: Consumer, partitions: list[TopicPartition]) -> None:
            _log.warning("lost %s: another worker may seal them", _names(partitions))
            self._forget(partitions)
            consumer.unassign()

        guard = self._failures.guard
        consumer.subscribe(
            [self._config.topics.source(stream) for stream in self._config.streams],
            on_assign=guard(assign),
            on_revoke=guard(revoke),
            on_lost=guard(lose),
        )

    def _take_over(
        self, consumer: Consumer, takeover: Takeover, partitions: list[TopicPartition]
    ) -> None:
        committed = consumer.committed(partitions, timeout=_TIMEOUT_S)
        offsets = {(each.topic, each.partition): each.offset for each in committed}
        for each in partitions:
            at = (each.topic, each.partition)
            log = takeover.open(*at, offsets[at] if offsets[at] >= 0 else None)
            self._logs[at] = log
            each.offset = log.next_offset
        consumer.assign(partitions)
        if partitions:
            _log.info("took over %s", _names(partitions))

    def _forget(self, partitions: Iterable[TopicPartition]) -> list[AssignedLog]:
        found = (self._logs.pop((each.topic, each.partition), None) for each in partitions)
        return [log for log in found if log is not None]

    def _release(
        self, consumer: Consumer, sealer: Sealer, logs: list[AssignedLog], patience_s: float
    ) -> None:
        """Seal what waits and commit; what is not acknowledged in time is sealed again later."""
        for log in logs:
            if log.pending and self._writer.wait((log,), patience_s):
                self._seal(sealer, log)
        if not self._writer.wait(logs, patience_s):
            _log.warning("not all segments were acknowledged within %.1f s", patience_s)
        self._commit(consumer, logs, wait=True)

    def _step(self, consumer: Consumer, sealer: Sealer) -> None:
        messages, since = self._consume(consumer)
        self._failures.check()
        for message in messages:
            self._take(sealer, message, since)
        now = time.monotonic()
        for log in list(self._logs.values()):
            if log.is_due(now, self._config.limits) or sealer.owes_checkpoint(log):
                self._seal(sealer, log)
        self._writer.serve()
        if now >= self._commit_at:
            self._commit_at = now + _COMMIT_EVERY_S
            self._commit(consumer, self._logs.values(), wait=False)
            sealer.refresh()

    def _consume(self, consumer: Consumer) -> tuple[list[KafkaMessage], float]:
        """Take messages; also tell since when, at the earliest, they have been waiting.

        ``consume`` waits out its time unless it gets all that it asks for, so an idle loop
        polls for the first message.
        """
        linger, now = self._config.limits.linger_s, time.monotonic()
        waiting = [log.touched_at for log in self._logs.values() if log.pending]
        if waiting:
            left = max(0.0, min(min(waiting) + linger - now, _IDLE_S))
            return consumer.consume(_BATCH, left), now
        first = consumer.poll(_IDLE_S)
        if first is None:
            return [], now
        now = time.monotonic()
        return [first, *consumer.consume(_BATCH - 1, min(linger, _IDLE_S))], now

    def _take(self, sealer: Sealer, message: KafkaMessage, now: float) -> None:
        error = message.error()
        topic, partition = message.topic() or "", message.partition() or 0
        if error is not None:
            raise _failed(error, topic, partition)
        log = self._logs.get((topic, partition))
        if log is None:  # revoked, or lost, with messages in hand
            return
        taken = Message(
            message.offset() or 0,
            message.timestamp()[1],
            message.value() or b"",
            _signature(message.headers()),
        )
        if not log.has_room(taken, self._config.limits):
            self._seal(sealer, log)
        log.add(taken, now)

    def _seal(self, sealer: Sealer, log: AssignedLog) -> None:
        entries = len(log.pending)
        raw = sealer.seal(log)
        self._writer.send(log, raw, entries)
        log.touched_at = time.monotonic()

    def _commit(self, consumer: Consumer, logs: Iterable[AssignedLog], *, wait: bool) -> None:
        """Commit source offsets: for lag metrics, and to notice a sealed topic's lost tail."""
        offsets = []
        for log in logs:
            if log.acknowledged is not None and log.acknowledged != log.committed:
                offsets.append(TopicPartition(*log.place[1:], log.acknowledged))
                log.committed = log.acknowledged
        if not offsets:
            return
        try:
            if wait:
                consumer.commit(offsets=offsets, asynchronous=False)
            else:
                consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as exc:  # a later commit says more anyway
            _log.info("offsets were not committed: %s", exc.args[0].str())


def _signature(headers: object) -> bytes:
    """Give the first ``sig`` header; empty when there is none."""
    if isinstance(headers, list):
        for name, value in headers:
            if name == SIG_HEADER:
                return value or b""
    return b""


def _failed(error: KafkaError, topic: str, partition: int) -> Exception:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's name
        return RefusedError(
            "source entries vanished before they were sealed; see the source topic's retention",
            topic,
            partition,
        )
    return BrokerError(error.str(), topic, partition)


def _names(partitions: Iterable[TopicPartition]) -> str:
    return ", ".join(f"{each.topic}[{each.partition}]" for each in partitions)
