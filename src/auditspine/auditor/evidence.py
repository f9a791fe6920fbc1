"""Reads what ClickHouse holds of each log, in position order and in bounded memory.

Rows are read in ranges of positions, so no stream is left open while the verifier works, and
what is inserted meanwhile lies beyond the size that was committed at the start.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from auditspine.auditor.core.rows import CheckpointRow, CommitRow, EntryRow, LogRows, RawRow
from auditspine.auditor.errors import SourceError

_TARGET_BYTES = 16 * 1024 * 1024  # per range of raw rows
_FIRST_RANGE = 256  # positions
_LARGEST_RANGE = 16_384
_BEYOND_LIMIT = 100_000  # rows beyond the committed size that are looked at
_BYTES: dict[str, str | dict[str, str]] = {
    "value": "bytes",
    "sig": "bytes",
    "public_key": "bytes",
}
_ENTRY_COLUMNS = (
    "position, source_offset, toUnixTimestamp64Milli(appended_at), leaf, chain, "
    "toInt8(verdict), flags, control_size, public_key, tenant, producer, epoch, sequence"
)
_CHECKPOINT_COLUMNS = (
    "size, first, root, chain, control_size, toUnixTimestamp64Milli(sealed_at), note"
)
_ORIGINS = """
    SELECT DISTINCT toString(origin) AS name FROM (
        SELECT DISTINCT origin FROM entries UNION ALL SELECT DISTINCT origin FROM evidence
        UNION ALL SELECT DISTINCT origin FROM quarantine
        UNION ALL SELECT DISTINCT origin FROM checkpoints
        UNION ALL SELECT DISTINCT origin FROM commits
    ) ORDER BY name
"""
_PLACE = """
    SELECT toString(topic), partition FROM entries WHERE origin = {origin:String}
    GROUP BY topic, partition ORDER BY count() DESC LIMIT 1
"""
_COMMIT = """
    SELECT first, last + 1, root, next_sealed_offset, toString(topic), partition
    FROM commits WHERE origin = {origin:String} ORDER BY next_sealed_offset DESC LIMIT 1
"""
_SETTLED = """
    SELECT size, first, root, chain, control_size, toUnixTimestamp64Milli(sealed_at), note
    FROM checkpoints WHERE origin = {origin:String} AND sealed_offset < {boundary:Int64}
    ORDER BY size DESC, sealed_offset DESC LIMIT 1
"""
_CLAIM = """
    SELECT max(sealed_first), count() FROM claims
    WHERE topic = {topic:String} AND partition = {partition:UInt16}
