"""Producers' sequences in one log: the gap and duplicate flags, computed again. Pure."""

from collections.abc import Sequence

from auditspine.auditor.core.signatures import Claim
from auditspine.ledger.batch import SigHeader, parse_sig
from auditspine.ledger.sequences import MAX_EPOCHS, ProducerTable

Stream = tuple[bytes, str, str, int]
"""Public key, tenant, producer, epoch."""


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
        """Give the sequence flags (gap, duplicate) of a block of entries."""
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
                flags[index] = int(self._table.observe(parse_sig(sigs[index])))
                self.highest[stream] = max(claim[4], self.highest.get(stream, 0))
                self._follow(stream)
        self._catch_up()
        return flags

    def assume(self, claim: Claim) -> None:
        """Fold an entry of which only the stored columns are known."""
        self._catch_up()
        stream = claim[:4]
        sequence = max(claim[4], self.highest.get(stream, 0))
        self._behind[stream] = sequence
        self._catch_up()
        self._follow(stream)

    def _catch_up(self) -> None:
        for (public_key, tenant, producer, epoch), sequence in self._behind.items():
            self._table.observe(
                SigHeader(b"", public_key, epoch, sequence, 0, 0, 1, 0, tenant, producer, b"")
            )
            self.highest[public_key, tenant, producer, epoch] = sequence
        self._behind.clear()

    def _follow(self, stream: Stream) -> None:
        if len(self.highest) < MAX_EPOCHS:
            self._followed[stream] = self.highest[stream]
        else:  # the table may forget streams, and only it knows which
            self._followed.clear()
