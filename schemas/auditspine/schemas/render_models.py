"""Writes the pydantic models' source text from the schemas. Pure; writes no file."""

import textwrap
from collections.abc import Iterator
from typing import Any

from auditspine.schemas.formats import FORMATS, Format
from auditspine.schemas.source import Schema, event_records, full_name, ordered, types

_WIDTH = 100  # columns
_DOC = '    """'
_ABSENT = {
    "uuid7": "Field(default_factory=uuid7)",
    "now": "Field(default_factory=utc_now)",
    "event_type": '""',
}
_HEAD = '''"""The events of the contract as pydantic models.

Generated from the ``.avsc`` files by ``python -m auditspine.schemas.generate``: edit those.
"""

from typing import ClassVar, Literal

from pydantic import Field

from auditspine.schemas.base import Body, Record, TypedEvent, utc_now, uuid7
from auditspine.schemas.formats import (
{formats}
)
'''
_EVENT = '''

class Event(TypedEvent, frozen=True):
    """One event of the contract; the base of every event type.

    Attributes:
        envelope: Who, when, from where, on whose authority and why.
        body: What happened.
    """

    envelope: Envelope
    body: Body
'''


def render_models() -> str:
    """Give the text of ``models.py``."""
    events = {full_name(schema): schema for schema in event_records()}
    chunks = [_class(name, events) for name in ordered()]
    chunks.append(_tuple("EVENTS", "tuple[type[Event], ...]", [s["name"] for s in events.values()]))
    chunks.append('"""Every event class, in order of its event type."""\n')
    text = "".join(chunks)
    used = sorted({fmt.annotation for fmt in FORMATS.values() if _mentions(text, fmt.annotation)})
    return _HEAD.format(formats="\n".join(f"    {name}," for name in used)) + text


def format_of(schema: Any, field: Schema) -> Format:
    """Give the format of a field's plain (not null, not array) type."""
    if isinstance(schema, str):
        return FORMATS[schema, "" if schema.startswith("auditspine.") else field.get("format", "")]
    logical = schema.get("logicalType", "")
    return FORMATS[schema["type"], field.get("format", logical)]


def _class(name: str, events: dict[str, Schema]) -> str:
    schema = types()[name]
    if schema["type"] == "enum":
        return _enum(schema)
    if name in events:
        return _event_class(schema)
    base = "Body" if name.removesuffix("Body") in events else "Record"
    fields = "\n".join(_field(field) for field in schema["fields"])
    text = f"\n\nclass {schema['name']}({base}, frozen=True):\n{_docstring(schema)}\n{fields}\n"
    return text + (_EVENT if name == "auditspine.Envelope" else "")


def _event_class(schema: Schema) -> str:
    doc = _wrapped(schema["doc"], first=_DOC, end='"""')
    return (
        f"\n\nclass {schema['name']}(Event, frozen=True):\n{doc}\n\n"
        f'    event_type: ClassVar[str] = "{schema["event_type"]}"\n'
        f'    stream: ClassVar[str] = "{schema["stream"]}"\n'
        f'    schema_name: ClassVar[str] = "{full_name(schema)}"\n\n'
        f"    body: {schema['name']}Body\n"
    )


def _enum(schema: Schema) -> str:
    symbols = [f'"{symbol}"' for symbol in schema["symbols"]]
    line = f"{schema['name']} = Literal[{', '.join(symbols)}]"
    if len(line) > _WIDTH:
        inner = "".join(f"    {symbol},\n" for symbol in symbols)
        line = f"{schema['name']} = Literal[\n{inner}]"
    return f'\n{line}\n"""{schema["doc"]}"""\n'


def _tuple(name: str, annotation: str, items: list[str]) -> str:
    inner = "".join(f"    {item},\n" for item in items)
    return f"\n\n{name}: {annotation} = (\n{inner})\n"


def _docstring(schema: Schema) -> str:
    lines = [_wrapped(schema["doc"], first=_DOC), "", "    Attributes:"]
    lines += [
        _wrapped(f"{field['name']}: {field['doc']}", first="        ", rest="            ")
        for field in schema["fields"]
    ]
    return "\n".join([*lines, '    """', ""])


def _wrapped(text: str, first: str = "", rest: str = "    ", end: str = "") -> str:
    return "\n".join(_wrap(text + end, first, rest))


def _wrap(text: str, first: str, rest: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _field(field: Schema) -> str:
    line = f"    {field['name']}: {annotation(field['type'], field)}"
    value = _default(field)
    return line if value is None else f"{line} = {value}"


def annotation(schema: Any, field: Schema) -> str:
    """Give the Python annotation of a schema that stands in a field."""
    if isinstance(schema, list):
        return f"{annotation(schema[1], field)} | None"
    if isinstance(schema, dict) and schema["type"] == "array":
        return f"tuple[{annotation(schema['items'], field)}, ...]"
    named = types().get(schema) if isinstance(schema, str) else schema
    if named and named["type"] in ("record", "enum"):
        return str(named["name"])
    return format_of(schema, field).annotation


def _default(field: Schema) -> str | None:
    if "when_absent" in field:
        return _ABSENT[field["when_absent"]]
    if "default" not in field:
        return None
    value = field["default"]
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return annotation(field["type"], field) + "()"
    return "()" if value == [] else repr(value)


def _mentions(text: str, name: str) -> bool:
    return any(f"{left}{name}{right}" in text for left in (": ", "[") for right in ("\n", " ", ","))
