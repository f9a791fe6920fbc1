"""Signals become alerts: few, of the right tier, and each with what it asks for."""

import pytest
from tests.unit.processors.alert_events import (
    INVESTIGATED,
    STOPPED,
    Log,
    event,
    policy_with,
    ref,
    signal,
)

from auditspine.processors.alerts.causes import fingerprint
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.drift.policy import shipped_policy

SETTLED = 60  # minutes of the cool-down
QUIET = 240


def types(said) -> list[str]:
    return [name for name, _ in said]


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_weak_signal_is_a_caution_that_tells_its_owner(log) -> None:
    (name, body), *rest = log.signal()
    assert (name, rest) == ("alert.raised", [])
    assert (body.tier, body.previous_tier, body.cause, body.level) == ("caution", None, "signal", 0)
    assert body.actions == ("notify",)
    assert (body.features, body.kind, body.owner) == (("dti",), "location", "model-owner")
    assert body.signals == (log.events[0].envelope["event_id"],)
    assert body.policy == log.projection._policy.digest
    row = log.alerts()[0]
    assert (row["state"], row["tier"], row["signals"]) == ("open", "caution", 1)
    assert row["alert_id"] == body.alert_id
    assert row["fingerprint"] == body.fingerprint


def test_a_strong_signal_opens_an_investigation_that_blocks_promotion(log) -> None:
    said = log.signal(effect_size=0.6)
    assert types(said) == INVESTIGATED
    opened = said[1][1]
    assert opened.alert_id == said[0][1].alert_id
    assert opened.promotion_blocked
    assert log.alerts()[0]["investigation_id"] == opened.investigation_id


def test_a_very_strong_signal_stops_the_line(log) -> None:
    said = log.signal(effect_size=-2.5)
    assert types(said) == STOPPED
    state = said[2][1]
    assert (state.state, state.releases_frozen, state.quarantined) == ("fallback", True, False)
    assert state.model.version == "3"
    assert state.alert_id == said[0][1].alert_id
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}


def test_the_same_effect_is_less_where_the_risk_is_less() -> None:
    assert Log(domain="marketing").signal(effect_size=2.5)[0][1].tier == "caution"


def test_what_no_row_of_the_policy_matches_is_recorded_and_nobody_is_told() -> None:
    log = Log(policy_with(('kinds = ["location", "scale", ', 'kinds = ["scale", ')))
    assert log.signal(effect_size=0.1) == []
    assert log.alerts()[0]["tier"] == "informational"
    assert types(log.signal(effect_size=0.7)) == INVESTIGATED


def test_an_informational_alert_ends_without_a_word() -> None:
    log = Log(policy_with(('kinds = ["location", "scale", ', 'kinds = ["scale", ')))
    log.signal(effect_size=0.1)
    assert log.beat(QUIET + 1) == []
    assert log.alerts()[0]["state"] == "resolved"


def test_several_monitors_of_one_feature_are_one_alert(log) -> None:
    first = log.signal()[0][1]
    assert log.signal(kind="scale") == []
    assert log.signal(kind="missing", effect_size=0.01) == []
    row = log.alerts()[0]
    assert (row["alert_id"], row["signals"], len(log.alerts())) == (first.alert_id, 3, 1)


def test_signals_of_no_feature_are_one_alert_per_kind_and_rules_apart(log) -> None:
    log.signal("", kind="score", monitor="score.location")
    log.signal("", kind="score", monitor="score.scale")
    log.signal("", kind="rule", monitor="rule.max_ltv")
    log.signal("", kind="rule", monitor="rule.min_age")
    assert sorted(row["kind"] for row in log.alerts()) == ["rule", "rule", "score"]


def test_a_larger_effect_raises_the_alert_again_and_a_smaller_one_never_lowers_it(log) -> None:
    first = log.signal()[0][1]
    said = log.signal(effect_size=0.6)
    body = said[0][1]
    assert (body.alert_id, body.tier, body.previous_tier) == (first.alert_id, "review", "caution")
    assert (body.cause, body.level) == ("effect", 1)
    assert log.signal(effect_size=0.1) == []
    assert log.alerts()[0]["tier"] == "review"


def test_a_signal_that_goes_on_for_a_day_is_raised_again_for_its_persistence(log) -> None:
    log.signal()
    for minute in range(200, 1440, 200):
        log.minute = minute
        assert log.signal() == []
    log.minute = 1440
    body = log.signal()[0][1]
    assert (body.tier, body.cause) == ("review", "persistence")


