"""Settles what stands at a position where the stored rows do not fit together. Pure.

The signed roots and the chain after a position are the witnesses: of the values that the rows
suggest, those are believed that lead to what is stored further on. So a changed row is named
exactly, and what follows it is checked as if nothing had happened.
"""

from dataclasses import dataclass
from typing import NamedTuple

from auditspine.auditor.core.checkpoints import CheckpointCheck
from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.partial import Tenants, requires
from auditspine.auditor.core.rows import EntryRow, RawRow
from auditspine.auditor.core.window import Slot, Window
from auditspine.ledger.merkle import link


class Settled(NamedTuple):
    """What is believed of one position.

    Attributes:
        entry: The stored row, ``None`` when it is missing.
        table: The table that the raw row is in.
        raw: The raw row when it is the one that was sealed, else ``None``.
        leaf: The leaf, ``None`` when it is not known.
        chain: Chain value after it, ``None`` when it is not known.
    """

    entry: EntryRow | None
    table: str
    raw: RawRow | None
    leaf: bytes | None
    chain: bytes | None


@dataclass(slots=True)
class OpenPosition:
    """A position whose entry is not the one that was sealed there.

    Attributes:
        slot: What is stored there.
        before: Chain value before it.
        proven: Size of the last signed checkpoint that agreed before it.
        found_at: Where its entry turned up.
    """

    slot: Slot
    before: bytes | None
    proven: int
    found_at: int | None = None


