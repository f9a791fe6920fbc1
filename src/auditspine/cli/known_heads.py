"""What ClickHouse has committed of each log, for the ledger to compare its sealed tails with."""

import structlog

from auditspine.sinks.errors import SinkError
from auditspine.sinks.store import Store

_HEAD = """
SELECT last + 1, root FROM commits
WHERE origin = {origin:String} ORDER BY next_sealed_offset DESC LIMIT 1
"""

_log = structlog.get_logger(__name__)


class CommittedHeads:
    """Gives the committed head of a log; nothing while ClickHouse is away.

    Sealing does not wait for ClickHouse: the other comparisons at a start stand without it.

    Args:
        store: ClickHouse.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def size_and_root(self, origin: str) -> tuple[int, bytes] | None:
        """Give the largest committed size of a log and its Merkle root, 32 bytes."""
        try:
            rows = self._store.query(_HEAD, {"origin": origin})
        except SinkError as exc:
            _log.warning("not compared with ClickHouse", origin=origin, reason=str(exc))
            return None
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else None
