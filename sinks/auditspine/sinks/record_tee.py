"""Rows of a projection on their way to services: a tee that puts them into a signed topic."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import structlog

from auditspine.ledger.errors import FormatError
from auditspine.ledger.records import R, Record, encode_value
from auditspine.sinks.errors import BadDataError

_Told_contra = TypeVar("_Told_contra", bound=Record, contravariant=True)

_log = structlog.get_logger(__name__)


class Store(Protocol):
    """Port: where rows of projections go."""

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when they are durable."""


class Publisher(Protocol[_Told_contra]):
    """Port: where records go; :class:`~auditspine.sinks.signed_topic.SignedTopic` is one."""

    def publish(self, records: Sequence[_Told_contra]) -> None:
        """Write records; return when they are durable."""


class RecordTee(ABC, Generic[R]):
    """Passes rows on to a store, and those of one table to a topic before.

    Before, so that a stop reaches services while ClickHouse is away. Both are repeated after a
    failure, and repeats are harmless. A rebuild through it fills a lost topic again.

    A row that no record can hold is logged and left out, unless something can be said in its
    place: it would come again after each restart, and no record of any tenant would reach a
    service any more.

    Args:
        inner: Takes every row.
        topic: Takes the table's rows, as records.

    Attributes:
        TABLE: The table.
        COLUMNS: Those of its columns that records need.
    """

    TABLE: ClassVar[str]
    COLUMNS: ClassVar[tuple[str, ...]]

    def __init__(self, inner: Store, topic: Publisher[R]) -> None:
        self._inner = inner
        self._topic = topic

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when they are durable in both places.

        Args:
            table: Its name.
            columns: Names of a row's values, in order; the topic needs its own, ignores others.
            rows: The rows; times are integer milliseconds since 1970.

        Raises:
            BadDataError: The table lacks a column.
            BrokerError: The broker did not take them all.
            StoppedError: The topic was closed meanwhile.
            Exception: As the inner store's.
        """
        if table == self.TABLE:
            self._topic.publish(self._records(columns, rows))
        self._inner.write(table, columns, rows)

    @abstractmethod
    def _candidates(self, row: Mapping[str, Any]) -> tuple[R, ...]:
        """Give a row's record, and what to say if that cannot be written, best first."""

    def _records(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[R]:
        missing = [name for name in self.COLUMNS if name not in columns]
        if missing:
            raise BadDataError(f"{self.TABLE}: expected a column {missing[0]}, got none")
        places = {name: columns.index(name) for name in self.COLUMNS}
        given = (self._fit({name: row[at] for name, at in places.items()}) for row in rows)
        return [record for record in given if record is not None]

    def _fit(self, row: Mapping[str, Any]) -> R | None:
        """Give the first that can be written; log which row has none, and which field is wrong."""
        for record in self._candidates(row):
            problem = _problem(record)
            if problem is None:
                return record
            _log.error("state left out", table=self.TABLE, position=record.position, reason=problem)
        return None


def _problem(record: Record) -> str | None:
    """Give why a record cannot be written, or ``None`` if it can."""
    try:
        encode_value(record)
    except FormatError as exc:
        return str(exc)
    return None
