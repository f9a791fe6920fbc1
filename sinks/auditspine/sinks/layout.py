"""How an event's Avro schema becomes ClickHouse columns, without decoding it in Python. Pure.

From a schema's text this module derives the structure in which ClickHouse reads the event and
the SQL expressions that give the columns of ``evidence``. Its canonical form, which anybody can
recompute from the raw bytes of ``value`` (0x00, u32 schema id, Avro) and the schema's text:

Typed columns
    As named in ``COLUMNS``: strings as they are, ``''`` where the schema's null or a missing
    field is; ``event_id`` as UUID; ``occurred_at`` in microseconds, clamped by ClickHouse to
    the years 1900 to 2299; enums as their symbol.
``artifacts``
    Every ``auditspine.ArtifactRef`` of the body as (kind, name, version, 32-byte digest),
    depth first in schema order, array items in their order.
``body``
    JSON text with the body's fields in schema order and no white space; compare it parsed.
    boolean → true/false; int, long, float, double → the shortest number that reads back to
    the same value (``1`` for 1.0), a NaN or infinite one → null; string and enum → string;
    ``auditspine.Sha256`` → ``"sha256:<64 hex>"``; bytes and other fixed → standard base64;
    timestamp-micros → ``"YYYY-MM-DDThh:mm:ss[.ffffff]Z"``, the fraction only when it is not 0;
    record → object; array → array; null → null.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro.schema

from auditspine.sinks.errors import UnsupportedSchemaError

Schema = dict[str, Any]

_PRIMITIVES = {
    "boolean": "Bool",
    "int": "Int64",
    "long": "Int64",
    "float": "Float64",
    "double": "Float64",
    "bytes": "String",
    "string": "String",
}
_ARTIFACT = "auditspine.ArtifactRef"
_ARTIFACT_TYPE = "Array(Tuple(kind String, name String, version String, digest FixedString(32)))"
_TEXT_COLUMNS: Mapping[str, str] = {
    "tenant": "tenant",
    "event_type": "event_type",
    "domain": "domain",
    "environment": "environment",
    "actor_principal": "actor.principal",
    "actor_kind": "actor.kind",
    "actor_network": "actor.origin.network",
    "workload_name": "workload.name",
    "workload_namespace": "workload.namespace",
    "workload_node": "workload.node",
    "workload_version": "workload.version",
    "intent_trigger": "intent.trigger",
    "intent_reason": "intent.reason",
    "intent_justification": "intent.justification",
    "run_id": "correlation.run_id",
    "trace_id": "correlation.trace_id",
    "causation_id": "correlation.causation_id",
    "sensitivity": "classification.sensitivity",
    "retention_class": "classification.retention_class",
}
_LIST_COLUMNS: Mapping[str, str] = {
    "actor_roles": "actor.roles",
    "regulatory_domains": "classification.regulatory_domains",
}
COLUMNS: Mapping[str, str] = {
    "event_id": "event_id",
    "occurred_at": "occurred_at",
    **_TEXT_COLUMNS,
    **_LIST_COLUMNS,
}
"""Column of ``evidence`` → path in the envelope."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What ClickHouse must be told to read events of one schema.

    Attributes:
        structure: Columns, with their types, as which ClickHouse reads the event: fields of the
            envelope each by itself, named by its path, and the body as a named Tuple. ClickHouse
            analyses a statement much faster than with one Tuple of everything.
        expressions: SQL expression over them per column of ``evidence`` that comes from the event.
    """

    structure: str
    expressions: Mapping[str, str]


def layout(text: str) -> Layout:
    """Derive the layout of a schema.

    Args:
        text: The schema's JSON, with no reference to a type outside it: a record with the
            fields ``envelope`` and ``body``.

    Raises:
        UnsupportedSchemaError: It is not such a schema, or holds a type without a canonical
            form here: a map, or a union other than of null and one type that is no array.
    """
    event = _expand(text)
    fields = {str(field["name"]): field["type"] for field in event["fields"]}
    if set(fields) != {"envelope", "body"}:
        raise UnsupportedSchemaError(f"expected the fields envelope and body, got {list(fields)}")
    columns = {
        column: _envelope_column(column, path, fields["envelope"])
        for column, path in COLUMNS.items()
    }
    body = _quote("event.body")
    structure = [read for read, _ in columns.values() if read]
    structure.append(f"{body} {_type(fields['body'])}")
    expressions = {column: expression for column, (_, expression) in columns.items()}
    artifacts = _artifacts(fields["body"], body)
    joined = f"arrayConcat({', '.join(artifacts)})" if artifacts else "[]"
    expressions["artifacts"] = f"CAST({joined}, '{_ARTIFACT_TYPE}')"
    expressions["body"] = _json(fields["body"], body)
    return Layout(", ".join(structure), expressions)


def _expand(text: str) -> Schema:
    """Write each referenced type out where it is used."""
    try:
        schema = fastavro.schema.expand_schema(json.loads(text))
    except Exception as exc:  # fastavro raises many kinds for what is not a schema
        raise UnsupportedSchemaError(f"not an Avro schema: {type(exc).__name__}") from exc
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise UnsupportedSchemaError("expected a record")
    return schema


def _envelope_column(column: str, path: str, envelope: Schema) -> tuple[str, str]:
    """Give what is read for one typed column, and its expression; a default without a field."""
    schema: Any = envelope
    for name in path.split("."):
        schema = _field(schema, name)
    if schema is None:
        return "", "[]" if column in _LIST_COLUMNS else "''"
    name = _quote(f"event.envelope.{path}")
    read = f"{name} {_type(schema)}"
    if column == "event_id":
        return read, f"toUUID({name})"
    if column == "occurred_at":
        return read, f"fromUnixTimestamp64Micro({name}, 'UTC')"
    return read, name if column in _LIST_COLUMNS else f"ifNull({name}, '')"


def _field(schema: Any, name: str) -> Any:
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return None
    return next((field["type"] for field in schema["fields"] if field["name"] == name), None)


def _plain(schema: Any) -> tuple[Any, bool]:
    """Split a schema into its type without null and whether null is allowed."""
    if not isinstance(schema, list):
        return schema, False
    branches = [branch for branch in schema if _kind(branch) != "null"]
    if len(branches) != 1 or _kind(branches[0]) == "array":
        raise UnsupportedSchemaError(
            f"expected a union of null and one type, got {[_kind(branch) for branch in schema]}"
        )
    return branches[0], len(schema) > 1


def _kind(schema: Any) -> str:
    """Give the name of a schema's type: a primitive, record, enum, fixed, array, map or union."""
    if isinstance(schema, list):
        return "union"
    kind = schema["type"] if isinstance(schema, dict) else schema
    return kind if isinstance(kind, str) else _kind(kind)


