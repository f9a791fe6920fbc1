"""Writes chunks into ClickHouse so that each entry lands exactly once, whoever writes when.

The steps (docs/adr/0004-commits-table.md): claim the chunk; insert its rows with tokens made from
the claim; insert the commit. Every step can be repeated, by this sink or another.
"""

from collections.abc import Sequence
from concurrent.futures import wait
from functools import partial

import structlog

from auditspine.ledger.batch import claimed_tenant
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Verdict
from auditspine.sinks.bad_rows import find_bad
from auditspine.sinks.chunk import Chunk, Resume
from auditspine.sinks.claims import Claims, Lease
from auditspine.sinks.errors import BadDataError, UnsupportedSchemaError
from auditspine.sinks.pool import Pool
from auditspine.sinks.reframe import WIRE_HEADER, reframe, schema_id
from auditspine.sinks.rows import encode_entries, entries_target
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas

_QUARANTINE = {
    "origin": "String",
    "position": "UInt64",
    "appended_at": "DateTime64(3, 'UTC')",
    "verdict": "Int8",
    "reason": "String",
    "value": "String",
    "sig": "String",
}
_CHECKPOINT = {
    "origin": "String",
    "size": "UInt64",
    "first": "UInt64",
    "root": "FixedString(32)",
    "chain": "FixedString(32)",
    "control_size": "UInt64",
    "sealed_at": "DateTime64(3, 'UTC')",
    "sealed_offset": "Int64",
    "note": "String",
}

_log = structlog.get_logger(__name__)


class ChunkWriter:
    """Writes chunks; safe to use from several threads for different partitions.

    Args:
        store: ClickHouse.
        schemas: How events are inserted.
        claims: Who may write.
        pool: Threads for inserts that go on beside each other; not those that call ``write``,
            which wait for them.
        tenants: Whose content is written; of other entries only what is free of content. All
            when not given.
    """

    def __init__(
        self,
        store: Store,
        schemas: StoredSchemas,
        claims: Claims,
        pool: Pool,
        tenants: frozenset[str] | None = None,
    ) -> None:
        self.store = store
        self.schemas = schemas
        self.claims = claims
        self.pool = pool
        self.tenants = tenants

    def resume(self, topic: str, partition: int) -> Resume:
        """Give where a sealed partition goes on; errors as in :class:`Claims`."""
        return self.claims.resume(topic, partition)

    def write(self, chunk: Chunk) -> int:
        """Claim a chunk and, when the claim has its boundaries, write and commit it.

        Returns:
            The sealed offset after the claimed chunk. When it is not the chunk's, nothing was
            written: cut the chunk there and write that.

        Raises:
            StaleError: Another sink went on: resume.
            SchemaNotStoredError: Repeat later.
            UnavailableError: Repeat later.
            RefusedError: ClickHouse refuses.
        """
        lease = self.claims.claim(chunk)
        if lease.sealed_next == chunk.sealed_next:
            _Landing(self, chunk, lease).run()
        return lease.sealed_next

    def fill(self, chunk: Chunk, until: int, attempt: str) -> None:
        """Write the content that a committed chunk lacks; errors as in :meth:`write`.

        Args:
            chunk: The chunk; what is there of it is looked up.
            until: Position before which it is committed.
            attempt: Different each time: ClickHouse remembers rows that are gone since.
        """
        lease = Lease(chunk.sealed_next, float("inf"), is_old=True)
        _Landing(self, chunk, lease, until, f":{attempt}").write_content()


