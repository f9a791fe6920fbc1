"""Reads the hand-written ``.avsc`` files and puts referenced types in place of their names."""

import json
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

Schema = dict[str, Any]

_FOLDERS = ("common", "events")
_NAMED = ("record", "enum", "fixed")
PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@cache
def types() -> dict[str, Schema]:
    """Give every named type by full name, with references unresolved, in name order.

    Raises:
        ValueError: Two files define the same name.
    """
    found: dict[str, Schema] = {}
    for folder in _FOLDERS:
        for path in _avsc(files("auditspine.schemas") / "avro" / folder):
            schema = json.loads(path.read_text("utf-8"))
            for named in _definitions(schema, ""):
                name = full_name(named)
                if name in found:
                    raise ValueError(f"{path.name} defines {name} a second time")
                found[name] = named
    return found


def event_records() -> list[Schema]:
    """Give the event records, in order of their event type."""
    events = [schema for schema in types().values() if "event_type" in schema]
    return sorted(events, key=lambda schema: str(schema["event_type"]))


def full_name(schema: Schema, namespace: str = "") -> str:
    """Give a named type's full name; ``namespace`` is the enclosing one."""
    name = str(schema["name"])
    space = str(schema.get("namespace", namespace))
    return name if "." in name or not space else f"{space}.{name}"


def ordered() -> list[str]:
    """Give every type name: enumerations, then records, each after those that it uses."""
    order = {name: None for name, schema in types().items() if schema["type"] == "enum"}

    def visit(schema: Any) -> None:
        if isinstance(schema, list):
            for branch in schema:
                visit(branch)
        elif isinstance(schema, str):
            if schema in types() and schema not in order:
                visit(types()[schema])
        elif schema["type"] == "array":
            visit(schema["items"])
        elif schema["type"] == "record":
            for field in schema["fields"]:
                visit(field["type"])
            order[full_name(schema)] = None

    visit("auditspine.Envelope")
    for name in types():
        visit(name)
    return list(order)


def snake(name: str) -> str:
    """Give ``ModelRegistered`` as ``model_registered``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def inline(name: str) -> Schema:
    """Give a type with each referenced type written out where it is first used.

    Source: Avro 1.12 specification, *Names*: a name is defined before it is used, once.
    """
    resolved: Schema = _inline(name, set())
    return resolved


def _inline(schema: Any, seen: set[str]) -> Any:
    if isinstance(schema, str):
        if schema in PRIMITIVES or schema in seen:
            return schema
        return _inline(types()[schema], seen)
    if isinstance(schema, list):
        return [_inline(branch, seen) for branch in schema]
    copy = dict(schema)
    if schema["type"] in _NAMED:
        seen.add(full_name(schema))
    if schema["type"] == "record":
        copy["fields"] = [
            {**field, "type": _inline(field["type"], seen)} for field in schema["fields"]
        ]
    elif schema["type"] == "array":
        copy["items"] = _inline(schema["items"], seen)
    return copy


def _definitions(schema: Any, namespace: str) -> list[Schema]:
    if isinstance(schema, list):
        return [named for branch in schema for named in _definitions(branch, namespace)]
    if not isinstance(schema, dict):
        return []
    found = [schema] if schema["type"] in _NAMED else []
    space = str(schema.get("namespace", namespace))
    for field in schema.get("fields", ()):
        found += _definitions(field["type"], space)
    return found + _definitions(schema.get("items"), space)


def _avsc(folder: Traversable) -> list[Traversable]:
    paths = [path for path in folder.iterdir() if path.name.endswith(".avsc")]
    return sorted(paths, key=lambda path: path.name)