def _type(schema: Any, nullable: bool = False) -> str:
    """Give the ClickHouse type; inside a record that may be null, scalars are Nullable."""
    schema, optional = _plain(schema)
    kind = _kind(schema)
    nullable = nullable or optional
    if kind == "record":
        fields = (f"{_quote(f['name'])} {_type(f['type'], nullable)}" for f in schema["fields"])
        return f"Tuple({', '.join(fields)})"
    if kind == "array":
        return f"Array({_type(schema['items'])})"
    if kind == "fixed":
        scalar = f"FixedString({schema['size']})"
    elif kind == "enum":
        scalar = "String"
    elif kind in _PRIMITIVES:
        scalar = _PRIMITIVES[kind]
    else:
        raise UnsupportedSchemaError(f"a {kind} has no columns here")
    return f"Nullable({scalar})" if nullable else scalar


def _json(schema: Any, value: str, nullable: bool = False) -> str:
    """Give the expression of a value's JSON text."""
    schema, optional = _plain(schema)
    kind = _kind(schema)
    nullable = nullable or optional
    if kind == "record":
        text = _json_object(schema, value, nullable)
        return f"if(isNull({_marker(schema, value)}), 'null', {text})" if optional else text
    if kind == "array":
        items = f"arrayMap({_item(value)} -> {_json(schema['items'], _item(value))}, {value})"
        return f"concat('[', arrayStringConcat({items}, ','), ']')"
    text = _json_scalar(schema, kind, f"assumeNotNull({value})" if nullable else value)
    return f"if(isNull({value}), 'null', {text})" if nullable else text


