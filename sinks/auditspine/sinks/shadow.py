"""Tables beside a projection's own, for rows that are computed anew: compare, then put right.

Only rows that differ are replaced, so readers never see a table that is being built. Rows that
the live projection wrote after the position of the rebuild are left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditspine.sinks.projections import ProjectionWriter
from auditspine.sinks.store import Store

_PREFIX = "rebuild_"
_LISTED = 5  # differing keys that are named
_FOLDED = (
    "if(has({tenants:Array(String)}, toString(tenant)), "
    "arrayElementOrNull({limits:Array(UInt64)}, indexOf({tenants:Array(String)}, toString(tenant)))"
    ", "
    "arrayElementOrNull({sizes:Array(UInt64)}, indexOf({origins:Array(String)}, toString(origin))))"
)
"""SQL for the version that rows of what was folded are below; null when nothing of it was."""
_DIFFERENCES = """
    SELECT {key}, countIf(side = 'live') AS live, countIf(side = 'rebuilt') AS rebuilt
    FROM (
        SELECT {key}, version, 'live' AS side, sipHash128(tuple(*)) AS content
        FROM `{table}` FINAL WHERE {own}
        UNION ALL
        SELECT {key}, version, 'rebuilt' AS side, sipHash128(tuple(*)) AS content
        FROM `{shadow}` FINAL
    )
    GROUP BY {key}
    HAVING (live != 1 OR rebuilt != 1 OR uniqExact(content) > 1)
        AND (live = 0 OR maxIf(version, side = 'live') < {size})
"""


@dataclass(frozen=True, slots=True)
class Folded:
    """How far logs were folded.

    Attributes:
        sizes: Entries of each log, by origin.
        tenants: Of tenants that moved: what is added to their positions, and the log that they
            are in; their rows may name earlier logs.
    """

    sizes: Mapping[str, int]
    tenants: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def limits(self) -> dict[str, int]:
        """Give the version that rows of each moved tenant are below."""
        return {
            tenant: base + self.sizes.get(origin, 0)
            for tenant, (base, origin) in self.tenants.items()
        }


@dataclass(frozen=True, slots=True)
class TableDifference:
    """How a projection's table differs from its rebuild.

    Attributes:
        table: The table.
        rows: Rows of the rebuild.
        missing: Keys that the table lacks.
        surplus: Keys that it should not have.
        altered: Keys whose row is another.
        examples: Some of them, as text.
    """

    table: str
    rows: int
    missing: int
    surplus: int
    altered: int
    examples: tuple[str, ...]

    @property
    def count(self) -> int:
        """Keys that differ."""
        return self.missing + self.surplus + self.altered


class ShadowTables:
    """A projection's rows, computed anew; a store for :func:`~.rebuild.rebuild`.

    Args:
        store: ClickHouse.
        processor: Whose rows they are, where a table holds those of several.
        tables: Names of the tables that it writes.
    """

    def __init__(self, store: Store, processor: str, tables: Sequence[str]) -> None:
        self._store = store
        self._processor = processor
        self._tables = tuple(tables)
        self._writer = ProjectionWriter(store)

    def prepare(self) -> None:
        """Make the tables, empty; what an interrupted rebuild left goes first."""
        self.drop()
        for table in self._tables:
            self._store.command(f"CREATE TABLE `{self._shadow(table)}` AS `{table}`")

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows beside the live ones; errors as in :meth:`ProjectionWriter.write`."""
        self._writer.write(self._shadow(table), columns, rows)

    def drop(self) -> None:
        """Remove the tables."""
        for table in self._tables:
            for name in (self._shadow(table), f"{self._shadow(table)}_keys"):
                self._store.command(f"DROP TABLE IF EXISTS `{name}` SYNC")

    def compare(self, folded: Folded) -> list[TableDifference]:
        """Compare every table, up to where each log was rebuilt."""
        return [self._compare(table, folded) for table in self._tables]

    def beyond(self, ends: Folded) -> dict[str, int]:
        """Count rows that name a position at or after the end of their log, or no known log.

        Args:
            ends: Where each log ends.

        Returns:
            How many there are in each table that has any.
        """
        found = {}
        for table in self._tables:
            sql = (
                f"SELECT count() FROM `{table}` FINAL WHERE {self._own(table, every=True)}"  # noqa: S608
                f" AND version >= ifNull({_FOLDED}, 0)"
            )
            count = int(self._store.query(sql, self._values(ends))[0][0])
            if count:
                found[table] = count
        return found

    def put_right(self, folded: Folded) -> None:
        """Replace the rows that differ; can be repeated after it was interrupted."""
        for table in self._tables:
            key = self._key(table)
            differing = self._differences(table)
            keys = f"SELECT {key} FROM ({differing})"  # noqa: S608
            shadow = self._shadow(table)
            self._store.command(
                f"CREATE TABLE `{shadow}_keys` ENGINE = Memory AS {keys}", self._values(folded)
            )
            try:
                self._store.command(
                    f"DELETE FROM `{table}` WHERE ({key}) IN (SELECT * FROM `{shadow}_keys`)"  # noqa: S608
                    f" AND version < {_FOLDED}",
                    self._values(folded),
                )
                self._store.command(
                    f"INSERT INTO `{table}` SELECT * FROM `{shadow}` FINAL"  # noqa: S608
                    f" WHERE ({key}) IN (SELECT * FROM `{shadow}_keys`)"
                )
            finally:
                self._store.command(f"DROP TABLE IF EXISTS `{shadow}_keys` SYNC")

    def _compare(self, table: str, folded: Folded) -> TableDifference:
        differing, values = self._differences(table), self._values(folded)
        rows = self._store.query(
            "SELECT countIf(live = 0), countIf(rebuilt = 0), countIf(live > 0 AND rebuilt > 0)"  # noqa: S608
            f" FROM ({differing})",
            values,
        )
        key = self._key(table)
        examples = self._store.query(
            f"SELECT toString(tuple({key})) FROM ({differing}) ORDER BY 1 LIMIT {_LISTED}",  # noqa: S608
            values,
        )
        total = self._store.query(f"SELECT count() FROM `{self._shadow(table)}` FINAL")  # noqa: S608
        missing, surplus, altered = (int(count) for count in rows[0])
        shown = tuple(str(row[0]) for row in examples)
        return TableDifference(table, int(total[0][0]), missing, surplus, altered, shown)

    def _differences(self, table: str) -> str:
        own = self._own(table)
        shadow = self._shadow(table)
        return _DIFFERENCES.format(
            key=self._key(table), table=table, shadow=shadow, own=own, size=_FOLDED
        )

    def _own(self, table: str, *, every: bool = False) -> str:
        own = "1" if every else "has({origins:Array(String)}, toString(origin))"
        if self._has_column(table, "processor"):
            own += " AND processor = {processor:String}"
        return own

    def _values(self, folded: Folded) -> dict[str, object]:
        limits = folded.limits()
        return {
            "origins": list(folded.sizes),
            "sizes": list(folded.sizes.values()),
            "tenants": list(limits),
            "limits": list(limits.values()),
            "processor": self._processor,
        }

    def _shadow(self, table: str) -> str:
        return f"{_PREFIX}{self._processor}_{table}"

    def _key(self, table: str) -> str:
        rows = self._store.query(
            "SELECT sorting_key FROM system.tables"
            " WHERE database = currentDatabase() AND name = {name:String}",
            {"name": table},
        )
        return str(rows[0][0])

    def _has_column(self, table: str, column: str) -> bool:
        return any(row[0] == column for row in self._store.query(f"DESCRIBE TABLE `{table}`"))