class Repair:
    """Takes the rows of one log position by position.

    Attributes:
        by_hash: Entries whose content may be absent and is; their stored leaf was believed.
    """

    def __init__(
        self, window: Window, tree: CheckpointCheck, defects: DefectLog, tenants: Tenants = None
    ) -> None:
        self.by_hash = 0
        self._window = window
        self._tree = tree
        self._defects = defects
        self._tenants = tenants
        self._open: list[OpenPosition] = []

    def settle(self, position: int, chain: bytes | None) -> Settled:
        """Say what stands at a position.

        Args:
            position: The next position.
            chain: Chain value before it, ``None`` when it is not known.
        """
        slot = self._window.take(position)
        if not slot.entries:
            return self._lost_entry(slot, chain)
        if chain is None:
            return self._after_gap(slot)
        linked = self._linked(slot, chain)
        if linked is not None:
            return linked
        relinked = self._relinked(slot, chain)
        if relinked is not None:
            return relinked
        found = self._window.displaced(chain, slot)
        if found is not None:
            return self._swapped(slot, *found)
        return self._unknown(slot, chain)

    def unresolved(self) -> list[OpenPosition]:
        """Give the positions whose sealed entry did not turn up."""
        return [item for item in self._open if item.found_at is None]

    # -- the cases, in the order in which they are tried -------------------------------------

    def _lost_entry(self, slot: Slot, chain: bytes | None) -> Settled:
        if not slot.raws:
            self._defects.add(
                Kind.MISSING, slot.position, "entries", detail="the raw row is missing as well"
            )
            self._tree.hole()
            return Settled(None, "", None, None, None)
        self._defects.add(Kind.MISSING, slot.position, "entries")
        choice = slot.raws[0]
        for candidate in slot.raws:
            if chain is not None and self._window.supports(
                link(chain, candidate[2]), slot.position + 1
            ):
                choice = candidate
        self._surplus_raws(slot, choice[1])
        after = None if chain is None else link(chain, choice[2])
        return Settled(None, choice[0], choice[1], choice[2], after)

    def _after_gap(self, slot: Slot) -> Settled:
        """Go on from the stored chain, since there is none of our own."""
        entry = slot.entries[0]
        for row in slot.entries:
            if self._window.supports(row.chain, slot.position + 1):
                entry = row
                break
        return self._believe(slot, entry, entry.leaf, entry.chain)

    def _linked(self, slot: Slot, chain: bytes) -> Settled | None:
        """The stored chain value follows from a leaf that is stored or computed here."""
        rows = sorted(slot.entries, key=lambda row: all(row.leaf != raw[2] for raw in slot.raws))
        for row in rows:
            if link(chain, row.leaf) == row.chain:
                return self._believe(slot, row, row.leaf, row.chain)
        for row in rows:
            for _, _, leaf in slot.raws:
                if link(chain, leaf) == row.chain:
                    return self._believe(slot, row, leaf, row.chain)
        return None

    def _relinked(self, slot: Slot, chain: bytes) -> Settled | None:
        """The stored chain value is wrong, but a leaf here leads to what comes after it."""
        for leaf in slot.leaves():
            after = link(chain, leaf)
            if self._window.supports(after, slot.position + 1) or self._tree.decides(leaf):
                return self._believe(slot, self._row_of(slot, leaf), leaf, after)
        return None

    def _swapped(self, slot: Slot, other: Slot, leaf: bytes, after: bytes) -> Settled:
        """The entry of this position stands a little ahead: put both back and go on."""
        for here, there in ((slot.position, other.position), (other.position, slot.position)):
            self._report_moved(here, there)
        chains_stayed = after in slot.chains()
        mine, theirs = slot.entries[0], self._row_of(other, leaf) if other.entries else None
        back = Slot(other.position, [], list(slot.raws))
        if theirs is not None:
            back.entries.append(
                theirs._replace(leaf=mine.leaf)
                if chains_stayed
                else mine._replace(position=other.position)
            )
        self._window.put(back)
        if theirs is None or chains_stayed:
            entry = mine._replace(leaf=leaf, chain=after)
        else:
            entry = theirs._replace(position=slot.position)
        fixed = Slot(slot.position, [entry], list(other.raws))
        return self._believe(fixed, entry, leaf, after)

    def _unknown(self, slot: Slot, chain: bytes) -> Settled:
        """Nothing here was sealed here; or the damage is too wide to tell."""
        entry = slot.entries[0]
        goes_on = self._window.supports(entry.chain, slot.position + 1)
        at_end = self._window.get(slot.position + 1) is None
        refuted = at_end and self._tree.decides(entry.leaf) is False
        elsewhere = any(_belongs(hole, slot) for hole in self._open)
        if not (goes_on or refuted or elsewhere or self._window.resumes(slot.position + 1)):
            return self._believe(slot, entry, entry.leaf, link(chain, entry.leaf))
        item = OpenPosition(slot, chain, self._tree.proven)
        self._open.append(item)
        self._tree_hole_and_match(item)
        return Settled(entry, "", None, None, entry.chain if goes_on else None)

    # -- steps -------------------------------------------------------------------------------

    def _believe(self, slot: Slot, entry: EntryRow, leaf: bytes, chain: bytes) -> Settled:
        """Report what differs from the leaf and chain value that are believed."""
        for row in slot.entries:
            if row is not entry:
                self._defects.add(
                    Kind.EXTRA,
                    slot.position,
                    "entries",
                    got=row.leaf.hex(),
                    detail="a second row at this position; the chain fits the other one",
                )
        if entry.leaf != leaf:
            self._altered(Kind.ALTERED_LEAF, slot, "entries", "leaf", leaf, entry.leaf)
        if entry.chain != chain:
            self._altered(Kind.ALTERED_CHAIN, slot, "entries", "chain", chain, entry.chain)
        return Settled(entry, *self._raw_of(slot, entry, leaf), leaf, chain)

    def _raw_of(self, slot: Slot, entry: EntryRow, leaf: bytes) -> tuple[str, RawRow | None]:
        home = "evidence" if entry.verdict == 0 else "quarantine"
        ranked = sorted(slot.raws, key=lambda raw: raw[0] != home)
        for table, raw, computed in ranked:
            if computed == leaf:
                self._surplus_raws(slot, raw)
                return table, raw
        if not ranked:
            if requires(self._tenants, entry):
                self._defects.add(Kind.MISSING, slot.position, home)
            else:
                self.by_hash += 1
            return "", None
        table, raw, computed = ranked[0]
        self._altered(Kind.ALTERED_RAW, slot, table, "value, sig", leaf, computed)
        self._surplus_raws(slot, raw)
        return "", None

    def _surplus_raws(self, slot: Slot, right: RawRow) -> None:
        for table, raw, computed in slot.raws:
            if raw is not right:
                self._defects.add(
                    Kind.EXTRA,
                    slot.position,
                    table,
                    got=computed.hex(),
                    detail="a second raw row at this position",
                )

    def _altered(
        self, kind: Kind, slot: Slot, table: str, column: str, expected: bytes, got: bytes
    ) -> None:
        self._defects.add(
            kind,
            slot.position,
            table,
            column=column,
            expected=expected.hex(),
            got=got.hex(),
        )

    def _row_of(self, slot: Slot, leaf: bytes) -> EntryRow:
        return next((row for row in slot.entries if row.leaf == leaf), slot.entries[0])

    def _report_moved(self, here: int, there: int) -> None:
        self._defects.add(
            Kind.REORDERED,
            here,
            "entries",
            detail=f"the entry that was sealed here stands at position {there}",
        )

    def _tree_hole_and_match(self, item: OpenPosition) -> None:
        """Leave a hole, and see whether an earlier hole's entry stands here, or the reverse."""
        self._tree.hole()
        for other in self._open[:-1]:
            for hole, found in ((other, item), (item, other)):
                leaf = _belongs(hole, found.slot)
                if hole.found_at is None and leaf is not None:
                    hole.found_at = found.slot.position
                    self._report_moved(hole.slot.position, found.slot.position)
                    self._tree.fill(hole.slot.position, leaf)


def _belongs(hole: OpenPosition, slot: Slot) -> bytes | None:
    """Give the leaf in ``slot`` that fits where ``hole`` is."""
    if hole.before is None:
        return None
    stored = hole.slot.chains() | slot.chains()
    return next((leaf for leaf in slot.leaves() if link(hole.before, leaf) in stored), None)
