"""Follows the sealed control log, so that other logs are judged by what it says."""

from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, TopicPartition

from auditspine.ledger.control import ControlState
from auditspine.ledger.errors import LedgerError
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.verdict import Verdict
from auditspine.processors.ledger.errors import BrokerError, RefusedError
from auditspine.processors.ledger.sealed import SealedPartition

_WAIT_S = 0.1
_STALLED_POLLS = 150


class ControlFollower:
    """Reads ``control.sealed`` from its start and folds the valid entries.

    Args:
        make_consumer: Gives a consumer that joins no group; the follower owns it.
        topic: Sealed topic of the control log.
        state: State of an empty control log.
        public_keys: Log keys that may have signed it.

    Attributes:
        state: The fold so far.
    """

    def __init__(
        self,
        make_consumer: Callable[[], Consumer],
        topic: str,
        state: ControlState,
        public_keys: Sequence[bytes],
    ) -> None:
        self.state = state
        self._topic = topic
        self._reader = SegmentReader(public_keys)
        self._next = 0
        self._consumer = make_consumer()
        self._partition = SealedPartition(self._consumer, topic, 0)
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def poll(self) -> None:
        """Take what has arrived, without waiting.

        Raises:
            RefusedError: The control log does not hold together.
            BrokerError: It cannot be read.
        """
        while self._take(0):
            pass

    def catch_up(self) -> bool:
        """Read up to the current end of the sealed topic.

        Returns:
            Whether the state grew.

        Raises:
            RefusedError: The control log does not hold together.
            BrokerError: It cannot be read, or not in 15 seconds.
        """
        before = self.state.size
        _, high = self._partition.watermarks()
        stalled = 0
        while self._next < high:
            stalled = 0 if self._take(_WAIT_S) else stalled + 1
            if stalled > _STALLED_POLLS:
                raise BrokerError(
                    f"expected to read to offset {high}, got to {self._next}", self._topic, 0
                )
        return self.state.size > before

    def close(self) -> None:
        """Give up the consumer."""
        self._consumer.close()

    def _take(self, wait_s: float) -> bool:
        message = self._consumer.poll(wait_s)
        if message is None:
            return False
        error, offset = message.error(), message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                raise BrokerError(error.str(), self._topic, 0)
            self._next = max(self._next, offset)
            return True
        try:
            self._fold(message.value() or b"")
        except LedgerError as exc:
            raise RefusedError(
                f"message at offset {offset}: {exc}; keep the topic as it is and investigate",
                self._topic,
                0,
            ) from exc
        self._next = offset + 1
        return True

    def _fold(self, raw: bytes) -> None:
        accepted = self._reader.accept(raw)
        if accepted is None:
            return
        for entry in accepted.entries():
            valid = entry.verdict is Verdict.VALID
            self.state.apply(entry.position, self.state.decode(entry.value) if valid else None)