def test_a_caution_ends_when_it_is_quiet(log) -> None:
    first = log.signal()[0][1]
    assert log.beat(QUIET - 1) == []
    (name, body), *rest = log.beat(QUIET)
    assert (name, body.alert_id, body.cause, rest) == (
        "alert.resolved",
        first.alert_id,
        "quiet",
        [],
    )
    assert log.alerts()[0]["state"] == "resolved"


def test_each_signal_starts_the_quiet_time_anew(log) -> None:
    log.signal()
    log.minute = 200
    log.signal()
    assert log.beat(QUIET + 1) == []
    assert types(log.beat(200 + QUIET)) == ["alert.resolved"]


def test_an_alert_under_investigation_does_not_end_by_itself(log) -> None:
    log.signal(effect_size=0.6)
    log.acknowledge(log.alerts()[0]["alert_id"])
    assert log.beat(10_000) == []
    assert log.alerts()[0]["state"] == "acknowledged"


def test_within_the_cool_down_the_same_cause_is_the_same_alert_and_nobody_is_told(log) -> None:
    first = log.signal()[0][1]
    log.beat(QUIET)
    log.minute = QUIET + SETTLED - 1
    (_, body), *rest = log.signal()
    assert (body.alert_id, body.level, body.actions, rest) == (first.alert_id, 1, (), [])
    assert log.alerts()[0]["state"] == "open"


def test_within_the_cool_down_a_higher_tier_tells(log) -> None:
    first = log.signal()[0][1]
    log.beat(QUIET)
    body = log.signal(effect_size=0.6)[0][1]
    assert (body.alert_id, body.previous_tier) == (first.alert_id, "caution")
    assert "notify" in body.actions


def test_after_the_cool_down_the_same_cause_is_another_alert(log) -> None:
    first = log.signal()[0][1]
    log.beat(QUIET)
    log.minute = QUIET + SETTLED
    second = log.signal()[0][1]
    assert second.alert_id != first.alert_id
    assert (second.fingerprint, second.level) == (first.fingerprint, 0)
    assert "notify" in second.actions


def test_the_cool_down_begins_when_it_was_quiet_not_when_that_was_noticed(log) -> None:
    first = log.signal()[0][1]
    log.minute = QUIET + SETTLED
    said = log.signal()
    assert types(said) == ["alert.resolved", "alert.raised"]
    assert said[1][1].alert_id != first.alert_id


def test_many_features_are_one_alert_in_which_theirs_end(log) -> None:
    first = log.signal("a")[0][1]
    second = log.signal("b")[0][1]
    said = log.signal("c")
    assert types(said) == ["alert.raised", "alert.resolved", "alert.resolved"]
    body = said[0][1]
    assert (body.kind, sorted(body.features)) == ("several", ["a", "b", "c"])
    assert "notify" in body.actions
    assert [each.alert_id for _, each in said[1:]] == [first.alert_id, second.alert_id]
    assert body.title.startswith("3 features of risk 3 at risk-eu moved: ")
    assert [log.signal(name) for name in "defgh"] == [[]] * 5
    states = [(row["kind"], row["state"]) for row in log.alerts()]
    assert sorted(states) == [
        ("location", "resolved"),
        ("location", "resolved"),
        ("several", "open"),
    ]
    several = next(row for row in log.alerts() if row["kind"] == "several")
    assert several["features"] == list("abcdefgh")
    assert several["signals"] == 8


def test_a_feature_that_joins_many_with_a_higher_tier_tells(log) -> None:
    for name in "abc":
        log.signal(name)
    said = log.signal("d", effect_size=0.7)
    assert types(said) == INVESTIGATED
    assert (said[0][1].kind, said[0][1].tier) == ("several", "review")


def test_many_features_have_the_highest_tier_among_theirs_and_its_hold(log) -> None:
    log.signal("a", effect_size=3.0)
    log.signal("b")
    said = log.signal("c")
    assert types(said)[:2] == INVESTIGATED[:2]
    assert said[0][1].tier == "stop_the_line"
    assert "serving_state.changed" not in types(said)  # it is held already
    many = said[0][1].alert_id
    said = log.disposition(many, resume=True)
    assert types(said) == ["alert.resolved", "serving_state.changed"]
    assert log.serving() == {"risk-eu 3": ("live", False, False)}


def test_features_that_move_hours_apart_have_an_alert_each(log) -> None:
    for hour, name in enumerate("abcd"):
        log.minute = 61 * hour
        assert types(log.signal(name)) == ["alert.raised"]
    assert {row["kind"] for row in log.alerts()} == {"location"}


