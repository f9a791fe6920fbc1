"""The errors of the ledger's formats: one base class, split by what the caller must do."""


class LedgerError(Exception):
    """Base of everything that the ledger's formats raise."""


class FormatError(LedgerError):
    """Bytes are not what their format says: quarantine them."""


class IntegrityError(LedgerError):
    """A hash, link or signature does not hold: stop."""


class ForkError(IntegrityError):
    """Two different histories claim the same position of one log: stop.

    Attributes:
        origin: The log's origin.
        position: First position at which they may differ.
    """

    def __init__(self, origin: str, position: int, detail: str) -> None:
        super().__init__(f"fork in log {origin} at position {position}: {detail}")
        self.origin = origin
        self.position = position


class GapError(IntegrityError):
    """A segment starts beyond the reader's head, so entries are missing: stop.

    Attributes:
        origin: The log's origin.
        expected: Position that the reader needs next.
        got: First position of the segment.
    """

    def __init__(self, origin: str, expected: int, got: int) -> None:
        super().__init__(f"gap in log {origin}: expected position {expected}, got {got}")
        self.origin = origin
        self.expected = expected
        self.got = got
