"""Writes the source text of the Avro writers from the schemas. Pure; writes no file."""

from typing import Any

from auditspine.schemas.source import Schema, event_records, ordered, snake, types

SHARED = frozenset({"Actor", "Workload", "Intent", "Correlation", "Classification", "ArtifactRef"})
"""Records that many events of a service have in common."""

_PRIMITIVES = {
    "boolean": "boolean",
    "int": "long",
    "long": "long",
    "double": "double",
    "bytes": "blob",
    "string": "text",
    "fixed": "fixed32",
    "timestamp-micros": "micros",
}
_HEAD = '''"""Writes events as Avro, field by field.

Generated from the ``.avsc`` files by ``python -m auditspine.schemas.generate``: edit those.
"""

from collections.abc import Callable
from typing import Any

from auditspine.schemas import models
from auditspine.schemas.wire import (
{imports}
)

'''
_WIDTH = 100  # characters of a line, and before an item of a writer's tuple
_INDENT = 12
_IMPORTS = sorted({"NULL", "SOME", "array", "shared", "symbols", *_PRIMITIVES.values()})


def render_writers() -> str:
    """Give the text of ``writers.py``."""
    schemas = [types()[name] for name in ordered()]
    enums = [schema["name"] for schema in schemas if schema["type"] == "enum"]
    tables = "".join(f"_{snake(name).upper()} = symbols(models.{name})\n" for name in enums)
    functions = "".join(_writer(schema) for schema in schemas if schema["type"] == "record")
    entries = "".join(
        f"    models.{event['name']}: _{snake(event['name'])},\n" for event in event_records()
    )
    head = _HEAD.format(imports="\n".join(f"    {name}," for name in _IMPORTS))
    table = f"\n\nWRITERS: dict[type[models.Event], Callable[[Any], bytes]] = {{\n{entries}}}\n"
    return head + tables + functions + table + '"""The writer of each event class."""\n'


def _writer(schema: Schema) -> str:
    fields = "".join(
        _line(_expression(field["type"], "value." + field["name"])) for field in schema["fields"]
    )
    return (
        f"\n\ndef _{snake(schema['name'])}(value: models.{schema['name']}) -> bytes:\n"
        f'    return b"".join(\n        (\n{fields}        )\n    )\n'
    )


def _line(expression: str) -> str:
    """Give an item of a tuple as ruff lays it out."""
    if len(expression) > _WIDTH - _INDENT - 1:
        expression = expression.replace(" if ", "\n if ").replace(" else ", "\n else ")
        expression = expression.replace("\n", "\n" + " " * (_INDENT - 1))
    return f"{' ' * _INDENT}{expression},\n"


def _expression(schema: Any, value: str) -> str:
    if isinstance(schema, list):
        return f"NULL if {value} is None else SOME + {_expression(schema[1], value)}"
    if isinstance(schema, dict) and schema["type"] == "array":
        return f"array({value}, {_function(schema['items'])})"
    named = _resolve(schema)
    if isinstance(named, dict) and named["type"] == "enum":
        return f"_{snake(named['name']).upper()}[{value}]"
    if isinstance(named, dict) and named.get("name") in SHARED:
        return f"shared({value}, {_function(schema)})"
    return f"{_function(schema)}({value})"


def _function(schema: Any) -> str:
    named = _resolve(schema)
    if isinstance(named, str):
        return _PRIMITIVES[named]
    if named["type"] == "record":
        return "_" + snake(named["name"])
    return _PRIMITIVES.get(named.get("logicalType", ""), _PRIMITIVES[named["type"]])


def _resolve(schema: Any) -> Any:
    return types().get(schema, schema) if isinstance(schema, str) else schema
