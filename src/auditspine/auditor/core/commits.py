"""What the sink says of a log's size, and the control sizes of its segments. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.notes import open_note
from auditspine.auditor.core.rows import CheckpointRow, CommitRow, Cursor
from auditspine.auditor.core.trust import Trust
from auditspine.ledger.errors import FormatError, IntegrityError


class ControlSizes:
    """Compares each entry's control size with that of the segment which it was sealed in."""

    def __init__(self, checkpoints: Iterable[CheckpointRow], defects: DefectLog) -> None:
        self._segments = Cursor(checkpoints)
        self._defects = defects

    def block(self, first: int, sizes: Sequence[int]) -> None:
        """Check the control sizes of the entries from position ``first`` on."""
        position = first
        for size, run in groupby(sizes):
            end = position + sum(1 for _ in run)
            while position < end:
                position = self._check_run(position, end, size)

    def _check_run(self, position: int, end: int, size: int) -> int:
        while (segment := self._segments.head()) is not None and segment.size <= position:
            self._segments.take()
        if segment is None:
            return end
        until = min(end, segment.size)
        if segment.first <= position and segment.control_size != size:
            self._defects.add(
                Kind.ALTERED_COLUMN,
                position,
                "entries",
                last=until - 1,
                column="control_size",
                expected=str(segment.control_size),
                got=str(size),
                detail="the segment's checkpoint row names another control size",
            )
        return until


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
