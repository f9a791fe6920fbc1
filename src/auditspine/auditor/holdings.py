"""Which logs a database should hold: those of its space, and the history of tenants that came.

``tenant.moved`` in the control log names, of each former log, up to where a tenant's history is
there, how many entries it has and the hash of their leaves. So a database proves by itself, with
the control log, that nothing of it is missing (docs/tenancy.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditspine.auditor.core.defects import Defect, Kind
from auditspine.auditor.core.partial import WHOLE
from auditspine.auditor.elsewhere import Elsewhere
from auditspine.auditor.evidence import EvidenceStore, StoredLog
from auditspine.ledger.control import PLATFORM_TENANT, ControlState, OpenedLog
from auditspine.ledger.judge import CONTROL
from auditspine.ledger.note import Checkpoint
from auditspine.ledger.tenancy import LogRange, Move, Tally


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a database of one space should hold.

    Attributes:
        prefix: First part of its source topics' names; ``None`` for one that holds all logs.
        is_known: Whether the control log was there to say what belongs here beside its own.
        history: Ranges of logs of other spaces, with the tenant that each is of.
        moves: All moves, of whichever space.
    """

    prefix: str | None = None
    is_known: bool = True
    history: tuple[tuple[str, LogRange], ...] = ()
    moves: tuple[Move, ...] = ()
    _sizes: Mapping[str, int] = field(default_factory=dict)
    _tenants: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    _others: frozenset[str] = frozenset()

    @classmethod
    def of(cls, prefix: str | None, control: ControlState | None) -> "Holdings":
        """Find out what a space's database should hold, as the control log says."""
        if prefix is None or control is None:
            return cls(prefix, control is not None or prefix is None)
        history = tuple(
            (move.tenant, part)
            for move in control.tenancy.moves
            if move.topic_prefix == prefix
            for part in move.history
            if part.entries
        )
        sizes: dict[str, int] = {}
        tenants: dict[str, dict[str, int]] = {}
        for tenant, part in history:
            sizes[part.origin] = max(part.size, sizes.get(part.origin, 0))
            known = tenants.setdefault(part.origin, {PLATFORM_TENANT: WHOLE})
            known[tenant] = max(part.size, known.get(tenant, 0))
        others = (log.origin for log in control.logs.values() if not _is_own(prefix, log.topic))
        moves = tuple(control.tenancy.moves)
        return cls(prefix, True, history, moves, sizes, tenants, frozenset(others))

    def expects(self, log: OpenedLog) -> bool:
        """Tell whether all of a log should be there."""
        return log.origin not in self._others

    def knows(self, topic: str) -> bool:
        """Tell whether it is known what of a log should be there.

        Args:
            topic: Its source topic.
        """
        return self.is_known or self.prefix is None or _is_own(self.prefix, topic)

    def tenants(self, origin: str) -> Mapping[str, int] | None:
        """Give whose content of a log must be there, and up to where; ``None``: everybody's."""
        return self._tenants.get(origin)

    def due(self, elsewhere: Elsewhere, stored: Sequence[StoredLog]) -> Elsewhere:
        """Leave out checkpoints of what need not be there: other spaces' logs, and later entries.

        Args:
            elsewhere: Authentic checkpoints by log.
            stored: The logs that are there.
        """
        there = {log.origin: log for log in stored}
        found: dict[str, list[Checkpoint]] = {}
        for origin, checkpoints in elsewhere.items():
            log = there.get(origin)
            if origin in self._sizes:
                size = max(self._sizes[origin], 0 if log is None else log.size)
                found[origin] = [each for each in checkpoints if each.size <= size]
            elif log is not None or origin not in self._others:
                found[origin] = list(checkpoints)
        return {origin: checkpoints for origin, checkpoints in found.items() if checkpoints}

    def escaped(self, source: EvidenceStore, stored: Sequence[StoredLog]) -> Iterator[Defect]:
        """Tell of entries that count where their tenant was, after what its move names.

        A ledger that was stopped may have sealed them by a control log without the decision.

        Raises:
            SourceError: The store cannot be read.
        """
        there = {log.origin for log in stored}
        for move in self.moves:
            if not any(part.origin in there for part in move.history):
                continue
            ends: dict[str, int] = {}
            for part in move.history:
                ends[part.origin] = max(part.size, ends.get(part.origin, 0))
            last = source.last_counted(move.tenant, move.decided)
            for origin, end in ends.items():
                position = last.get(origin, -1)
                if origin in there and position >= end:
                    yield Defect(
                        Kind.ESCAPED,
                        origin,
                        end,
                        position,
                        "entries",
                        detail=f"counts for tenant {move.tenant} here, and was not moved with it",
                        exact=False,
                    )

    def later(self, origins: Iterable[str]) -> list[str]:
        """Give the logs of which only a part, or nothing, should be there."""
        return [origin for origin in origins if origin in self._sizes]

    def truncated(self, stored: Sequence[StoredLog]) -> Iterator[Defect]:
        """Tell of history that does not reach the size that a move names."""
        sizes = {log.origin: log.size for log in stored}
        for origin, size in self._sizes.items():
            got = sizes.get(origin, 0)
            if got < size:
                yield Defect(
                    Kind.TRUNCATED,
                    origin,
                    got,
                    size - 1,
                    "entries",
                    expected=str(size),
                    got=str(got),
                    detail="a tenant was moved here with its history up to that size",
                )

    def altered(self, source: EvidenceStore, stored: Sequence[StoredLog]) -> Iterator[Defect]:
        """Tell of history whose entries are not those that a move names.

        Raises:
            SourceError: The store cannot be read.
        """
        there = {log.origin: log for log in stored}
        for tenant, part in self.history:
            log = there.get(part.origin)
            if log is None or log.size < part.size:
                continue  # told as truncated
            tally = Tally()
            for leaf in source.claimed_leaves(log, tenant, part.first, part.size):
                tally.add(leaf)
            if not tally.is_that_of(part):
                yield Defect(
                    Kind.ALTERED_COLUMN,
                    part.origin,
                    part.first,
                    part.size - 1,
                    "entries",
                    column="tenant, leaf",
                    expected=f"{part.entries} {part.leaves.hex()}",
                    got=f"{tally.entries} {tally.leaves.hex()}",
                    detail=f"the entries of tenant {tenant} are not those that it was moved with",
                    exact=False,
                )


def _is_own(prefix: str, topic: str) -> bool:
    stream = topic.rpartition(".")[2]
    return stream == CONTROL or topic == f"{prefix}{stream}"
