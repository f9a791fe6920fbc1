"""The one door to ClickHouse: connects when it can, and sorts errors by what to do about them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from clickhouse_connect.driver.exceptions import Error as CodedError

from auditspine.sinks.errors import BadDataError, RefusedError, SinkError, UnavailableError

T = TypeVar("T")
Connect = Callable[[], Client]

# Numbers of ClickHouse's src/Common/ErrorCodes.cpp.
_AWAY = frozenset(
    {
        159,  # TIMEOUT_EXCEEDED
        198,  # DNS_ERROR
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK
        745,  # SERVER_OVERLOADED
        999,  # KEEPER_EXCEPTION
    }
)
_REFUSED = frozenset(
    {
        8,  # THERE_IS_NO_COLUMN
        10,  # NOT_FOUND_COLUMN_IN_BLOCK
        16,  # NO_SUCH_COLUMN_IN_TABLE
        46,  # UNKNOWN_FUNCTION
        47,  # UNKNOWN_IDENTIFIER
        48,  # NOT_IMPLEMENTED
        60,  # UNKNOWN_TABLE
        62,  # SYNTAX_ERROR
        81,  # UNKNOWN_DATABASE
        115,  # UNKNOWN_SETTING
        164,  # READONLY
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        344,  # SUPPORT_IS_DISABLED
        452,  # SETTING_CONSTRAINT_VIOLATION
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
    }
)
_INSERT_SETTINGS: Mapping[str, str] = {
    "async_insert": "0",
    "max_insert_threads": "1",
    "output_format_json_escape_forward_slashes": "0",
    "input_format_null_as_default": "1",  # a record that is null: every member becomes null
    # One block per insert, so that its part of each partition is whole or absent.
    "min_insert_block_size_bytes": "0",
    "max_partitions_per_insert_block": "0",
}


class Store:
    """ClickHouse for the sinks; safe to use from several threads.

    Args:
        connect: Opens a client on the database of the evidence, with
            ``autogenerate_session_id=False``: requests of one session exclude each other.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._client: Client | None = None

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[Sequence[Any]]:
        """Run a query and give its rows.

        Raises:
            UnavailableError: ClickHouse is away or overloaded.
            RefusedError: It refuses.
        """
        return self._call(
            lambda client: list(client.query(sql, parameters=dict(parameters or {})).result_rows)
        )

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement; errors as in :meth:`query`."""
        self._call(lambda client: client.command(sql, parameters=dict(parameters or {})))

    def insert_rows(
        self,
        table: str,
        columns: Mapping[str, str],
        rows: Sequence[Sequence[object]],
        token: str = "",
    ) -> None:
        """Insert rows.

        Args:
            table: Its name.
            columns: ClickHouse type by column.
            rows: At least one.
            token: Deduplication token; none when empty.

        Raises:
            UnavailableError: ClickHouse is away or overloaded; it may have written them.
            RefusedError: It refuses.
            BadDataError: It cannot read the rows.
        """
        self._call(
            lambda client: client.insert(
                table,
                rows,
                column_names=list(columns),
                column_type_names=list(columns.values()),
                settings=_settings(token),
            ),
            data=True,
        )

    def insert_data(self, target: str, data: bytes, fmt: str, token: str) -> None:
        """Insert data in one of ClickHouse's formats.

        Args:
            target: Table, or ``table (columns) SELECT … FROM input('structure')``.
            data: The data.
            fmt: Their format.
            token: Deduplication token.

        Raises:
            UnavailableError: ClickHouse is away or overloaded; it may have written them.
            RefusedError: It refuses.
            BadDataError: It cannot read the data; nothing is written.
        """
        self._call(
            lambda client: client.raw_insert(
                target, insert_block=data, fmt=fmt, settings=_settings(token)
            ),
            data=True,
        )

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _call(self, action: Callable[[Client], T], *, data: bool = False) -> T:
        try:
            with self._lock:
                if self._client is None:
                    self._client = self._connect()
                client = self._client
            return action(client)
        except (ClickHouseError, OSError) as exc:
            raise sort_error(exc, data=data) from exc


def sort_error(exc: Exception, *, data: bool = False) -> SinkError:
    """Sort an error of the client by what to do about it.

    Args:
        exc: The error.
        data: Whether data were inserted, so that they may be at fault. Then the message has
            the error's name only, because ClickHouse's text may quote the data.
    """
    code = exc.code if isinstance(exc, CodedError) else None
    name = exc.name if isinstance(exc, CodedError) else None
    line = str(exc).strip().split("\n", 1)[0][:300]
    if code is None and (isinstance(exc, OperationalError | OSError) or _is_gateway(line)):
        return UnavailableError(f"ClickHouse is away: {line}")
    if code in _AWAY:
        return UnavailableError(f"ClickHouse cannot take it now: {name} (code {code})")
    if code in _REFUSED or not data:
        return RefusedError(f"ClickHouse refuses: {line}", code)
    return BadDataError(name or f"code {code}")


def _is_gateway(line: str) -> bool:
    return any(f" {status}" in line for status in (502, 503, 504)) and "HTTP" in line.upper()


def _settings(token: str) -> dict[str, str]:
    return (
        {**_INSERT_SETTINGS, "insert_deduplication_token": token}
        if token
        else dict(_INSERT_SETTINGS)
    )
