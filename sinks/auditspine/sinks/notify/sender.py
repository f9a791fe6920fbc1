"""The sender: a courier per receiver, and one thread that records what became of each item.

At least once: a kill between a delivery and its storing tells the receiver again, with the same
notification id. A dead receiver delays nobody but itself.
"""

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from auditspine.sinks.notify.alertmanager import AlertmanagerReceiver
from auditspine.sinks.notify.apprise_sender import AppriseReceiver
from auditspine.sinks.notify.courier import Courier
from auditspine.sinks.notify.port import NotifyError, Receiver, Recorder, UnrecordableError
from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.settings import NotifySettings, NotifySettingsError, ReceiverSettings

_log = structlog.get_logger(__name__)
_LOOK_S = 0.25  # how late an item of another process, or a planned attempt, may be
_LIMIT_FACTOR = 3  # timeouts in one attempt: connecting, answering, and a second request
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 10.0
_JOIN_S = 10.0


def make_receivers(settings: NotifySettings) -> dict[str, Receiver]:
    """Make a receiver for each in the settings.

    Raises:
        NotifySettingsError: A URL cannot be used; the message names the receiver, not the URL.
    """
    return {name: _receiver(name, each) for name, each in settings.receivers.items()}


class SenderLoop:
    """Tells receivers what waits in a queue, until stopped. A blocking loop for a worker.

    Of several loops on one queue, one works; the others wait for its end.

    Args:
        queue: Where items are.
        settings: From :func:`~auditspine.sinks.notify.settings.load_settings`.
        recorder: Makes evidence of what became of each item; called by one thread.
        receivers: By name; those of the settings when not given.
        now: The time, seconds since 1970.
        chance: Random numbers in [0, 1).

    Raises:
        NotifySettingsError: A receiver's URL cannot be used.
    """

    def __init__(
        self,
        queue: NotificationQueue,
        settings: NotifySettings,
        recorder: Recorder,
        *,
        receivers: Mapping[str, Receiver] | None = None,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._recorder = recorder
        self._stopped = threading.Event()
        self._ended: list[Exception] = []
        told = make_receivers(settings) if receivers is None else receivers
        self._couriers = {
            name: Courier(
                queue,
                name,
                receiver,
                settings.delivery,
                limit_s=_LIMIT_FACTOR * settings.receivers[name].timeout_s,
                now=now,
                chance=chance,
            )
            for name, receiver in told.items()
        }

    def run(self) -> None:
        """Work until stopped.

        Raises:
            NotifyError: The queue cannot be used any more.
        """
        with self._alone() as alone:
            if not alone:
                return
            forsaken = self._queue.forsake(list(self._couriers))
            if forsaken:
                _log.error("not told, their receivers are not in the settings", items=forsaken)
            threads = [self._start(f"notify-{n}", c.step) for n, c in self._couriers.items()]
            threads.append(
                self._start("notify-recorder", Recording(self._queue, self._recorder).step)
            )
            self._stopped.wait()
            self._queue.wake()
            for thread in threads:
                thread.join(_JOIN_S)
        if self._ended:
            raise self._ended[0]

    def stop(self) -> None:
        """Ask the loop to end; from any thread. An attempt in progress has some seconds."""
        self._stopped.set()
        self._queue.wake()

    def _start(self, name: str, step: Callable[[threading.Event], bool]) -> threading.Thread:
        def work() -> None:
            try:
                while not self._stopped.is_set():
                    seen = self._queue.changes
                    if not step(self._stopped):
                        self._queue.wait(seen, _LOOK_S)
            except Exception as exc:  # noqa: BLE001 - run raises it
                self._ended.append(exc)
                self.stop()

        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other loop, here or in another process, takes from the queue."""
        path = self._queue.path.with_name(self._queue.path.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            waited = False
            while not _locked(descriptor):
                if not waited:
                    _log.info("waiting for the sender that has the queue", queue=str(path))
                waited = True
                if self._stopped.wait(_LOOK_S):
                    yield False
                    return
            yield True
        finally:
            os.close(descriptor)  # ends the lock, as a kill does


class Recording:
    """Records what became of items, oldest first. One thread at a time.

    Args:
        queue: Where items are.
        recorder: Makes evidence.
    """

    def __init__(self, queue: NotificationQueue, recorder: Recorder) -> None:
        self._queue = queue
        self._recorder = recorder
        self._wait_s = _FIRST_WAIT_S
        self._after = 0

    def step(self, stopped: threading.Event) -> bool:
        """Record one item, if one is settled; wait after a failure.

        Returns:
            Whether one was there.

        Raises:
            NotifyError: The queue cannot be used.
        """
        settled = self._queue.unrecorded(self._after)
        if settled is None:
            self._after = 0
            return False
        names = ("notification_id", "receiver", "status")
        said = {name: settled.body[name] for name in names}
        try:
            self._recorder.record(settled.tenant, settled.body)
        except UnrecordableError:
            _log.error("never recorded: it cannot be an event as it is", **said)
            self._queue.unrecordable(settled)
            return True
        except Exception as exc:  # noqa: BLE001 - the port's; the item stays until it is recorded
            reason = type(exc).__name__  # its text is not ours
            _log.warning("not recorded yet", reason=reason, retry_in_s=self._wait_s, **said)
            self._after = settled.seq  # what cannot be recorded must not stop the others
            stopped.wait(self._wait_s)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
            return True
        self._queue.recorded(settled)
        self._wait_s = _FIRST_WAIT_S
        return True


def _receiver(name: str, settings: ReceiverSettings) -> Receiver:
    if settings.url is None:
        raise NotifySettingsError(f"receivers.{name}: its URL is not resolved: use load_settings")
    url = settings.url.get_secret_value()
    if settings.kind == "alertmanager":
        return AlertmanagerReceiver(url, settings.timeout_s, settings.ends_after_days)
    try:
        receiver = AppriseReceiver(url, settings.timeout_s)
    except NotifyError as exc:
        raise NotifySettingsError(f"receivers.{name}: {exc}") from None  # quotes no URL
    if settings.tell_resolved and not receiver.can_end:
        raise NotifySettingsError(
            f"receivers.{name}.tell_resolved: expected false, got true: apprise cannot close an "
            "alert of this service by its key"
        )
    return receiver


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