"""
_ENDLESS = 1 << 63
_CLAIMED_MOST = 100_000  # a claim names sealed segments, not positions: entries in it at most
_SNAPSHOT_TRIES = 20


@dataclass(frozen=True, slots=True)
class StoredLog:
    """One log as the store knows it.

    Attributes:
        origin: ``region/cluster/topic-id/partition``.
        topic: Source topic that most of its rows name.
        partition: Source partition, likewise.
        committed: The last commit; ``None`` when there is none.
        settled: The largest checkpoint that a commit must reach.
        open_claim: Whether a chunk is being written.
    """

    origin: str
    topic: str
    partition: int
    committed: CommitRow | None
    settled: CheckpointRow | None
    open_claim: bool

    @property
    def size(self) -> int:
        """Entries that should be there."""
        sizes = [0]
        if self.committed is not None:
            sizes.append(self.committed.end)
        if self.settled is not None:
            sizes.append(self.settled.size)
        return max(sizes)


class EvidenceStore:
    """The evidence tables, read only.

    Args:
        client: A clickhouse-connect client whose database is that of the tables.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def logs(self) -> list[StoredLog]:
        """Give every log that any table knows.

        Raises:
            SourceError: ClickHouse cannot be reached or refuses.
        """
        origins = [row[0] for row in self.query(_ORIGINS)]
        return [self._log(origin) for origin in origins]

    def rows(self, log: StoredLog, *, is_control: bool = False) -> LogRows:
        """Give what is stored of a log."""
        return LogRows(
            log.origin,
            log.topic,
            log.partition,
            self.entries(log),
            self._raw(log, "evidence"),
            self._raw(log, "quarantine"),
            lambda: self.checkpoints(log),
            () if log.committed is None else (log.committed,),
            log.settled,
            log.size + _CLAIMED_MOST if log.open_claim else None,
            lambda: self._claim_end(log),
            is_control,
        )

    def entries(self, log: StoredLog) -> Iterator[EntryRow]:
        """Give rows of ``entries``; plain tuples of that shape, for speed."""
        return cast(
            "Iterator[EntryRow]", self.ranges(log, "entries", _ENTRY_COLUMNS, "position", None)
        )

    def claimed_leaves(self, log: StoredLog, tenant: str, first: int, end: int) -> Iterator[bytes]:
        """Give the leaves of a tenant's entries from one position to before another."""
        at = first
        while at < end:
            until = min(at + _LARGEST_RANGE, end)
            rows = self.query(
                "SELECT leaf FROM entries WHERE origin = {origin:String} "
                "AND tenant = {tenant:String} AND position >= {low:UInt64} "
                "AND position < {high:UInt64} ORDER BY position",
                {"origin": log.origin, "tenant": tenant, "low": at, "high": until},
            )
            yield from (bytes(row[0]) for row in rows)
            at = until

    def last_counted(self, tenant: str, control_size: int) -> dict[str, int]:
        """Give the last valid entry of a tenant in each log that rests on so little control.

        Args:
            tenant: The tenant.
            control_size: Largest size of the control log that the entries rest on.

        Returns:
            Its position, by origin.
        """
        rows = self.query(
            "SELECT toString(origin), max(position) FROM entries WHERE tenant = {tenant:String} "
            "AND verdict = 'valid' AND control_size <= {size:UInt64} GROUP BY origin",
            {"tenant": tenant, "size": control_size},
        )
        return {str(origin): int(position) for origin, position in rows}

    def checkpoints(self, log: StoredLog) -> Iterator[CheckpointRow]:
        """Give rows of ``checkpoints`` by size, those beyond the committed size too."""
        ordered = self.ranges(
            log, "checkpoints", _CHECKPOINT_COLUMNS, "size", None, by="size, first"
        )
        return (CheckpointRow._make(row) for row in ordered)

    def ranges(
        self,
        log: StoredLog,
        table: str,
        columns: str,
        key: str,
        weigh: Callable[[Sequence[Any]], int] | None,
        by: str = "",
    ) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a table for one log, read range by range.

        Args:
            log: The log.
            table: The table.
            columns: SQL of what to read.
            key: Column that ranges are made of.
            weigh: Gives a row's bytes where they can be many.
            by: SQL of the order, the key when empty.
        """
        select = f"SELECT {columns} FROM {table} WHERE origin = {{origin:String}}"  # noqa: S608 - names of this package
        order = f" ORDER BY {by or key}"
        at, width, end = 0, _LARGEST_RANGE if weigh is None else _FIRST_RANGE, log.size + 1
        while at < end:
            until = min(at + width, end)
            rows = self.query(
                f"{select} AND {key} >= {{low:UInt64}} AND {key} < {{high:UInt64}}{order}",
                {"origin": log.origin, "low": at, "high": until},
            )
            yield from rows
            at = until
            if weigh is not None:
                heavy = sum(map(weigh, rows)) > _TARGET_BYTES // 2
                width = max(width // 2, 16) if heavy else min(width * 2, _LARGEST_RANGE)
        yield from self.query(
            f"{select} AND {key} >= {{low:UInt64}}{order} LIMIT {_BEYOND_LIMIT}",
            {"origin": log.origin, "low": end},
        )

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query and give its rows.

        Raises:
            SourceError: ClickHouse cannot be reached or refuses.
        """
        try:
            result = self._client.query(
                sql, parameters=parameters, column_oriented=True, column_formats=_BYTES
            )
            return list(zip(*result.result_set, strict=True))
        except ClickHouseError as exc:
            first_line = str(exc).strip().split("\n", 1)[0][:300]
            raise SourceError(f"ClickHouse cannot answer: {first_line}") from exc

    def _log(self, origin: str) -> StoredLog:
        places = self.query(_PLACE, {"origin": origin})
        snapshot = self._snapshot(origin, places)
        for _ in range(_SNAPSHOT_TRIES):  # the sink goes on: until nothing moved in between
            before, snapshot = snapshot, self._snapshot(origin, places)
            if before == snapshot:
                break
        return snapshot

    def _snapshot(self, origin: str, places: Sequence[Sequence[Any]]) -> StoredLog:
        named = {"origin": origin}
        commits = self.query(_COMMIT, named)
        topic, partition = _place(places, commits, origin)
        boundary = self._open_claim(topic, partition, commits[0][3] if commits else 0)
        settled = self.query(
            _SETTLED, {**named, "boundary": _ENDLESS - 1 if boundary is None else boundary}
        )
        return StoredLog(
            origin,
            topic,
            partition,
            CommitRow(0, *commits[0][1:3]) if commits else None,
            CheckpointRow._make(settled[0]) if settled else None,
            boundary is not None,
        )

    def _claim_end(self, log: StoredLog) -> int | None:
        """Give where the open claim may end now; else what is committed now."""
        commits = self.query(_COMMIT, {"origin": log.origin})
        end, offset = (int(commits[0][1]), commits[0][3]) if commits else (0, 0)
        is_open = self._open_claim(log.topic, log.partition, offset) is not None
        return max(end, log.size) + _CLAIMED_MOST if is_open else end

    def _open_claim(self, topic: str, partition: int, committed: int) -> int | None:
        """Give the sealed offset at which an open claim begins."""
        claims = self.query(_CLAIM, {"topic": topic + ".sealed", "partition": partition})
        begins, count = claims[0]
        return int(begins) if count and begins >= committed else None

    def _raw(self, log: StoredLog, table: str) -> Iterable[RawRow]:
        return cast(
            "Iterable[RawRow]",
            self.ranges(
                log, table, "position, value, sig", "position", lambda row: len(row[1]) + 512
            ),
        )


def _place(
    places: Sequence[Sequence[Any]], commits: Sequence[Sequence[Any]], origin: str
) -> tuple[str, int]:
    if places:
        return str(places[0][0]), int(places[0][1])
    if commits:
        return str(commits[0][4]).removesuffix(".sealed"), int(commits[0][5])
    return "", int(origin.rpartition("/")[2]) if origin.rpartition("/")[2].isdecimal() else 0
