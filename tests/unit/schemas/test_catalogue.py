import json
from hashlib import sha256

import avro.schema
import fastavro
import pytest
from fastavro.schema import to_parsing_canonical_form

from auditspine.schemas.canonical import canonical_form, schema_id
from auditspine.schemas.catalogue import by_schema_id, event_type, event_types, type_of
from auditspine.schemas.errors import InvalidEventError
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json
from auditspine.schemas.source import inline, types

STREAMS = {
    "lifecycle": 40,
    "access": 6,
    "inference": 1,
    "outcomes": 1,
    "control": 8,
}


def test_the_event_types_are_spread_over_the_streams_as_designed() -> None:
    streams = [known.stream for known in event_types().values()]
    assert {stream: streams.count(stream) for stream in streams} == STREAMS


def test_schema_ids_are_distinct_and_found_again() -> None:
    assert by_schema_id() == {known.schema_id: known for known in event_types().values()}
    assert len(by_schema_id()) == len(event_types())


@pytest.mark.parametrize("name", event_types())
def test_the_canonical_form_is_what_fastavro_makes_of_it(name) -> None:
    known = event_types()[name]
    canonical = to_parsing_canonical_form(json.loads(known.text))
    assert canonical_form(json.loads(known.text)) == canonical
    digest = sha256(canonical.encode()).digest()
    assert known.schema_id == int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


@pytest.mark.parametrize("name", event_types())
def test_the_text_stands_alone_and_two_libraries_read_it(name) -> None:
    text = event_types()[name].text
    fastavro.parse_schema(json.loads(text))
    assert avro.schema.parse(text).fullname == event_types()[name].model.schema_name


def test_docs_and_formats_do_not_change_the_id() -> None:
    schema = inline("auditspine.events.TenantRegistered")
    documented = {**schema, "doc": "another", "stream": "x"}
    assert schema_id(documented) == schema_id(schema)


def test_names_without_namespace_take_the_enclosing_one() -> None:
    inner = {"type": "record", "name": "B", "fields": [{"name": "x", "type": {"type": "long"}}]}
    fields = [{"name": "b", "type": inner}, {"name": "c", "type": ["null", "B"]}]
    schema = {"type": "record", "name": "A", "namespace": "n", "fields": fields}
    assert canonical_form(schema) == to_parsing_canonical_form(schema)


def test_an_event_knows_its_type() -> None:
    event = parse_json(example("run.started"))
    assert type_of(event) is event_type("run.started") is type_of(type(event))


def test_an_unknown_type_is_refused_with_the_closest() -> None:
    with pytest.raises(InvalidEventError, match=r"did you mean run\.started\?"):
        event_type("run.start")


def test_no_body_holds_a_map_and_every_field_has_a_doc() -> None:
    for name, schema in types().items():
        assert schema["doc"], name
        assert '"map"' not in json.dumps(schema), name
        for field in schema.get("fields", ()):
            assert field["doc"].endswith("."), f"{name}.{field['name']}"
