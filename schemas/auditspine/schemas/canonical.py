"""Schema texts and the ids derived from them. Pure.

The id of a schema is the first four bytes of the SHA-256 of its parsing canonical form, big
endian, with the top bit cleared: the same text has the same id everywhere, without a registry.

Source: Avro 1.12 specification, *Parsing Canonical Form for Schemas*.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from auditspine.schemas.source import PRIMITIVES, full_name

_ORDER = ("name", "type", "fields", "symbols", "items", "values", "size")


def schema_text(schema: Any) -> str:
    """Give a schema's text as it is registered: one line, docs and all."""
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def canonical_form(schema: Any) -> str:
    """Give a schema's parsing canonical form.

    Args:
        schema: A parsed schema in which every reference follows its definition.
    """
    return json.dumps(_canonical(schema, ""), ensure_ascii=False, separators=(",", ":"))


def schema_id(schema: Any) -> int:
    """Give the id derived from a parsed schema, 0 to 2³¹ - 1."""
    digest = sha256(canonical_form(schema).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFF_FFFF


def _canonical(schema: Any, namespace: str) -> Any:
    if isinstance(schema, list):
        return [_canonical(branch, namespace) for branch in schema]
    if isinstance(schema, str):
        short = schema in PRIMITIVES or "." in schema or not namespace
        return schema if short else f"{namespace}.{schema}"
    if schema["type"] in PRIMITIVES:
        return schema["type"]
    return {key: value for key, value in _stripped(schema, namespace) if value is not None}


def _stripped(schema: dict[str, Any], namespace: str) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that matter for decoding, in canonical order."""
    name = full_name(schema, namespace) if "name" in schema else None
    space = name.rpartition(".")[0] if name else namespace
    for key in _ORDER:
        value = schema.get(key)
        if key == "name":
            yield key, name
        elif key == "fields" and value is not None:
            yield (
                key,
                [
                    {"name": field["name"], "type": _canonical(field["type"], space)}
                    for field in value
                ],
            )
        elif key in ("items", "values") and value is not None:
            yield key, _canonical(value, space)
        else:
            yield key, value
