"""Looks at the stored rows position by position, ahead of where the verifier stands. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.rows import Cursor, EntryRow, RawRow
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.merkle import leaf_hash, link

LOOK_AHEAD = 32  # positions
_BEAM = 16  # chain values followed at once


def raw_leaf(raw: RawRow) -> bytes:
    """Give the leaf that a raw row's bytes give, 32 bytes."""
    return leaf_hash(encode_entry(raw.value, raw.sig))


@dataclass(slots=True)
class Slot:
    """The rows stored for one position: one of each kind, unless somebody interfered.

    Attributes:
        position: The position.
        entries: Rows of ``entries``.
        raws: Rows of ``evidence`` and ``quarantine``, with the table's name and their leaf.
    """

    position: int
    entries: list[EntryRow] = field(default_factory=list)
    raws: list[tuple[str, RawRow, bytes]] = field(default_factory=list)

    def leaves(self) -> list[bytes]:
        """Give every leaf that these rows suggest, stored ones first."""
        stored = [row.leaf for row in self.entries]
        return list(dict.fromkeys(stored + [leaf for _, _, leaf in self.raws]))

    def chains(self) -> set[bytes]:
        """Give every chain value stored here."""
        return {row.chain for row in self.entries}


class Window:
    """Slots by position, read from the three streams as far ahead as needed."""

    def __init__(
        self,
        entries: Cursor[EntryRow],
        evidence: Cursor[RawRow],
        quarantine: Cursor[RawRow],
        defects: DefectLog,
    ) -> None:
        self._entries = entries
        self._raws = (("evidence", evidence), ("quarantine", quarantine))
        self._defects = defects
        self._slots: dict[int, Slot] = {}
        self._next = 0
        self.end = 0  # positions from here on are not looked at

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read ahead."""
        return not self._slots

    def skip_to(self, position: int) -> None:
        """Go on at a position; the rows before it were taken from the cursors."""
        self._next = max(self._next, position)

    def get(self, position: int) -> Slot | None:
        """Give the slot at a position without taking it; ``None`` beyond the end."""
        if position >= self.end:
            return None
        while self._next <= position:
            self._slots[self._next] = self._read(self._next)
            self._next += 1
        return self._slots[position]

    def take(self, position: int) -> Slot:
        """Take the slot at a position, which lies before the end."""
        slot = self.get(position)
        assert slot is not None
        del self._slots[position]
        return slot

    def put(self, slot: Slot) -> None:
        """Put a slot in the place of the one that was read at its position."""
        self._slots[slot.position] = slot

    def supports(self, chain: bytes, position: int) -> bool:
        """Tell whether a chain value before ``position`` leads to stored values after it.

        Follows every leaf that the rows suggest, so that a run of damaged rows is bridged.
        """
        beam = [chain]
        for ahead in range(position, position + LOOK_AHEAD):
            slot = self.get(ahead)
            if slot is None:
                return False
            stored = slot.chains()
            beam = [link(value, leaf) for value in beam for leaf in slot.leaves()][:_BEAM]
            if any(value in stored for value in beam):
                return True
        return False

    def resumes(self, position: int) -> bool:
        """Tell whether the stored chain goes on by itself somewhere from ``position`` on."""
        for ahead in range(position, position + LOOK_AHEAD // 2):
            slot, after = self.get(ahead), self.get(ahead + 1)
            if slot is None or after is None:
                return False
            if any(
                link(c, leaf) in after.chains() for c in slot.chains() for leaf in after.leaves()
            ):
                return True
        return False

    def displaced(self, chain: bytes, slot: Slot) -> tuple[Slot, bytes, bytes] | None:
        """Find the entry that belongs in ``slot`` at a position ahead.

        Returns:
            Its slot, its leaf and the chain value after it.
        """
        for ahead in range(slot.position + 1, slot.position + 2 * LOOK_AHEAD):
            other = self.get(ahead)
            if other is None:
                return None
            for leaf in other.leaves():
                value = link(chain, leaf)
                if value in slot.chains() or value in other.chains():
                    return other, leaf, value
        return None

    def _read(self, position: int) -> Slot:
        slot = Slot(position)
        for row in self._at(self._entries, position, "entries"):
            slot.entries.append(EntryRow._make(row))
        for table, cursor in self._raws:
            for row in self._at(cursor, position, table):
                raw = RawRow._make(row)
                slot.raws.append((table, raw, raw_leaf(raw)))
        return slot

    def _at(
        self, cursor: "Cursor[EntryRow] | Cursor[RawRow]", position: int, table: str
    ) -> Iterable[EntryRow | RawRow]:
        while (row := cursor.head()) is not None and row[0] <= position:
            cursor.take()
            if row[0] == position:
                yield row
            else:
                self._defects.add(
                    Kind.EXTRA, row[0], table, detail="a second row at a position already read"
                )
