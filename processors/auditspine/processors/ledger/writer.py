"""Writes segments to sealed topics, at most one unacknowledged per partition.

A later segment delivered without an earlier one would be a hole, which idempotence alone does
not prevent (FACTS.md, "Pipelining"). Any delivery error ends the loop.
"""

import time
from collections.abc import Collection
from functools import partial

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage

from auditspine.processors.ledger.assigned import AssignedLog
from auditspine.processors.ledger.clients import segment_producer
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.errors import BrokerError
from auditspine.processors.ledger.failures import Failures

_POLL_S = 0.05


class SegmentWriter:
    """Produces segments and learns when they are safe.

    Args:
        config: The worker's configuration.
        failures: Where delivery errors go.

    Attributes:
        entries: Entries in acknowledged segments, for metrics.
        segments: Acknowledged segments, for metrics.
    """

    def __init__(self, config: LedgerConfig, failures: Failures) -> None:
        self.entries = 0
        self.segments = 0
        self._topics = config.topics
        self._failures = failures
        self._producer = segment_producer(config, failures.report)

    def send(self, log: AssignedLog, raw: bytes, entries: int) -> None:
        """Send a log's next segment, once its last one is acknowledged.

        Args:
            log: The log, at its new head.
            raw: The segment's bytes.
            entries: Entries in it.

        Raises:
            BrokerError: The last one was not delivered, or this one cannot be sent.
        """
        self.wait((log,))
        topic = self._topics.sealed(self._topics.stream(log.place.topic))
        delivered = partial(self._delivered, log, log.next_offset, entries)
        try:
            self._producer.produce(topic, raw, partition=log.place.partition, on_delivery=delivered)
        except (BufferError, KafkaException) as exc:
            raise BrokerError(
                f"a segment of {len(raw)} bytes cannot be sent: {exc}", topic, log.place.partition
            ) from exc
        log.in_flight = True

    def serve(self) -> None:
        """Learn what was acknowledged, without waiting.

        Raises:
            Exception: What a callback reported.
        """
        self._producer.poll(0)
        self._failures.check()

    def wait(self, logs: Collection[AssignedLog], timeout_s: float | None = None) -> bool:
        """Wait until nothing of these logs is in flight.

        Args:
            logs: The logs.
            timeout_s: Longest wait, seconds; without one, the producer's delivery timeout.

        Returns:
            Whether all is acknowledged.

        Raises:
            Exception: What a callback reported.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while any(log.in_flight for log in logs):
            self._producer.poll(_POLL_S)
            self._failures.check()
            if deadline is not None and time.monotonic() > deadline:
                return False
        return True

    def abandon(self) -> None:
        """Drop what is not acknowledged; the next run finds out what was written."""
        self._producer.purge()
        self._producer.poll(0)

    def _delivered(
        self,
        log: AssignedLog,
        next_offset: int,
        entries: int,
        error: KafkaError | None,
        message: KafkaMessage,
    ) -> None:
        if error is not None:
            detail = f"a segment was not delivered: {error.str()}"
            self._failures.report(BrokerError(detail, message.topic() or "", log.place.partition))
            return
        log.in_flight = False
        log.acknowledged = next_offset
        self.entries += entries
        self.segments += 1
