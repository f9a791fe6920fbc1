"""The state of one partition's projection: keys, values and the position, in one SQLite file.

State and position change in one transaction, so the state is right after every kill
(FACTS.md, "Faust": Tables with a position beside them were not). A second worker that still
believes it owns the partition finds the position moved and is refused.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from auditspine.ledger.merkle import CHAIN_START
from auditspine.processors.projection.errors import StateError, StateMoved

_FORMAT = 1
_BUSY_TIMEOUT_S = 10.0  # a stopped worker may hold the write lock; then we give up and restart
_OPEN_AGAIN_S = 0.01
_DDL = """
CREATE TABLE IF NOT EXISTS position (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    origin TEXT NOT NULL, size INTEGER NOT NULL, chain BLOB NOT NULL, next_offset INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO position VALUES (0, '', 0, zeroblob(32), 0);
"""


class Position(NamedTuple):
    """How far a state has read its log.

    Attributes:
        origin: The log; empty before its first segment.
        size: Entries folded.
        chain: Chain value after them, 32 bytes.
        next_offset: Offset in the sealed topic at which to go on.
    """

    origin: str = ""
    size: int = 0
    chain: bytes = CHAIN_START
    next_offset: int = 0


class Overlay:
    """A state as it will be after the changes made through it; nothing is stored yet.

    Attributes:
        changes: Values set, by key.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.changes: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Give a key's value, or ``None``."""
        value = self.changes.get(key)
        if value is None:
            found = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,))
            row: tuple[bytes] | None = found.fetchone()
            return None if row is None else row[0]
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key's value."""
        self.changes[key] = value


class StateFile:
    """An open state. One thread at a time; any number of processes.

    Args:
        path: The SQLite file; made if missing, with its folder.

    Raises:
        StateError: Not a state, or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = _open_patiently(path)
        except sqlite3.OperationalError as exc:
            raise StateError(f"{path} cannot be opened: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            raise StateError(
                f"{path} cannot be opened as a projection's state ({exc}): "
                "move it away, and it is rebuilt from the sealed log"
            ) from exc

    def position(self) -> Position:
        """Read the position."""
        found = self._connection.execute("SELECT origin, size, chain, next_offset FROM position")
        return Position(*found.fetchone())

    @contextmanager
    def snapshot(self, expected: Position) -> Iterator[Overlay]:
        """Open the state for reading, unchanging until the block ends.

        Changes made through the overlay are stored only by :meth:`commit`.

        Raises:
            StateMoved: The position is not the expected one.
        """
        self._connection.execute("BEGIN")
        try:
            self._expect(expected)
            yield Overlay(self._connection)
        finally:
            self._connection.execute("ROLLBACK")

    def commit(self, before: Position, after: Position, changes: Mapping[bytes, bytes]) -> None:
        """Store changes and the position after them, or nothing.

        Args:
            before: Position that the changes were computed at.
            after: Position that they lead to.
            changes: Values by key.

        Raises:
            StateMoved: The position is no longer ``before``.
            StateError: The file stays locked by another process.
        """
        with self._writing(before):
            self._connection.executemany(  # in key order: one page after another
                "INSERT OR REPLACE INTO state VALUES (?, ?)", sorted(changes.items())
            )
            self._set(after)

    def replace(self, before: Position, other: "StateFile") -> None:
        """Take over another state's content and position, or nothing.

        Raises:
            StateMoved: The position is no longer ``before``.
            StateError: The file stays locked by another process.
        """
        with self._writing(before):
            self._connection.execute("DELETE FROM state")
            self._connection.executemany("INSERT INTO state VALUES (?, ?)", other.items())
            self._set(other.position())

    def get(self, key: bytes) -> bytes | None:
        """Give a key's stored value, or ``None``."""
        found = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,))
        row: tuple[bytes] | None = found.fetchone()
        return None if row is None else row[0]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in key order."""
        yield from self._connection.execute("SELECT key, value FROM state ORDER BY key")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _writing(self, before: Position) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            raise StateError(
                f"{self.path} stayed locked for {_BUSY_TIMEOUT_S:.0f} s by another process ({exc})"
            ) from exc
        try:
            self._expect(before)
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _expect(self, expected: Position) -> None:
        found = self.position()
        if found != expected:
            raise StateMoved(
                f"{self.path}: expected size {expected.size} and offset {expected.next_offset}, "
                f"got {found.size} and {found.next_offset}"
            )

    def _set(self, position: Position) -> None:
        self._connection.execute(
            "UPDATE position SET origin = ?, size = ?, chain = ?, next_offset = ?", position
        )


def _open_patiently(path: Path) -> sqlite3.Connection:
    """Open the file; wait for another process that opens or closes it at the same moment.

    SQLite's own timeout does not cover the switch to the write-ahead log.
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
        connection.execute("PRAGMA journal_mode = WAL")  # a stopped reader must not stop a writer
        # A power cut may take the last transactions, never the order: then more is read again.
        connection.execute("PRAGMA synchronous = NORMAL")
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
        raise StateError(f"{path}: expected state format {_FORMAT}, got {version}")
    connection.executescript(f"BEGIN IMMEDIATE; {_DDL} PRAGMA user_version = {_FORMAT}; COMMIT;")
