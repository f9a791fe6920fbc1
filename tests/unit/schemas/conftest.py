"""A strategy for valid events, made from the schemas and not from the models."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import strategies as st

from auditspine.schemas.models import Event
from auditspine.schemas.source import types

_INT, _LONG = 2**31 - 1, 2**63 - 1
_PRINTABLE = st.characters(codec="utf-8", exclude_characters=[chr(c) for c in [*range(32), 127]])
_STRINGS = {
    "token": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=9),
    "name": st.text(_PRINTABLE, min_size=1, max_size=9),
    "statement": st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
    "document": st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
    "": st.text(st.characters(codec="utf-8"), max_size=9),
    "event_id": st.uuids(version=4).map(lambda u: f"{str(u)[:14]}7{str(u)[15:]}"),
}
_NUMBERS = {
    ("int", ""): st.integers(-_INT - 1, _INT),
    ("int", "count"): st.integers(0, _INT),
    ("long", ""): st.integers(-_LONG - 1, _LONG),
    ("long", "count"): st.integers(0, _LONG),
    ("double", ""): st.floats(allow_nan=False, allow_infinity=False),
    ("double", "non_negative"): st.floats(0, allow_infinity=False),
    ("double", "ratio"): st.floats(0, 1),
    ("boolean", ""): st.booleans(),
}
_MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2298, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.fixture(scope="session")
def events() -> Callable[[type[Event]], st.SearchStrategy[Event]]:
    """Give the function that gives valid events of a class; test modules cannot import this."""
    return _events


@cache  # making a strategy takes longer than drawing from it
def _events(model: type[Event]) -> st.SearchStrategy[Event]:
    envelope = _record("auditspine.Envelope", event_type=model.event_type)
    body = _record(model.schema_name + "Body")
    return st.builds(lambda e, b: model.model_validate({"envelope": e, "body": b}), envelope, body)


def _record(name: str, **fixed: object) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {
            field["name"]: st.just(fixed[field["name"]])
            if field["name"] in fixed
            else _value(field["type"], field.get("format", ""))
            for field in types()[name]["fields"]
        }
    )


def _value(schema: object, form: str) -> st.SearchStrategy:  # noqa: PLR0911 - one per kind
    if isinstance(schema, list):
        return st.none() | _value(schema[1], form)
    if isinstance(schema, str) and "." in schema:
        named = types()[schema]
        if named["type"] == "record":
            return _record(schema)
        return _value(named, form)
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "array":
        return st.lists(_value(schema["items"], form), max_size=2)
    if kind == "enum":
        return st.sampled_from(schema["symbols"])
    if kind in ("bytes", "fixed"):
        size = 32 if kind == "fixed" else None
        return st.binary(min_size=size or 0, max_size=size or 9)
    if kind == "string":
        return _STRINGS[form]
    logical = isinstance(schema, dict) and "logicalType" in schema
    return _MOMENTS if logical else _NUMBERS[kind, form]
