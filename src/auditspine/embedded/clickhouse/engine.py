"""Own a data directory and its chDB engine, and give out connections narrowed to one request.

Knows nothing of HTTP. A connection lives as long as a request, since settings stay with it; making
one takes 0.1 ms. Connections run in parallel; each may be used from any thread, one at a time.
"""

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import chdb

from auditspine.embedded import lock
from auditspine.embedded.clickhouse.config import READER_ROLE, READER_TAG, write_config
from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.guard import Guard, check_class
from auditspine.embedded.clickhouse.insert import quoted
from auditspine.embedded.errors import StartError

DEFAULT_MAX_MEMORY_BYTES = 1_500_000_000
READER_MAX_SECONDS = 300


@dataclass(frozen=True, slots=True)
class StatementClass:
    """What the engine says that a text would do.

    Attributes:
        name: ``READ_ONLY``, ``MUTATING``, ``CONTROL`` or ``UNKNOWN``.
        count: Number of statements.
    """

    name: str
    count: int


class Connection:
    """One request's connection to the engine."""

    def __init__(self, connection_string: str) -> None:
        connect: Any = chdb.connect  # carries no types
        self._raw: Any = connect(connection_string)

    def query(
        self,
        sql: str | bytes,
        output_format: str = "TSV",
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """Run a statement and hold the whole result in memory."""
        return self._raw.query(sql, output_format, params=dict(parameters or {}))

    def text(self, sql: str | bytes, parameters: Mapping[str, str] | None = None) -> str:
        """Run a statement with one short value as its result."""
        data: bytes = self.query(sql, "TSVRaw", parameters).bytes() or b""
        return data.decode("utf-8", "surrogateescape").removesuffix("\n")

    def stream(self, sql: bytes, output_format: str, parameters: Mapping[str, str]) -> Any:
        """Begin a statement whose result is fetched in chunks."""
        return self._raw.send_query(sql, output_format, params=dict(parameters))

    def insert(self, statement: bytes, data_format: str, parameters: Mapping[str, str]) -> Any:
        """Begin an INSERT whose data are appended in chunks."""
        for name, value in parameters.items():  # an insert takes no parameters of its own
            self.query(f"SET param_{name} = {quoted(value)}")
        return self._raw.send_insert(statement, data_format)

    def classify(self, sql: bytes) -> StatementClass:
        """Ask the engine what a text would do."""
        found = self._raw._conn.classify_query(sql, "")  # noqa: SLF001 - there is no public way
        return StatementClass(found["query_class"].name, found["statement_count"])

    def canonical(self, sql: bytes) -> bytes:
        """Give a statement as the engine's parser writes it: no comments, one way to quote."""
        escaped = sql.decode("utf-8", "replace").translate(_ESCAPES)
        text = self.text("SELECT formatQuerySingleLine({q:String})", {"q": escaped})
        return text.encode("utf-8", "surrogateescape")

    def close(self) -> None:
        """Close it; a running statement is cancelled."""
        self._raw.close()


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"})


class Engine:
    """chDB on one directory, owned by this process.

    Attributes:
        version: The engine's version.
        timezone: Its time zone.
        spool: A private folder for temporary files, emptied at start.
    """

    def __init__(
        self,
        data_dir: Path,
        reader_tables: Iterable[str],
        max_memory_bytes: int = DEFAULT_MAX_MEMORY_BYTES,
    ) -> None:
        """Take the directory and start the engine.

        Args:
            data_dir: Created when missing.
            reader_tables: What limited callers may select from, as ``database.name``.
            max_memory_bytes: Bound on what the engine allocates.

        Raises:
            InUseError: Another process owns the directory.
            StartError: The path cannot be one of the engine's, or it ignored its configuration.
        """
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = data_dir.resolve()
        if "?" in str(root) or "&" in str(root):  # the engine would take them for options
            raise StartError(f"data directory {root}: its path must have neither ? nor &")
        self._lock = lock.acquire(root / "owner.lock")
        self.spool = root / "spool"
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(mode=0o700)
        config = write_config(root, reader_tables, max_memory_bytes)
        self._connection_string = f"{root / 'engine'}?config-file={quote(str(config))}"
        self._reader_max_memory_bytes = max_memory_bytes // 2
        self._keep = Connection(self._connection_string)  # the engine lives while one is open
        self._keep_lock = threading.Lock()
        if READER_ROLE not in self._keep.text("SELECT currentRoles()"):
            raise StartError(f"the engine did not take its configuration {config}")
        self.version: str = self._keep.text("SELECT version()")
        self.timezone = self._keep.text("SELECT timezone()")
        self._guard = Guard.over(self._names("functions"), self._names("table_functions"))

    @contextmanager
    def connect(self, request_id: str, settings: Mapping[str, str]) -> Iterator[Connection]:
        """Give a connection with settings of its own.

        Args:
            request_id: By which ``cancel`` finds its statements.
            settings: Settings by name; names must be checked already.
        """
        connection = Connection(self._connection_string)
        try:
            wanted = {**settings, "log_comment": request_id}
            connection.query("SET " + ", ".join(f"{k} = {quoted(v)}" for k, v in wanted.items()))
            yield connection
        finally:
            connection.close()

    def check(self, connection: Connection, sql: bytes) -> bytes:
        """Check a limited caller's statement.

        Returns:
            The statement to run instead, which is what was checked.

        Raises:
            ClickHouseError: It is not allowed.
        """
        found = connection.classify(sql)
        if found.count == 0:
            connection.canonical(sql)  # raises the engine's own syntax error
        check_class(found.name, found.count)
        canonical = connection.canonical(sql)
        self._guard.check(canonical)
        again = connection.classify(canonical)
        check_class(again.name, again.count)
        return canonical

    def narrow(self, connection: Connection) -> None:
        """Hold a connection to what a limited caller may do; there is no way back."""
        connection.query(
            f"SET query_cache_tag = {quoted(READER_TAG)}, "
            f"max_execution_time = {READER_MAX_SECONDS}, "
            f"max_memory_usage = {self._reader_max_memory_bytes}"
        )
        connection.query(f"SET ROLE {READER_ROLE}")
        connection.query("SET readonly = 1")

    def cancel(self, request_id: str) -> None:
        """Ask the engine to stop a request's statements; nothing happens if there are none."""
        where = f"Settings['log_comment'] = {quoted(request_id)}"
        with self._keep_lock, suppress(Exception):
            self._keep.query(f"KILL QUERY WHERE {where} ASYNC")

    def cancel_all(self) -> None:
        """Ask the engine to stop every request's statements."""
        with self._keep_lock, suppress(Exception):
            self._keep.query("KILL QUERY WHERE Settings['log_comment'] != '' ASYNC")

    def close(self) -> None:
        """Stop the engine and give the directory back. Every connection must be closed."""
        with self._keep_lock:
            self._keep.close()
        shutil.rmtree(self.spool, ignore_errors=True)
        lock.release(self._lock)

    def _names(self, table: str) -> list[str]:
        return self._keep.text(f"SELECT name FROM system.{table}").split("\n")  # noqa: S608


def require_single(found: StatementClass) -> None:
    """Refuse several statements in one request, as ClickHouse does.

    Raises:
        ClickHouseError: 62.
    """
    if found.count > 1:
        raise ClickHouseError(62, "Syntax error (Multi-statements are not allowed).")
