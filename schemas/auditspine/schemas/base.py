"""What the generated models rest on: strict records, and events that know their type."""

import os
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator


class Record(BaseModel, frozen=True):
    """A record of the contract: immutable, no field beyond the schema's.

    Errors of a construction never hold the values given.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Body(Record, frozen=True):
    """What one event type says; the base of every event's body."""


class TypedEvent(Record, frozen=True):
    """An event whose envelope is given the event's type, or must agree with it.

    Attributes:
        event_type: The type, such as ``model.registered``.
        stream: The stream that it belongs on.
        schema_name: Full name of the Avro record.
    """

    event_type: ClassVar[str] = ""
    stream: ClassVar[str] = ""
    schema_name: ClassVar[str] = ""

    @field_validator("envelope", mode="after", check_fields=False)
    @classmethod
    def _give_type(cls, envelope: Any) -> Any:
        if envelope.event_type == cls.event_type:
            return envelope
        if not envelope.event_type:
            return envelope.model_copy(update={"event_type": cls.event_type})
        raise ValueError(f"expected the event_type {cls.event_type}, got another one")


def utc_now() -> datetime:
    """Give the present time, UTC."""
    return datetime.now(UTC)


def uuid7() -> str:
    """Make a UUID version 7: 48 bits of milliseconds since 1970, 74 random bits.

    Source: RFC 9562 §5.7.
    """
    bits = int.from_bytes(os.urandom(10), "big")
    high = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | bits >> 68
    low = 0x8000_0000_0000_0000 | bits & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
