"""Writes the rows that processors derive from the logs into ClickHouse."""

import threading
from collections.abc import Sequence

from auditspine.sinks.patience import Patience
from auditspine.sinks.store import Store


class ProjectionWriter:
    """Writes rows of projections; waits while ClickHouse is away.

    Rows are functions of their key and version, so repeating a write is harmless and no
    deduplication token is needed.

    Args:
        store: ClickHouse.
        deadline_s: Fail after waiting so long, so that a supervisor sees it.
    """

    def __init__(self, store: Store, deadline_s: float = 300.0) -> None:
        self._store = store
        self._stopped = threading.Event()
        self._patience = Patience(self._stopped, deadline_s)
        self._types: dict[str, dict[str, str]] = {}

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when ClickHouse has them.

        Args:
            table: Its name.
            columns: Names of a row's values, in order.
            rows: The rows; times are integer milliseconds since 1970.

        Raises:
            UnavailableError: ClickHouse was away for too long.
            RefusedError: ClickHouse refuses, or the table lacks a column.
            BadDataError: A row does not fit the table.
            StoppedError: :meth:`close` was called meanwhile.
        """
        if rows:
            self._patience.run(f"write {table}", lambda: self._write(table, columns, rows))

    def close(self) -> None:
        """End a wait; callable from any thread."""
        self._stopped.set()

    def _write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        types = self._types.get(table)
        if types is None:
            described = self._store.query(f"DESCRIBE TABLE `{table}`")
            types = self._types[table] = {str(row[0]): str(row[1]) for row in described}
        # A column that the table lacks is left to ClickHouse, which names it.
        self._store.insert_rows(
            table, {column: types.get(column, "String") for column in columns}, rows
        )
