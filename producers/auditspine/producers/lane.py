"""A lane: the events of one partition on their way, in order, signed batch by batch.

Everything here runs under the session's lock but :attr:`Lane.acknowledged`, which delivery
reports advance.
"""

import time
from collections.abc import Callable

from confluent_kafka import KafkaException

from auditspine.ledger.batch import SIG_HEADER
from auditspine.producers.delivery import Delivery
from auditspine.producers.errors import DeliveryError, ProducerError
from auditspine.producers.outbound import Outbound
from auditspine.producers.signing import Identity, LogSigner


class Lane:
    """One partition of one topic, within one epoch.

    Attributes:
        topic: Kafka topic.
        partition: Kafka partition.
        epoch: The epoch.
        acknowledged: Highest sequence that the broker acknowledged; 0 for none.
        previous: An earlier epoch and a sequence of it known to be in the log, for the first
            event to cite; zeros where none is known.
        outbound: What the events are handed to.
    """

    def __init__(
        self, identity: Identity, epoch: int, topic: str, partition: int, outbound: Outbound
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.epoch = epoch
        self.acknowledged = 0
        self.previous: tuple[int, int] = (0, 0)
        self.outbound = outbound
        self._signer = LogSigner(identity, epoch, topic, partition)
        self._sequence = 0
        self._pending: list[tuple[bytes, bytes, Delivery, float]] = []

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def oldest(self) -> float:
        """Monotonic time at which the oldest waiting event was taken; infinity for none."""
        return self._pending[0][3] if self._pending else float("inf")

    def take(
        self, value: bytes, key: bytes, callback: Callable[[Delivery], object] | None
    ) -> Delivery:
        """Queue an event for the next batch."""
        handle = Delivery(self, len(value), callback)
        self._pending.append((value, key, handle, time.monotonic()))
        return handle

    def seal(self, batch_events: int) -> None:
        """Sign what waits, in batches, and hand it to the producer."""
        while self._pending:
            batch = self._pending[:batch_events]
            del self._pending[:batch_events]
            previous = (0, 0) if self._sequence else self.previous
            headers = self._signer.sign([row[0] for row in batch], self._sequence + 1, previous)
            self._produce(batch, headers)

    def drop_until(self, deadline: float, error: ProducerError) -> None:
        """Give up what was taken before a monotonic time and waits unsigned."""
        count = sum(1 for row in self._pending if row[3] < deadline)
        overdue = self._pending[:count]
        del self._pending[:count]
        for _, _, handle, _ in overdue:
            self.outbound.forget(handle.size)
            handle.drop(error)

    def _produce(
        self, batch: list[tuple[bytes, bytes, Delivery, float]], headers: list[bytes]
    ) -> None:
        produce, topic, partition = self.outbound.produce, self.topic, self.partition
        refused: list[tuple[Delivery, Exception]] = []
        for (value, key, handle, _), header in zip(batch, headers, strict=True):
            self._sequence += 1
            handle.number = self._sequence
            try:
                produce(
                    topic,
                    value,
                    key,
                    partition,
                    on_delivery=handle.report,
                    headers=[(SIG_HEADER, header)],
                )
            except (KafkaException, BufferError) as exc:  # a producer that failed for good
                refused.append((handle, exc))
        for handle, cause in refused:
            detail = f"refused by the Kafka client: {cause}"
            self.outbound.forget(handle.size)
            handle.drop(DeliveryError(topic, partition, handle.sequence, detail))
