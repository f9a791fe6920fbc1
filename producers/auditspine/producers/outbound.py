"""The way out: the librdkafka producer, what is under way in it, and waiting for it.

Delivery reports run on whichever thread serves; one thread serves at a time, so reports need
no lock. There is no thread of our own that competes with a busy publisher for the
interpreter: publishers serve after each batch, waiters while they wait, and the housekeeper
when nobody else does.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, Producer

from auditspine.producers import lifetime
from auditspine.producers.errors import ClientClosedError

_log = logging.getLogger(__name__)
_PURGE_S = 5.0
_CLOSE_S = 1.0
_SLICE = 0.05  # seconds that a waiter serves before it looks again


class Outbound:
    """One librdkafka producer and the count of events that it has not settled.

    Attributes:
        produce: The producer's own method.
        taken: Events that publishers queued; written under the session's lock.
        taken_bytes: Their size.
        settled: Events that were acknowledged or given up; written by delivery reports.
        settled_bytes: Their size.
        served: Times that anybody served; tells the housekeeper that publishers do.
        failed: Settled events that were given up; written by delivery reports.
        fatal: Whether librdkafka said that this producer can deliver nothing more.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.taken = 0
        self.taken_bytes = 0
        self.settled = 0
        self.settled_bytes = 0
        self.served = 0
        self.failed = 0
        self.fatal = False
        self._dropped = 0
        self._dropped_bytes = 0
        self._told = 0
        self._pid = os.getpid()
        self._closed = False
        self._serving = threading.Lock()
        self._producer = Producer({**config, "error_cb": self._on_error}, logger=_log)
        self.produce = self._producer.produce
        lifetime.keep_in_children(self)

    @property
    def events(self) -> int:
        """Events not settled yet."""
        return self.taken - self.settled - self._dropped

    @property
    def size(self) -> int:
        """Size of the events not settled yet, bytes."""
        return self.taken_bytes - self.settled_bytes - self._dropped_bytes

    def forget(self, size: int) -> None:
        """Count an event out that no report will come for. Under the session's lock."""
        self._dropped += 1
        self._dropped_bytes += size

    def serve(self, timeout: float = 0.0) -> None:
        """Run delivery reports, waiting for the first up to ``timeout`` seconds.

        Returns at once when ``timeout`` is 0 and another thread is serving.
        """
        if not self._serving.acquire(blocking=timeout > 0, timeout=timeout or -1):
            return
        try:
            self.served += 1
            if not self._closed:
                self._producer.poll(timeout)
            self._tell_failures()
        finally:
            self._serving.release()

    def purge(self) -> None:
        """Give up what librdkafka has not delivered; its reports run now."""
        self._producer.purge()
        self.wait(lambda: self.events == 0, _PURGE_S)

    def close(self) -> None:
        """End librdkafka's threads and connections; everything is settled or given up."""
        if self._serving.acquire(timeout=_CLOSE_S):  # not from within a report: it would wait
            try:
                self._closed = True
                self._producer.close()
            finally:
                self._serving.release()

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Serve until ``done`` holds.

        Args:
            done: The condition.
            timeout: Seconds; None waits for ever.

        Returns:
            Whether it holds.

        Raises:
            ClientClosedError: This process was forked from the one that published.
        """
        if self._pid != os.getpid():
            raise ClientClosedError(
                "this handle belongs to the parent process, which delivers it; ask there"
            )
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            left = _SLICE if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            self.serve(min(left, _SLICE))
        return True

    def _tell_failures(self) -> None:
        failures = self.failed + self._dropped
        if failures > self._told:
            _log.error("%d audit events were not delivered and given up", failures - self._told)
            self._told = failures

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.fatal = True
        _log.warning("Kafka: %s", error.str())
