"""The fold of alerts: the same however the log is cut, and whatever the clock does."""

import itertools
from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.alert_events import (
    INVESTIGATED,
    LOG,
    STOPPED,
    Log,
    deployed,
    event,
    micros,
    observed,
    policy_with,
    published,
    ref,
    signal,
)

from auditspine.ledger.records import encode_value
from auditspine.ledger.serving import ServingRecord
from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import as_event_ids
from auditspine.processors.alerts.clock import Clock
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.alerts.tables import HISTORY, SERVING_STATES
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode, parse_json
from auditspine.schemas.examples import example

PURE = settings(max_examples=60, deadline=None)
POLICY = policy_with(("stop_the_line = 15", "stop_the_line = 7"))

signals = st.tuples(
    st.just("signal"),
    st.sampled_from(["a", "b", "c", "d", ""]),
    st.sampled_from(["location", "missing"]),
    st.sampled_from([0.05, 0.6, 3.0]),
)
reports = st.tuples(st.just("report"), st.sampled_from("34"))
changes = st.tuples(
    st.just("deploy"), st.sampled_from("34"), st.sampled_from(["deployed", "paused"])
)
definitions = st.tuples(st.just("define"), st.sampled_from("ab"))
words = st.tuples(
    st.sampled_from(["acknowledge", "escalate", "silence", "resume", "end"]), st.integers(0, 5)
)
steps = st.lists(
    st.tuples(
        st.one_of(signals, signals, reports, changes, definitions, words, st.just(("beat",))),
        st.sampled_from([-30, 0, 1, 5, 61, 250]),
    ),
    min_size=1,
    max_size=40,
)


def told(made, known: list[str]) -> list[SealedEvent]:
    """Give a log; people speak of the alerts that there are at that point."""
    log, events, minute = Log(POLICY), [], 500.0
    for position, (what, passed) in enumerate(made):
        minute += passed
        events.append(one(position, minute, what, known))
        said = log.fold(events[-1:])
        known += [str(e.body["alert_id"]) for e in said if e.event_type == "alert.raised"]
    return events


def one(position: int, minute: float, what, known: list[str]) -> SealedEvent:
    kind, *rest = what
    if kind == "signal":
        feature, moved, effect = rest
        body = signal(feature, position, minute, kind=moved, effect_size=effect)
        return event(position, minute, "drift.signalled", body)
    if kind == "report":
        return event(position, minute, "serving.observed", observed(rest[0], position, minute))
    if kind == "deploy":
        return event(position, minute, "deployment.changed", deployed(*rest))
    if kind == "define":
        feature = ref("feature", rest[0], str(position))
        return event(position, minute, "feature.defined", {"feature": feature, "inputs": []})
    if kind == "beat":
        return event(position, minute, "producer.heartbeat", {})
    alert_id = known[-1 - rest[0] % len(known)] if known else "alert-0"
    bodies = {
        "acknowledge": ("alert.acknowledged", {"comment": "x"}),
        "escalate": ("alert.escalated", {"to_tier": "stop_the_line", "reason": "x"}),
        "silence": (
            "alert.silenced",
            {
                "silence_id": f"s{position}",
                "deployment": None,
                "starts_at": micros(minute),
                "ends_at": micros(minute + 90),
                "reason": "x",
            },
        ),
    }
    ended = {
        "investigation_id": alert_id.replace("alert-", "inv-"),
        "disposition": "data_quality",
        "rationale": "x",
    }
    name, body = bodies.get(kind) or (
        "investigation.dispositioned",
        {**ended, "resume": kind == "resume"},
    )
    return event(position, minute, name, {"alert_id": alert_id, **body})


def ids(log: Log) -> list[tuple[str, str, object]]:
    source = Source("alerts", 1)
    return [
        (derived_event_id(source, each), each.event_type, sorted(each.body.items(), key=str))
        for each in log.derived
    ]


