"""Raw rows of a block where only some tenants' content must be there. Pure.

An entry without content is held by its stored leaf: chain, tree and signed checkpoints bind that
leaf to its place, and the checkpoint of its segment binds verdict, flags and times. The columns
that its ``sig`` header claims, its tenant among them, are then what the store says, no more. An
entry that is passed off as another tenant's leaves a hole in the sequence that it was taken from.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import itemgetter

from auditspine.auditor.core.rows import EntryRow, RawRow
from auditspine.ledger.verdict import Verdict

Tenants = Mapping[str, int] | None
"""Tenants whose content must be there, each up to before a position; ``None``: everybody's."""

WHOLE = 1 << 64
"""After every position."""

_position = itemgetter(0)


def requires(tenants: Tenants, row: EntryRow) -> bool:
    """Tell whether the content of an entry must be there.

    What a key signed for a tenant that it may not speak for is likely another tenant's content.
    """
    if tenants is None:
        return True
    return row[0] < tenants.get(row[9], 0) and row[5] != Verdict.WRONG_TENANT


def partial_raws(
    rows: Sequence[EntryRow],
    evidence: Sequence[RawRow],
    quarantine: Sequence[RawRow],
    tenants: Mapping[str, int],
) -> list[RawRow] | None:
    """Give the raw rows of a block when each that must be there is, where it belongs.

    Args:
        rows: Rows of ``entries`` at consecutive positions.
        evidence: The next raw rows of valid entries, as many as the block may have, or more.
        quarantine: The next raw rows of the others, likewise.
        tenants: Tenants whose content must be there.

    Returns:
        Those of the block in position order; ``None`` when one is missing, out of place or
        there twice.
    """
    first, end = rows[0][0], rows[-1][0] + 1
    valid = evidence[: bisect_left(evidence, end, key=_position)]
    others = quarantine[: bisect_left(quarantine, end, key=_position)]
    if any(raw[0] < first or rows[raw[0] - first][5] for raw in valid):
        return None
    if any(raw[0] < first or not rows[raw[0] - first][5] for raw in others):
        return None
    raws = sorted([*valid, *others], key=_position) if others else list(valid)
    present = {raw[0] for raw in raws}
    if len(present) != len(raws):
        return None
    return raws if all(row[0] in present or not requires(tenants, row) for row in rows) else None