class _Landing:
    """One chunk on its way into the tables.

    Rows that are there already are recognised by their token, and by a look into the table when
    the claim is so old that ClickHouse may have forgotten the token.
    """

    def __init__(
        self,
        writer: ChunkWriter,
        chunk: Chunk,
        lease: Lease,
        until: int | None = None,
        attempt: str = "",
    ) -> None:
        self._store = writer.store
        self._schemas = writer.schemas
        self._claims = writer.claims
        self._pool = writer.pool
        self._chunk = chunk
        self._lease = lease
        self._origin = chunk.last.segment.origin
        self._tenants = writer.tenants
        # Another tenant's content of the same chunk is another insert.
        self._whose = "" if self._tenants is None else f":{sorted(self._tenants)}{attempt}"
        self._until = until

    def run(self) -> None:
        beside = (
            self._pool.submit(partial(self._write_entries, list(self._chunk.entries()))),
            self._pool.submit(self._write_checkpoints),
        )
        try:
            self.write_content()
        finally:
            wait(beside)
        for each in beside:
            each.result()
        self._hold()
        self._claims.commit(self._chunk)

    def write_content(self) -> None:
        """Write evidence and quarantine."""
        valid: dict[bytes, list[Entry]] = {}
        others: list[tuple[Entry, str]] = []
        for entry, _ in self._chunk.entries():
            if not self._is_wanted(entry):
                continue
            if entry.verdict is Verdict.VALID:
                valid.setdefault(entry.value[:WIRE_HEADER], []).append(entry)
            else:
                others.append((entry, entry.reason))
        for header, group in sorted(valid.items()):
            others += self._write_evidence(schema_id(header), group)
        self._write_quarantine(others)

    def _is_wanted(self, entry: Entry) -> bool:
        """Tell whether an entry's content is written here.

        What a key signed for a tenant that it may not speak for is likely another's content.
        """
        if self._until is not None and entry.position >= self._until:
            return False
        if self._tenants is None:
            return True
        is_own = claimed_tenant(entry.sig) in self._tenants
        return is_own and entry.verdict is not Verdict.WRONG_TENANT

    def _write_evidence(self, number: int, entries: list[Entry]) -> list[tuple[Entry, str]]:
        """Write the entries of one schema; give those that ClickHouse cannot read, and why."""
        try:
            prepared = self._schemas.get(number)
        except UnsupportedSchemaError as exc:
            return [(entry, f"undecodable by ClickHouse: {exc}") for entry in entries]
        target = prepared.target(self._origin)
        token = f"{self._chunk.name}:{number}{self._whose}"
        bad: dict[int, str] = {}
        while True:
            present = self._present("evidence")
            rest = [e for e in entries if e.position not in bad and e.position not in present]
            if not rest:
                break
            try:
                self._insert(target, reframe(prepared.header, rest), "Avro", token)
                break
            except BadDataError as exc:
                found = find_bad(self._store, prepared, rest, exc)
                _log.warning(
                    "events that ClickHouse cannot read go to quarantine",
                    chunk=self._chunk.name,
                    schema_id=number,
                    positions=list(found)[:10],
                    count=len(found),
                )
                bad |= found
        return [
            (e, f"undecodable by ClickHouse: {bad[e.position]}")
            for e in entries
            if e.position in bad
        ]

    def _write_quarantine(self, entries: Sequence[tuple[Entry, str]]) -> None:
        present = self._present("quarantine") if entries else set()
        rows = [
            (
                self._origin,
                entry.position,
                entry.timestamp,
                int(entry.verdict),
                reason,
                entry.value,
                entry.sig,
            )
            for entry, reason in sorted(entries)
            if entry.position not in present
        ]
        self._insert_rows("quarantine", _QUARANTINE, rows)

    def _write_entries(self, rows: Sequence[tuple[Entry, int]]) -> None:
        present = self._present("entries") if rows else set()
        rest = [row for row in rows if row[0].position not in present]
        if rest:
            segment = self._chunk.last.segment
            target = entries_target(segment.origin, segment.topic, segment.partition)
            self._insert(target, encode_entries(rest), "RowBinary", self._chunk.name)

    def _write_checkpoints(self) -> None:
        present = self._present("checkpoints", "sealed_offset")
        rows = [
            (
                self._origin,
                accepted.head.size,
                accepted.segment.first,
                accepted.head.root(),
                accepted.head.chain,
                accepted.segment.control_size,
                accepted.segment.sealed_at,
                offset,
                accepted.segment.note,
            )
            for offset, accepted in self._chunk.segments
            if offset not in present
        ]
        self._insert_rows("checkpoints", _CHECKPOINT, rows)

    def _insert(self, target: str, data: bytes, fmt: str, token: str) -> None:
        self._hold()
        self._store.insert_data(target, data, fmt, token)

    def _insert_rows(
        self, table: str, columns: dict[str, str], rows: Sequence[Sequence[object]]
    ) -> None:
        if rows:
            self._hold()
            token = self._chunk.name + self._whose
            self._store.insert_rows(table, columns, rows, token)

    def _hold(self) -> None:
        self._lease = self._claims.hold(self._chunk, self._lease)

    def _present(self, table: str, column: str = "position") -> set[int]:
        """Look up which rows of the chunk are in a table; none when their tokens suffice."""
        self._hold()
        if not self._lease.is_old:
            return set()
        if column == "position":
            first, last = self._chunk.first, self._chunk.last.head.size - 1
        else:
            first, last = self._chunk.sealed_first, self._chunk.sealed_next - 1
        found = self._store.query(
            f"SELECT {column} FROM {table} WHERE origin = {{origin:String}} "  # noqa: S608 - names
            f"AND {column} BETWEEN {{first:Int64}} AND {{last:Int64}}",
            {"origin": self._origin, "first": first, "last": last},
        )
        return {int(row[0]) for row in found}
