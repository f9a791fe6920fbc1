"""Writes ``docs/events.md`` from the schemas and the committed examples. Pure; writes no file."""

import json
from collections.abc import Iterator
from typing import Any

from auditspine.schemas.catalogue import EventType, event_types
from auditspine.schemas.examples import example
from auditspine.schemas.formats import FORMATS
from auditspine.schemas.source import Schema, ordered, types

_HEAD = """# Events

Generated from the schemas by `python -m auditspine.schemas.generate`: edit those.

An event is an Avro record of an [envelope](#envelope) and a body. On Kafka it is in
Confluent's wire format: a zero byte, the schema id as four bytes big-endian, then the Avro
bytes; at most 512 KiB. A schema's id is the first four bytes of the SHA-256 of its parsing
canonical form with the top bit cleared, unless a registry gives another; the control log
holds the text of each.

The JSON form, which `auditspine publish` takes, has the same shape. A whole event of each type
is in `schemas/auditspine/schemas/examples`. Values look like this:

| Avro | format | in JSON |
|---|---|---|
"""


def render_docs() -> str:
    """Give the text of ``docs/events.md``."""
    return "\n".join([_HEAD + _formats(), *_index(), *_events(), *_shared_types()]) + "\n"


def _formats() -> str:
    rows = (
        f"| `{avro}` | {f'`{name}`' if name else ''} | {form.meaning} |\n"
        for (avro, name), form in FORMATS.items()
    )
    return "".join(rows) + (
        "\nA field with a default may be left out of the JSON form, and so may one that is "
        "supplied by the SDK.\nA missing value is null: NaN and infinity are refused, and so is "
        "every field that a schema does not have.\n"
    )


def _index() -> Iterator[str]:
    yield "| Event type | Stream | What happened |\n|---|---|---|"
    for known in event_types().values():
        doc = types()[known.model.schema_name]["doc"]
        yield f"| [{known.name}](#{_anchor(known.name)}) | {known.stream} | {doc} |"


def _events() -> Iterator[str]:
    for known in event_types().values():
        yield from _event(known)


def _event(known: EventType) -> Iterator[str]:
    schema = types()[known.model.schema_name]
    yield f"\n## {known.name}\n\n{schema['doc']}\n"
    yield (
        f"Stream `{known.stream}` · record `{known.model.schema_name}` · "
        f"schema id {known.schema_id}\n"
    )
    yield from _table(types()[known.model.schema_name + "Body"])
    body = json.dumps(json.loads(example(known.name))["body"], ensure_ascii=False, indent=2)
    yield f"\n```json\n{body}\n```"


def _shared_types() -> Iterator[str]:
    yield "\n## Envelope\n"
    yield from _table(types()["auditspine.Envelope"])
    text = json.dumps(
        json.loads(example("model.registered"))["envelope"], ensure_ascii=False, indent=2
    )
    yield f"\n```json\n{text}\n```\n\n## Shared types"
    bodies = {f"{known.model.schema_name}Body" for known in event_types().values()}
    for name in sorted(set(ordered()) - bodies - {"auditspine.Envelope"}):
        schema = types()[name]
        if schema["type"] == "record" and "event_type" not in schema:
            yield f"\n### {schema['name']}\n\n{schema['doc']}\n"
            yield from _table(schema)


def _table(schema: Schema) -> Iterator[str]:
    yield "| Field | Type | Default | Meaning |\n|---|---|---|---|"
    for field in schema["fields"]:
        kind = _type(field["type"], field)
        yield f"| `{field['name']}` | {kind} | {_default(field)} | {field['doc']} |"


def _type(schema: Any, field: Schema) -> str:
    if isinstance(schema, list):
        return f"{_type(schema[1], field)} or null"
    if isinstance(schema, dict) and schema["type"] == "array":
        return f"array of {_type(schema['items'], field)}"
    named = types().get(schema) if isinstance(schema, str) else schema
    if named and named["type"] == "record":
        return f"[{named['name']}](#{_anchor(named['name'])})"
    if named and named["type"] == "enum":
        return " ".join(f"`{symbol}`" for symbol in named["symbols"])
    if isinstance(schema, dict):
        name = str(schema.get("logicalType", schema["type"]))
    else:
        name = schema.removeprefix("auditspine.")
    return f"{name}, `{field['format']}`" if "format" in field else name


def _default(field: Schema) -> str:
    if "when_absent" in field:
        return "supplied"
    if "default" not in field:
        return ""
    return f"`{json.dumps(field['default'], ensure_ascii=False)}`"


def _anchor(title: str) -> str:
    """Give the anchor that GitHub makes of a heading."""
    return title.lower().replace(".", "")
