"""A route: one stream's topic, its lanes, and whether the broker confirmed them.

Events wait in the lanes, unsigned, until the topic is known to be the log that is meant: an
event placed by the wrong number of partitions would stay in the wrong log for ever.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any
from zlib import crc32

from auditspine.producers.errors import (
    BrokerUnreachableError,
    DeliveryError,
    SetupError,
    TopicError,
)
from auditspine.producers.lane import Lane
from auditspine.producers.topic_check import PROPAGATION_S, TopicCheck

_ASK_S = 5.0
_ASK_AGAIN_S = 0.1
_REFUSED_S = 1.0  # how long a wrong topic is refused at once before it is asked for again


class Route:
    """One topic on its way to being confirmed, then its lanes.

    Attributes:
        topic: Kafka topic.
        lanes: One per partition.
        topic_id: Kafka's id of the topic; empty until the broker confirmed it.
    """

    def __init__(self, topic: str, lanes: Sequence[Lane]) -> None:
        self.topic = topic
        self.lanes = lanes
        self.topic_id = ""
        self._answer: Future[Any] | None = None
        self._ask_at = 0.0
        self._missing_since: float | None = None
        self._refused: SetupError | None = None
        self._refused_until = 0.0

    @property
    def ready(self) -> bool:
        """Whether the broker confirmed the topic."""
        return bool(self.topic_id)

    def lane(self, key: bytes) -> Lane:
        """Give the lane of a key: CRC-32 of the key, modulo the number of partitions.

        Raises:
            SetupError: The broker said a moment ago that the topic is not what is expected.
        """
        if self._refused is not None:
            if time.monotonic() < self._refused_until:
                raise self._refused
            self._refused = None
        return self.lanes[crc32(key) % len(self.lanes)]

    def confirm(self, check: TopicCheck, delivery_timeout_s: float) -> bool:
        """Advance the confirmation without blocking. Under the session's lock.

        Events are given up when the topic is wrong, or after ``delivery_timeout_s``.

        Returns:
            Whether the topic has just been confirmed.
        """
        now = time.monotonic()
        if self._answer is None:
            if now >= self._ask_at and any(self.lanes):
                self._answer = check.ask([self.topic], _ASK_S)[self.topic]
            return False
        if not self._answer.done():
            return False
        answer, self._answer, self._ask_at = self._answer, None, now + _ASK_AGAIN_S
        try:
            self.topic_id = check.judge(self.topic, len(self.lanes), answer)
        except SetupError as exc:
            if not self._may_appear(exc, now):
                self._refuse(exc, now)
        except BrokerUnreachableError as exc:
            for lane in self.lanes:
                gone = DeliveryError(self.topic, lane.partition, None, str(exc))
                lane.drop_until(now - delivery_timeout_s, gone)
        return self.ready

    def _may_appear(self, error: SetupError, now: float) -> bool:
        if not isinstance(error, TopicError) or error.got:
            return False
        if self._missing_since is None:
            self._missing_since = now
        return now - self._missing_since < PROPAGATION_S

    def _refuse(self, error: SetupError, now: float) -> None:
        self._missing_since = None
        self._refused, self._refused_until = error, now + _REFUSED_S
        for lane in self.lanes:
            lane.drop_until(float("inf"), error)
