"""What a projection is, and what it needs from outside. Interfaces and values only.

A projection is a pure fold over the valid events of one log. The base
(:mod:`auditspine.processors.projection.app`) reads, verifies, keeps state and writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """A valid, sealed, decoded event.

    Attributes:
        origin: Log that it is sealed in.
        position: Position in that log.
        appended_at: The broker's LogAppendTime, milliseconds since 1970.
        event_type: For example ``artifact.accessed``.
        envelope: Decoded envelope; the ledger judged it, so it has every field.
        body: Decoded body, under the schema that its producer wrote it with.
        signing_key: Public key that it is signed with, 32 bytes; empty where that is not known.
        log: The log whose state takes it; ``origin``, unless it is a tenant's history elsewhere.
        base: Added to positions of a tenant that moved, so that later rows have higher versions.
        control_size: Entries of the control log that its segment rests on.
    """

    origin: str
    position: int
    appended_at: int
    event_type: str
    envelope: Mapping[str, Any]
    body: Mapping[str, Any]
    signing_key: bytes = b""
    log: str = ""
    base: int = 0
    control_size: int = 0

    @property
    def version(self) -> int:
        """The version of rows that it changes."""
        return self.base + self.position

    @property
    def elsewhere(self) -> str:
        """The log that it is sealed in, if that is another than the state's; else empty.

        What is kept in a state names a log only where it is not the state's own.
        """
        return self.origin if self.log and self.log != self.origin else ""

    @property
    def own_log(self) -> str:
        """The log whose state takes it."""
        return self.log or self.origin


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a projection writes to.

    Its rows end in ``version``; a row with a higher version replaces one with the same key,
    and rows with the same key and version are equal. So a repeated write is harmless.

    Attributes:
        name: Its name in ClickHouse.
        columns: Names of a row's values, in order.
    """

    name: str
    columns: tuple[str, ...]


Row: TypeAlias = tuple[object, ...]
"""Strings, integers, bytes and UUIDs; times are integer milliseconds since 1970."""

Changes: TypeAlias = Mapping[Table, Sequence[Row]]
"""Rows to write, by table."""

DERIVED = Table("", ("derived",))
"""Not a table: its rows are one :class:`Derived` each, to be published as signed events."""


@dataclass(frozen=True, slots=True)
class Derived:
    """An event that a projection derives from one that it folds (DESIGN, invariant 8).

    Attributes:
        cause: The event; the derived one belongs to its tenant, domain and environment, and
            happened when the broker took it; where that is derived itself, when it happened.
        ordinal: 0 for the first thing derived from that event, 1 for the next …
        event_type: Its type; the projection's ``emits`` has it.
        body: Its body as the schema's model takes it.
        reason: Why, in words that a reviewer understands.
    """

    cause: SealedEvent
    ordinal: int
    event_type: str
    body: Mapping[str, Any]
    reason: str


class Speaker(Protocol):
    """Port: publishes derived events as signed events of the processor."""

    def say(self, derived: Sequence[Derived]) -> None:
        """Publish events; return when the broker has them. Repeats have the same event ids.

        Raises:
            Exception: They may not have been published; the worker stops.
        """


class State(Protocol):
    """The keys and values of one partition's projection, read and written by key only."""

    def get(self, key: bytes) -> bytes | None:
        """Give a key's value, or ``None``."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key's value."""


class Projection(Protocol):
    """A pure fold. It depends on the events and the state alone: no clock, no randomness.

    Attributes:
        name: Names the consumer group and the folder of its states.
        logic_version: Raised with every change of what the fold computes; a new version
            starts from an empty state, hence replays its logs.
        streams: Streams that it reads; each partition of each is folded for itself.
        event_types: Types that it wants.
        emits: Types that it derives; no projection wants a type that follows from its own.
        tables: Tables that it writes.
    """

    name: str
    logic_version: int
    streams: tuple[str, ...]
    event_types: frozenset[str]
    emits: frozenset[str]
    tables: tuple[Table, ...]

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state.

        Args:
            events: Consecutive wanted events of one log.
            state: The state before them; updated in place.

        Returns:
            The changed rows, and under :data:`DERIVED` the derived events. Cutting the same
            events elsewhere may give other rows in between, but the same last row for each
            key, and the same derived events.
        """
        ...


class ProjectionStore(Protocol):
    """Where rows go: ClickHouse, behind a writer that the command line passes in."""

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows; return when they are durable. Repeats of the same rows are normal.

        Raises:
            Exception: They may not have been written; the worker stops.
        """
