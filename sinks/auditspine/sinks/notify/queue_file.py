"""The notification queue's SQLite file: its tables, and opening it. No queueing."""

import sqlite3
import time
from pathlib import Path

from auditspine.sinks.notify.port import NotifyError

_FORMAT = 1
_BUSY_TIMEOUT_S = 10.0
_OPEN_AGAIN_S = 0.01
_DDL = """
CREATE TABLE IF NOT EXISTS items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL, receiver TEXT NOT NULL,
    tenant TEXT NOT NULL, alert_id TEXT NOT NULL, over INTEGER NOT NULL, content TEXT NOT NULL,
    status TEXT NOT NULL, recorded INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, first_try REAL, next_try REAL NOT NULL,
    UNIQUE (event_id, receiver)
);
CREATE INDEX IF NOT EXISTS waiting ON items (receiver, tenant, alert_id, seq)
    WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS unrecorded ON items (seq) WHERE status != 'waiting' AND recorded = 0;
CREATE INDEX IF NOT EXISTS alert ON items (tenant, alert_id);
"""


def open_queue(path: Path) -> sqlite3.Connection:
    """Open the file; make it if missing.

    Waits for another process that opens or closes it at the same moment: SQLite's own timeout does
    not cover the switch to the write-ahead log.

    Returns:
        A connection without transactions of its own, for any thread that holds its user's lock.

    Raises:
        NotifyError: It has another format.
        sqlite3.Error: It is no database, or cannot be opened.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            return _open(path)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_OPEN_AGAIN_S)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # The projection does not read again what this queue took: a power cut must not undo it.
        connection.execute("PRAGMA synchronous = FULL")
        _create(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == _FORMAT:
        return
    if version != 0:
        raise NotifyError(f"{path}: expected queue format {_FORMAT}, got {version}")
    connection.executescript(f"BEGIN IMMEDIATE; {_DDL} PRAGMA user_version = {_FORMAT}; COMMIT;")
