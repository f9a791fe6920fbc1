"""Run the endpoint as a child process: for the supervisor, for tests, for benchmarks.

Imports nothing of the engine: only the child does.
"""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from auditspine.embedded.clickhouse.accounts import ADMIN, READER, ensure_accounts
from auditspine.embedded.errors import StartError
from auditspine.embedded.logfile import BoundedLog
from auditspine.embedded.ports import LOOPBACK, choose_port
from auditspine.embedded.process import ChildProcess

_READY_S = 60.0
_STOP_S = 15.0
_POLL_S = 0.05
_PING_S = 1.0


def is_ready(url: str) -> bool:
    """Tell whether an endpoint answers."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=_PING_S) as response:  # noqa: S310
            return bool(response.read() == b"Ok.\n")
    except (OSError, urllib.error.URLError):
        return False


def wait_ready(url: str, timeout_s: float = _READY_S) -> None:
    """Await an endpoint.

    Args:
        url: Such as ``http://127.0.0.1:18123``.
        timeout_s: How long to wait.

    Raises:
        StartError: It does not answer by then.
    """
    deadline = time.monotonic() + timeout_s
    while not is_ready(url):
        if time.monotonic() > deadline:
            raise StartError(f"clickhouse at {url}: no answer within {timeout_s:.0f} s")
        time.sleep(_POLL_S)


class ClickHouseProcess:
    """The endpoint on a data directory, started and stopped as a child process.

    Attributes:
        data_dir: Its directory.
        port: Its port, the same after a restart.
        url: Where it answers.
        admin_password: Of the user ``admin``.
        reader_password: Of the user ``reader``.
    """

    admin = ADMIN
    reader = READER

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        reader_tables: Iterable[str] = (),
        *,
        max_memory_bytes: int | None = None,
    ) -> None:
        """Prepare it; accounts are created in the directory when missing.

        Args:
            data_dir: Created when missing.
            port: Loopback port; 0 for any free one.
            reader_tables: Tables and views, as ``database.name``, that the reader may select from.
            max_memory_bytes: Bound on what the engine allocates; None for its default.
        """
        self.data_dir = data_dir
        self.port = port or choose_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.log = BoundedLog(data_dir / "endpoint.log")
        self._max_memory_bytes = max_memory_bytes
        self._child: ChildProcess | None = None
        accounts_file = data_dir / "accounts.json"
        accounts = ensure_accounts(accounts_file, reader_tables)
        self._accounts_file = accounts_file
        self.admin_password = accounts.admin.password
        self.reader_password = accounts.reader.password

    @property
    def argv(self) -> tuple[str, ...]:
        """Give its command line, for a supervisor that starts it itself."""
        bound = self._max_memory_bytes
        memory = () if bound is None else ("--max-memory-bytes", str(bound))
        return (
            *(sys.executable, "-P", "-m", "auditspine.embedded.clickhouse"),
            *("--data-dir", str(self.data_dir), "--port", str(self.port)),
            *("--accounts", str(self._accounts_file), *memory),
        )

    @property
    def pid(self) -> int | None:
        """Give the running process's pid, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self, timeout_s: float = _READY_S) -> Self:
        """Start it and await readiness. Dies with the calling thread (see ``tether``).

        Raises:
            StartError: It ended, or does not answer in time; the message has its last words.
        """
        self._child = ChildProcess("clickhouse", self.argv, self.log)
        deadline = time.monotonic() + timeout_s
        while not is_ready(self.url):
            code = self._child.poll()
            if code is not None or time.monotonic() > deadline:
                self._child.kill()
                ended = f"ended with code {code}" if code is not None else "is not ready"
                raise StartError(f"clickhouse {ended}: " + " | ".join(self.log.tail(5)))
            time.sleep(_POLL_S)
        return self

    def stop(self) -> int:
        """Stop it cleanly; give its exit code."""
        return 0 if self._child is None else self._child.stop(_STOP_S)

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(_STOP_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
