"""The producer table of one log: the last sequence of each producer's epochs. Pure.

It is folded over every entry whose signature is mathematically right, whether or not the
key is trusted, so it depends on the entries alone (DESIGN, invariants 1 and 2).
"""

from collections.abc import Iterable

from auditspine.ledger.batch import SigHeader
from auditspine.ledger.verdict import Flag

MAX_EPOCHS = 4096  # (key, producer, epoch) rows kept; the longest unused row is dropped

Row = tuple[bytes, str, str, int, int]
"""Public key, tenant, producer, epoch, last sequence."""


class ProducerTable:
    """Last sequence per (public key, tenant, producer, epoch), least recently used first."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._last: dict[tuple[bytes, str, str, int], int] = {row[:4]: row[4] for row in rows}

    def rows(self) -> list[Row]:
        """Give the table's rows, least recently used first, as a segment stores them."""
        return [(*stream, last) for stream, last in self._last.items()]

    def copy(self) -> "ProducerTable":
        """Give an independent copy."""
        return ProducerTable(self.rows())

    def observe(self, header: SigHeader) -> Flag:
        """Fold one authentic header and say how its sequence fits.

        An epoch's first event cites the last sequence of the epoch before; fewer events of
        that epoch in the log than cited are a gap.
        """
        producer = (header.public_key, header.tenant, header.producer)
        stream = (*producer, header.epoch)
        last = self._last.pop(stream, None)
        flag = Flag.NONE
        if last is None:
            cited = header.previous_sequence
            known = self._last.get((*producer, header.previous_epoch), 0) if cited else 0
            last = 0
            if header.sequence != 1 or known < cited:
                flag = Flag.GAP
        elif header.sequence <= last:
            flag = Flag.DUPLICATE
        elif header.sequence != last + 1:
            flag = Flag.GAP
        self._last[stream] = max(last, header.sequence)
        if len(self._last) > MAX_EPOCHS:
            del self._last[next(iter(self._last))]
        return flag
