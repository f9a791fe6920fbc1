"""Tells one receiver what waits for it, one item after another; decides when to try again."""

import random
import threading
import time
from collections.abc import Callable

import structlog

from auditspine.sinks.notify.port import Notice, Outcome, Receiver
from auditspine.sinks.notify.queue import Item, NotificationQueue
from auditspine.sinks.notify.settings import DeliverySettings

_log = structlog.get_logger(__name__)
_MOST_ASKED_S = 3600.0  # a receiver that asks for more is asked again after an hour
_GRACE_S = 5.0  # for an attempt in progress when everything stops
_LOOK_S = 0.05


class Courier:
    """One receiver's courier. One thread at a time.

    Args:
        queue: Where items are.
        name: Name of the receiver.
        receiver: Tells it.
        delivery: Patience.
        limit_s: An attempt that lasts longer is given up; more than the receiver's own timeouts.
        now: The time, seconds since 1970.
        chance: Random numbers in [0, 1), which spread attempts.
    """

    def __init__(
        self,
        queue: NotificationQueue,
        name: str,
        receiver: Receiver,
        delivery: DeliverySettings,
        *,
        limit_s: float,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._name = name
        self._receiver = receiver
        self._delivery = delivery
        self._limit_s = limit_s
        self._now = now
        self._chance = chance
        self._resting_until = 0.0
        self._longest_s = max(delivery.longest_wait_s, _MOST_ASKED_S)

    def step(self, stopped: threading.Event) -> bool:
        """Make one attempt, if one is due.

        Args:
            stopped: Set when no more is to be begun.

        Returns:
            Whether an attempt was made.

        Raises:
            NotifyError: The queue cannot be used.
        """
        if self._now() < self._resting_until <= self._now() + self._longest_s:
            return False
        item = self._queue.due(self._name, self._longest_s)
        if item is None or stopped.is_set():
            return False
        item = self._queue.begin(item)
        outcome = self._attempt(item.notice, item.key, stopped)
        if outcome is None:  # stopped: whether it arrived is unknown, so it is told again
            return True
        if outcome.delivered:
            self._queue.settle(item, "delivered")
            _log.info("told", receiver=self._name, notification_id=item.key, attempts=item.attempts)
        else:
            self._failed(item, outcome)
        return True

    def _attempt(self, notice: Notice, key: str, stopped: threading.Event) -> Outcome | None:
        """Make an attempt that ends, whatever the receiver's library does."""
        outcomes: list[Outcome] = []

        def tell() -> None:
            try:
                outcomes.append(self._receiver.tell(notice, key))
            except Exception as exc:  # noqa: BLE001 - it must not end silently, nor show its text
                outcomes.append(Outcome(False, f"the attempt failed ({type(exc).__name__})"))

        thread = threading.Thread(target=tell, name=f"notify-{self._name}-attempt", daemon=True)
        thread.start()
        began = time.monotonic()
        stop_at: float | None = None
        while thread.is_alive():
            thread.join(_LOOK_S)
            at = time.monotonic()
            if stopped.is_set() and stop_at is None:
                stop_at = at + _GRACE_S
            if stop_at is not None and at > stop_at and not outcomes:
                return None
            if at - began > self._limit_s and not outcomes:
                return Outcome(False, f"the attempt took more than {self._limit_s:g} s")
        return outcomes[0]

    def _failed(self, item: Item, outcome: Outcome) -> None:
        now = self._now()
        first_try = now if item.first_try is None else item.first_try
        deadline = min(first_try, now) + self._delivery.deadline_hours * 3600
        said = {"receiver": self._name, "notification_id": item.key, "attempts": item.attempts}
        if now >= deadline:
            self._queue.settle(item, "failed", outcome.detail)
            _log.error("not told, given up", **said, reason=outcome.detail)
            return
        asked_s = min(outcome.retry_after_s, _MOST_ASKED_S)
        if asked_s:
            self._resting_until = now + asked_s
        next_try = min(now + max(asked_s, self._wait_s(item.attempts)), deadline)
        self._queue.postpone(item, next_try, outcome.detail)
        retry_in_s = round(next_try - now, 1)
        _log.warning("not told yet", **said, reason=outcome.detail, retry_in_s=retry_in_s)

    def _wait_s(self, attempts: int) -> float:
        """Give an exponential wait, of which half is by chance."""
        doubled = self._delivery.first_wait_s * 2.0 ** min(attempts - 1, 32)
        return min(doubled, self._delivery.longest_wait_s) * (0.5 + 0.5 * self._chance())
