"""A verdict depends on the entry, the producer table and the control state, and on nothing else."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.control import ControlState
from auditspine.ledger.judge import Judge, Message, growth_can_change
from auditspine.ledger.segment import Judged
from auditspine.ledger.verdict import Flag, Verdict

sys.path.insert(0, str(Path(__file__).parent))
from control_world import (
    NOW_MS,
    OPERATOR,
    PRODUCER,
    Signer,
    control_state,
    empty_control,
    encode,
    event,
    key_registered,
    key_revoked,
    operator_signer,
    prediction,
    root_registered,
    schema_registered,
    standard_control,
    tenant_registered,
)

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
PLACE = ("inference", "auditspine.inference", 0)


def judge_one(
    value: bytes, sig: bytes, state: ControlState | None = None, at_ms: int = NOW_MS
) -> Judged:
    judge = Judge(*PLACE)
    admitted = judge.admit(Message(5, at_ms, value, sig))
    return judge.rule(admitted, control_state() if state is None else state)


def judge_value(value: bytes, state: ControlState | None = None, **signer) -> Judged:
    return judge_one(*Signer(**signer).sign(value)[0], state)


def test_a_good_event_is_valid_and_kept_as_it_is() -> None:
    value, sig = Signer().sign(encode(prediction()))[0]
    assert judge_one(value, sig) == Judged(5, NOW_MS, value, sig, Verdict.VALID, Flag.NONE, "")


@pytest.mark.parametrize(
    ("value", "sig", "verdict", "reason"),
    [
        (b"", b"", Verdict.FOREIGN, "the message has no value"),
        (b"", b"some", Verdict.FOREIGN, "the message has no value"),
        (b"hello, I am JSON", b"", Verdict.FOREIGN, "not in the wire format and not signed"),
        (b"\0\0\0", b"", Verdict.FOREIGN, "not in the wire format and not signed"),
        (b"\0\0\0\0\1x", b"", Verdict.BAD_SIGNATURE, "no sig header"),
        (b"\0\0\0\0\1x", b"junk", Verdict.BAD_SIGNATURE, "the sig header cannot be parsed"),
        (b"hello", b"junk", Verdict.BAD_SIGNATURE, "the sig header cannot be parsed"),
    ],
)
def test_what_is_not_signed_is_foreign_or_badly_signed(value, sig, verdict, reason) -> None:
    judged = judge_one(value, sig)
    assert (judged.verdict, judged.flags, judged.reason) == (verdict, Flag.NONE, reason)


def test_a_signature_made_for_another_partition_does_not_count() -> None:
    for place in ({"partition": 1}, {"topic": "auditspine.access"}):
        assert judge_value(encode(prediction()), **place).verdict is Verdict.BAD_SIGNATURE


def test_an_unregistered_key_is_unknown() -> None:
    assert judge_value(encode(prediction()), key=STRANGER).verdict is Verdict.UNKNOWN_KEY


def test_a_revoked_key_is_refused_from_its_revocation_on() -> None:
    value, sig = Signer().sign(encode(prediction()))[0]
    state = control_state()
    judge = Judge(*PLACE)
    admitted = judge.admit(Message(5, NOW_MS, value, sig))
    assert judge.rule(admitted, state).verdict is Verdict.VALID
    state.apply(state.size, key_revoked(PRODUCER))
    assert judge.rule(admitted, state).verdict is Verdict.REVOKED_KEY


@pytest.mark.parametrize(
    ("events", "signer", "envelope", "reason"),
    [
        ([], {"tenant": "zeta"}, {"tenant": "zeta"}, "the tenant is not registered"),
        (
            [tenant_registered("zeta")],
            {"tenant": "zeta"},
            {"tenant": "zeta"},
            "the key may not speak for this tenant",
        ),
        ([], {}, {"tenant": "zeta"}, "envelope and signature name different tenants"),
    ],
)
def test_a_tenant_must_be_registered_the_keys_and_the_envelopes(
    events, signer, envelope, reason
) -> None:
    state = control_state([*standard_control(), *events])
    judged = judge_value(encode(prediction(**envelope)), state, **signer)
    assert (judged.verdict, judged.reason) == (Verdict.WRONG_TENANT, reason)


def wrong(field: str, value: object) -> bytes:
    return encode(prediction(**{field: value}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"hello, I am JSON", "not in the wire format"),
        (b"\0\0\0\0\1" + bytes(50), "the schema id is not in the control log"),
        (encode(prediction())[:-1], "the bytes are not those of the schema"),
        (encode(prediction()) + b"\0", "the bytes are not those of the schema"),
        (encode(prediction())[:5], "the bytes are not those of the schema"),
        (wrong("occurred_at", -1), "envelope.occurred_at is not between 1970 and 2299"),
        (wrong("occurred_at", 2**62), "envelope.occurred_at is not between 1970 and 2299"),
    ],
)
def test_what_does_not_decode_whole_is_undecodable(value, reason) -> None:
    judged = judge_value(value)
    assert (judged.verdict, judged.reason) == (Verdict.UNDECODABLE, reason)


def test_bytes_that_only_lenient_readers_take_are_undecodable() -> None:
    good = encode(prediction())
    at = good.index(b"svc") + 3  # the actor's kind, an enum of two
    assert good[at] == 2
    judged = judge_value(good[:at] + b"\x01" + good[at + 1 :])  # index -1
    assert judged.reason == "the bytes are not those of the schema"


def test_an_event_id_that_is_no_uuid_is_undecodable() -> None:
    good = encode(prediction())
    at = good.index(b"0199a0b0")
    judged = judge_value(good[:at] + b"not-hex!" + good[at + 8 :])
    assert (judged.verdict, judged.reason) == (
        Verdict.UNDECODABLE, "envelope.event_id is not a UUID",
    )  # fmt: skip


def test_a_schema_without_our_envelope_is_undecodable() -> None:
    text = '{"type":"record","name":"x","fields":[{"name":"a","type":"int"}]}'
    state = control_state(
        [*standard_control(), schema_registered("prediction.made", schema_id=9, text=text)]
    )
    judged = judge_value(b"\0\0\0\0\x09\x02", state)
    assert judged.verdict is Verdict.UNDECODABLE
    assert judged.reason == "the envelope is not the one that every event has"


@pytest.mark.parametrize(
    ("content", "schema_of", "signer", "reason"),
    [
        (
            prediction(workload="other"),
            None,
            {},
            "envelope.workload.name and signature name different producers",
        ),
        (
            prediction(workload="other"),
            None,
            {"producer": "other"},
            "the key belongs to another producer",
        ),
        (
            prediction(event_type="model.registered"),
            "prediction.made",
            {},
            "the schema belongs to another event type",
        ),
        (
            event("producer.heartbeat", {"epoch": 7, "streams": []}),
            None,
            {},
            "the event type does not belong on this topic",
        ),
    ],
)
def test_what_is_not_the_keys_to_say_is_not_permitted(content, schema_of, signer, reason) -> None:
    judged = judge_value(encode(content, schema_of), **signer)
    assert (judged.verdict, judged.reason) == (Verdict.NOT_PERMITTED, reason)


def test_a_type_outside_the_keys_globs_is_not_permitted() -> None:
    state = control_state()
    state.apply(state.size, key_registered(PRODUCER, event_types=["model.*"]))
    judged = judge_value(encode(prediction()), state)
    assert judged.verdict is Verdict.NOT_PERMITTED
    assert judged.reason == "the key may not publish this event type"


@pytest.mark.parametrize(
    ("globs", "verdict"),
    [
        (["*"], Verdict.NOT_PERMITTED),
        (["serving_state.*"], Verdict.NOT_PERMITTED),
        (["serving_state.changed"], Verdict.VALID),
    ],
)
def test_what_processors_derive_is_covered_by_its_own_name_alone(globs, verdict) -> None:
    ref = {"kind": "model", "name": "m", "version": "1", "digest": bytes(32)}
    body = {
        "deployment": {**ref, "kind": "deployment"},
        "model": ref,
        "state": "live",
        "releases_frozen": False,
        "quarantined": False,
        "alert_id": None,
        "reason": "over",
    }
    state = control_state()
    state.apply(state.size, key_registered(PRODUCER, event_types=globs))
    state.apply(state.size, schema_registered("serving_state.changed"))
    value = encode(event("serving_state.changed", body))
    judge = Judge("lifecycle", "auditspine.lifecycle", 0)
    message = Message(0, NOW_MS, *Signer(topic="auditspine.lifecycle").sign(value)[0])
    assert judge.rule(judge.admit(message), state).verdict is verdict


def test_a_heartbeat_is_permitted_whatever_the_globs_say() -> None:
    value = encode(event("producer.heartbeat", {"epoch": 7, "streams": []}))
    judge = Judge("lifecycle", "auditspine.lifecycle", 0)
    message = Message(0, NOW_MS, *Signer(topic="auditspine.lifecycle").sign(value)[0])
    assert judge.rule(judge.admit(message), control_state()).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("offset_s", "flag"),
    [
        (0, Flag.NONE),
        (300, Flag.NONE),
        (301, Flag.CLOCK_SKEW),
        (-86_400, Flag.NONE),
        (-86_401, Flag.CLOCK_SKEW),
    ],
)
def test_a_clock_far_from_the_brokers_is_flagged_and_valid(offset_s, flag) -> None:
    judged = judge_value(encode(prediction(now_ms=NOW_MS + offset_s * 1000)))
    assert (judged.verdict, judged.flags) == (Verdict.VALID, flag)


def test_gaps_and_repeats_are_flagged_and_never_block() -> None:
    pairs = Signer().sign(*(encode(prediction(i)) for i in range(4)))
    judge, state = Judge(*PLACE), control_state()
    flags = []
    for pair in (pairs[0], pairs[2], pairs[2], pairs[3]):
        judged = judge.rule(judge.admit(Message(0, NOW_MS, *pair)), state)
        assert judged.verdict is Verdict.VALID
        flags.append(judged.flags)
    assert flags == [Flag.NONE, Flag.GAP, Flag.DUPLICATE, Flag.NONE]


def test_the_table_counts_right_signatures_of_unknown_and_revoked_keys_only() -> None:
    judge = Judge(*PLACE)
    value = encode(prediction())
    _, sig = Signer(key=STRANGER).sign(value)[0]
    judge.admit(Message(0, NOW_MS, value, sig))
    assert len(judge.table.rows()) == 1
    for bad in ((value + b"x", sig), (value, sig[:-1]), (value, b""), (b"", sig)):
        judge.admit(Message(1, NOW_MS, *bad))
    assert len(judge.table.rows()) == 1


class TestControlLog:
    def judge_all(self, contents: list[tuple[dict, Signer]]) -> tuple[list[Judged], ControlState]:
        judge, state = Judge("control", "auditspine.control", 0), empty_control()
        judged = []
        for offset, (content, signer) in enumerate(contents):
            pair = signer.sign(encode(content))[0]
            result = judge.rule(judge.admit(Message(offset, NOW_MS, *pair)), state)
            state.apply(offset, content if result.verdict is Verdict.VALID else None)
            judged.append(result)
        return judged, state

    def test_the_root_operator_registers_itself_and_then_all_else(self) -> None:
        signer = operator_signer()
        judged, state = self.judge_all([(content, signer) for content in standard_control()])
        assert {each.verdict for each in judged} == {Verdict.VALID}
        assert len(state.keys) == 2

    def test_only_entry_0_can_be_the_root(self) -> None:
        judged, state = self.judge_all(
            [(root_registered(STRANGER), operator_signer()), (root_registered(), operator_signer())]
        )
        assert [each.verdict for each in judged] == [Verdict.UNKNOWN_KEY] * 2
        assert not state.keys

    def test_entry_0_must_register_an_operator(self) -> None:
        judged, _ = self.judge_all([(key_registered(OPERATOR), operator_signer())])
        assert judged[0].verdict is Verdict.UNKNOWN_KEY

    def test_a_producers_key_is_no_operators(self) -> None:
        producer = Signer(PRODUCER, "auditspine.control", 0, "-", "scorer")
        content = tenant_registered("zeta")
        content["envelope"]["workload"]["name"] = "scorer"
        judged, state = self.judge_all(
            [*((each, operator_signer()) for each in standard_control()[:3]), (content, producer)]
        )
        assert judged[-1].verdict is Verdict.NOT_PERMITTED
        assert judged[-1].reason == "the key is not an operator's"
        assert "zeta" not in state.tenants

    def test_a_revoked_operator_says_nothing_more(self) -> None:
        signer = operator_signer()
        judged, _ = self.judge_all(
            [
                (root_registered(), signer),
                (key_revoked(OPERATOR), signer),
                (tenant_registered(), signer),
            ]
        )
        assert [each.verdict for each in judged] == [
            Verdict.VALID, Verdict.VALID, Verdict.REVOKED_KEY,
        ]  # fmt: skip

    def test_a_control_event_belongs_to_the_platform(self) -> None:
        signer = Signer(OPERATOR, "auditspine.control", 0, "acme", "operator")
        judged, _ = self.judge_all([(root_registered(), signer)])
        assert judged[0].verdict is Verdict.WRONG_TENANT


def test_reasons_quote_nothing_of_the_event() -> None:
    values = [encode(prediction(tenant="s3cret")), b"s3cret", b"\0\0\0\0\1s3cret"]
    for value in values:
        for _, sig in Signer(tenant="s3cret", producer="s3cret").sign(value):
            assert "s3cret" not in judge_one(value, sig).reason


def test_more_control_can_change_a_missing_key_but_not_a_bad_signature() -> None:
    value, sig = Signer(key=STRANGER).sign(encode(prediction()))[0]
    assert growth_can_change(judge_one(value, sig))
    assert not growth_can_change(judge_one(value + b"x", sig))
    assert not growth_can_change(judge_one(*Signer().sign(value)[0]))


MIXED = [
    *Signer().sign(*(encode(prediction(i)) for i in range(6))),
    *Signer(key=STRANGER).sign(*(encode(prediction(i)) for i in range(3))),
    *Signer(tenant="zeta").sign(encode(prediction(tenant="zeta"))),
    *Signer(epoch=8).sign(encode(prediction(now_ms=NOW_MS - 10**9)), b"\0\0\0\0\1x", b"raw"),
    *Signer(producer="other").sign(encode(prediction(workload="other"))),
    (b"", b""),
    (b"foreign", b""),
    (encode(prediction()), b"broken"),
]
GROWTH = [key_registered(STRANGER), tenant_registered("zeta"), key_revoked(PRODUCER)]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, len(MIXED) - 1), max_size=40),
    st.lists(st.integers(0, 40), max_size=3),
    st.integers(1, 7),
)
def test_verdicts_depend_neither_on_batching_nor_on_caches(picks, growth_at, batch) -> None:
    """One warm judge in batches, against a new judge and state for every message."""
    messages = [Message(i, NOW_MS, *MIXED[pick]) for i, pick in enumerate(picks)]
    sizes = [sum(at <= i // batch * batch for at in growth_at) for i in range(len(messages))]
    warm, state = Judge(*PLACE), control_state()
    together: list[Judged] = []
    for start in range(0, len(messages), batch):
        grown = state.size - len(standard_control())
        for content in GROWTH[grown : sizes[start]]:
            state.apply(state.size, content)
        admitted = [warm.admit(message) for message in messages[start : start + batch]]
        for each in admitted:
            warm.rule(each, control_state())  # a ruling on another state leaves no trace
        together += [warm.rule(each, state) for each in admitted]
    table = None
    for message, size, expected in zip(messages, sizes, together, strict=True):
        cold = Judge(*PLACE, table)
        fresh = control_state([*standard_control(), *GROWTH[:size]])
        assert cold.rule(cold.admit(message), fresh) == expected
        table = cold.table.copy()
    assert warm.table.rows() == (table.rows() if table else [])
