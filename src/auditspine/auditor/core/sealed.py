"""Compares rows of ``entries`` with the entries of the sealed topic, one by one. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from auditspine.auditor.core.defects import Defect, DefectLog, Kind
from auditspine.auditor.core.rows import EntryRow


class SealedRow(NamedTuple):
    """What the sealed topic says of one entry; fields as in :class:`EntryRow`."""

    position: int
    source_offset: int
    appended_at: int
    leaf: bytes
    chain: bytes
    verdict: int
    flags: int
    control_size: int
    tenant: str


_KINDS = {
    "leaf": Kind.ALTERED_LEAF,
    "chain": Kind.ALTERED_CHAIN,
    "verdict": Kind.ALTERED_VERDICT,
}


def compare_sealed(
    origin: str, size: int, stored: Iterable[EntryRow], sealed: Iterable[SealedRow]
) -> list[Defect]:
    """Name every row of ``entries`` that differs from what was sealed.

    Args:
        origin: The log.
        size: Entries that the store has committed.
        stored: Rows of ``entries`` in position order.
        sealed: The sealed topic's entries in position order, without gaps.

    Returns:
        Defects, each at its exact position.
    """
    defects = DefectLog(origin)
    rows = iter(stored)
    row = next(rows, None)
    for truth in sealed:
        if truth.position >= size:
            break
        found = False
        while row is not None and row[0] <= truth.position:
            if row[0] == truth.position and not found:
                found = True
                _compare(defects, row, truth)
            elif row[0] < size:
                defects.add(Kind.EXTRA, row[0], "entries", detail="a second row at this position")
            row = next(rows, None)
        if not found:
            defects.add(Kind.MISSING, truth.position, "entries")
    return defects.found


def _compare(defects: DefectLog, row: EntryRow, truth: SealedRow) -> None:
    stored = (*row[:8], row[9])
    if stored == truth:
        return
    for column, got, expected in zip(SealedRow._fields, stored, truth, strict=True):
        if got != expected:
            defects.add(
                _KINDS.get(column, Kind.ALTERED_COLUMN),
                truth.position,
                "entries",
                column=column,
                expected=_text(expected),
                got=_text(got),
                detail="differs from the sealed topic",
            )


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
