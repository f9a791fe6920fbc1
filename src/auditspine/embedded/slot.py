"""A part together with its process and its progress. Decides nothing beyond this one part."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditspine.embedded import tether
from auditspine.embedded.backoff import PartProgress
from auditspine.embedded.logfile import BoundedLog
from auditspine.embedded.parts import Exit, Part, PartState, PartStatus
from auditspine.embedded.process import ChildProcess

SHOWN_LINES = 5


class Slot:
    """A part with its process and progress; changed by the supervising thread only."""

    def __init__(self, part: Part, logs: Path) -> None:
        self.part = part
        self.log = BoundedLog(logs / f"{part.name}.log")
        self.progress = PartProgress(since=time.monotonic())
        self.process: ChildProcess | None = None

    @property
    def is_ready(self) -> bool:
        """Tell whether it answers."""
        return self.progress.state is PartState.READY

    def start(self, now: float) -> None:
        """Start its process."""
        self.process = ChildProcess(
            self.part.name,
            self.part.argv,
            self.log,
            env=self.part.env,
            lock_file=self.part.lock_file,
        )
        self.progress = self.progress.started(now)

    def end(self, now: float, *, may_begin: bool, hurry: bool) -> None:
        """Take it one step nearer to its end."""
        code = None if self.process is None else self.process.poll()
        if self.process is None or code is not None:
            how = None if code is None else Exit(code, datetime.now(UTC), describe_exit(code))
            self.process = None
            if self.progress.state is not PartState.STOPPED:
                self.progress = self.progress.stopped(now, how)
        elif hurry:
            self.process.kill()
        elif self.progress.state is not PartState.STOPPING:
            if may_begin:
                self.process.terminate()
                self.progress = self.progress.stopping(now)
        elif now - self.progress.since > self.part.stop_timeout_s:
            self.process.kill()

    def status(self, now: float, at: datetime) -> PartStatus:
        """Give its line of the status screen, with monotonic times turned into dates."""
        progress, process = self.progress, self.process
        retry_at = progress.retry_at
        return PartStatus(
            name=self.part.name,
            state=progress.state,
            pid=None if process is None else process.pid,
            since=at - timedelta(seconds=now - progress.since),
            restarts=progress.restarts,
            last_exit=progress.last_exit,
            retry_at=None if retry_at is None else at + timedelta(seconds=retry_at - now),
            log=self.log.path,
            last_lines=self.log.tail(SHOWN_LINES),
        )


def describe_exit(code: int) -> str:
    """Say in words how a process ended."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    if code == tether.EXIT_IN_USE:
        return "data directory in use by another process"
    return f"exited with {code}"
