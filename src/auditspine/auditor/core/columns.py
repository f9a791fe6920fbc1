"""Checks the columns of ``entries`` that follow from the raw bytes, and verdicts. Pure."""

from collections import Counter
from collections.abc import Sequence
from operator import lt

from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.judge import Judge, Suspect, unsigned_verdict
from auditspine.auditor.core.producers import UNSIGNED, SequenceCheck, Stream
from auditspine.auditor.core.rows import EntryRow
from auditspine.auditor.core.signatures import Claim, SignatureCheck
from auditspine.auditor.core.withheld import HeartbeatCollector
from auditspine.ledger.verdict import Flag, Verdict

_SEQUENCE_FLAGS = int(Flag.GAP | Flag.DUPLICATE)
_CLAIMED = ("public_key", "tenant", "producer", "epoch", "sequence")
_HOLE = "an entry of this sequence before it is gone, or passed off as another tenant's"
_NAMES = {int(verdict): verdict.name.lower() for verdict in Verdict}


class ColumnCheck:
    """Checks rows of ``entries`` against the raw rows beside them, in order, in blocks.

    Args:
        signatures: Checks producers' signatures; nothing but offsets is checked without.
        defects: Where differences go.
        judge: Recomputes verdicts.
        heartbeats: Collects heartbeats.
        partial: Whether content may be absent, so that a row may pass for another tenant's.

    Attributes:
        suspects: Entries whose verdict says that they are signed, and they are not.
        verdicts: Entries per stored verdict.
        flags: Entries per stored flag.
        unjudged: Authentic entries whose verdict could not be recomputed.
        set_aside: Valid entries whose raw row stands in quarantine.
        by_hash: Entries of blocks whose content may be absent and is.
        sequences: The producers' sequences.
    """

    def __init__(
        self,
        signatures: SignatureCheck | None,
        defects: DefectLog,
        judge: Judge | None = None,
        heartbeats: HeartbeatCollector | None = None,
        *,
        partial: bool = False,
    ) -> None:
        self.suspects: list[Suspect] = []
        self.verdicts: Counter[int] = Counter()
        self.flags: Counter[int] = Counter()
        self.unjudged = 0
        self.set_aside = 0
        self.by_hash = 0
        self.sequences = SequenceCheck()
        self._signatures = signatures
        self._defects = defects
        self._judge = judge
        self._heartbeats = heartbeats
        self._partial = partial
        self._offset = -1
        self._offset_before = -1
        self._blind = False
        self._settled: set[Stream] | None = None  # streams seen again after an unknown entry

    def block(
        self,
        rows: Sequence[EntryRow],
        values: Sequence[bytes],
        sigs: Sequence[bytes],
        tables: Sequence[str] | None = None,
        held: Sequence[EntryRow] | None = None,
    ) -> None:
        """Check a block.

        Args:
            rows: Rows of ``entries`` at consecutive positions; plain tuples will do.
            values: The raw values of those that are held.
            sigs: Their raw signature headers.
            tables: Where each raw row is stored; not given when that agrees with the verdicts.
            held: Those of the rows whose content is there, in order; all when not given.
        """
        held = rows if held is None else held
        self._check_offsets(rows)
        self.verdicts.update(row[5] for row in rows)
        self.flags.update(row[6] for row in rows)
        self.by_hash += len(rows) - len(held)
        if self._signatures is None:
            return
        claims, authentic = self._signatures.block(values, sigs)
        self._check_claims(held, claims)
        if held is rows:
            flags = self.sequences.block(claims, authentic, sigs)
        else:
            places = [row[0] - rows[0][0] for row in held]
            flags = self.sequences.partial(rows, places, claims, authentic, sigs)
        known = len(self.suspects)
        skews = self._check_verdicts(held, values, sigs, authentic, tables)
        expected = [flag | skew for flag, skew in zip(flags, skews, strict=True)]
        self._check_flags(held, claims, expected, {s.position for s in self.suspects[known:]})
        if self._heartbeats is not None:
            self._collect(self._heartbeats, held, values, claims, authentic)

    def assume(self, row: EntryRow) -> None:
        """Take a row whose raw bytes are not to be believed: keep the sequences going."""
        self._lose()
        self._check_offsets([row])
        self.verdicts[row.verdict] += 1
        self.flags[row.flags] += 1
        if row.verdict not in UNSIGNED:
            self.sequences.block([row[8:13]], [True], [b""])

    def lost(self, value: bytes, sig: bytes) -> None:
        """Take raw bytes whose row of ``entries`` is missing: keep the sequences going."""
        self._lose()
        if self._signatures is not None:
            claims, authentic = self._signatures.block([value], [sig])
            self.sequences.block(claims, authentic, [sig])

    def unknown(self) -> None:
        """Take an entry of which nothing is known: gaps after it say nothing for a while."""
        self._lose()
        self._settled = set()

    def _lose(self) -> None:
        if self._judge is not None and self._judge.needs_every_entry:
            self._blind = True

    # -- the checks --------------------------------------------------------------------------

    def _check_offsets(self, rows: Sequence[EntryRow]) -> None:
        offsets = [self._offset, *(row[1] for row in rows)]
        if not all(map(lt, offsets, offsets[1:])):
            line = [self._offset_before, *offsets]
            for index in range(2, len(line)):
                if line[index] <= line[index - 1]:
                    self._misplaced_offset(rows[index - 2][0], line[index - 2 : index + 1])
        self._offset_before, self._offset = offsets[-2], offsets[-1]

    def _misplaced_offset(self, position: int, line: list[int]) -> None:
        """Of two offsets out of order, blame the one without which the rest is in order."""
        before, earlier, here = line
        blamed = earlier if before < here else here
        self._defects.add(
            Kind.ALTERED_COLUMN,
            position - 1 if before < here else position,
            "entries",
            column="source_offset",
            expected="an offset between those of its neighbours",
            got=str(blamed),
            detail="source offsets do not increase",
        )

    def _check_claims(self, rows: Sequence[EntryRow], claims: Sequence[Claim]) -> None:
        if [row[8:13] for row in rows] == claims:
            return
        for row, claim in zip(rows, claims, strict=True):
            for column, got, expected in zip(_CLAIMED, row[8:13], claim, strict=True):
                if got != expected:
                    self._altered(row[0], column, _text(expected), _text(got))

    def _check_verdicts(
        self,
        rows: Sequence[EntryRow],
        values: Sequence[bytes],
        sigs: Sequence[bytes],
        authentic: Sequence[bool],
        tables: Sequence[str] | None,
    ) -> list[int]:
        """Check verdicts; give the clock flag of each entry, or the stored one if unknown."""
        judge = None if self._blind else self._judge
        skew = int(Flag.CLOCK_SKEW)
        skews = [row[6] & skew for row in rows]
        if (
            self._judge is None
            and tables is None
            and all(authentic)
            and not any(r[5] for r in rows)
        ):
            return skews
        for index, row in enumerate(rows):
            expected: int | None
            if not authentic[index]:
                expected, skews[index] = unsigned_verdict(values[index], sigs[index]), 0
                if expected != row[5]:
                    self.suspects.append(Suspect(row[0], expected, row[5]))
                continue
            expected = row[5]
            ruling = judge.rule(EntryRow._make(row), values[index], sigs[index]) if judge else None
            if ruling is not None:
                expected, skews[index] = ruling[0], skew if ruling[1] else 0
            elif self._judge is not None:
                self.unjudged += 1
            elif row[5] in UNSIGNED:
                expected = int(Verdict.VALID)
            table = None if tables is None else tables[index]
            self._check_verdict(row, expected, table, ruled=ruling is not None)
        return skews

    def _check_verdict(
        self, row: EntryRow, expected: int, table: str | None, *, ruled: bool
    ) -> None:
        home = "evidence" if expected == Verdict.VALID else "quarantine"
        if expected == Verdict.VALID and table == "quarantine":  # the store could not load it
            self.set_aside += 1
            table = home
        misplaced = table not in (None, home)
        if expected != row[5] or (misplaced and not ruled):
            self._defects.add(
                Kind.ALTERED_VERDICT,
                row[0],
                "entries",
                column="verdict",
                expected=_NAMES.get(expected, str(expected)) if expected != row[5] else str(table),
                got=_NAMES.get(row[5], str(row[5])),
                detail="" if expected != row[5] else f"the raw row stands in {table}",
            )
        elif misplaced:
            self._defects.add(Kind.MISSING, row[0], home, detail=f"it stands in {table}")
            self._defects.add(Kind.EXTRA, row[0], str(table), detail=f"it belongs in {home}")

    def _check_flags(
        self,
        rows: Sequence[EntryRow],
        claims: Sequence[Claim],
        expected: Sequence[int],
        suspects: set[int],
    ) -> None:
        if expected == [row[6] for row in rows] and self._settled is None and not suspects:
            return
        for row, claim, flag in zip(rows, claims, expected, strict=True):
            if row[0] in suspects:
                self._settled = set()
                continue
            if flag != row[6] and not self._excused(row[6], flag, claim[:4]):
                is_hole = self._partial and flag & ~row[6] & Flag.GAP
                self._altered(row[0], "flags", str(flag), str(row[6]), _HOLE if is_hole else "")
            if self._settled is not None:
                self._settled.add(claim[:4])

    def _excused(self, stored: int, computed: int, stream: Stream) -> bool:
        """After an unknown entry a stream may seem to have a gap where it has none."""
        return (
            self._settled is not None
            and stream not in self._settled
            and stored & ~_SEQUENCE_FLAGS == computed & ~_SEQUENCE_FLAGS
        )

    def _collect(
        self,
        heartbeats: HeartbeatCollector,
        rows: Sequence[EntryRow],
        values: Sequence[bytes],
        claims: Sequence[Claim],
        authentic: Sequence[bool],
    ) -> None:
        prefixes = heartbeats.prefixes
        for index in [i for i, value in enumerate(values) if value[:5] in prefixes]:
            row = rows[index]
            if authentic[index] and row[5] == Verdict.VALID:
                heartbeats.take(self._defects.origin, row[0], row[2], claims[index], values[index])

    def _altered(
        self, position: int, column: str, expected: str, got: str, detail: str = ""
    ) -> None:
        self._defects.add(
            Kind.ALTERED_COLUMN,
            position,
            "entries",
            column=column,
            expected=expected,
            got=got,
            detail=detail,
        )


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
