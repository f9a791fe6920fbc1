"""Layouts: what has columns and what has not. That they are right is tested in ClickHouse."""

import json

import pytest

from auditspine.schemas.catalogue import event_types
from auditspine.sinks.errors import UnsupportedSchemaError
from auditspine.sinks.layout import COLUMNS, layout


def event(body_type, **more) -> str:
    body = {"type": "record", "name": "B", "fields": [{"name": "x", "type": body_type}]}
    fields = [{"name": "envelope", "type": envelope()}, {"name": "body", "type": body}]
    return json.dumps({"type": "record", "name": "E", "fields": fields, **more})


def envelope():
    fields = [
        {"name": "event_id", "type": "string"},
        {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ]
    return {"type": "record", "name": "Env", "fields": fields}


@pytest.mark.parametrize("name", event_types())
def test_every_event_type_has_a_layout(name) -> None:
    made = layout(event_types()[name].text)
    assert set(made.expressions) == {*COLUMNS, "artifacts", "body"}


def test_a_field_that_the_envelope_lacks_becomes_the_column_s_default() -> None:
    made = layout(event("string"))
    assert made.expressions["tenant"] == "''"
    assert made.expressions["actor_roles"] == "[]"
    assert made.expressions["artifacts"].startswith("CAST([],")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not json", "not an Avro schema"),
        ('"string"', "expected a record"),
        ('{"type": "record", "name": "E", "fields": []}', "fields envelope and body"),
        (event({"type": "map", "values": "string"}), "a map has no columns"),
        (event(["string", "long"]), "union of null and one type"),
        (event(["null", {"type": "array", "items": "string"}]), "union of null and one type"),
        (
            event(
                [
                    "null",
                    {
                        "type": "record",
                        "name": "R",
                        "fields": [{"name": "y", "type": ["null", "string"]}],
                    },
                ]
            ),
            "no field that tells it from its absence",
        ),
        (event("unknown.Type"), "not an Avro schema"),
    ],
)
def test_what_has_no_canonical_form_is_refused(text, expected) -> None:
    with pytest.raises(UnsupportedSchemaError, match=expected):
        layout(text)


def test_scalars_of_a_record_that_may_be_null_are_nullable() -> None:
    inner = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "y", "type": "string"}, {"name": "z", "type": ["null", "long"]}],
    }
    made = layout(event(["null", inner]))
    assert "Tuple(`x` Tuple(`y` Nullable(String), `z` Nullable(Int64)))" in made.structure
