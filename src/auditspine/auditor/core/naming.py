"""Gives defects their final names, when the whole log is known. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from auditspine.auditor.core.defects import Defect, DefectLog, Kind, pair_swaps
from auditspine.auditor.core.judge import Suspect
from auditspine.auditor.core.repair import OpenPosition
from auditspine.auditor.core.signatures import SignatureCheck
from auditspine.ledger.verdict import Verdict


def name_open(item: OpenPosition, signatures: SignatureCheck | None, defects: DefectLog) -> None:
    """Name an entry that the chain refutes: by its signature if that fails, else a range."""
    position, entry, raws = item.slot.position, item.slot.entries[0], item.slot.raws
    says_signed = entry.verdict not in (Verdict.FOREIGN, Verdict.BAD_SIGNATURE)
    if signatures is not None and says_signed:
        for table, raw, leaf in raws:
            if not signatures.one(raw.value, raw.sig)[1]:
                defects.add(
                    Kind.ALTERED_RAW,
                    position,
                    table,
                    column="value, sig",
                    got=leaf.hex(),
                    detail="value and leaf were changed; no signature covers the value",
                )
                return
    defects.add(
        Kind.REWRITTEN,
        item.proven,
        "entries",
        last=position,
        got=entry.leaf.hex(),
        detail=f"the chain breaks at position {position}",
        exact=item.proven == position,
    )


def name_suspects(suspects: Sequence[Suspect], defects: DefectLog) -> None:
    """Where hashes were rewritten the value was changed; elsewhere it was the verdict."""
    ranges = [d for d in defects.found if d.kind in (Kind.REWRITTEN, Kind.FORKED)]
    for position, expected, got in suspects:
        if any(d.first <= position <= d.last for d in ranges):
            defects.add(
                Kind.ALTERED_RAW,
                position,
                "evidence",
                column="value, sig",
                detail="value and hashes were changed; no signature covers the value",
            )
        else:
            defects.add(
                Kind.ALTERED_VERDICT,
                position,
                "entries",
                column="verdict",
                expected=Verdict(expected).name.lower(),
                got=str(got),
            )


def final_defects(found: list[Defect], size: int) -> list[Defect]:
    """Order the defects, name swaps and cut tails, and drop ranges that are explained.

    Args:
        found: Defects of one log.
        size: Entries that were committed.
    """
    named = pair_swaps(found)
    exact = [d.first for d in named if d.kind is Kind.ALTERED_RAW]
    kept = []
    for d in named:
        if not d.exact and d.kind is Kind.ALTERED_COLUMN and _is_explained(d, named):
            continue
        if d.kind is Kind.REWRITTEN and any(d.first <= at <= d.last for at in exact):
            continue
        cut = d.kind is Kind.MISSING and d.table == "entries" and d.last == size - 1
        kept.append(replace(d, kind=Kind.TRUNCATED) if cut else d)
    return sorted(kept, key=lambda d: (d.first, d.last, d.kind))


def _is_explained(segment: Defect, found: list[Defect]) -> bool:
    """Tell whether something more exact was found within a segment that differs as a whole."""
    return any(
        d is not segment and d.exact and segment.first <= d.last and d.first <= segment.last
        for d in found
    )