def _json_object(schema: Schema, value: str, nullable: bool) -> str:
    if not schema["fields"]:
        return "'{}'"
    parts = []
    for index, field in enumerate(schema["fields"]):
        key = ("{" if index == 0 else ",") + json.dumps(field["name"]) + ":"
        member = _json(field["type"], f"{value}.{_quote(field['name'])}", nullable)
        parts += [f"'{key}'", member]
    return f"concat({', '.join(parts)}, '}}')"


def _json_scalar(schema: Any, kind: str, value: str) -> str:
    if kind == "boolean":
        return f"if({value}, 'true', 'false')"
    if kind in {"int", "long"}:
        logical = schema.get("logicalType") if isinstance(schema, dict) else None
        return _json_timestamp(value) if logical == "timestamp-micros" else f"toString({value})"
    if kind in {"float", "double"}:
        return f"if(isFinite({value}), toString({value}), 'null')"
    if kind == "fixed" and schema["name"] == "auditspine.Sha256":
        return f"concat('\"sha256:', lower(hex({value})), '\"')"
    if kind in {"bytes", "fixed"}:
        return f"concat('\"', base64Encode({value}), '\"')"
    return f"toJSONString({value})"


def _json_timestamp(value: str) -> str:
    moment = f"fromUnixTimestamp64Micro({value}, 'UTC')"
    whole, exact = "%Y-%m-%dT%H:%i:%SZ", "%Y-%m-%dT%H:%i:%S.%fZ"
    text = (
        f"if({value} % 1000000 = 0, formatDateTime({moment}, '{whole}'), "
        f"formatDateTime({moment}, '{exact}'))"
    )
    return f"concat('\"', {text}, '\"')"


def _artifacts(schema: Any, value: str, nullable: bool = False) -> list[str]:
    """Give expressions of arrays that hold the artifacts in a value, in schema order."""
    schema, optional = _plain(schema)
    kind = _kind(schema)
    nullable = nullable or optional
    if kind == "record" and schema["name"] == _ARTIFACT:
        names = ("kind", "name", "version", "digest")
        members = ", ".join(f"assumeNotNull({value}.{name})" for name in names)
        one = f"[tuple({members})]"
        return [f"if(isNull({value}.kind), [], {one})" if nullable else one]
    if kind == "record":
        return [
            expression
            for field in schema["fields"]
            for expression in _artifacts(
                field["type"], f"{value}.{_quote(field['name'])}", nullable
            )
        ]
    if kind == "array":
        inner = _artifacts(schema["items"], _item(value))
        if inner:
            each = f"arrayConcat({', '.join(inner)})"
            return [f"arrayFlatten(arrayMap({_item(value)} -> {each}, {value}))"]
    return []


def _marker(schema: Schema, value: str) -> str:
    """Give a member that is null exactly when the record is: a scalar that may not be null."""
    for field in schema["fields"]:
        if isinstance(field["type"], list) or _kind(field["type"]) == "array":
            continue
        member = f"{value}.{_quote(field['name'])}"
        return _marker(field["type"], member) if _kind(field["type"]) == "record" else member
    raise UnsupportedSchemaError(
        f"record {schema['name']} may be null and has no field that tells it from its absence"
    )


def _item(value: str) -> str:
    """Name a lambda's argument so that nested arrays do not hide each other's."""
    outer = re.match(r"i(\d+)\b", value)
    return f"i{int(outer[1]) + 1}" if outer else "i0"


def _quote(name: str) -> str:
    """Quote a field's name; Avro names are letters, digits and underscores."""
    return f"`{name}`"