def test_alerts_that_are_open_for_hours_are_not_merged_because_they_are_signalled_again(
    log,
) -> None:
    for hour, name in enumerate("abc"):
        log.minute = 61 * hour
        log.signal(name)
    assert [log.signal(name) for name in "abc"] == [[]] * 3


def test_features_of_other_models_and_deployments_are_apart(log) -> None:
    log.signal("a")
    log.signal("b", model=ref("model", "risk", "4"))
    log.signal("c", deployment=ref("deployment", "risk-us"))
    log.take("drift.signalled", signal("d", 99, 0), tenant="globex")
    assert len({row["fingerprint"] for row in log.alerts()}) == 4
    assert {row["kind"] for row in log.alerts()} == {"location"}


def test_a_repeated_signal_changes_nothing(log) -> None:
    bodies = [signal("a", last, 0, monitor="a.location") for last in (10, 20, 20)]
    events = [event(n, 0, "drift.signalled", body) for n, body in enumerate(bodies)]
    log.fold(events)
    before = dict(log.state.values)
    assert log.fold(events) == []
    assert log.state.values == before
    assert log.alerts()[0]["signals"] == 3


def test_an_effect_that_is_no_number_counts_as_none(log) -> None:
    assert log.signal(effect_size=float("nan"))[0][1].effect_size == 0.0


def test_names_that_the_contract_does_not_take_are_made_fit(log) -> None:
    feature = "line\nbreak\x00" + "x" * 300
    body = log.signal(feature, detail="d" * 16_000)[0][1]
    assert body.features[0].startswith("line?break?x")
    assert len(body.features[0]) == 256


def test_a_fingerprint_tells_parts_apart() -> None:
    assert fingerprint("a", ("b", "c"), "d") != fingerprint("a", ("bc", ""), "d")


def test_another_policy_counts_from_the_next_event_on(log) -> None:
    alert_id = log.signal()[0][1].alert_id
    policy = policy_with(('class = "limited"', 'class = "low"'), ("effect = 0.5", "effect = 0.2"))
    log.projection = AlertsProjection(policy)
    body = log.signal()[0][1]
    assert (body.alert_id, body.tier, body.cause) == (alert_id, "review", "effect")
    assert body.policy == policy.digest != shipped_policy().digest


def test_history_tells_what_happened_in_order(log) -> None:
    alert_id = log.signal()[0][1].alert_id
    log.signal()
    log.acknowledge(alert_id)
    log.beat(QUIET)
    assert log.history(alert_id) == ["raised", "signalled", "acknowledged", "resolved"]


def test_what_is_over_is_forgotten_after_the_cool_down(log) -> None:
    for number in range(50):
        log.minute = number * 1000
        log.signal("a")
    log.beat(100_000)
    kept = {key: value for key, value in log.state.values.items() if value and key[:1] in b"ao"}
    assert list(kept.values()) == [b"{}"]


def test_a_score_that_moves_with_a_feature_is_no_alert_of_its_own(log) -> None:
    log.signal("dti", effect_size=0.3)
    log.minute += 1
    assert types(log.signal("", kind="score", monitor="(score).location")) == []
    [alert] = log.alerts()
    assert (alert["signals"], alert["features"]) == (2, ["dti"])


def test_a_score_that_was_noticed_first_goes_on_in_the_alert_of_the_feature(log) -> None:
    log.signal("", kind="score", monitor="(score).location", effect_size=2.5)
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}
    log.minute += 1
    said = log.signal("dti", effect_size=0.3)
    assert types(said) == ["alert.raised", "alert.resolved"]
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}  # held by the feature's now
    states = {alert["kind"]: alert["state"] for alert in log.alerts()}
    assert states == {"score": "resolved", "location": "open"}


def test_a_score_goes_with_the_feature_that_moved_last(log) -> None:
    log.signal("age")
    log.minute += 5
    log.signal("dti", effect_size=2.5)
    log.signal("", kind="score", monitor="(score).location", effect_size=3.0)
    tiers = {alert["features"][0]: (alert["tier"], alert["signals"]) for alert in log.alerts()}
    assert tiers == {"age": ("caution", 1), "dti": ("stop_the_line", 2)}


def test_a_score_that_moves_long_after_a_feature_is_an_alert(log) -> None:
    log.signal("dti")
    log.minute += 61
    assert types(log.signal("", kind="score", monitor="(score).location")) == ["alert.raised"]
