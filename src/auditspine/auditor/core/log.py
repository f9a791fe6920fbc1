"""Verifies one log: one pass over its rows, whole blocks at once while nothing is wrong. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from struct import Struct

from auditspine.auditor.core.checkpoints import (
    CheckpointCheck,
    ControlSizes,
    Stop,
    committed_end,
    settled_end,
)
from auditspine.auditor.core.columns import ColumnCheck, Judge, Suspect
from auditspine.auditor.core.defects import Defect, DefectLog, Kind, pair_swaps
from auditspine.auditor.core.producers import Stream
from auditspine.auditor.core.repair import OpenPosition, Repair
from auditspine.auditor.core.rows import CheckpointRow, Cursor, EntryRow, LogRows, RawRow
from auditspine.auditor.core.signatures import SignatureCheck
from auditspine.auditor.core.trust import Trust
from auditspine.auditor.core.window import Window
from auditspine.auditor.core.withheld import HeartbeatCollector
from auditspine.ledger.merkle import CHAIN_START
from auditspine.ledger.note import Checkpoint
from auditspine.ledger.verdict import Verdict

BLOCK = 2048  # entries checked at once
_LENGTH = Struct(">I").pack


@dataclass(frozen=True, slots=True)
class Checks:
    """What to check, and with what.

    Attributes:
        trust: Trusted keys; without them nothing is authenticated.
        signatures: Whether to check producers' signatures, sequences and verdicts.
        judge: Recomputes verdicts.
        heartbeats: Collects heartbeats for the comparison across logs.
        elsewhere: Authentic checkpoints of this log that did not come from the store.
    """

    trust: Trust | None = None
    signatures: bool = True
    judge: Judge | None = None
    heartbeats: HeartbeatCollector | None = None
    elsewhere: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class LogResult:
    """What was found in one log.

    Attributes:
        origin: The log.
        topic: Its source topic.
        partition: Its source partition.
        size: Entries committed and read.
        uncommitted: Rows beyond them that an open claim covers.
        proven: Size of the last signed checkpoint that the entries agree with.
        last_checkpoint: Its row.
        checkpoints: Signed checkpoints that agree.
        unchecked_checkpoints: Signed checkpoints that could not be compared.
        verdicts: Entries per stored verdict.
        flags: Entries per stored flags.
        unjudged: Entries whose verdict could not be recomputed.
        set_aside: Valid entries that stand in quarantine, since the store could not load them.
        last_appended_at: Broker's time of the last entry, milliseconds since 1970.
        highest: Highest sequence per producer's stream.
        defects: Everything that is wrong, in position order.
        defects_beyond: Defects that were counted and not kept.
    """

    origin: str
    topic: str
    partition: int
    size: int
    uncommitted: int
    proven: int
    last_checkpoint: CheckpointRow | None
    checkpoints: int
    unchecked_checkpoints: int
    verdicts: dict[int, int]
    flags: dict[int, int]
    unjudged: int
    set_aside: int
    last_appended_at: int | None
    highest: dict[Stream, int]
    defects: tuple[Defect, ...]
    defects_beyond: int


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
        self._controls = ControlSizes(() if rows.is_control else rows.checkpoints(), self._defects)
        self._signatures = SignatureCheck(rows.topic, rows.partition) if checks.signatures else None
        self._columns = ColumnCheck(
            self._signatures, self._defects, checks.judge, checks.heartbeats
        )
        self._repair = Repair(self._window, self._tree, self._defects)
        self._chain: bytes | None = CHAIN_START
        self._next = 0
        self._last_appended_at: int | None = None

    def run(self) -> LogResult:
        while self._next < self._size:
            before = self._next
            if not self._clean_block() and not self._lost_range():
                self._damaged_block()
            self._progress(self._next - before)
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
        if leaves != _leaves(raws) or not _chained(chain, leaves, chains):
            return False
        valid = sum(1 for row in rows if not row[5])
        self._entries.drop(len(rows))
        self._evidence.drop(valid)
        self._quarantine.drop(len(rows) - valid)
        self._controls.block(self._next, [row[7] for row in rows])
        self._columns.block(rows, [raw[1] for raw in raws], [raw[2] for raw in raws])
        self._tree.extend(leaves, chains)
        self._chain = chains[-1]
        self._last_appended_at = rows[-1][2]
        self._next += len(rows)
        return True

    def _raws_of(self, rows: Sequence[EntryRow]) -> list[RawRow] | None:
        """Give the raw rows of a block when every position has one where it belongs."""
        expected = list(range(self._next, self._next + len(rows)))
        if not rows or [row[0] for row in rows] != expected:
            return None
        valid = sum(1 for row in rows if not row[5])
        evidence = self._evidence.peek(valid)
        others = self._quarantine.peek(len(rows) - valid)
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
                self._controls.block(position, [entry.control_size])
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

    # -- the end -----------------------------------------------------------------------------

    def _beyond(self) -> int:
        """Take the rows that are left; give the number that an open claim covers."""
        uncommitted = 0
        claimed = self._rows.claim_end
        streams: tuple[tuple[str, Cursor[EntryRow] | Cursor[RawRow]], ...] = (
            ("entries", self._entries),
            ("evidence", self._evidence),
            ("quarantine", self._quarantine),
        )
        for table, cursor in streams:
            for row in cursor:
                if claimed is not None and self._size <= row[0] < claimed:
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
        claimed = self._rows.claim_end
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
        elif claimed is None or stop.size > claimed:
            self._tree.beyond(stop)

    def _result(self, uncommitted: int) -> LogResult:
        for item in self._repair.unresolved():
            self._name_open(item)
        self._name_suspects(self._columns.suspects)
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
            self._last_appended_at,
            self._columns.sequences.highest,
            tuple(self._final_defects()),
            self._defects.beyond_cap,
        )

    def _name_open(self, item: OpenPosition) -> None:
        """Name an entry that the chain refutes: by its signature if that fails, else a range."""
        position = item.slot.position
        entry = item.slot.entries[0]
        claims_signature = entry.verdict not in (Verdict.FOREIGN, Verdict.BAD_SIGNATURE)
        forged = self._signatures is not None and any(
            not self._signatures.one(raw.value, raw.sig)[1] for _, raw, _ in item.slot.raws
        )
        if claims_signature and forged:
            self._defects.add(
                Kind.ALTERED_RAW,
                position,
                item.slot.raws[0][0],
                column="value, sig",
                got=item.slot.raws[0][2].hex(),
                detail="the value and its leaf were changed; no signature covers the value",
            )
        else:
            self._defects.add(
                Kind.REWRITTEN,
                item.proven,
                "entries",
                last=position,
                got=entry.leaf.hex(),
                detail=f"the chain breaks at position {position}",
                exact=item.proven == position,
            )

    def _name_suspects(self, suspects: Sequence[Suspect]) -> None:
        """Where hashes were rewritten the value was changed; elsewhere it was the verdict."""
        ranges = [d for d in self._defects.found if d.kind in (Kind.REWRITTEN, Kind.FORKED)]
        for position, expected, got in suspects:
            rewritten = any(d.first <= position <= d.last for d in ranges)
            self._defects.add(
                Kind.ALTERED_RAW if rewritten else Kind.ALTERED_VERDICT,
                position,
                "evidence" if rewritten else "entries",
                column="value, sig" if rewritten else "verdict",
                expected="a value that its signature covers"
                if rewritten
                else Verdict(expected).name.lower(),
                got="" if rewritten else str(got),
                detail="the value was changed and its hashes rewritten" if rewritten else "",
            )

    def _final_defects(self) -> list[Defect]:
        """Order the defects, name swaps and cut tails, and drop ranges that are explained."""
        named = pair_swaps(self._defects.found)
        exact = {d.first for d in named if d.kind is Kind.ALTERED_RAW}
        kept = [
            replace(d, kind=Kind.TRUNCATED)
            if d.kind is Kind.MISSING and d.table == "entries" and d.last == self._size - 1
            else d
            for d in named
            if not (d.kind is Kind.REWRITTEN and any(d.first <= at <= d.last for at in exact))
        ]
        return sorted(kept, key=lambda d: (d.first, d.last, d.kind))


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
