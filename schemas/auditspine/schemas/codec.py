"""Events as bytes on the wire and back. Pure.

Wire format (Confluent's): ``0x00 | u32 schema id, big-endian | Avro``.
"""

import json
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
from pydantic import ValidationError

from auditspine.schemas.catalogue import event_type, type_of
from auditspine.schemas.errors import EventTooLargeError, InvalidEventError, UndecodableError
from auditspine.schemas.explain import explain
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json, to_json
from auditspine.schemas.projection import Projection, without_logical_types
from auditspine.schemas.writers import WRITERS

__all__ = ["MAX_EVENT_BYTES", "DecodedEvent", "Decoder", "encode", "parse_json", "to_json"]

MAX_EVENT_BYTES = 512 * 1024
_HEADER = struct.Struct(">BI")


def encode(event: Event, schema_id: int | None = None) -> bytes:
    """Give an event's Kafka value.

    Args:
        event: A validated event.
        schema_id: A registry's id for its schema; the derived id when not given.

    Raises:
        EventTooLargeError: The value exceeds 512 KiB.
        InvalidEventError: The event was built around its validation.
    """
    known = type_of(event)
    if event.envelope.event_type != known.name:
        raise InvalidEventError(f"envelope.event_type: expected {known.name}, got another type")
    try:
        body = WRITERS[type(event)](event)
    except (AttributeError, KeyError, TypeError, ValueError, struct.error) as exc:
        problem = f"event: cannot be written as {known.name} ({type(exc).__name__})"
    else:
        value = _HEADER.pack(0, known.schema_id if schema_id is None else schema_id) + body
        if len(value) > MAX_EVENT_BYTES:
            raise EventTooLargeError(len(value), MAX_EVENT_BYTES)
        return value
    raise InvalidEventError(problem)


class DecodedEvent(NamedTuple):
    """An event read from the wire under its writer's schema.

    Times are integers (microseconds since 1970), digests and keys bytes, enumerations strings.

    Attributes:
        schema_id: The id on the wire.
        event_type: Its type.
        record: ``{"envelope": {...}, "body": {...}}``.
        projection: Gives the record's JSON form and artifacts.
    """

    schema_id: int
    event_type: str
    record: dict[str, Any]
    projection: Projection

    @property
    def envelope(self) -> dict[str, Any]:
        """The record's envelope."""
        envelope: dict[str, Any] = self.record["envelope"]
        return envelope

    @property
    def body(self) -> dict[str, Any]:
        """The record's body."""
        body: dict[str, Any] = self.record["body"]
        return body

    def to_json(self) -> str:
        """Give the whole event's JSON form; a number that is not finite becomes null."""
        return _dumps(self.projection.json_form(self.record))

    def body_json(self) -> str:
        """Give the body's JSON form."""
        return _dumps(self.projection.json_form(self.record)["body"])

    def artifacts(self) -> list[tuple[str, str, str, bytes]]:
        """Give kind, name, version and digest of each artifact in the body, in schema order."""
        return self.projection.artifacts(self.record)

    def to_model(self) -> Event:
        """Give the event as its model.

        Raises:
            UndecodableError: It is not an event of this version's contract.
        """
        try:
            return event_type(self.event_type).model.model_validate_json(self.to_json())
        except ValidationError as exc:
            problem = "; ".join(explain(exc))
        except InvalidEventError as exc:
            problem = str(exc)
        raise UndecodableError(problem)


class Decoder:
    """Reads wire values under the schemas that it was given, and no others.

    It reads what the ledger judged valid. By itself it is as lenient as fastavro, which takes
    a negative enum or union index and a boolean other than 0 and 1; the ledger does not.

    Args:
        schemas: Schema texts by id: of the control log, or :func:`catalogue.schema_texts`.
    """

    def __init__(self, schemas: Mapping[int, str]) -> None:
        self._texts = schemas
        self._readers: dict[int, _Reader] = {}

    def decode(self, value: bytes) -> DecodedEvent:
        """Read one value.

        Raises:
            UndecodableError: It is not in the wire format, its schema id is unknown, or its
                bytes are not exactly one event of that schema.
        """
        if len(value) < _HEADER.size or value[0]:
            raise UndecodableError(f"{len(value)} bytes are not in the wire format")
        number = int.from_bytes(value[1:5], "big")
        reader = self._readers.get(number) or self._reader(number)
        stream = BytesIO(value)
        stream.seek(5)
        try:
            record = reader.read(stream)
        except Exception as exc:  # noqa: BLE001 - fastavro raises many kinds for corrupt bytes
            name = type(exc).__name__
            raise UndecodableError(f"corrupt bytes under schema {number}: {name}") from None
        if stream.tell() != len(value):
            surplus = len(value) - stream.tell()
            raise UndecodableError(f"{surplus} bytes after the event under schema {number}")
        if record["envelope"]["event_type"] != reader.event_type:
            raise UndecodableError(f"the envelope names another type than schema {number}")
        return DecodedEvent(number, reader.event_type, record, reader.projection)

    def _reader(self, number: int) -> "_Reader":
        text = self._texts.get(number)
        if text is None:
            raise UndecodableError(f"schema id {number} is not registered")
        reader = self._readers[number] = _make_reader(number, text)
        return reader


class _Reader(NamedTuple):
    event_type: str
    read: Callable[[BytesIO], dict[str, Any]]
    projection: Projection


def _make_reader(number: int, text: str) -> _Reader:
    try:
        schema = json.loads(text)
        name = str(schema["event_type"])
        parsed = fastavro.parse_schema(without_logical_types(schema))
        projection = Projection(schema)
    except Exception as exc:  # noqa: BLE001 - json, fastavro and missing keys alike
        reason = type(exc).__name__
        raise UndecodableError(f"schema {number} is not an event schema: {reason}") from None

    def read(stream: BytesIO) -> Any:
        return fastavro.schemaless_reader(stream, parsed, None)

    return _Reader(name, read, projection)


def _dumps(form: Any) -> str:
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
