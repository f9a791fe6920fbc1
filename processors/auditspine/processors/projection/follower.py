"""Follows one partition of a sealed topic: verify, fold, write, commit. No Kafka, no event loop.

The order of a step makes it safe to be killed anywhere: rows are written before the position
moves, and writing them again changes nothing.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from auditspine.ledger.batch import signing_key
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.reader import Accepted, SegmentReader
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.projection.arrivals import Arrivals, Moved, moved_tenants
from auditspine.processors.projection.errors import NotYet, SegmentRefused, StateMoved
from auditspine.processors.projection.history import History, PastEntry
from auditspine.processors.projection.port import (
    DERIVED,
    Derived,
    Projection,
    ProjectionStore,
    SealedEvent,
    Speaker,
)
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.processors.projection.state import Overlay, Position, StateFile
from auditspine.schemas.codec import DecodedEvent, Decoder
from auditspine.schemas.errors import UndecodableError

_log = logging.getLogger(__name__)
_SOURCE_END = b"\0source"  # where it is not the number of entries, as it is without gaps


@dataclass(frozen=True, slots=True)
class Parts:
    """What every follower of one projection shares.

    Attributes:
        projection: The fold.
        decoder: Decodes valid events: it must know the schemas of the control log.
        store: Where rows go; ``None`` computes without writing.
        public_keys: Log keys that are trusted, 32 bytes each.
        state_dir: Folder of the states of all projections.
        partitions: Of the topic; a tenant's events are in one of them.
        history: What moved tenants did elsewhere; ``None`` where no tenant ever moves.
        speaker: Publishes derived events; ``None`` publishes none, as a rebuild must.
    """

    projection: Projection
    decoder: Decoder
    store: ProjectionStore | None
    public_keys: Sequence[bytes]
    state_dir: Path
    partitions: int = 1
    history: History | None = None
    speaker: Speaker | None = None

    def state_path(self, topic: str, partition: int) -> Path:
        """Give the path of a partition's state."""
        return self._state_path(self.projection.logic_version, topic, partition)

    def older_state_paths(self, topic: str, partition: int) -> list[Path]:
        """Give the paths of the states that older versions of the projection left behind."""
        versions = range(1, self.projection.logic_version)
        paths = (self._state_path(version, topic, partition) for version in versions)
        return [path for path in paths if path.exists()]

    def _state_path(self, version: int, topic: str, partition: int) -> Path:
        folder = f"{self.projection.name}-v{version}"
        return self.state_dir / folder / f"{topic}-{partition}.sqlite3"


