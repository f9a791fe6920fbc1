"""Errors of the command line: what a person can act on, without a traceback."""

from auditspine.embedded.errors import EmbeddedError
from auditspine.ledger.errors import LedgerError
from auditspine.ledger.keyfile import KeyFileError
from auditspine.processors.projection.errors import ProjectionError
from auditspine.producers.errors import ProducerError
from auditspine.schemas.errors import SchemaError


class CliError(Exception):
    """The command cannot be done; the message says why and what to do."""


EXPECTED = (
    CliError,
    EmbeddedError,
    KeyFileError,
    LedgerError,
    ProducerError,
    ProjectionError,
    SchemaError,
)
"""What ends a command with a message and exit code 2 instead of a traceback."""
