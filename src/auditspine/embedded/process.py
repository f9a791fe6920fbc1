"""One child process, tethered to this one, with its output in a bounded log."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditspine.embedded import identity, tether
from auditspine.embedded.identity import ProcessRecord
from auditspine.embedded.logfile import BoundedLog


class ChildProcess:
    """A running command in a process group of its own.

    Start it from a thread that outlives it (see ``tether``).

    Attributes:
        log: Where its output goes.
        record: Its identity.
        pidfd: Readable when it has ended; closed once ``poll`` gave its exit code.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: BoundedLog,
        *,
        env: Mapping[str, str] | None = None,
        lock_file: Path | None = None,
    ) -> None:
        """Start the command.

        Args:
            name: What it does, for messages.
            argv: Command line.
            log: Where its standard output and error go.
            env: Variables to add to this process's environment.
            lock_file: File that the command holds locked while it lives.
        """
        self.log = log
        argv = identity.resolved(argv)
        output = log.open()
        try:
            self._popen = subprocess.Popen(
                tether.command_line(argv, lock_file=lock_file),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        finally:
            os.close(output)
        self.pidfd = os.pidfd_open(self._popen.pid)
        self.record: ProcessRecord = identity.record(name, self._popen.pid, argv)

    @property
    def pid(self) -> int:
        """Give its pid."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Give its exit code, negative for a signal, or None while it runs.

        What it left behind in its group is killed before its pid becomes free.
        """
        if self._popen.returncode is None and self._has_ended():
            identity.kill_group(self.pid)
            os.close(self.pidfd)
            self._popen.wait()
        return self._popen.returncode

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM to the process alone: it knows its own children)."""
        if self.poll() is None:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it with all of its group."""
        if self.poll() is None:
            identity.kill_group(self.pid)

    def wait(self, timeout_s: float) -> int | None:
        """Await its end; give its exit code, or None when the time is over."""
        code = self.poll()
        if code is None:
            poller = select.poll()
            poller.register(self.pidfd, select.POLLIN)
            poller.poll(timeout_s * 1000)
            code = self.poll()
        return code

    def stop(self, timeout_s: float) -> int:
        """Ask it to stop, kill it when the time is over, and give its exit code."""
        self.terminate()
        code = self.wait(timeout_s)
        while code is None:
            self.kill()
            code = self.wait(timeout_s=1.0)
        return code

    def _has_ended(self) -> bool:
        try:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return found is not None
