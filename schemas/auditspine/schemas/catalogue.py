"""The event types of the contract: their stream, model, schema text and derived id."""

import difflib
from dataclasses import dataclass
from functools import cache

from auditspine.schemas.canonical import schema_id, schema_text
from auditspine.schemas.errors import InvalidEventError
from auditspine.schemas.models import EVENTS, Event
from auditspine.schemas.source import inline


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type.

    Attributes:
        name: Such as ``model.registered``.
        stream: The stream that its events belong on.
        model: The pydantic class of its events.
        text: The Avro schema with every reference written out, as it is registered.
        schema_id: The id derived from the schema; a registry may give another.
    """

    name: str
    stream: str
    model: type[Event]
    text: str
    schema_id: int


@cache
def event_types() -> dict[str, EventType]:
    """Give every event type by name, in order of the names."""
    return {model.event_type: _event_type(model) for model in EVENTS}


def event_type(name: str) -> EventType:
    """Give an event type by name.

    Raises:
        InvalidEventError: There is none; the text suggests the closest.
    """
    known = event_types().get(name)
    if known is not None:
        return known
    close = difflib.get_close_matches(name, event_types(), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise InvalidEventError(f"envelope.event_type: expected a known event type{hint}")


def type_of(event: Event | type[Event]) -> EventType:
    """Give the event type of an event or of an event class."""
    return event_types()[event.event_type]


def by_schema_id() -> dict[int, EventType]:
    """Give every event type by its derived schema id."""
    return {known.schema_id: known for known in event_types().values()}


def schema_texts() -> dict[int, str]:
    """Give the schema texts by derived id, as a decoder takes them."""
    return {known.schema_id: known.text for known in event_types().values()}


def _event_type(model: type[Event]) -> EventType:
    schema = inline(model.schema_name)
    return EventType(model.event_type, model.stream, model, schema_text(schema), schema_id(schema))
