"""Back-pressure: pauses the reading of partitions while too much waits in memory."""

from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition

from auditspine.sinks.assigned import Assigned
from auditspine.sinks.chunk import Limits


class Throttle:
    """Keeps what waits within bounds, per partition and in all.

    Args:
        limits: The bounds. Reading goes on when half of them is free again.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_total_bytes
        self._is_on = False

    def apply(self, consumer: Consumer, assigned: Iterable[Assigned]) -> None:
        """Pause what has too much in memory; resume what has room."""
        active = [(each, each.follower) for each in assigned if each.follower is not None]
        total = sum(follower.waiting_bytes for _, follower in active)
        self._is_on = total > (self._most // 2 if self._is_on else self._most)
        for each, follower in active:
            place = [TopicPartition(each.topic, each.partition)]
            if not each.is_paused and follower.should_pause(everything=self._is_on):
                consumer.pause(place)
                each.is_paused = True
            elif each.is_paused and follower.may_resume(everything=not self._is_on):
                consumer.resume(place)
                each.is_paused = False
