"""The errors of the ledger processor, split by what the caller must do.

Drawn as a tree::

    auditspine.ledger.errors.LedgerError
    └── SealingError
        ├── SetupError     stop: topics are missing or not what logs need
        ├── RefusedError   stop: to go on could fork or lose a log; a person must decide
        └── BrokerError    restart: the broker did not do what was asked
"""

from auditspine.ledger.errors import LedgerError


class SealingError(LedgerError):
    """The ledger cannot seal.

    Attributes:
        topic: The topic concerned; empty when it is none.
        partition: Its partition; -1 when it is none.
    """

    def __init__(self, detail: str, topic: str = "", partition: int = -1) -> None:
        place = f"{topic}[{partition}]: " if partition >= 0 else f"{topic}: " if topic else ""
        super().__init__(place + detail)
        self.topic = topic
        self.partition = partition


class SetupError(SealingError):
    """Topics are missing or not what the logs need: stop, and do what the message says."""


class RefusedError(SealingError):
    """Sealing on could fork or lose a log: stop, until a person has decided."""


class BrokerError(SealingError):
    """The broker did not do what was asked, or not in time: a restart recovers."""