@given(steps, st.lists(st.integers(0, 40)))
@PURE
def test_any_cutting_gives_the_same_state_rows_and_events(made, cuts) -> None:
    events = told(made, [])
    whole, cut = Log(POLICY), Log(POLICY)
    whole.fold(events)
    bounds = [0, *sorted(c for c in cuts if c < len(events)), len(events)]
    for first, last in itertools.pairwise(bounds):
        cut.fold(events[first:last])
    assert cut.state.values == whole.state.values
    assert ids(cut) == ids(whole)
    assert cut.rows == whole.rows
    assert len({each[0] for each in ids(whole)}) == len(whole.derived)


@given(steps, st.integers(0, 40))
@PURE
def test_signals_that_are_repeated_change_nothing(made, count) -> None:
    signalled = [each for each in made if each[0][0] in {"signal", "report"}]
    events = told(signalled, [])
    log = Log(POLICY)
    log.fold(events)
    at = events[-1].appended_at if events else 0
    before = {key: value for key, value in log.state.values.items() if key[:1] != b"n"}
    repeated = [
        SealedEvent(LOG, each.position, at, each.event_type, each.envelope, each.body)
        for each in events[:count]
    ]
    assert log.fold(repeated) == []
    after = {key: value for key, value in log.state.values.items() if key[:1] != b"n"}
    assert after == before


@given(steps)
@PURE
def test_every_derived_event_is_one_that_the_contract_takes(made) -> None:
    log = Log(POLICY)
    log.fold(told(made, []))
    for each in log.derived:
        assert each.event_type in AlertsProjection.emits
        published(each)


@given(steps)
@PURE
def test_events_and_rows_agree_on_what_is_open_and_who_may_serve(made) -> None:
    log = Log(POLICY)
    log.fold(told(made, []))
    is_open: dict[str, bool] = {}
    tiers: dict[str, str] = {}
    serving: dict[tuple[str, str], tuple[object, ...]] = {}
    for each in log.derived:
        body = dict(each.body)
        if each.event_type == "alert.raised":
            is_open[body["alert_id"]] = True
            tiers[body["alert_id"]] = body["tier"]
        elif each.event_type == "alert.resolved":
            is_open[body["alert_id"]] = False
        elif each.event_type == "serving_state.changed":
            place = body["deployment"]["name"], body["model"]["version"]
            state = body["state"], body["releases_frozen"], body["quarantined"]
            assert serving.get(place, ("live", False, False)) != state
            serving[place] = state
    rows = {row["alert_id"]: row for row in log.alerts() if row["tier"] != "informational"}
    assert {key: row["state"] != "resolved" for key, row in rows.items()} == is_open
    assert {key: row["tier"] for key, row in rows.items()} == tiers
    assert log.serving() == {f"{name} {v}": state for (name, v), state in serving.items()}


@given(steps)
@PURE
def test_each_fingerprint_has_one_open_alert_at_most(made) -> None:
    log = Log(POLICY)
    log.fold(told(made, []))
    open_ = [row["fingerprint"] for row in log.alerts() if row["state"] != "resolved"]
    assert len(open_) == len(set(open_))


@given(steps)
@PURE
def test_time_ends_all_that_no_person_must_end(made) -> None:
    log = Log(POLICY)
    log.fold(told(made, []))
    last = 500 + sum(passed for _, passed in made)
    log.events = [None] * 1000  # type: ignore[list-item]  # positions after those
    for minute in range(1, 40):
        log.beat(last + minute * 400)
        log.observe("3")  # without predictions nothing is known to be quiet
    for row in log.alerts():
        is_silent = row["kind"] == "traffic"
        held = any(state[0] != "live" or state[1] for state in log.serving().values())
        assert row["state"] == "resolved" or row["investigating"] or held or is_silent


def test_a_clock_that_steps_back_neither_stops_nor_sets_back_timers() -> None:
    log = Log()
    log.beat(100_000)
    log.signal()
    log.beat(10)  # a clock that was wrong is put right
    assert log.beat(10 + 239) == []
    assert [name for name, _ in log.beat(10 + 240)] == ["alert.resolved"]