class Follower:
    """One partition's reader and state. One thread at a time.

    What an older version of the projection said of is not spoken of again: the speaker is silent
    about events that the newest state of an older version, beside this one, had read. Keep that
    state until this one has read as far.

    Args:
        parts: The projection and its ports.
        topic: Sealed topic.
        partition: Its partition.
        path: State file; the projection's own when not given.

    Attributes:
        position: Position of the state.
        source_end: Offset in the source topic after the last entry that is folded.
        entries: Entries folded by this object.

    Raises:
        StateError: The state file, or that of an older version, cannot be used.
    """

    def __init__(self, parts: Parts, topic: str, partition: int, path: Path | None = None) -> None:
        self._parts = parts
        self._topic, self._partition = topic, partition
        self.state = StateFile(path or parts.state_path(topic, partition))
        self.entries = 0
        self._arrivals = (
            None
            if parts.history is None
            else Arrivals(parts.history, topic, partition, parts.partitions)
        )
        self._reload()
        self._silent = Position() if parts.speaker is None else self._said_before()

    def step(self, messages: Sequence[SealedMessage]) -> None:
        """Take consecutive messages; when this returns, their effect is durable.

        Messages that were taken before change nothing.

        Raises:
            SegmentRefused: A gap, a fork, a bad signature, or an event that cannot be decoded.
            StateError: The state stays locked.
            NotYet: A log that the fold looks into is behind; nothing was changed.
            Exception: The rows could not be written.
        """
        while True:
            try:
                return self._step(messages)
            except NotYet:
                self._reload()  # the reader went ahead of the state
                raise
            except StateMoved as exc:  # the other worker got further, so this ends
                _log.warning("another worker advanced the state: %s", exc)
                self._reload()

    @property
    def size(self) -> int:
        """Entries of the log that are folded."""
        return self.position.size

    def moved(self) -> dict[str, Moved]:
        """Give the tenants that came to this log with a history elsewhere."""
        return moved_tenants(self.state.items())

    def close(self) -> None:
        """Close the state."""
        self.state.close()

    def _said_before(self) -> Position:
        """Give how far older versions of the projection have spoken of the log."""
        found = Position()
        for path in self._parts.older_state_paths(self._topic, self._partition):
            older = StateFile(path)
            try:
                found = max(found, older.position(), key=lambda each: each.size)
            finally:
                older.close()
        if self.position.size < found.size:
            _log.warning(
                "%s[%d]: an older version spoke of what is before position %d: nothing is said of "
                "it again",
                *(self._topic, self._partition, found.size),
            )
        return found

    def _reload(self) -> None:
        at = self.position = self.state.position()
        self.source_end = int(self.state.get(_SOURCE_END) or at.size)
        self._reader = SegmentReader(self._parts.public_keys, at.size, at.chain, at.origin or None)
        if self._arrivals is not None:
            self._arrivals.reset()

    def _step(self, messages: Sequence[SealedMessage]) -> None:
        before = self.position
        accepted = [(message.offset, self._accept(message)) for message in messages]
        with self.state.snapshot(before) as overlay:
            events: list[SealedEvent] = []
            for offset, each in accepted:
                if each is None:
                    continue
                for history in self._history(offset, each, overlay):
                    self._fold(events, overlay)
                    self._fold(history, overlay, each.first)
                    events = []
                events.extend(self._events(offset, each, overlay))
            self._fold(events, overlay)
        reader = self._reader
        after = Position(
            reader.origin or "",
            reader.size,
            reader.chain,
            max(before.next_offset, messages[-1].offset + 1),
        )
        source_end = max(
            [
                *(self.source_end, after.size),
                *(each.segment.next_offset for _, each in accepted if each),
            ]
        )
        if source_end not in (after.size, self.source_end):
            overlay.put(_SOURCE_END, str(source_end).encode())
        if after != before:
            self.state.commit(before, after, overlay.changes)
        self.position, self.source_end = after, source_end
        self.entries += after.size - before.size

    def _fold(
        self, events: Iterable[SealedEvent], overlay: Overlay, before: int | None = None
    ) -> None:
        """Fold events, write the rows and say what follows; the step's end stores the state.

        Args:
            events: The events.
            overlay: The state.
            before: Position in the log before which they are folded, if they are from elsewhere.
        """
        changes = self._parts.projection.fold(events, overlay)
        if self._parts.store is not None:
            for table, rows in changes.items():
                if rows and table is not DERIVED:
                    self._parts.store.write(table.name, table.columns, rows)
        derived = [cast("Derived", row[0]) for row in changes.get(DERIVED, ())]
        if self._reader.origin == self._silent.origin:
            at = [each.cause.position if before is None else before for each in derived]
            derived = [d for d, n in zip(derived, at, strict=True) if n >= self._silent.size]
        if derived and self._parts.speaker is not None:
            self._parts.speaker.say(derived)

    def _accept(self, message: SealedMessage) -> Accepted | None:
        if message.value is None:
            raise self._refused(message.offset, "a message without a value is not a segment")
        try:
            return self._reader.accept(message.value)
        except (FormatError, IntegrityError) as exc:
            raise self._refused(message.offset, str(exc)) from exc

    def _history(
        self, offset: int, accepted: Accepted, overlay: Overlay
    ) -> Iterator[Iterable[SealedEvent]]:
        """Give what tenants did elsewhere that goes on in this segment."""
        if self._arrivals is not None:

            def wanted(past: PastEntry, origin: str, log: str, base: int) -> SealedEvent | None:
                event = self._wanted(offset, past.entry, origin, past.control_size)
                return event and replace(event, log=log, base=base)

            yield from self._arrivals.before(accepted, overlay, wanted)

    def _events(self, offset: int, accepted: Accepted, overlay: Overlay) -> Iterator[SealedEvent]:
        origin, arrivals = accepted.segment.origin, self._arrivals
        control_size = accepted.segment.control_size
        for entry in accepted.entries():
            event = self._wanted(offset, entry, origin, control_size)
            if event is not None:
                base = arrivals.base(event.envelope["tenant"], overlay) if arrivals else 0
                yield replace(event, base=base) if base else event

    def _wanted(
        self, offset: int, entry: Entry, origin: str, control_size: int
    ) -> SealedEvent | None:
        """Give an entry as an event, if it is one that the projection wants."""
        if entry.verdict is not Verdict.VALID or entry.flags & Flag.DUPLICATE:
            return None
        event = self._decode(offset, entry)
        if event.event_type not in self._parts.projection.event_types:
            return None
        return SealedEvent(
            origin,
            entry.position,
            entry.timestamp,
            event.event_type,
            event.envelope,
            event.body,
            signing_key(entry.sig),
            control_size=control_size,
        )

    def _decode(self, offset: int, entry: Entry) -> DecodedEvent:
        try:
            return self._parts.decoder.decode(entry.value)
        except UndecodableError as exc:
            detail = (
                f"the valid event at position {entry.position} cannot be decoded here: {exc}; "
                "restart the worker, so that it reads the control log's schemas anew"
            )
            raise self._refused(offset, detail) from exc

    def _refused(self, offset: int, detail: str) -> SegmentRefused:
        return SegmentRefused(self._topic, self._partition, offset, detail)
