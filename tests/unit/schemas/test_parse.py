import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.schemas.catalogue import event_types
from auditspine.schemas.errors import EventTooLargeError, InvalidEventError
from auditspine.schemas.examples import example
from auditspine.schemas.parse import MAX_JSON_BYTES, parse_json

SECRET = "hunter2"


def changed(path: str, value: object, event_type: str = "model.registered") -> dict:
    event = json.loads(example(event_type))
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = event
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return event


def problems(source) -> tuple[str, ...]:
    with pytest.raises(InvalidEventError) as info:
        parse_json(source)
    assert info.value.__cause__ is None
    assert SECRET not in str(info.value)
    return info.value.problems


@pytest.mark.parametrize("name", event_types())
def test_every_example_is_a_valid_event(name) -> None:
    event = parse_json(example(name))
    assert event.event_type == name
    assert type(event) is event_types()[name].model


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            "body.model.digest",
            "sha256:" + "ab" * 31,
            "expected 32 bytes as sha256:<64 hex>, got 31",
        ),
        ("body.model.digest", "md5:" + SECRET, "a string that does not start with sha256:"),
        ("body.model.digest", "sha256:" + "zz" * 32, "got other characters than hex digits"),
        ("body.model.digest", "sha256:abc", "got 3 digits"),
        ("body.model.digest", 7, "expected 32 bytes as sha256:<64 hex>, got int"),
        ("body.model.digest", ..., "missing"),
        ("body.model", SECRET, "expected an object, got a string"),
        ("body.owner", "", "expected at least 1 characters, got 0"),
        ("body.owner", SECRET * 40, "expected at most 256 characters, got 280"),
        ("body.owner", f"{SECRET}\n", "expected text without control characters"),
        ("body.run_id", f"{SECRET} x", "expected printable ASCII characters without spaces"),
        ("body.features", SECRET, "expected an array, got a string"),
        ("body.surplus", SECRET, "not a field of this event"),
        ("envelope.event_id", SECRET, "expected a UUID version 7 in lower case"),
        ("envelope.occurred_at", "1700000000", "expected a time as ISO 8601 with a time zone"),
        (
            "envelope.occurred_at",
            1700000000,
            "expected a time as ISO 8601 with a time zone, got int",
        ),
        ("envelope.occurred_at", "2026-01-01T00:00:00", "expected a time with a time zone"),
        ("envelope.occurred_at", f"2026-01-01T{SECRET}", "expected a time as ISO 8601"),
        ("envelope.occurred_at", "0001-01-01T00:00:00+10:00", "expected a time after 1970"),
        ("envelope.occurred_at", "9999-12-31T23:59:59-10:00", "and before 2299, got another"),
        ("envelope.actor.kind", SECRET, "expected one of 'person' or 'workload', got another"),
        ("envelope.tenant", None, "expected a string, got null"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(path, value, says) -> None:
    (problem,) = problems(changed(path, value))
    assert problem.startswith(f"{path}: ")
    assert says in problem


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("body.score", "0.5", "body.score: expected a number, got a string"),
        ("body.score", True, "body.score: expected a number, got a boolean"),
        ("body.latency_ms", -1, "body.latency_ms: expected at least 0.0, got a smaller one"),
        ("body.features.0.name", "", "body.features[0].name: expected at least 1 characters"),
        ("body.subject.nonce", SECRET + "!", "body.subject.nonce: expected bytes as base64"),
    ],
)
def test_a_wrong_field_of_a_prediction_is_named(path, value, says) -> None:
    (problem,) = problems(changed(path, value, "prediction.made"))
    assert problem.startswith(says)


def test_a_key_of_another_length_is_refused() -> None:
    source = changed("body.public_key", "AAAA", "key.registered")
    assert problems(source) == ("body.public_key: expected 32 bytes as base64, got 3",)


def test_every_defect_is_listed_up_to_twenty() -> None:
    event = changed("body.features", [{} for _ in range(30)], "prediction.made")
    assert len(problems(event)) == 21
    assert problems(event)[-1] == "and 10 more"


def test_the_name_of_a_surplus_field_is_not_repeated_when_it_could_carry_content() -> None:
    assert problems(changed(f"body.{SECRET} of mine", 1)) == ("body.?: not a field of this event",)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "event: not JSON at line 1 column 1"),
        ('{"envelope":', "event: not JSON at line 1 column 13"),
        (f'{{"{SECRET}" x', "event: not JSON at line 1"),
        ("[1]", "expected one JSON object, got list"),
        ("{}", "envelope: expected an object, got none"),
        ('{"envelope":{}}', "envelope.event_type: expected a known event type, got none"),
        ('{"a":1,"a":2}', "an object has the same name twice"),
        ('{"a":NaN}', "expected finite numbers, got NaN; use null"),
        ('{"a":-Infinity}', "expected finite numbers, got -Infinity"),
        ('{"a":' + "9" * 5000 + "}", "a number has too many digits"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"a":"\xff"}', "expected UTF-8, got other bytes at 6"),
        ('"\ud800"', "expected UTF-8, got a lone surrogate"),
        ({"a": float("nan")}, "expected values that JSON has"),
        ({"a": b"bytes"}, "expected values that JSON has"),
    ],
)
def test_what_is_not_one_event_is_refused_with_the_reason(source, says) -> None:
    (problem,) = problems(source)
    assert says in problem


def test_an_escaped_lone_surrogate_is_refused() -> None:
    text = example("model.registered").replace("logistic regression", "\\ud800")
    assert problems(text) == ("event: expected Unicode text, got a lone surrogate",)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("model.registred", "did you mean model.registered?"), (SECRET, "a known event type")],
)
def test_an_unknown_event_type_gets_a_suggestion(name, hint) -> None:
    (problem,) = problems({"envelope": {"event_type": name}})
    assert problem.startswith("envelope.event_type: ")
    assert hint in problem


def test_a_text_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(EventTooLargeError, match=f"at most {MAX_JSON_BYTES} bytes"):
        parse_json(" " * (MAX_JSON_BYTES + 1))


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists) | st.binary())
def test_nothing_else_is_raised_for_any_input(source) -> None:
    text = source if isinstance(source, bytes) else json.dumps(source)
    with pytest.raises(InvalidEventError):
        parse_json(text)


def test_id_and_time_are_supplied_where_absent() -> None:
    event = changed("envelope.event_id", ...)
    del event["envelope"]["occurred_at"]
    first, second = parse_json(event), parse_json(event)
    assert first.envelope.event_id < second.envelope.event_id or (
        first.envelope.event_id[:13] == second.envelope.event_id[:13]
    )
    assert first.envelope.occurred_at.utcoffset().total_seconds() == 0
