"""Verifies one log: one pass over its rows, whole blocks at once while nothing is wrong. Pure."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from struct import Struct

from auditspine.auditor.core.checkpoints import CheckpointCheck, Stop
from auditspine.auditor.core.columns import ColumnCheck
from auditspine.auditor.core.commits import SegmentRows, committed_end, settled_end
from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.naming import final_defects, name_open, name_suspects
from auditspine.auditor.core.partial import partial_raws
from auditspine.auditor.core.repair import Repair
from auditspine.auditor.core.result import Checks, LogResult
from auditspine.auditor.core.rows import Cursor, EntryRow, LogRows, RawRow
from auditspine.auditor.core.signatures import SignatureCheck
from auditspine.auditor.core.window import Window
from auditspine.ledger.merkle import CHAIN_START
from auditspine.ledger.note import Checkpoint

__all__ = ["Checks", "LogResult", "verify_log"]

BLOCK = 2048  # entries checked at once
_LENGTH = Struct(">I").pack


def verify_log(
    rows: LogRows, checks: Checks, progress: Callable[[int], None] | None = None
) -> LogResult:
    """Verify one log.

    Args:
        rows: What is stored of it.
        checks: What to check.
        progress: Called with the number of entries done since the last call.
    """
    return _LogVerifier(rows, checks, progress or (lambda _: None)).run()


class _LogVerifier:
    def __init__(self, rows: LogRows, checks: Checks, progress: Callable[[int], None]) -> None:
        self._rows = rows
        self._progress = progress
        self._defects = DefectLog(rows.origin)
        self._size = committed_end(rows.commits, self._defects)
        if rows.settled is not None:
            self._size = settled_end(rows.settled, self._size, checks.trust, self._defects)
        self._entries, self._evidence = Cursor(rows.entries), Cursor(rows.evidence)
        self._quarantine = Cursor(rows.quarantine)
        self._window = Window(self._entries, self._evidence, self._quarantine, self._defects)
        self._window.end = self._size
        self._tree = CheckpointCheck(
            rows.checkpoints(), rows.commits, checks.elsewhere, self._defects, checks.trust
        )
        self._segments = SegmentRows(
            rows.checkpoints(),
            self._defects,
            checks.trust,
            has_control_sizes=not rows.is_control,
        )
        self._tenants = None if rows.is_control else checks.tenants
        self._signatures = SignatureCheck(rows.topic, rows.partition) if checks.signatures else None
        self._columns = ColumnCheck(
            self._signatures,
            self._defects,
            checks.judge,
            checks.heartbeats,
            partial=self._tenants is not None,
        )
        self._repair = Repair(self._window, self._tree, self._defects, self._tenants)
        self._chain: bytes | None = CHAIN_START
        self._next = 0
        self._last_appended_at: int | None = None
        self._claim_end: int | None = None

    def run(self) -> LogResult:
        while self._next < self._size:
            before = self._next
            if not self._clean_block() and not self._lost_range():
                self._damaged_block()
            self._progress(self._next - before)
        self._segments.finish()
        uncommitted = self._beyond()
        for stop in self._tree.finish():
            self._stop_beyond(stop)
        if self._tree.covered < self._size:
            self._defects.add(Kind.MISSING, self._tree.covered, "checkpoints", last=self._size - 1)
        return self._result(uncommitted)

    # -- blocks ------------------------------------------------------------------------------

    def _clean_block(self) -> bool:
        """Check a block whose rows all fit; ``False``, with nothing taken, when one does not."""
        chain = self._chain
        if chain is None or not self._window.is_empty:
            return False
        rows = self._entries.peek(min(BLOCK, self._size - self._next))
        raws = self._raws_of(rows)
        if raws is None:
            return False
        leaves = [row[3] for row in rows]
        chains = [row[4] for row in rows]
        held = rows if len(raws) == len(rows) else [rows[raw[0] - self._next] for raw in raws]
        stored = leaves if held is rows else [row[3] for row in held]
        if stored != _leaves(raws) or not _chained(chain, leaves, chains):
            return False
        valid = sum(1 for row in held if not row[5])
        self._entries.drop(len(rows))
        self._evidence.drop(valid)
        self._quarantine.drop(len(held) - valid)
        self._segments.block(self._next, rows)
        self._columns.block(rows, [raw[1] for raw in raws], [raw[2] for raw in raws], held=held)
        self._tree.extend(leaves, chains)
        self._chain = chains[-1]
        self._last_appended_at = rows[-1][2]
        self._next += len(rows)
        return True

    def _raws_of(self, rows: Sequence[EntryRow]) -> list[RawRow] | None:
        """Give the raw rows of a block when every position that must has one where it belongs."""
        expected = list(range(self._next, self._next + len(rows)))
        if not rows or [row[0] for row in rows] != expected:
            return None
        valid = sum(1 for row in rows if not row[5])
        evidence = self._evidence.peek(valid)
        others = self._quarantine.peek(len(rows) - valid)
        if self._tenants is not None:
            return partial_raws(rows, evidence, others, self._tenants)
        if len(evidence) + len(others) != len(rows):
            return None
        if others:
            first, second = iter(evidence), iter(others)
            raws = [next(second if row[5] else first) for row in rows]
        else:
            raws = evidence
        return raws if [raw[0] for raw in raws] == expected else None

    def _lost_range(self) -> bool:
        """Pass over positions of which no row is left, however many."""
        if not self._window.is_empty:
            return False
        heads = (self._entries.head(), self._evidence.head(), self._quarantine.head())
        until = min([self._size, *(head[0] for head in heads if head is not None)])
        if until <= self._next:
            return False
        self._defects.add(
            Kind.MISSING,
            self._next,
            "entries",
            last=until - 1,
            detail="the raw row is missing as well",
        )
        self._tree.hole(until - self._next)
        self._columns.unknown()
        self._chain, self._next = None, until
        return True

    def _damaged_block(self) -> None:
        """Take a block position by position."""
        self._window.skip_to(self._next)
        until = min(self._next + BLOCK, self._size)
        while self._next < until or (not self._window.is_empty and self._next < self._size):
            position = self._next
            settled = self._repair.settle(position, self._chain)
            entry, raw = settled.entry, settled.raw
            if settled.leaf is not None:
                self._tree.extend([settled.leaf], () if settled.chain is None else (settled.chain,))
            if entry is not None:
                self._segments.block(position, [entry])
                self._last_appended_at = entry.appended_at
            if settled.leaf is None:
                self._columns.unknown()
            elif entry is not None and raw is not None:
                self._columns.block([entry], [raw.value], [raw.sig], [settled.table])
            elif entry is not None:
                self._columns.assume(entry)
            elif raw is not None:
                self._columns.lost(raw.value, raw.sig)
            self._chain = settled.chain
            self._next += 1

    def _claimed(self) -> int:
        """Give the position before which rows may stand that no commit covered at the start."""
        if self._claim_end is None:
            known = (self._rows.claim_end, self._rows.claim_end_now())
            self._claim_end = max(each or 0 for each in known)
        return self._claim_end

    # -- the end -----------------------------------------------------------------------------

    def _beyond(self) -> int:
        """Take the rows that are left; give the number that an open claim covers."""
        uncommitted = 0
        claimed = self._claimed
        streams: tuple[tuple[str, Cursor[EntryRow] | Cursor[RawRow]], ...] = (
            ("entries", self._entries),
            ("evidence", self._evidence),
            ("quarantine", self._quarantine),
        )
        for table, cursor in streams:
            for row in cursor:
                if self._size <= row[0] < claimed():
                    uncommitted += table == "entries"
                elif row[0] < self._size:
                    self._defects.add(
                        Kind.EXTRA, row[0], table, detail="a second row at this position"
                    )
                else:
                    self._defects.add(
                        Kind.EXTRA, row[0], table, detail=f"the log ends at size {self._size}"
                    )
        return uncommitted

    def _stop_beyond(self, stop: Stop) -> None:
        """A checkpoint for a size that the store does not reach."""
        if isinstance(stop.row, Checkpoint):
            self._defects.add(
                Kind.TRUNCATED,
                self._size,
                "entries",
                last=stop.size - 1,
                expected=str(stop.size),
                got=str(self._size),
                detail="a signed checkpoint from elsewhere proves more entries",
            )
        elif stop.size > self._claimed():
            self._tree.beyond(stop)

    def _result(self, uncommitted: int) -> LogResult:
        for item in self._repair.unresolved():
            name_open(item, self._signatures, self._defects)
        name_suspects(self._columns.suspects, self._defects)
        return LogResult(
            self._rows.origin,
            self._rows.topic,
            self._rows.partition,
            self._size,
            uncommitted,
            self._tree.proven,
            self._tree.last,
            self._tree.agreed,
            self._tree.unchecked,
            dict(self._columns.verdicts),
            dict(self._columns.flags),
            self._columns.unjudged,
            self._columns.set_aside,
            self._columns.by_hash + self._repair.by_hash,
            self._last_appended_at,
            self._columns.sequences.highest,
            tuple(final_defects(self._defects.found, self._size)),
            self._defects.beyond_cap,
        )


def _leaves(raws: Sequence[RawRow]) -> list[bytes]:
    """Compute the leaves of raw rows. Source: auditspine.ledger.entry, inlined for speed."""
    hashing, length = sha256, _LENGTH
    return [
        hashing(b"".join((b"\x00", length(len(value)), value, length(len(sig)), sig))).digest()
        for _, value, sig in raws
    ]


def _chained(chain: bytes, leaves: Sequence[bytes], chains: Sequence[bytes]) -> bool:
    """Tell whether each stored chain value follows from the one before it."""
    hashing = sha256
    before = [chain, *chains[:-1]]
    return chains == [
        hashing(link + leaf).digest() for link, leaf in zip(before, leaves, strict=True)
    ]
