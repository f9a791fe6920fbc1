"""The background thread of a session: linger, delivery reports, topics, heartbeats.

It sleeps while nothing is under way, and leaves delivery reports to busy publishers. It ends
when told to, or when its session is closed and settled.
"""

import logging
import threading
import time
from collections.abc import Callable

from auditspine.producers.session import Session
from auditspine.producers.topic_check import TopicCheck

_log = logging.getLogger(__name__)
_IDLE_S = 1.0  # an idle client still lets librdkafka run its callbacks (token refresh)
_LEAST_TICK_S = 0.001


class Housekeeper:
    """Runs one session's background work.

    Args:
        session: The session.
        heartbeat: Publishes a heartbeat; called every ``heartbeat_s`` seconds.
    """

    def __init__(self, session: Session, heartbeat: Callable[[], object]) -> None:
        self._session = session
        self._heartbeat = heartbeat
        self._stop = threading.Event()
        self._check: TopicCheck | None = None
        self._linger_s = session.plan.settings.linger_ms / 1000
        self._beat_s = session.plan.settings.heartbeat_s
        self._next_beat = time.monotonic() + self._beat_s
        self._served = 0
        self._thread = threading.Thread(target=self._run, name="auditspine-producer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._session.wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        session = self._session
        while not self._stop.is_set() and not (session.closed and session.outbound.events == 0):
            try:
                self._tick()
            except Exception:  # noqa: BLE001 - the thread must outlive what a tick meets
                _log.exception("the producer's background work failed; going on")
                self._stop.wait(_IDLE_S)
        if not self._stop.is_set():
            session.outbound.close()

    def _tick(self) -> None:
        session, outbound = self._session, self._session.outbound
        if outbound.events == 0:
            self._rest()
        self._confirm_routes()
        session.seal(time.monotonic() - self._linger_s)
        self._beat_when_due()
        if outbound.events:
            pause = max(self._linger_s, _LEAST_TICK_S)
            if outbound.served == self._served:
                outbound.serve(pause)
            else:
                self._stop.wait(pause)
        self._served = outbound.served

    def _rest(self) -> None:
        session = self._session
        session.wake.clear()
        session.idle = True  # from here on a publisher wakes us
        if session.outbound.events == 0 and not session.closed and not self._stop.is_set():
            session.wake.wait(_IDLE_S)
        session.idle = False
        session.outbound.serve()

    def _confirm_routes(self) -> None:
        session = self._session
        waiting = [route for route in list(session.routes.values()) if not route.ready]
        if not waiting:
            self._check = None
            return
        if self._check is None:
            self._check = TopicCheck(session.plan.connection)
        for route in waiting:
            with session.lock:
                if route.confirm(self._check, session.plan.settings.delivery_timeout_s):
                    session.confirmed(route)

    def _beat_when_due(self) -> None:
        now = time.monotonic()
        if self._beat_s and now >= self._next_beat:
            self._next_beat = now + self._beat_s
            self._heartbeat()
            self._session.save()
