"""The control state is a fold of valid control entries, with nothing that can be undone."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.errors import FormatError, GapError
from auditspine.ledger.event_schema import EventSchema

sys.path.insert(0, str(Path(__file__).parent))
from control_world import (
    NOW_MS,
    OPERATOR,
    PRODUCER,
    SCHEMAS,
    control_event,
    control_state,
    empty_control,
    encode,
    key_registered,
    key_revoked,
    prediction,
    public,
    root_registered,
    schema_registered,
    standard_control,
    tenant_registered,
)


def after(*events: dict) -> ControlState:
    return control_state([*standard_control(), *events])


def test_fold_knows_tenants_keys_and_schemas_with_their_positions() -> None:
    state = control_state()
    assert state.size == 6
    assert state.tenants == {"acme": 1}
    key = state.keys[public(PRODUCER)]
    assert (key.producer, key.tenants, key.registered, key.revoked) == (
        "scorer", frozenset({"acme"}), 2, None,
    )  # fmt: skip
    schema = state.schemas[SCHEMAS["prediction.made"][0]]
    assert (schema.event_type, schema.stream, schema.position) == (
        "prediction.made", "inference", 3,
    )  # fmt: skip
    assert state.findings == []


def test_an_entry_that_is_not_valid_only_counts() -> None:
    state = empty_control()
    state.apply(0, None)
    assert (state.size, state.keys, state.findings) == (1, {}, [])


def test_a_position_that_is_not_the_next_is_refused() -> None:
    with pytest.raises(GapError, match="expected position 6, got 7"):
        control_state().apply(7, None)


def test_another_text_for_a_known_schema_id_is_ignored_with_a_finding() -> None:
    number, text, _ = SCHEMAS["prediction.made"]
    state = after(schema_registered("prediction.made", text='{"type": "string"}'))
    assert state.schemas[number].text == text
    assert [finding.position for finding in state.findings] == [6]


def test_the_same_schema_again_changes_nothing() -> None:
    state = after(schema_registered("prediction.made"))
    assert state.findings == []
    assert state.schemas[SCHEMAS["prediction.made"][0]].position == 3


@pytest.mark.parametrize("text", ["", "{", '"nonsense"', '{"type": "record"}', "[]]", "7"])
def test_a_schema_that_is_not_avro_is_ignored_with_a_finding(text: str) -> None:
    state = after(schema_registered("run.started", schema_id=5, text=text))
    assert 5 not in state.schemas
    assert len(state.findings) == 1


def test_a_revoked_key_stays_revoked() -> None:
    state = after(key_revoked(PRODUCER, NOW_MS * 1000), key_registered(PRODUCER))
    key = state.keys[public(PRODUCER)]
    assert (key.registered, key.revoked, key.compromised_since) == (2, 6, NOW_MS * 1000)
    assert [finding.position for finding in state.findings] == [7]


def test_a_second_revocation_does_not_move_the_first() -> None:
    state = after(key_revoked(PRODUCER), key_revoked(PRODUCER, 5))
    assert state.keys[public(PRODUCER)].revoked == 6
    assert state.keys[public(PRODUCER)].compromised_since is None
    assert len(state.findings) == 1


def test_a_registration_again_replaces_what_the_key_may_say() -> None:
    state = after(key_registered(PRODUCER, tenants=["acme", "zeta"], event_types=["*"]))
    key = state.keys[public(PRODUCER)]
    assert key.tenants == {"acme", "zeta"}
    assert key.permits("model.registered")
    assert key.registered == 2


def test_a_key_keeps_its_purpose() -> None:
    state = after(key_registered(PRODUCER, purpose="operator"), key_registered(OPERATOR))
    assert state.keys[public(PRODUCER)].purpose == "producer"
    assert state.keys[public(OPERATOR)].purpose == "operator"
    assert len(state.findings) == 2


def test_the_platforms_tenant_name_is_reserved() -> None:
    state = after(tenant_registered("-"))
    assert "-" not in state.tenants
    assert len(state.findings) == 1


def test_an_opened_log_is_known_and_cannot_be_opened_differently() -> None:
    body = {
        "origin": "local/c/t/0", "topic": "auditspine.access", "partition": 0,
        "public_key": bytes(32), "format": 1,
    }  # fmt: skip
    state = after(
        control_event("log.opened", body),
        control_event("log.opened", body),
        control_event("log.opened", {**body, "format": 2}),
    )
    assert state.logs == {"local/c/t/0": OpenedLog(*body.values())}
    assert [finding.position for finding in state.findings] == [8]


@pytest.mark.parametrize(
    ("globs", "event_type", "permitted"),
    [
        (["prediction.*"], "prediction.made", True),
        (["prediction.*"], "model.registered", False),
        (["*"], "model.registered", True),
        ([], "producer.heartbeat", True),
        ([], "prediction.made", False),
        (["model"], "model.registered", False),
        (["*"], "alert.raised", False),
        (["alert.*", "alert.raise?"], "alert.raised", False),
        (["alert.raised"], "alert.raised", True),
        (["alert.raised"], "alert.resolved", False),
        (["alert.*"], "alert.acknowledged", True),
        (["*"], "investigation.dispositioned", True),
    ],
)
def test_globs_say_what_a_key_may_publish(globs, event_type, permitted) -> None:
    state = control_state([root_registered(), key_registered(PRODUCER, event_types=globs)])
    assert state.keys[public(PRODUCER)].permits(event_type) is permitted


def test_a_whole_value_decodes_to_raw_logical_types() -> None:
    decoded = control_state().decode(encode(prediction()))
    assert decoded["envelope"]["occurred_at"] == NOW_MS * 1000
    assert decoded["body"]["prediction_id"] == "p1"


@given(st.data())
def test_a_value_cut_short_or_with_a_tail_does_not_decode(data: st.DataObject) -> None:
    value = encode(prediction())
    cut = data.draw(st.integers(0, len(value) - 1))
    for bad in (value[:cut], value + data.draw(st.binary(min_size=1, max_size=4))):
        with pytest.raises(FormatError):
            control_state().decode(bad)


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_a_format_error(raw: bytes) -> None:
    schema = EventSchema("prediction.made", SCHEMAS["prediction.made"][1])
    with suppress(FormatError):
        assert isinstance(schema.decode(bytes(5) + raw), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "fields", "items", "name"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_any_schema_text_parses_or_raises_a_format_error(content) -> None:
    with suppress(FormatError):
        EventSchema("x.y", json.dumps(content))
