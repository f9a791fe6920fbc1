"""Schemas of events as the control log registers them: text, check, claims and decoder. Pure."""

import json
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

from auditspine.ledger.avro_walk import compile_walk
from auditspine.ledger.errors import FormatError

WIRE_MAGIC = 0
WIRE_HEADER = 5  # bytes: the magic byte and the schema id


class Claims(NamedTuple):
    """What an event's envelope claims, as far as it is judged; times in microseconds since 1970."""

    event_id: str
    event_type: str
    occurred_at: int
    tenant: str
    domain: str
    producer: str


_CLAIMED = (
    "envelope.event_id",
    "envelope.event_type",
    "envelope.occurred_at",
    "envelope.tenant",
    "envelope.domain",
    "envelope.workload.name",
)


class EventSchema:
    """One registered schema: its text, and the decoder that follows from it.

    Attributes:
        event_type: The event type that it is registered for.
        stream: The stream that its text says it belongs to; empty when it says none.
        text: The schema, JSON text.
        position: Position in the control log; -1 for the schemas that a control log starts with.

    Raises:
        FormatError: The text is not an Avro schema, or a recursive one.
    """

    __slots__ = ("_check", "_claims", "_parsed", "event_type", "position", "stream", "text")

    def __init__(self, event_type: str, text: str, position: int = -1) -> None:
        self.event_type = event_type
        self.text = text
        self.position = position
        try:
            schema = json.loads(text)
            self._parsed = fastavro.parse_schema(_without_logical_types(schema))
            self.stream = str(schema.get("stream", ""))
            self._check = compile_walk(text, ())
            self._claims = compile_walk(text, _CLAIMED)
        except Exception as exc:  # json, fastavro and the text's own shape raise many kinds
            raise FormatError(
                f"the schema text of {event_type} is not Avro: {type(exc).__name__}"
            ) from exc

    def claims(self, value: bytes) -> Claims | None:
        """Check a value in the wire format whole and give what its envelope claims.

        Returns:
            The claims; ``None`` when the schema has no such envelope.

        Raises:
            FormatError: The bytes are not this schema's, or bytes are left over.
        """
        if self._claims is None:
            return None
        try:
            return Claims._make(self._claims(value, WIRE_HEADER))
        except (ValueError, IndexError) as exc:
            raise FormatError(f"{len(value)} bytes are not {self.event_type}") from exc

    def decode(self, value: bytes) -> dict[str, Any]:
        """Decode a value in the wire format whole; logical types stay what they are stored as.

        Raises:
            FormatError: The bytes are not this schema's, or bytes are left over.
        """
        stream = BytesIO(value)
        stream.seek(WIRE_HEADER)
        try:
            if self._check is not None:
                self._check(value, WIRE_HEADER)
            event = fastavro.schemaless_reader(stream, self._parsed, None)
        except Exception as exc:  # fastavro raises many kinds for corrupt bytes
            raise FormatError(
                f"{len(value)} bytes are not {self.event_type}: {type(exc).__name__}"
            ) from exc
        if type(event) is not dict:
            raise FormatError(f"the schema of {self.event_type} is not a record")
        return event


def _without_logical_types(schema: Any) -> Any:
    """Drop logical types: a clock or UUID object per event is slow, and may refuse the bytes."""
    if isinstance(schema, dict):
        return {k: _without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    return schema
