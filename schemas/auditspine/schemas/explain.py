"""Turns pydantic's complaints into lines that name the field and never hold its value. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from auditspine.schemas.formats import PATTERNS

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MAX_PROBLEMS = 20
_KINDS = {
    "NoneType": "null",
    "bool": "a boolean",
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "list": "an array",
    "tuple": "an array",
    "dict": "an object",
    "bytes": "bytes",
}
_EXPECTED = {
    "string_type": "a string",
    "string_unicode": "valid UTF-8",
    "bool_type": "true or false",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing_size": "an integer of 64 bits",
    "float_type": "a number",
    "finite_number": "a finite number; use null where a value is missing",
    "tuple_type": "an array",
    "timezone_aware": "a time with a time zone",
    "datetime_type": "a time as ISO 8601 with a time zone",
    "datetime_parsing": "a time as ISO 8601 with a time zone",
    "datetime_from_date_parsing": "a time as ISO 8601 with a time zone",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def explain(error: ValidationError) -> list[str]:
    """Give one line per defect, ``path: expected … got …``, at most 20."""
    details = error.errors(include_url=False)
    lines = [f"{_path(item['loc'])}: {_problem(item)}" for item in details[:_MAX_PROBLEMS]]
    if len(details) > _MAX_PROBLEMS:
        lines.append(f"and {len(details) - _MAX_PROBLEMS} more")
    return lines


def _problem(item: ErrorDetails) -> str:
    kind, context, value = item["type"], item.get("ctx", {}), item.get("input")
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return "not a field of this event"
    if kind == "json_invalid":  # what the standard library's parser let pass
        return "expected Unicode text, got a lone surrogate"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("string_too_short", "string_too_long"):
        low, high = context.get("min_length"), context.get("max_length")
        limit = f"at least {low}" if high is None else f"at most {high}"
        return f"expected {limit} characters, got {len(value) if isinstance(value, str) else '?'}"
    return f"expected {_expected(kind, context)}, got {_got(kind, value)}"


def _expected(kind: str, context: dict[str, Any]) -> str:
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "literal_error":
        return f"one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], "other text")
    if kind in ("greater_than_equal", "less_than_equal"):
        low, high = context.get("ge"), context.get("le")
        return f"at most {high}" if low is None else f"at least {low}"
    return f"a valid value ({kind})"


def _got(kind: str, value: object) -> str:
    got = _KINDS.get(type(value).__name__, type(value).__name__)
    if kind in ("greater_than_equal", "less_than_equal"):
        return "a smaller one" if kind == "greater_than_equal" else "a larger one"
    other = kind in ("literal_error", "string_pattern_mismatch") and isinstance(value, str)
    return "another string" if other else got


def _path(parts: Iterable[int | str]) -> str:
    """Name a field; a surplus name that could carry content is not repeated."""
    names = [
        f"[{part}]" if isinstance(part, int) else f".{part if _FIELD.fullmatch(part) else '?'}"
        for part in parts
    ]
    return "".join(names).removeprefix(".") or "event"
