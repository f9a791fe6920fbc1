"""The handle of one published event: where it went, or why it did not."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, Message

from auditspine.producers.errors import DeliveryError, DeliveryPendingError, ProducerError

if TYPE_CHECKING:
    from auditspine.producers.lane import Lane

_log = logging.getLogger(__name__)


class Position(NamedTuple):
    """Where Kafka keeps an event.

    Attributes:
        topic: Kafka topic.
        partition: Kafka partition.
        offset: Kafka offset; -1 where the broker acknowledged a retry without saying it.
    """

    topic: str
    partition: int
    offset: int


class Delivery:
    """The delivery of one event; it counts as delivered when every in-sync replica has it.

    ``publish`` makes it; only the SDK calls ``report`` and ``drop``.
    """

    __slots__ = ("_callback", "_done", "_error", "_lane", "_offset", "number", "size")

    def __init__(
        self, lane: "Lane", size: int, callback: Callable[["Delivery"], object] | None
    ) -> None:
        self._lane = lane
        self._callback = callback
        self._offset = -1
        self._error: ProducerError | None = None
        self._done = False
        self.size = size
        self.number = 0

    @property
    def topic(self) -> str:
        """The event's topic."""
        return self._lane.topic

    @property
    def partition(self) -> int:
        """The event's partition."""
        return self._lane.partition

    @property
    def offset(self) -> int | None:
        """The event's offset, once the broker said it."""
        return None if self._offset < 0 else self._offset

    @property
    def epoch(self) -> int:
        """The producer's epoch that the event belongs to."""
        return self._lane.epoch

    @property
    def sequence(self) -> int | None:
        """The producer's sequence in (epoch, partition), once the event is signed."""
        return self.number or None

    @property
    def error(self) -> ProducerError | None:
        """Why the event was given up, if it was."""
        return self._error

    def done(self) -> bool:
        """Tell whether the event is acknowledged or given up."""
        return self._done

    def result(self, timeout: float | None = None) -> Position:
        """Wait until the event is acknowledged.

        Args:
            timeout: Seconds; None waits as long as delivery is tried (``delivery_timeout_s``).

        Returns:
            The event's position.

        Raises:
            DeliveryPendingError: Not acknowledged within ``timeout``; it is still being tried.
            DeliveryError: Given up; publish the event again.
            SetupError: Its topic is missing or has another number of partitions, or this
                process was forked after the event was published.
        """
        if not self._done and not self._lane.outbound.wait(self.done, timeout):
            raise DeliveryPendingError(
                f"not acknowledged by {self.topic} [{self.partition}] within {timeout:g} s; it "
                "stays queued and is still being delivered: wait again"
            )
        if self._error is not None:
            raise self._error
        return Position(self._lane.topic, self._lane.partition, self._offset)

    def report(self, error: KafkaError | None, message: Message) -> None:
        """Take the producer's delivery report; one thread at a time (``Outbound.serve``)."""
        lane, outbound = self._lane, self._lane.outbound
        if error is None:
            self._offset = message.offset() or 0
            lane.acknowledged = max(lane.acknowledged, self.number)
        else:
            self._error = DeliveryError(lane.topic, lane.partition, self.number, error.str())
            outbound.failed += 1
        outbound.settled += 1
        outbound.settled_bytes += self.size
        self._finish()

    def drop(self, error: ProducerError) -> None:
        """Give the event up: the producer does not have it, so no report will come."""
        self._error = error
        self._finish()

    def _finish(self) -> None:
        self._done = True
        if self._callback is not None:
            try:
                self._callback(self)
            except Exception:  # noqa: BLE001 - the caller's code must not stop deliveries
                _log.exception("a delivery callback failed")
