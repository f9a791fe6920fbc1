"""What the sink says of a log's size, and what checkpoints say of their segments' rows. Pure."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.notes import open_note
from auditspine.auditor.core.rows import CheckpointRow, CommitRow, Cursor, EntryRow
from auditspine.auditor.core.trust import Trust
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.signed_rows import pack_row, rows_line, rows_start

SEGMENT = "source_offset, appended_at, verdict, flags"
"""The columns that a segment's checkpoint binds together with its rows' control size."""


class SegmentRows:
    """Compares rows of ``entries`` with what their segment's checkpoint says and signs of them.

    A segment of which a row is missing, or that overlaps the one before it (a zombie wrote it),
    cannot be hashed whole and is passed over: its rows are held by other checks only.

    Args:
        checkpoints: Ordered by size, then ``first``.
        defects: Where differences go.
        trust: Trusted keys; what nobody trusted signed is compared nevertheless.
        has_control_sizes: Whether entries rest on one size of the control log per segment.
    """

    def __init__(
        self,
        checkpoints: Iterable[CheckpointRow],
        defects: DefectLog,
        trust: Trust | None,
        *,
        has_control_sizes: bool,
    ) -> None:
        self._segments = Cursor(checkpoints)
        self._defects = defects
        self._trust = trust
        self._has_control_sizes = has_control_sizes
        self._next = 0
        self._hash: Any = None

    def block(self, first: int, rows: Sequence[EntryRow]) -> None:
        """Check rows at consecutive positions from ``first`` on."""
        position, end = first, first + len(rows)
        if position != self._next:
            self._hash = None  # rows are missing
        while position < end:
            segment = self._segment_at(position)
            if segment is None:
                break
            until = min(end, segment.size)
            part = rows[position - first : until - first]
            if segment.first == position:
                self._begin(segment)
            if self._hash is not None:
                self._hash.update(b"".join([pack_row(r[1], r[2], r[5], r[6]) for r in part]))
            if self._has_control_sizes and segment.first <= position:
                self._check_sizes(position, [row[7] for row in part], segment.control_size)
            if until == segment.size:
                self._end(segment)
            position = until
        self._next = end

    def finish(self) -> None:
        """Check what is left: checkpoints over an unchanged size."""
        while (segment := self._segments.head()) is not None:
            self._segments.take()
            self._quiet(segment)

    def _segment_at(self, position: int) -> CheckpointRow | None:
        while (segment := self._segments.head()) is not None and segment.size <= position:
            self._segments.take()
            self._quiet(segment)
        return segment

    def _quiet(self, segment: CheckpointRow) -> None:
        if segment.first == segment.size:
            self._begin(segment)
            self._end(segment)

    def _begin(self, segment: CheckpointRow) -> None:
        start = rows_start(segment.first, segment.control_size, segment.sealed_at)
        self._hash = sha256(start)

    def _end(self, segment: CheckpointRow) -> None:
        hashed, self._hash = self._hash, None
        if hashed is None:
            return
        try:
            signed = open_note(segment.note, segment.sealed_at, self._trust)
        except (FormatError, IntegrityError):  # reported where all checkpoints are read
            return
        if signed.size == segment.size and rows_line(hashed.digest()) not in signed.extensions:
            quiet = segment.first == segment.size
            self._defects.add(
                Kind.ALTERED_COLUMN,
                segment.first,
                "checkpoints" if quiet else "entries",
                last=segment.first if quiet else segment.size - 1,
                column="sealed_at, control_size" if quiet else SEGMENT,
                detail="what the segment's checkpoint signs of its rows is something else",
                exact=False,
            )

    def _check_sizes(self, first: int, sizes: Sequence[int], wanted: int) -> None:
        position = first
        for size, run in groupby(sizes):
            end = position + sum(1 for _ in run)
            if size != wanted:
                self._defects.add(
                    Kind.ALTERED_COLUMN,
                    position,
                    "entries",
                    last=end - 1,
                    column="control_size",
                    expected=str(wanted),
                    got=str(size),
                    detail="the segment's checkpoint row names another control size",
                )
            position = end


def settled_end(
    settled: CheckpointRow, committed: int, trust: Trust | None, defects: DefectLog
) -> int:
    """Hold the commits against a signed checkpoint that they must reach; give the larger size."""
    try:
        size = open_note(settled.note, settled.sealed_at, trust).size
    except (FormatError, IntegrityError):  # reported where all checkpoints are read
        return committed
    if size > committed:
        defects.add(
            Kind.MISSING,
            committed,
            "commits",
            last=size - 1,
            detail="a signed checkpoint is stored, and no commit reaches it",
        )
    return max(size, committed)


def committed_end(commits: Sequence[CommitRow], defects: DefectLog) -> int:
    """Check that commits follow each other and give the size that they reach."""
    end = 0
    for row in commits:
        if row.first > end:
            defects.add(Kind.MISSING, end, "commits", last=row.first - 1)
        elif row.first < end or row.end < row.first:
            defects.add(
                Kind.BAD_COMMIT,
                row.first,
                "commits",
                last=max(row.first, row.end - 1),
                detail=f"the commit overlaps the one before it, which ends at {end}",
            )
        end = max(end, row.end)
    return end
