"""A session: one epoch of a producer in one process, from taking events to closing."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.topics import Topics
from auditspine.producers.delivery import Delivery
from auditspine.producers.epoch_state import EpochState, Reached
from auditspine.producers.errors import (
    BackPressureError,
    ClientClosedError,
    DeliveryError,
    DeliveryPendingError,
)
from auditspine.producers.lane import Lane
from auditspine.producers.outbound import Outbound
from auditspine.producers.route import Route
from auditspine.producers.settings import ProducerSettings, producer_config
from auditspine.producers.signing import Identity

_SAVE_S = 1.0  # least time between two writes of the state file by flushes


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What every session of a client is made from.

    Attributes:
        identity: Who signs.
        topics: Names and partitions.
        connection: The librdkafka properties that the caller chose.
        settings: Batches, bounds and times.
        state: The state file, if any.
    """

    identity: Identity
    topics: Topics
    connection: dict[str, Any]
    settings: ProducerSettings
    state: Path | None


class Session:
    """One epoch: its lanes, its producer and its bounds.

    Attributes:
        plan: What it was made from.
        epoch: Nanoseconds since 1970 at which it began.
        lock: Guards the lanes and the counts of what was taken.
        outbound: The producer.
        routes: By stream.
        wake: Set when an idle housekeeper is needed.
        idle: Whether the housekeeper waits for ``wake``.
        closed: Whether no more events are taken.
    """

    def __init__(self, plan: SessionPlan) -> None:
        self.plan = plan
        self._state = EpochState(plan.state)
        self._known = self._state.load()
        self._public_key = public_bytes(plan.identity.key).hex()
        self.epoch = max([time.time_ns(), *(row.epoch + 1 for row in self._known.values())])
        self.lock = threading.RLock()
        self.outbound = Outbound(producer_config(plan.connection, plan.settings))
        self.routes: dict[str, Route] = {}
        self.wake = threading.Event()
        self.idle = False
        self.closed = False
        self._saved_at = 0.0

    def route(self, stream: str) -> Route:
        """Give the route of a stream.

        Raises:
            ValueError: There is no such stream.
        """
        route = self.routes.get(stream)
        if route is None:
            topic = self.plan.topics.source(stream)
            with self.lock:
                route = self.routes.setdefault(stream, self._make_route(topic, stream))
        return route

    def take(
        self,
        stream: str,
        value: bytes,
        key: bytes,
        callback: Callable[[Delivery], object] | None,
        block_s: float,
    ) -> Delivery:
        """Queue one event.

        Raises:
            BackPressureError: The queue stayed full for ``block_s`` seconds.
            SetupError: The topic is wrong, or the session is closed.
        """
        outbound, settings = self.outbound, self.plan.settings
        if self._full():
            waited = outbound.wait(lambda: not self._full(), block_s)
            if not waited:
                raise BackPressureError(outbound.events, outbound.size, block_s)
        route = self.route(stream)
        lane = route.lane(key)
        with self.lock:
            if self.closed:
                raise ClientClosedError("the client is closed; make a new one")
            outbound.taken += 1
            outbound.taken_bytes += len(value)
            handle = lane.take(value, key, callback)
            if self.idle:
                self.wake.set()
            sealed = len(lane) >= settings.batch_events and route.ready
            if sealed:
                lane.seal(settings.batch_events)
        if sealed:
            outbound.serve()
        return handle

    def seal(self, taken_before: float) -> None:
        """Sign and send every batch whose oldest event was taken before a monotonic time."""
        with self.lock:
            for route in self.routes.values():
                if route.ready:
                    for lane in route.lanes:
                        if lane.oldest <= taken_before:
                            lane.seal(self.plan.settings.batch_events)

    def confirmed(self, route: Route) -> None:
        """Let a confirmed route's lanes cite what is known of earlier epochs."""
        identity = self.plan.identity
        for lane in route.lanes:
            log = (
                self._public_key,
                identity.tenant,
                identity.producer,
                route.topic_id,
                lane.partition,
            )
            known = self._known.get(log)
            if known is not None:
                lane.previous = (known.epoch, known.sequence)

    def flush(self, timeout: float | None) -> None:
        """Wait until everything taken is settled, and note how far the epoch got.

        Raises:
            DeliveryPendingError: Something is not settled after ``timeout`` seconds.
        """
        self.seal(float("inf"))
        settled = self.outbound.wait(lambda: self.outbound.events == 0, timeout)
        if time.monotonic() - self._saved_at >= _SAVE_S:
            self.save()
        if not settled:
            raise DeliveryPendingError(
                f"{self.outbound.events} events are not acknowledged after {timeout:g} s; they "
                "stay queued and are still being delivered"
            )

    def shut(self) -> None:
        """Take no more events."""
        with self.lock:
            self.closed = True
            self.wake.set()

    def abandon(self) -> None:
        """Give up what is not settled, so that no handle waits for ever."""
        if self.outbound.events == 0:
            return
        with self.lock:
            for route in self.routes.values():
                for lane in route.lanes:
                    reason = "the client was closed before the broker could be reached"
                    gone = DeliveryError(lane.topic, lane.partition, None, reason)
                    lane.drop_until(float("inf"), gone)
        self.outbound.purge()

    def reached(self) -> list[Reached]:
        """Give the highest acknowledged sequence of each lane that has one."""
        identity = self.plan.identity
        return [
            Reached(
                self._public_key,
                identity.tenant,
                identity.producer,
                route.topic_id,
                lane.topic,
                lane.partition,
                lane.epoch,
                lane.acknowledged,
            )
            for route in list(self.routes.values())
            for lane in route.lanes
            if lane.acknowledged
        ]

    def save(self) -> None:
        """Write the state file."""
        self._saved_at = time.monotonic()
        self._state.save(self.reached())

    def _make_route(self, topic: str, stream: str) -> Route:
        plan = self.plan
        count = plan.topics.partition_count(stream)
        return Route(
            topic,
            [Lane(plan.identity, self.epoch, topic, p, self.outbound) for p in range(count)],
        )

    def _full(self) -> bool:
        outbound, settings = self.outbound, self.plan.settings
        return (
            outbound.events >= settings.max_queue_events
            or outbound.size >= settings.max_queue_bytes
        )
