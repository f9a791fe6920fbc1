"""The errors of the sinks: one base class, split by what the caller must do."""


class SinkError(Exception):
    """Base of everything that the sinks raise."""


class UnavailableError(SinkError):
    """ClickHouse is away or overloaded: retry later, nothing is lost."""


class RefusedError(SinkError):
    """ClickHouse refused for good (permission, missing table, schema): an operator must act.

    Attributes:
        code: ClickHouse's error code; None when it gave none.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class BadDataError(SinkError):
    """ClickHouse cannot read the data of an insert: find the record and quarantine it."""


class UnsupportedSchemaError(SinkError):
    """A schema has no columns in ClickHouse: quarantine its events."""


class SchemaNotStoredError(SinkError):
    """A schema id is not in the evidence yet: the control log is behind, retry later."""


class StaleError(SinkError):
    """Another sink may have gone on: drop what is in memory and resume from ClickHouse."""


class StoppedError(SinkError):
    """The sink was told to stop while it waited."""


class SealedLogError(SinkError):
    """The sealed topic does not continue what ClickHouse holds: stop, an operator must look."""


class MigrationError(SinkError):
    """The database's schema is not what this program's migrations made: stop."""


class BrokerError(SinkError):
    """Kafka failed, or its topics are not what the sink needs; a restart may recover."""
