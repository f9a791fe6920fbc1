"""Producers' sequences in one log: the gap and duplicate flags, computed again. Pure."""

from collections.abc import Sequence

from auditspine.auditor.core.rows import EntryRow
from auditspine.auditor.core.signatures import Claim
from auditspine.ledger.batch import SigHeader, parse_sig
from auditspine.ledger.sequences import MAX_EPOCHS, ProducerTable
from auditspine.ledger.verdict import Verdict

Stream = tuple[bytes, str, str, int]
"""Public key, tenant, producer, epoch."""

UNSIGNED = (Verdict.FOREIGN, Verdict.BAD_SIGNATURE)
"""Verdicts of entries that no signature covers: they are in no sequence."""


class SequenceCheck:
    """Folds authentic entries as the ledger does, through the same table.

    Entries that go on where their stream stood are followed beside the table, which is
    brought up to date before it is asked anything; the answers are the table's.

    Attributes:
        highest: Highest sequence per stream, for comparison with heartbeats.
    """

    def __init__(self) -> None:
        self.highest: dict[Stream, int] = {}
        self._table = ProducerTable()
        self._followed: dict[Stream, int] = {}  # mirrors the table's last sequences
        self._behind: dict[Stream, int] = {}  # what the table was not told yet, in order of use

    def block(
        self, claims: Sequence[Claim], authentic: Sequence[bool], sigs: Sequence[bytes]
    ) -> list[int]:
        """Give the sequence flags (gap, duplicate) of a block of entries.

        Args:
            claims: What each entry claims.
            authentic: Whether it counts.
            sigs: Their headers; empty where the columns alone are known, which do not say what
                the first event of an epoch cites of the epoch before.
        """
        flags = [0] * len(claims)
        followed, behind = self._followed, self._behind
        for index, claim in enumerate(claims):
            if not authentic[index]:
                continue
            stream = claim[:4]
            if followed.get(stream, -1) + 1 == claim[4]:
                followed[stream] = claim[4]
                behind.pop(stream, None)
                behind[stream] = claim[4]
            else:
                self._catch_up()
                header = parse_sig(sigs[index]) if sigs[index] else _header(claim)
                flags[index] = int(self._table.observe(header))
                self.highest[stream] = max(claim[4], self.highest.get(stream, 0))
                self._follow(stream)
        self._catch_up()
        return flags

    def partial(
        self,
        rows: Sequence[EntryRow],
        places: Sequence[int],
        claims: Sequence[Claim],
        authentic: Sequence[bool],
        sigs: Sequence[bytes],
    ) -> list[int]:
        """Give the flags of those entries of a block whose content is there.

        The others are folded between them, by what their rows say.

        Args:
            rows: Rows of ``entries``, all of the block.
            places: Which of them are there, by index.
            claims: As in :meth:`block`, of those that are there.
            authentic: Likewise.
            sigs: Likewise.
        """
        all_claims: list[Claim] = [row[8:13] for row in rows]
        all_authentic = [row[5] not in UNSIGNED for row in rows]
        all_sigs = [b""] * len(rows)
        for at, claim, ok, sig in zip(places, claims, authentic, sigs, strict=True):
            all_claims[at], all_authentic[at], all_sigs[at] = claim, ok, sig
        flags = self.block(all_claims, all_authentic, all_sigs)
        return [flags[at] for at in places]

    def _catch_up(self) -> None:
        for stream, sequence in self._behind.items():
            self._table.observe(_header((*stream, sequence)))
            self.highest[stream] = sequence
        self._behind.clear()

    def _follow(self, stream: Stream) -> None:
        if len(self.highest) < MAX_EPOCHS:
            self._followed[stream] = self.highest[stream]
        else:  # the table may forget streams, and only it knows which
            self._followed.clear()


def _header(claim: Claim) -> SigHeader:
    """Give the header of an event in the midst of its epoch."""
    public_key, tenant, producer, epoch, sequence = claim
    return SigHeader(b"", public_key, epoch, sequence, 0, 0, 1, 0, tenant, producer, b"")
