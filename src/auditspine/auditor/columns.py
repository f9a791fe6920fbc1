"""Compares the typed columns that analysts query with the raw bytes beside them.

Not part of the core: it decodes Avro. What it compares with is the raw value, which the core
has authenticated; positions that the core found altered are left out.
"""

import json
from collections.abc import Callable, Container, Iterator, Mapping
from hashlib import sha256
from typing import Any

from auditspine.auditor.canonical import PATHS, CanonicalEvent, parse_body, same
from auditspine.auditor.core.defects import Defect, DefectLog, Kind
from auditspine.auditor.evidence import EvidenceStore, StoredLog
from auditspine.ledger.control import ControlState
from auditspine.ledger.errors import FormatError
from auditspine.ledger.event_schema import EventSchema

_SPECIAL = {
    "event_id": "toString(event_id)",
    "occurred_at": "toUnixTimestamp64Micro(occurred_at)",
}
_EVIDENCE = ", ".join(
    (
        "position",
        "value",
        "toUnixTimestamp64Milli(appended_at)",
        "flags",
        "body",
        "arrayMap(a -> (a.1, a.2, a.3, lower(hex(a.4))), artifacts)",
        *(_SPECIAL.get(column, column) for column in PATHS),
    )
)
_ENTRIES = "position, toUnixTimestamp64Milli(appended_at), flags, toInt8(verdict)"
_QUARANTINE = "position, toUnixTimestamp64Milli(appended_at), toInt8(verdict)"

_STRAYS = """
    SELECT position FROM entries
    WHERE origin = {origin:String} AND position < {size:UInt64}
        AND (topic != {topic:String} OR partition != {partition:UInt16})
    ORDER BY position LIMIT 1000
"""


class ColumnComparison:
    """Compares one log's typed columns.

    Args:
        store: Where the rows are.
        log: The log.
        control: The control log's state, for the schemas.
        skip: Positions whose raw bytes are not to be believed.
    """

    def __init__(
        self, store: EvidenceStore, log: StoredLog, control: ControlState, skip: Container[int]
    ) -> None:
        self._store = store
        self._log = log
        self._control = control
        self._skip = skip
        self._defects = DefectLog(log.origin)
        self._canonical: dict[int, CanonicalEvent] = {}

    def run(self, progress: Callable[[int], None] | None = None) -> list[Defect]:
        """Compare all committed rows.

        Args:
            progress: Called with the number of rows done since the last call.

        Raises:
            SourceError: ClickHouse cannot be read.
        """
        entries = _Following(self._rows("entries", _ENTRIES, None))
        for row in self._rows("evidence", _EVIDENCE, lambda row: len(row[1]) + len(row[4])):
            position = row[0]
            if position not in self._skip:
                self._compare_entry(
                    "evidence", position, {"appended_at": row[2], "flags": row[3]}, entries
                )
                self._compare_event(row)
            if progress is not None:
                progress(1)
        entries = _Following(self._rows("entries", _ENTRIES, None))
        for position, appended_at, verdict in self._rows("quarantine", _QUARANTINE, None):
            if position not in self._skip:
                self._compare_entry(
                    "quarantine",
                    position,
                    {"appended_at": appended_at, "verdict": verdict},
                    entries,
                )
        self._compare_place()
        return self._defects.found

    def _rows(
        self, table: str, columns: str, weigh: Callable[[Any], int] | None
    ) -> Iterator[tuple[Any, ...]]:
        for row in self._store.ranges(self._log, table, columns, "position", weigh):
            if row[0] >= self._log.size:
                return
            yield row

    def _compare_entry(
        self, table: str, position: int, values: Mapping[str, Any], entries: "_Following"
    ) -> None:
        expected = entries.at(position)
        for column, got in values.items():
            if expected is not None and expected[column] != got:
                self._altered(position, table, column, str(expected[column]), str(got))

    def _compare_event(self, row: tuple[Any, ...]) -> None:
        position, value, _, _, body, artifacts, *typed = row
        try:
            event, canonical = self._decode(value)
        except FormatError as exc:
            self._altered(position, "evidence", "value", "a value that decodes", str(exc))
            return
        columns = dict(zip(PATHS, typed, strict=True))
        for column, expected in canonical.envelope(event).items():
            if not _equal(expected, columns[column]):
                self._altered(
                    position, "evidence", column, _digest(expected), _digest(columns[column])
                )
        expected_artifacts = [(*a[:3], a[3].hex()) for a in canonical.artifacts(event)]
        if expected_artifacts != [tuple(artifact) for artifact in artifacts]:
            self._altered(
                position, "evidence", "artifacts", _digest(expected_artifacts), _digest(artifacts)
            )
        if not _same_body(canonical.body(event), body):
            self._altered(position, "evidence", "body", "the body of the raw value", _digest(body))

    def _decode(self, value: bytes) -> tuple[dict[str, Any], CanonicalEvent]:
        event = self._control.decode(value)
        schema_id = int.from_bytes(value[1:5], "big")
        canonical = self._canonical.get(schema_id)
        if canonical is None:
            schema: EventSchema = self._control.schemas[schema_id]
            canonical = self._canonical[schema_id] = CanonicalEvent(schema.text)
        return event, canonical

    def _compare_place(self) -> None:
        """Every row of a log must name the same topic and partition."""
        strays = self._store.query(
            _STRAYS,
            {
                "origin": self._log.origin,
                "size": self._log.size,
                "topic": self._log.topic,
                "partition": self._log.partition,
            },
        )
        for (position,) in strays:
            self._altered(
                position,
                "entries",
                "topic, partition",
                f"{self._log.topic}, {self._log.partition}",
                "another place",
            )

    def _altered(self, position: int, table: str, column: str, expected: str, got: str) -> None:
        self._defects.add(
            Kind.ALTERED_COLUMN, position, table, column=column, expected=expected, got=got
        )


class _Following:
    """Rows of ``entries`` followed by position."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._row: tuple[Any, ...] | None = next(rows, None)

    def at(self, position: int) -> dict[str, Any] | None:
        while self._row is not None and self._row[0] < position:
            self._row = next(self._rows, None)
        if self._row is None or self._row[0] != position:
            return None
        return dict(zip(("appended_at", "flags", "verdict"), self._row[1:], strict=True))


def _equal(expected: Any, got: Any) -> bool:
    if isinstance(expected, list):
        return expected == list(got)
    if isinstance(expected, str):
        return expected == got or (len(expected) == 36 and expected.lower() == str(got))
    return bool(expected == got)


def _same_body(expected: Any, text: str) -> bool:
    try:
        return same(expected, parse_body(text))
    except ValueError:
        return False


def _digest(value: Any) -> str:
    """Name a value without showing it: personal data may stand in a column."""
    text = json.dumps(value, default=str, sort_keys=True)
    return "sha256:" + sha256(text.encode()).hexdigest()[:16]