def test_a_clock_never_goes_back() -> None:
    clock = Clock()
    times = []
    for at in (5, 9, 3, 4, 20, 1):
        clock = clock.advanced(at)
        times.append(clock.now)
    assert times == sorted(times)
    assert Clock.decode(clock.encode()) == clock


def test_an_alert_is_read_as_it_was_written() -> None:
    log = Log()
    log.signal("a\ud800b", effect_size=3.0)
    stored = next(value for key, value in log.state.values.items() if key[:1] == b"a")
    assert Alert.decode(stored).encode() == stored


def test_heartbeats_read_nothing_but_the_clock() -> None:
    log = Log()
    log.signal()
    read: list[bytes] = []
    get = log.state.get
    log.state.get = lambda key: read.append(key) or get(key)  # type: ignore[method-assign,func-returns-value]
    for minute in range(1, 100):
        log.beat(minute)
    assert {key[:1] for key in read} == {b"n"}
    assert len(read) == 99


def test_whatever_a_signal_says_what_follows_is_fit_for_the_contract() -> None:
    log = Log()
    odd = {**ref("deployment", "\n" * 300, ""), "kind": "a b\xe9"}
    said = log.signal(
        "",
        kind="new kind \xe9" + "x" * 200,
        deployment=odd,
        started_at=-(2**62),
        evidence={"origin": "", "first": -5, "last": -7},
        effect_size=float("-inf"),
    )
    assert said == []  # a kind that the policy does not know is recorded only
    said = log.escalate(log.alerts()[0]["alert_id"], "stop_the_line")
    assert [name for name, _ in said] == STOPPED
    log.signal(deployment=odd, started_at=2**62, evidence={"origin": "o", "first": 9, "last": 1})
    assert log.alerts()[-1]["since"] == micros(0)


odd_texts = st.one_of(
    st.sampled_from(["", "\x00", "\ud800", "risk-eu", "a" * 257, "\U0001f600" * 300]),
    st.text(st.characters(exclude_categories=()), max_size=20),
)


