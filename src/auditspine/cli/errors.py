"""Errors of the command line: what a person can act on, without a traceback."""

from auditspine.auditor.errors import AuditorError
from auditspine.embedded.errors import EmbeddedError
from auditspine.ledger.errors import LedgerError
from auditspine.processors.projection.errors import ProjectionError
from auditspine.processors.release.errors import ReleaseError
from auditspine.producers.errors import ProducerError
from auditspine.schemas.errors import SchemaError
from auditspine.sinks.errors import SinkError


class CliError(Exception):
    """The command cannot be done; the message says why and what to do."""


class BrokerUnreachableError(CliError):
    """No broker answered: retry, or correct the address."""


class NotSealedError(CliError):
    """Events were delivered but not sealed in time: is a ledger worker running?"""


EXPECTED = (
    AuditorError,
    CliError,
    EmbeddedError,
    LedgerError,
    ProducerError,
    ProjectionError,
    ReleaseError,
    SchemaError,
    SinkError,
)
"""What ends a command with a message and exit code 2 instead of a traceback."""
