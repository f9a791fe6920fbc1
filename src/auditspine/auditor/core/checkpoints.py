"""Signed checkpoints, commits and checkpoints from elsewhere against one log's tree. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from auditspine.auditor.core.defects import DefectLog, Kind
from auditspine.auditor.core.notes import open_note
from auditspine.auditor.core.rows import CheckpointRow, CommitRow, Cursor
from auditspine.auditor.core.tree import Frontier, HeldBack
from auditspine.auditor.core.trust import Trust
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import Checkpoint


@dataclass(frozen=True, slots=True)
class Stop:
    """A size at which the tree's root is compared with something.

    Attributes:
        size: Entries before it.
        row: A stored checkpoint, a commit, or a checkpoint from elsewhere.
    """

    size: int
    row: CheckpointRow | CommitRow | Checkpoint


class CheckpointCheck:
    """Folds leaves into the tree and compares its root wherever somebody states one.

    Attributes:
        size: Entries seen, known or not.
        proven: Size of the last signed checkpoint that the entries agree with.
        last: The stored row of that checkpoint.
        agreed: Signed checkpoints that the entries agree with.
        unchecked: Signed checkpoints that could not be compared, since a leaf before them is
            unknown or an earlier one disagreed.
    """

    def __init__(
        self,
        checkpoints: Iterable[CheckpointRow],
        commits: Iterable[CommitRow],
        elsewhere: Iterable[Checkpoint],
        defects: DefectLog,
        trust: Trust | None,
    ) -> None:
        self.size = 0
        self.proven = 0
        self.last: CheckpointRow | None = None
        self.agreed = 0
        self.unchecked = 0
        self._stops = Cursor(
            merge(
                (Stop(row.size, row) for row in checkpoints),
                (Stop(row.end, row) for row in commits),
                (Stop(note.size, note) for note in sorted(elsewhere, key=lambda note: note.size)),
                key=lambda stop: stop.size,
            )
        )
        self._defects = defects
        self._trust = trust
        self._frontier = Frontier()
        self._held: HeldBack | None = None
        self._failed = False
        self._linked = 0  # where the checkpoint rows read so far end
        self._fold((), ())

    def extend(self, leaves: Sequence[bytes], chains: Sequence[bytes]) -> None:
        """Take the leaves and chain values of the next entries, as far as believed."""
        self.size += len(leaves)
        if self._held is None:
            self._fold(leaves, chains)
        else:
            self._held.append(leaves)

    def hole(self, count: int = 1) -> None:
        """Take entries whose leaves are not known."""
        if self._held is None:
            self._held = HeldBack(self.size)
        self._held.append_holes(count)
        self.size += count

    def fill(self, position: int, leaf: bytes) -> None:
        """Give the leaf of a hole that turned up elsewhere."""
        if self._held is None:
            return
        self._held.fill(position, leaf)
        whole = self._held.whole()
        if whole is not None:
            self._held = None
            self._fold(whole, ())

    def decides(self, leaf: bytes) -> bool | None:
        """Tell whether a checkpoint right after the next entry proves its leaf.

        Returns:
            ``None`` when no authentic checkpoint has that size.
        """
        for stop in self._stops.peek(4):
            row = stop.row
            if self._held is None and isinstance(row, CheckpointRow) and row.size == self.size + 1:
                checkpoint = self._authentic(row)
                if checkpoint is not None:
                    return self._frontier.root_with(leaf) == checkpoint.root
        return None

    def finish(self) -> Iterator[Stop]:
        """Read what is left: stops behind a hole are counted, those beyond the log are given."""
        for stop in self._stops:
            if stop.size > self.size:
                yield stop
            else:
                self._compare(stop, None, None)

    def beyond(self, stop: Stop) -> None:
        """Report a stored checkpoint for more entries than are committed."""
        row = stop.row
        if isinstance(row, CheckpointRow) and self._authentic(row, report=True) is not None:
            self._defects.add(
                Kind.MISSING,
                self.size,
                "commits",
                last=row.size - 1,
                detail="a signed checkpoint is stored, and no commit reaches it",
            )

    # -- the fold --------------------------------------------------------------------------

    def _fold(self, leaves: Sequence[bytes], chains: Sequence[bytes]) -> None:
        done, start = 0, self._frontier.size
        while (stop := self._stops.head()) is not None and stop.size <= start + len(leaves):
            self._stops.take()
            until = max(stop.size - start, done)
            self._frontier.extend(leaves[done:until])
            done = until
            at_stop = stop.size == start + done  # a stop out of order has no root here
            root = self._frontier.root() if at_stop and not self._failed else None
            self._compare(stop, root, chains[done - 1] if at_stop and done and chains else None)
        self._frontier.extend(leaves[done:])

    def _compare(self, stop: Stop, root: bytes | None, chain: bytes | None) -> None:
        if isinstance(stop.row, CheckpointRow):
            self._compare_checkpoint(stop.row, root, chain)
        elif isinstance(stop.row, CommitRow):
            self._compare_commit(stop.row, root)
        elif root is None:
            self.unchecked += 1
        elif stop.row.root != root:
            self._failed = True
            self._defects.add(
                Kind.FORKED,
                self.proven,
                "entries",
                last=max(self.proven, stop.size - 1),
                expected=stop.row.root.hex(),
                got=root.hex(),
                detail=f"a signed checkpoint from elsewhere has another root at size {stop.size}",
                exact=False,
            )
        else:
            self.agreed += 1
            self.proven = stop.size

    def _compare_checkpoint(
        self, row: CheckpointRow, root: bytes | None, chain: bytes | None
    ) -> None:
        if row.first > self._linked:
            self._defects.add(
                Kind.MISSING,
                self._linked,
                "checkpoints",
                last=row.first - 1,
                detail="no checkpoint row covers these positions",
            )
        self._linked = max(self._linked, row.size)
        checkpoint = self._authentic(row, report=True)
        if checkpoint is None:
            return
        if root is None:
            self.unchecked += 1
        elif checkpoint.root == root:
            self.agreed += 1
            self.proven, self.last = row.size, row
            if chain is not None and row.chain != chain:
                self._bad(row, "chain", chain.hex(), row.chain.hex())
        else:
            self._failed = True
            self._defects.add(
                Kind.REWRITTEN,
                self.proven,
                "entries",
                last=max(self.proven, row.size - 1),
                expected=checkpoint.root.hex(),
                got=root.hex(),
                detail=f"the entries do not give the root signed at size {row.size}",
                exact=row.size - self.proven <= 1,
            )

    def _compare_commit(self, row: CommitRow, root: bytes | None) -> None:
        if root is not None and row.root != root:
            self._defects.add(
                Kind.BAD_COMMIT,
                row.first,
                "commits",
                last=row.end - 1,
                column="root",
                expected=root.hex(),
                got=row.root.hex(),
                detail="the commit's root is not that of the entries",
            )

    def _authentic(self, row: CheckpointRow, *, report: bool = False) -> Checkpoint | None:
        """Give a row's checkpoint when it is signed, of this log, and says what the row says."""
        try:
            checkpoint = open_note(row.note, row.sealed_at, self._trust)
        except (FormatError, IntegrityError) as exc:
            if report:
                self._bad(row, "note", "a note signed by a trusted log key", str(exc))
            return None
        wrong = [
            (column, expected, got)
            for column, expected, got in (
                ("note", self._defects.origin, checkpoint.origin),
                ("size", str(checkpoint.size), str(row.size)),
                ("root", checkpoint.root.hex(), row.root.hex()),
            )
            if expected != got
        ]
        if report:
            for column, expected, got in wrong:
                self._bad(row, column, expected, got)
        return None if any(column != "root" for column, _, _ in wrong) else checkpoint

    def _bad(self, row: CheckpointRow, column: str, expected: str, got: str) -> None:
        self._defects.add(
            Kind.BAD_CHECKPOINT,
            row.size,
            "checkpoints",
            column=column,
            expected=expected,
            got=got,
            detail=f"the checkpoint stored for size {row.size} is not what was sealed",
        )

    @property
    def covered(self) -> int:
        """Size up to which checkpoint rows follow each other."""
        return self._linked