class Odd:
    """Bodies with odd texts; refs are few, so that events are about the same artifacts."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._refs = {kind: self._ref(kind) for kind in ("deployment", "model")}

    def text(self) -> str:
        return self._data.draw(odd_texts)

    def _ref(self, kind: str) -> dict[str, object]:
        odd = {"kind": self.text(), "name": self.text(), "version": self.text()}
        return {**ref(kind, "risk-eu"), **odd}

    def body(self, made: dict[str, object]) -> dict[str, object]:
        return {**made, **self._refs}

    def envelope(self) -> dict[str, str]:
        return {"who": self.text(), "domain": self.text()}


def taken_by_a_store(value: object) -> bool:
    if isinstance(value, list):
        return all(map(taken_by_a_store, value))
    return not isinstance(value, str) or bool(value.encode("utf-8")) or value == ""


@given(st.data())
@PURE
def test_whatever_texts_events_hold_rows_events_and_serving_records_are_fit(data) -> None:
    log, odd = Log(), Odd(data)
    model, deployment = (odd.body({})[name] for name in ("model", "deployment"))
    log.take(
        "deployment.changed",
        odd.body({**deployed("3"), "environment": odd.text()}),
        **odd.envelope(),
    )
    texts = {name: odd.text() for name in ("feature", "monitor", "detail")}
    inputs = [{"artifact": {**ref("dataset", "d"), "name": odd.text()}, "column": odd.text()}]
    for version in "12":
        feature = {**ref("feature", "f", version), "name": texts["feature"]}
        log.take("feature.defined", {"feature": feature, "inputs": inputs}, **odd.envelope())
        log.minute += 0.5
    kind = data.draw(st.one_of(odd_texts, st.sampled_from(["location", "rule", "score"])))
    evidence = {"origin": odd.text(), "first": 0, "last": 5}
    moved = {**texts, "kind": kind, "effect_size": 3.0, "evidence": evidence}
    log.take("drift.signalled", odd.body({**signal("", 5, 1), **moved}), **odd.envelope())
    served = {"drifting_features": [odd.text()], "drifting_kinds": [odd.text()]}
    log.take("serving.observed", odd.body(observed("3", 9, 1, evidence=evidence, **served)))
    decision = {"subject": {**ref("model", "other"), "name": odd.text()}, "decision": "approved"}
    log.take("approval.decided", {**decision, "role": odd.text(), "expires_at": None})
    for alert_id in [row["alert_id"] for row in log.alerts()] + [odd.text()]:
        said = {"alert_id": alert_id, "comment": odd.text(), "reason": odd.text()}
        log.take("alert.acknowledged", said, **odd.envelope())
        log.take("alert.escalated", {**said, "to_tier": "stop_the_line"}, **odd.envelope())
        silence = {"silence_id": odd.text(), "deployment": odd.text(), "starts_at": 0}
        log.take("alert.silenced", {**said, **silence, "alert_id": None, "ends_at": 2**63 - 1})
        ended = {"investigation_id": odd.text(), "disposition": "x", "resume": True}
        log.take("investigation.dispositioned", {**said, **ended, "rationale": odd.text()})
    log.take("artifact.retired", {"artifact": model, "reason": odd.text()})
    log.take("artifact.retired", {"artifact": deployment, "reason": odd.text()})
    log.beat(1000)
    assert log.rows[SERVING_STATES]
    for rows in log.rows.values():
        assert all(taken_by_a_store(value) for row in rows.values() for value in row.values())
    for row in log.rows[SERVING_STATES].values():
        names = {field.name: row.get(field.name) for field in fields(ServingRecord)}
        encode_value(ServingRecord(**{**names, "position": row["version"]}))
    for each in log.derived:
        published(each)


def test_a_name_that_is_not_fit_is_one_deployment_in_all_events() -> None:
    log = Log()
    odd = {**ref("deployment", ""), "name": ""}
    log.deploy(deployment=odd)
    log.minute = 1
    assert log.observe(deployment=odd) == []
    assert log.beat(60) == []
    log.signal(deployment=odd, effect_size=3.0)
    assert log.serving() == {"- 3": ("fallback", True, False)}


def test_ids_that_the_contract_does_not_take_are_left_out() -> None:
    assert as_event_ids(["01900000-0000-7000-8000-00000000000A", "0190"]) == (
        "01900000-0000-7000-8000-00000000000a",
    )


def test_a_tenant_that_moved_goes_on_with_its_alerts() -> None:
    log = Log()
    old = event(7, 0, "drift.signalled", signal("dti", 10, 0, effect_size=3.0))
    log.fold([replace(old, log="local/c/lifecycle/1")])
    alert_id = log.alerts()[0]["alert_id"]
    body = {
        "investigation_id": alert_id.replace("alert-", "inv-"),
        "alert_id": alert_id,
        "disposition": "data_quality",
        "resume": True,
        "rationale": "x",
    }
    new = event(3, 5, "investigation.dispositioned", body)
    log.fold([replace(new, origin="local/c/lifecycle/1", base=100)])
    (row,) = log.alerts()
    assert (row["origin"], row["state"], row["version"]) == (LOG, "resolved", 103)
    (row,) = log.rows[SERVING_STATES].values()
    assert (row["origin"], row["state"]) == (LOG, "live")
    logs = {row["origin"] for row in log.rows[HISTORY].values()}
    assert logs == {LOG, "local/c/lifecycle/1"}


def test_events_are_read_as_they_come_off_the_wire() -> None:
    log = Log()
    decoder = Decoder(schema_texts())
    for position, name in enumerate(sorted(AlertsProjection.event_types)):
        got = decoder.decode(encode(parse_json(example(name))))
        at = micros(0) // 1000 + position
        log.fold([SealedEvent(LOG, position, at, name, got.envelope, got.body)])
    assert [each.event_type for each in log.derived] == INVESTIGATED
    assert log.alerts()[0]["features"] == ["debt_to_income"]
    for each in log.derived:
        published(each)


def test_no_type_is_wanted_that_follows_from_its_own() -> None:
    assert not AlertsProjection.event_types & AlertsProjection.emits
