import json
import math
import struct
from io import BytesIO

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditspine.schemas.catalogue import event_types, schema_texts, type_of
from auditspine.schemas.codec import MAX_EVENT_BYTES, Decoder, encode, parse_json, to_json
from auditspine.schemas.errors import EventTooLargeError, InvalidEventError, UndecodableError
from auditspine.schemas.examples import example
from auditspine.schemas.models import EVENTS, ArtifactRef

DECODER = Decoder(schema_texts())
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def prediction():
    return parse_json(example("prediction.made"))


def altered(value: bytes, at: int, new: bytes) -> bytes:
    return value[:at] + new + value[at + len(new) :]


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.event_type)
@given(data=st.data())
@FEW
def test_every_event_survives_the_wire_and_json(events, model, data) -> None:
    event = data.draw(events(model))
    decoded = DECODER.decode(encode(event))
    assert decoded.to_model() == event
    assert parse_json(to_json(event)) == event
    assert json.loads(decoded.to_json()) == json.loads(to_json(event))
    assert json.loads(decoded.body_json()) == json.loads(to_json(event))["body"]


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.event_type)
@given(data=st.data())
@FEW
def test_the_generated_writers_write_what_fastavro_writes(events, model, data) -> None:
    event = data.draw(events(model))
    out = BytesIO()
    schema = fastavro.parse_schema(json.loads(type_of(event).text))
    fastavro.schemaless_writer(out, schema, event.model_dump(), strict=True)
    assert encode(event)[5:] == out.getvalue()


@given(data=st.data(), at=st.integers(0, 600), new=st.binary(min_size=1, max_size=12))
@settings(deadline=None, max_examples=300)
def test_altered_bytes_decode_or_are_refused_by_one_error(data, at, new) -> None:
    value = encode(parse_json(example(data.draw(st.sampled_from([*event_types()])))))
    try:
        decoded = DECODER.decode(altered(value, at % len(value), new))
    except UndecodableError:
        return
    json.loads(decoded.body_json())
    decoded.artifacts()


@given(data=st.data(), cut=st.integers(0, 600))
@FEW
def test_a_cut_value_is_refused(data, cut) -> None:
    value = encode(prediction())
    with pytest.raises(UndecodableError):
        DECODER.decode(value[: cut % len(value)])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "0 bytes are not in the wire format"),
        (b"\x00\x00\x00", "3 bytes are not in the wire format"),
        (b"\x01\x00\x00\x00\x01abc", "8 bytes are not in the wire format"),
        (b"\x00\x00\x00\x00\x07abc", "schema id 7 is not registered"),
    ],
)
def test_what_is_not_ours_is_refused_with_the_reason(value, says) -> None:
    with pytest.raises(UndecodableError, match=says):
        DECODER.decode(value)


def test_trailing_bytes_are_refused_with_their_number() -> None:
    with pytest.raises(UndecodableError, match="2 bytes after the event"):
        DECODER.decode(encode(prediction()) + b"ab")


def test_an_event_under_the_schema_of_another_type_is_refused() -> None:
    types = event_types()
    texts = {1: types["tenant.registered"].text.replace("tenant.registered", "key.registered")}
    value = encode(parse_json(example("tenant.registered")), schema_id=1)
    with pytest.raises(UndecodableError, match="names another type than schema 1"):
        Decoder(texts).decode(value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"string"', '{"type":"record","event_type":"x","name":"X","fields":[]}']
)
def test_a_text_that_is_no_event_schema_is_refused(text) -> None:
    with pytest.raises(UndecodableError, match="schema 7 is not an event schema"):
        Decoder({7: text}).decode(b"\x00\x00\x00\x00\x07abc")


def test_a_registrys_schema_id_is_written_when_given() -> None:
    value = encode(prediction(), schema_id=42)
    assert value[:5] == b"\x00\x00\x00\x00\x2a"
    assert Decoder({42: event_types()["prediction.made"].text}).decode(value).schema_id == 42


def test_decoded_values_are_plain() -> None:
    decoded = DECODER.decode(encode(prediction()))
    assert isinstance(decoded.envelope["occurred_at"], int)
    assert isinstance(decoded.envelope["event_id"], str)
    assert len(decoded.body["model"]["digest"]) == 32


def test_artifacts_come_in_schema_order() -> None:
    event = parse_json(example("model.registered"))
    body = event.body
    refs = [body.model, *body.training_snapshots, *body.labels, *body.features]
    refs += [body.environment, body.previous]
    expected = [(ref.kind, ref.name, ref.version, ref.digest) for ref in refs]
    assert DECODER.decode(encode(event)).artifacts() == expected


def test_artifacts_inside_other_records_are_found() -> None:
    decoded = DECODER.decode(encode(parse_json(example("feature.defined"))))
    assert [kind for kind, *_ in decoded.artifacts()] == ["feature", "snapshot"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_from_elsewhere_that_is_not_finite_is_shown_as_null(number) -> None:
    event = prediction()
    value = encode(event).replace(struct.pack("<d", event.body.score), struct.pack("<d", number))
    decoded = DECODER.decode(value)
    assert json.loads(decoded.body_json())["score"] is None
    with pytest.raises(UndecodableError, match=r"body\.score: expected a number, got null"):
        decoded.to_model()


def test_an_event_over_the_limit_is_refused_with_its_size() -> None:
    event = prediction()
    names = tuple(f"{number:0256d}" for number in range(2100))
    body = event.body.model_copy(update={"reason_codes": names})
    with pytest.raises(
        EventTooLargeError, match=f"at most {MAX_EVENT_BYTES} bytes, got 54"
    ) as info:
        encode(event.model_copy(update={"body": body}))
    assert info.value.size > MAX_EVENT_BYTES


@pytest.mark.parametrize(
    "update",
    [
        {"digest": b"short"},
        {"digest": None},
        {"name": 7},
        {"name": "SECRET\ud800"},
    ],
)
def test_an_event_built_around_validation_cannot_be_written(update) -> None:
    event = prediction()
    model = event.body.model.model_copy(update=update)
    body = event.body.model_copy(update={"model": model})
    with pytest.raises(InvalidEventError, match=r"cannot be written as prediction\.made") as info:
        encode(event.model_copy(update={"body": body}))
    assert "SECRET" not in str(info.value)


def test_a_missing_field_cannot_be_written() -> None:
    event = prediction()
    model = ArtifactRef.model_construct(kind="model", name="m", version="1")
    body = event.body.model_copy(update={"model": model})
    with pytest.raises(InvalidEventError):
        encode(event.model_copy(update={"body": body}))


def test_an_envelope_of_another_type_cannot_be_written() -> None:
    event = prediction()
    envelope = event.envelope.model_copy(update={"event_type": "key.revoked"})
    with pytest.raises(InvalidEventError, match=r"envelope\.event_type: expected prediction\.made"):
        encode(event.model_copy(update={"envelope": envelope}))
