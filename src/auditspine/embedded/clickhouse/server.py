"""Serve the endpoint on loopback until SIGTERM."""

import errno
import faulthandler
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from auditspine.embedded.clickhouse.accounts import read_accounts
from auditspine.embedded.clickhouse.app import App
from auditspine.embedded.clickhouse.engine import Engine
from auditspine.embedded.errors import PortTakenError
from auditspine.embedded.ports import LOOPBACK

_BACKLOG = 512
_KEEP_ALIVE_S = 30
_STOP_S = 5
"""How long running requests may take to end after SIGTERM before they are cancelled."""


def serve(data_dir: Path, port: int, accounts_file: Path, max_memory_bytes: int) -> None:
    """Own a data directory and answer requests until the process is told to stop.

    Args:
        data_dir: Created when missing.
        port: Loopback port; 0 for any free one.
        accounts_file: See ``accounts``.
        max_memory_bytes: Bound on what the engine allocates.

    Raises:
        AccountsError: The accounts file cannot be used.
        InUseError: Another process owns the data directory.
        PortTakenError: Another process listens on the port.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)  # before uvicorn runs; and after, since it raises them again
    accounts = read_accounts(accounts_file)
    listener = _listen(port)
    engine = Engine(data_dir, accounts.reader.tables, max_memory_bytes)
    _die_of_crashes()
    config = uvicorn.Config(
        App(engine, accounts),
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _die_of_crashes() -> None:
    """End the process when the engine crashes: its own handlers would have it sleep for ever."""
    for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable()


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise PortTakenError("clickhouse", port) from exc
        raise
    return listener
