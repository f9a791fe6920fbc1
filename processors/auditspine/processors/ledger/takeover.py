"""Takes over an assigned partition: recovers its log from the sealed tail, or refuses."""

from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import Consumer

from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.judge import CONTROL, Judge
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Place
from auditspine.processors.ledger.assigned import AssignedLog
from auditspine.processors.ledger.clients import tail_consumer
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.control_follower import ControlFollower
from auditspine.processors.ledger.errors import BrokerError
from auditspine.processors.ledger.places import Places
from auditspine.processors.ledger.sealed import SealedPartition
from auditspine.processors.ledger.start_check import StartFacts, check_start
from auditspine.processors.ledger.tail import Tail, recover_tail


class Takeover(NamedTuple):
    """What is needed to take over partitions.

    Attributes:
        config: The worker's configuration.
        places: The logs behind the topics.
        tails: Consumer for reading tails.
        clock: Monotonic clock, seconds.
    """

    config: LedgerConfig
    places: Places
    tails: Consumer
    clock: Callable[[], float]

    def open(self, topic: str, partition: int, committed: int | None) -> AssignedLog:
        """Recover the log of a source partition.

        Args:
            topic: Source topic.
            partition: Source partition.
            committed: The group's committed offset, ``None`` when there is none.

        Raises:
            RefusedError: The log must not be sealed on.
            BrokerError: The broker does not answer.
        """
        place = self.places.place(topic, partition)
        stream = self.config.topics.stream(topic)
        sealed = SealedPartition(self.tails, self.config.topics.sealed(stream), partition)
        tail = recover_tail(sealed, place, stream, self.config.public_keys)
        next_offset = check_start(self._facts(place, tail, committed))
        log = AssignedLog(
            place,
            Judge(stream, topic, partition) if tail is None else tail.judge,
            Head() if tail is None else tail.head,
            next_offset,
            self.clock(),
        )
        if stream == CONTROL:
            self._fold_own(log)
        return log

    def follow_control(self) -> ControlFollower:
        """Give a new follower of the sealed control log."""
        config = self.config
        return ControlFollower(
            lambda: tail_consumer(config),
            config.topics.sealed(CONTROL),
            initial_control_state(),
            config.public_keys,
        )

    def _facts(self, place: Place, tail: Tail | None, committed: int | None) -> StartFacts:
        source = SealedPartition(self.tails, place.topic, place.partition)
        low, high = source.watermarks()
        heads = self.config.known_heads
        known = None if heads is None else heads.size_and_root(place.origin)
        return StartFacts(place, tail, low, high, committed, known)

    def _fold_own(self, log: AssignedLog) -> None:
        """Give the control log its own fold, which judges its next entries."""
        follower = self.follow_control()
        try:
            follower.catch_up()
        finally:
            follower.close()
        if follower.state.size != log.head.size:  # another worker sealed in between
            raise BrokerError(
                f"expected a control log of size {log.head.size}, got {follower.state.size}",
                *log.place[1:],
            )
        log.own_control = follower.state
