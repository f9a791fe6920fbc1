"""Tenants that come to a log with a history elsewhere: what is folded before they go on here.

When a segment rests on a control log that says ``tenant.moved`` to this space, the tenant's
entries in other logs are folded first, in their order, into the same state. It depends on the
logs alone, so a rebuild does the same.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple
from zlib import crc32

from auditspine.ledger.reader import Accepted
from auditspine.ledger.tenancy import Move
from auditspine.processors.projection.history import History, PastEntry
from auditspine.processors.projection.port import SealedEvent, State

_SEEN = b"\0moves"  # entries of the control log whose moves are folded
_MOVED = b"\0moved "  # and a tenant
_CHUNK = 2000  # entries folded at once


class Moved(NamedTuple):
    """A tenant that came to a log with a history elsewhere.

    Attributes:
        base: Added to its positions in this log, so that later rows have higher versions.
        origins: The logs of its history.
    """

    base: int = 0
    origins: tuple[str, ...] = ()


Wanted = Callable[[PastEntry, str, str, int], SealedEvent | None]
"""Gives an entry as the projection wants it, from its origin, the state's log and the base."""


class Arrivals:
    """Folds what tenants did elsewhere; of one partition.

    Args:
        history: Moves, and what moved tenants did.
        topic: Sealed topic of the partition.
        partition: Its number.
        partitions: Of the topic.
    """

    def __init__(self, history: History, topic: str, partition: int, partitions: int) -> None:
        self._history = history
        self._source = topic.removesuffix(".sealed")
        self._partition, self._partitions = partition, partitions
        self.reset()

    def reset(self) -> None:
        """Forget what is known of the state: it was loaded again."""
        self._control_size = -1
        self._bases: dict[str, int] = {}

    def before(
        self, accepted: Accepted, state: State, wanted: Wanted
    ) -> Iterator[Iterable[SealedEvent]]:
        """Give what must be folded before a segment, in pieces; notes it in the state."""
        size = accepted.segment.control_size
        if size <= self._control_size:
            return
        seen = int(state.get(_SEEN) or 0)
        for move in self._history.moves(size):
            if seen <= move.position < size and self._is_here(move):
                yield from self._fold(move, accepted, state, wanted)
                state.put(_SEEN, str(move.position + 1).encode())
        self._control_size = size

    def base(self, tenant: str, state: State) -> int:
        """Give what is added to a tenant's positions in this log."""
        known = self._bases.get(tenant)
        if known is None:
            known = self._bases[tenant] = _moved(state, tenant).base
        return known

    def _is_here(self, move: Move) -> bool:
        """Tell whether a move is to this space, and the tenant's events to this partition."""
        key = move.tenant.encode("utf-8", "surrogatepass")
        at_home = self._source.removeprefix(move.topic_prefix) in _KEYED_BY_TENANT
        return at_home and crc32(key) % self._partitions == self._partition

    def _fold(
        self, move: Move, accepted: Accepted, state: State, wanted: Wanted
    ) -> Iterator[list[SealedEvent]]:
        stream = self._source.removeprefix(move.topic_prefix)
        known = _moved(state, move.tenant)
        base, origins = known.base + accepted.first, known.origins
        for part in move.history:
            if not part.topic.endswith(stream):
                continue
            if not part.entries:  # the range only says how far the log was looked at
                continue
            log = accepted.segment.origin
            entries = self._history.entries(part, move.tenant)
            while chunk := list(islice(entries, _CHUNK)):
                found = (wanted(past, part.origin, log, base) for past in chunk)
                yield [event for event in found if event is not None]
            base, origins = base + part.size, (*origins, part.origin)
        moved = Moved(base, tuple(dict.fromkeys(origins)))
        state.put(_MOVED + move.tenant.encode("utf-8", "surrogatepass"), json.dumps(moved).encode())
        self._bases.clear()


_KEYED_BY_TENANT = ("lifecycle", "access")


def moved_tenants(items: Iterable[tuple[bytes, bytes]]) -> dict[str, Moved]:
    """Give the tenants that came with a history, from a state's keys and values."""
    return {
        key.removeprefix(_MOVED).decode("utf-8", "surrogatepass"): _decode(value)
        for key, value in items
        if key.startswith(_MOVED)
    }


def _moved(state: State, tenant: str) -> Moved:
    stored = state.get(_MOVED + tenant.encode("utf-8", "surrogatepass"))
    return Moved() if stored is None else _decode(stored)


def _decode(stored: bytes) -> Moved:
    base, origins = json.loads(stored)
    return Moved(base, tuple(origins))
