"""Run the parts of the stack: start in order, restart the dead, stop in reverse order.

One thread does all of it, and it must live as long as the parts: the kernel kills a child when
the thread that started it ends (see ``tether``). That is what leaves no orphan when this process
is killed. What to do when is decided in ``backoff``; how one process is handled, in ``process``.
"""

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from auditspine.embedded.backoff import Backoff
from auditspine.embedded.errors import StartError
from auditspine.embedded.identity import ProcessRecord
from auditspine.embedded.parts import Exit, Part, PartState, Snapshot, check_parts
from auditspine.embedded.process import ChildProcess
from auditspine.embedded.slot import SHOWN_LINES, Slot, describe_exit

_LOG = logging.getLogger(__name__)

_TICK_S = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_START_ATTEMPTS = 3


def tell_nobody(_: Sequence[ProcessRecord]) -> None:
    """Take note of the running processes nowhere."""


class Supervisor:
    """Keeps a list of parts running until it is asked to stop."""

    def __init__(
        self,
        parts: Sequence[Part],
        logs: Path,
        *,
        backoff: Backoff | None = None,
        on_processes: Callable[[Sequence[ProcessRecord]], None] = tell_nobody,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Describe the stack; nothing is started yet.

        Args:
            parts: In an order in which each comes after those that it depends on.
            logs: Folder of the log files.
            backoff: How long to wait before a dead part is started again.
            on_processes: Told from the supervising thread whenever a process came or went.
            on_ready: Called there once, when every part is ready for the first time.

        Raises:
            ValueError: A name is given twice, or a dependency does not come first.
        """
        check_parts(parts)
        self._slots = {part.name: Slot(part, logs) for part in parts}
        self._backoff = backoff or Backoff()
        self._on_processes = on_processes
        self._on_ready = on_ready
        self._was_ready = threading.Event()
        self._told: list[ProcessRecord] = []
        self._stop_requests = 0
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> None:
        """Start the parts and keep them running until ``stop``, SIGINT, SIGTERM or SIGHUP.

        Blocks. Signals are handled when called from the main thread. A second signal kills what
        still runs at once.

        Raises:
            StartError: A part died three times before the stack was ready for the first time.
        """
        with self._signal_handlers():
            try:
                while self._stop_requests == 0:
                    self._advance()
                    self._wait()
            finally:
                self._stop_requests = max(1, self._stop_requests)
                self._shut_down()

    def stop(self) -> None:
        """Ask ``run`` to stop everything; may be called from any thread and signal handler."""
        self._stop_requests += 1
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            return  # it is full of wake-ups already

    @contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """Run in a thread of its own for the length of a block, which begins when all are ready.

        Raises:
            StartError: As ``run``.
        """
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._run_recording, args=(failures,), name="supervisor")
        thread.start()
        try:
            while thread.is_alive() and not self._was_ready.wait(_TICK_S):
                pass
            if self._was_ready.is_set():
                yield self
        finally:
            self.stop()
            thread.join()
        if not self._was_ready.is_set():
            raise failures[0] if failures else StartError("stopped before all parts were ready")
        if failures:
            raise failures[0]

    def snapshot(self) -> Snapshot:
        """Tell where every part stands; may be called from any thread."""
        now, at = time.monotonic(), datetime.now(UTC)
        statuses = tuple(slot.status(now, at) for slot in self._slots.values())
        return Snapshot(at, statuses, stopping=self._stop_requests > 0)

    def _run_recording(self, failures: list[BaseException]) -> None:
        try:
            self.run()
        except BaseException as exc:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(exc)

    def _advance(self) -> None:
        now = time.monotonic()
        for slot in self._slots.values():
            if self._stop_requests:
                return
            if slot.process is None:
                self._start_if_due(slot, now)
            else:
                self._check(slot, slot.process)
            slot.log.trim()
        if not self._was_ready.is_set() and all(slot.is_ready for slot in self._slots.values()):
            self._was_ready.set()
            self._on_ready()

    def _start_if_due(self, slot: Slot, now: float) -> None:
        if not slot.progress.is_due(now):
            return
        if all(self._slots[name].is_ready for name in slot.part.depends_on):
            _LOG.info("starting %s", slot.part.name)
            slot.start(now)
            self._tell_processes()
        elif slot.progress.state is not PartState.WAITING:
            slot.progress = slot.progress.held_up(now)

    def _check(self, slot: Slot, process: ChildProcess) -> None:
        code = process.poll()
        if code is None and slot.progress.state is PartState.STARTING:
            if slot.part.ready():
                slot.progress = slot.progress.became_ready(time.monotonic())
                _LOG.info("%s is ready", slot.part.name)
            elif time.monotonic() - slot.progress.since > slot.part.ready_timeout_s:
                process.stop(timeout_s=0.0)
                self._died(slot, None, f"not ready in {slot.part.ready_timeout_s:g} s")
        elif code is not None:
            self._died(slot, code, describe_exit(code))

    def _died(self, slot: Slot, code: int | None, reason: str) -> None:
        slot.process = None
        how = Exit(code, datetime.now(UTC), reason)
        slot.progress = slot.progress.died(time.monotonic(), how, self._backoff)
        _LOG.warning("%s died: %s", slot.part.name, reason)
        self._tell_processes()
        if not self._was_ready.is_set() and slot.progress.failures >= _START_ATTEMPTS:
            lines = slot.log.tail(SHOWN_LINES)
            raise StartError(
                "\n".join((f"{slot.part.name}: {reason}, {_START_ATTEMPTS} times", *lines))
            )

    def _shut_down(self) -> None:
        """Stop parts in waves: each only after those that depend on it have ended."""
        while any(slot.progress.state is not PartState.STOPPED for slot in self._slots.values()):
            now = time.monotonic()
            for slot in self._slots.values():
                slot.end(now, may_begin=not self._dependents(slot), hurry=self._stop_requests > 1)
            self._tell_processes()
            self._wait()

    def _dependents(self, slot: Slot) -> list[str]:
        """Name the parts that still run and depend on a part."""
        return [
            other.part.name
            for other in self._slots.values()
            if slot.part.name in other.part.depends_on
            and other.progress.state is not PartState.STOPPED
        ]

    def _tell_processes(self) -> None:
        running = [slot.process.record for slot in self._slots.values() if slot.process]
        if running != self._told:
            self._told = running
            self._on_processes(running)

    def _wait(self) -> None:
        """Sleep until a process ends, ``stop`` is called, or a tick is over."""
        poller = select.poll()
        poller.register(self._wake_reader, select.POLLIN)
        for slot in self._slots.values():
            if slot.process is not None:
                poller.register(slot.process.pidfd, select.POLLIN)
        if any(found == self._wake_reader for found, _ in poller.poll(_TICK_S * 1000)):
            os.read(self._wake_reader, 1024)

    @contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
