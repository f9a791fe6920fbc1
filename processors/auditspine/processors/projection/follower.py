"""Follows one partition of a sealed topic: verify, fold, write, commit. No Kafka, no event loop.

The order of a step makes it safe to be killed anywhere: rows are written before the position
moves, and writing them again changes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.reader import Accepted, SegmentReader
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.projection.errors import SegmentRefused, StateMoved
from auditspine.processors.projection.port import Projection, ProjectionStore, SealedEvent
from auditspine.processors.projection.state import Position, StateFile
from auditspine.schemas.codec import DecodedEvent, Decoder
from auditspine.schemas.errors import UndecodableError

_log = logging.getLogger(__name__)


class SealedMessage(NamedTuple):
    """A message of a sealed topic.

    Attributes:
        offset: Its Kafka offset.
        value: A segment's bytes; ``None`` for a Kafka tombstone, which is refused.
    """

    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What every follower of one projection shares.

    Attributes:
        projection: The fold.
        decoder: Decodes valid events: it must know the schemas of the control log.
        store: Where rows go; ``None`` computes without writing.
        public_keys: Log keys that are trusted, 32 bytes each.
        state_dir: Folder of the states of all projections.
    """

    projection: Projection
    decoder: Decoder
    store: ProjectionStore | None
    public_keys: Sequence[bytes]
    state_dir: Path

    def state_path(self, topic: str, partition: int) -> Path:
        """Give the path of a partition's state."""
        folder = f"{self.projection.name}-v{self.projection.logic_version}"
        return self.state_dir / folder / f"{topic}-{partition}.sqlite3"


class Follower:
    """One partition's reader and state. One thread at a time.

    Args:
        parts: The projection and its ports.
        topic: Sealed topic.
        partition: Its partition.
        path: State file; the projection's own when not given.

    Attributes:
        position: Position of the state.
        entries: Entries folded by this object.

    Raises:
        StateError: The state file cannot be used.
    """

    def __init__(self, parts: Parts, topic: str, partition: int, path: Path | None = None) -> None:
        self._parts = parts
        self._topic, self._partition = topic, partition
        self.state = StateFile(path or parts.state_path(topic, partition))
        self.entries = 0
        self._reload()

    def step(self, messages: Sequence[SealedMessage]) -> None:
        """Take consecutive messages; when this returns, their effect is durable.

        Messages that were taken before change nothing.

        Raises:
            SegmentRefused: A gap, a fork, a bad signature, or an event that cannot be decoded.
            StateError: The state stays locked.
            Exception: The rows could not be written.
        """
        while True:
            try:
                return self._step(messages)
            except StateMoved as exc:  # the other worker got further, so this ends
                _log.warning("another worker advanced the state: %s", exc)
                self._reload()

    def close(self) -> None:
        """Close the state."""
        self.state.close()

    def _reload(self) -> None:
        at = self.position = self.state.position()
        self._reader = SegmentReader(self._parts.public_keys, at.size, at.chain, at.origin or None)

    def _step(self, messages: Sequence[SealedMessage]) -> None:
        before = self.position
        events = [
            event
            for message in messages
            for event in self._events(message.offset, self._accept(message))
        ]
        with self.state.snapshot(before) as overlay:
            changes = self._parts.projection.fold(events, overlay)
        if self._parts.store is not None:
            for table, rows in changes.items():
                if rows:
                    self._parts.store.write(table.name, table.columns, rows)
        reader = self._reader
        after = Position(
            reader.origin or "",
            reader.size,
            reader.chain,
            max(before.next_offset, messages[-1].offset + 1),
        )
        if after != before:
            self.state.commit(before, after, overlay.changes)
        self.position = after
        self.entries += after.size - before.size

    def _accept(self, message: SealedMessage) -> Accepted | None:
        if message.value is None:
            raise self._refused(message.offset, "a message without a value is not a segment")
        try:
            return self._reader.accept(message.value)
        except (FormatError, IntegrityError) as exc:
            raise self._refused(message.offset, str(exc)) from exc

    def _events(self, offset: int, accepted: Accepted | None) -> Iterator[SealedEvent]:
        if accepted is None:
            return
        wanted = self._parts.projection.event_types
        for entry in accepted.entries():
            if entry.verdict is Verdict.VALID and not entry.flags & Flag.DUPLICATE:
                event = self._decode(offset, entry)
                if event.event_type in wanted:
                    yield SealedEvent(
                        accepted.segment.origin,
                        entry.position,
                        entry.timestamp,
                        event.event_type,
                        event.envelope,
                        event.body,
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
