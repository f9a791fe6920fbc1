"""What serves is held against what is said to be deployed; silence is noticed."""

import json

import pytest
from tests.unit.processors.alert_events import (
    EVIDENCE,
    INVESTIGATED,
    STOPPED,
    Log,
    micros,
    policy_with,
    ref,
)

GRACE, SILENT = 5, 65  # minutes


def types(said) -> list[str]:
    return [name for name, _ in said]


@pytest.fixture
def log() -> Log:
    made = Log()
    made.deploy("3")
    made.minute = 1
    made.observe("3")
    return made


def test_what_is_deployed_serves_without_a_word(log) -> None:
    log.minute = 6
    assert log.observe("3") == []
    assert log.alerts() == []


def test_another_model_is_an_alert_after_the_grace(log) -> None:
    log.minute = 11
    assert log.observe("4") == []
    assert log.beat(11 - 1 + GRACE - 0.1) == []
    said = log.beat(11 - 1 + GRACE)
    assert types(said) == STOPPED
    body = said[0][1]
    assert (body.kind, body.cause, body.tier) == ("served", "served", "stop_the_line")
    assert body.model.version == "4"
    assert body.evidence[0].origin == EVIDENCE
    assert log.serving() == {"risk-eu 4": ("fallback", True, False)}
    log.minute = 20
    assert log.observe("4") == []
    assert log.alerts()[0]["signals"] == 2


def test_a_deployment_that_is_told_within_the_grace_is_no_alert(log) -> None:
    log.minute = 11
    log.observe("4")
    log.minute = 14
    log.deploy("4")
    assert log.beat(60) == []
    assert log.alerts() == []


def test_another_configuration_of_the_model_is_an_alert(log) -> None:
    other = ref("deployment", "risk-eu", "2")
    log.observe("3", deployment=other)
    assert log.beat(20)[0][1].kind == "served"


def test_an_undeclared_deployment_of_a_tenant_that_declares_is_an_alert(log) -> None:
    log.observe("3", deployment=ref("deployment", "risk-us"))
    assert log.beat(20)[0][1].deployment.name == "risk-us"


def test_a_tenant_that_never_says_what_it_deploys_has_a_finding_and_no_alert() -> None:
    log = Log()
    log.observe("3")
    log.minute = 10
    log.observe("3")
    assert log.beat(60) == []
    assert log.findings() == ["undeclared_deployment"]


def test_a_model_that_was_replaced_may_serve_for_the_grace_and_no_longer(log) -> None:
    log.minute = 10
    log.deploy("4")
    log.minute = 14
    assert log.observe("3") == []
    log.minute = 21
    log.observe("3")
    assert types(log.beat(21 - 1 + GRACE))[0] == "alert.raised"


def test_a_report_that_comes_late_is_of_the_time_that_it_tells_of(log) -> None:
    log.minute = 10
    log.deploy("4")
    log.minute = 60
    assert log.observe("3", started_at=micros(5), ended_at=micros(9)) == []
    assert log.beat(70) == []


def test_a_part_of_the_traffic_stands_beside_the_rest(log) -> None:
    log.deploy("4", traffic_share=0.1)
    log.minute = 20
    log.observe("3")
    log.observe("4")
    assert log.beat(40) == []
    log.deploy("4", "scaled", traffic_share=1.0)
    log.minute = 50
    log.observe("3")
    assert types(log.beat(55))[0] == "alert.raised"


def test_another_environment_does_not_replace_it(log) -> None:
    log.deploy("4", environment="staging")
    log.minute = 50
    assert log.observe("3") == []


@pytest.mark.parametrize("action", ["paused", "retired"])
def test_what_is_not_serving_any_more_must_not_serve(log, action) -> None:
    log.deploy("3", action)
    log.minute = 20
    log.observe("3")
    assert types(log.beat(25))[0] == "alert.raised"


@pytest.mark.parametrize("artifact", [ref("model", "risk", "3"), ref("deployment", "risk-eu")])
def test_what_is_retired_must_not_serve(log, artifact) -> None:
    log.take("artifact.retired", {"artifact": artifact, "reason": "old", "content": "kept"})
    log.minute = 20
    log.observe("3")
    assert types(log.beat(25))[0] == "alert.raised"


def test_a_repeated_report_changes_nothing(log) -> None:
    log.minute = 11
    log.observe("4")
    before = dict(log.state.values)
    assert log.fold([log.events[-1]]) == []
    assert log.state.values == before


def test_a_deployment_that_falls_silent_is_an_alert_that_ends_with_the_next_traffic(log) -> None:
    assert log.beat(1 + SILENT - 0.1) == []
    (name, body), *rest = log.beat(1 + SILENT)
    assert (name, rest) == ("alert.raised", [])
    assert (body.kind, body.cause, body.tier) == ("traffic", "silent", "caution")
    assert log.beat(1000) == []
    (name, body), *rest = log.observe("3")
    assert (name, body.cause, rest) == ("alert.resolved", "quiet", [])
    assert log.beat(1000 + 2 * 999) == []  # the longest silence yet may be the usual one
    assert types(log.beat(1000 + 2 * 999 + 5)) == ["alert.raised"]


def test_silence_is_told_to_a_tenant_that_never_says_what_it_deploys() -> None:
    log = Log()
    log.observe("3")
    assert log.beat(SILENT - 1) == []
    (name, body), *rest = log.beat(SILENT)
    assert (name, body.cause, body.tier, rest) == ("alert.raised", "silent", "caution", [])
    assert types(log.observe("3")) == ["alert.resolved"]


@pytest.mark.parametrize("artifact", [ref("model", "risk", "3"), ref("deployment", "risk-eu")])
def test_what_is_retired_may_be_silent_whoever_deployed_it(artifact) -> None:
    log = Log()
    log.observe("3")
    log.beat(100)
    retired = {"artifact": ref("model", "risk", "2"), "reason": "old", "content": "kept"}
    assert log.take("artifact.retired", retired) == []
    assert types(log.take("artifact.retired", {**retired, "artifact": artifact})) == [
        "alert.resolved"
    ]
    assert log.beat(10_000) == []


def office(log: Log, weeks: int) -> list[tuple[float, str]]:
    """Report twice an hour, Monday to Friday from 8 to 18; give what is told, and when."""
    said = []
    for half_hour in range(48 * 7 * weeks):
        log.minute = half_hour * 30.0
        day, hour = divmod(half_hour // 2, 24)
        reports = day % 7 < 5 and 8 <= hour < 18
        told = log.observe("3") if reports else log.beat(log.minute)
        said += [(log.minute, name) for name in types(told)]
    return said


def test_nights_and_weekends_without_traffic_are_no_alerts_after_the_first_week() -> None:
    log = Log()
    said = office(log, 4)
    assert {name for _, name in said} == {"alert.raised", "alert.resolved"}
    # The first evening and the first weekend: nothing tells yet that they are usual.
    assert [minute // 1440 for minute, name in said if name == "alert.raised"] == [0, 5]
    first = 28 * 1440 + 8 * 60 + 14  # minutes; the first hour by the clock is nearly over
    assert log.beat(first + 64) == []
    assert types(log.beat(first + 65)) == ["alert.raised"]


def test_traffic_that_is_back_when_the_silence_is_noticed_is_no_alert(log) -> None:
    log.minute = 500
    assert log.observe("3") == []
    assert log.beat(501) == []


def test_what_is_paused_may_be_silent_and_what_is_resumed_has_time(log) -> None:
    log.deploy("3", "paused")
    assert log.beat(1000) == []
    log.deploy("3", "resumed")
    assert log.beat(1000 + SILENT - 1) == []
    assert log.beat(1000 + SILENT)[0][1].cause == "silent"


def test_pausing_ends_the_alert_that_it_is_silent(log) -> None:
    log.beat(100)
    assert types(log.deploy("3", "paused")) == ["alert.resolved"]


def test_what_never_had_traffic_is_not_silent() -> None:
    log = Log()
    log.deploy("3")
    assert log.beat(1000) == []


def test_silence_can_be_turned_off() -> None:
    log = Log(policy_with(("silence_minutes = 60", "silence_minutes = 0")))
    log.deploy("3")
    log.observe("3")
    assert log.beat(10_000) == []


def test_a_report_of_no_predictions_is_not_traffic(log) -> None:
    log.minute = 30
    log.observe("3", predictions=0)
    assert types(log.beat(1 + SILENT)) == ["alert.raised"]


def test_what_is_out_of_service_is_not_silent_until_it_serves_again(log) -> None:
    alert_id = log.signal(effect_size=3.0)[0][1].alert_id
    log.acknowledge(alert_id)
    assert log.beat(1000) == []
    log.disposition(alert_id, resume=True)
    assert log.beat(1000 + SILENT - 1) == []
    assert log.beat(1000 + SILENT)[-1][1].cause == "silent"


QUIET = 240  # minutes


def drifting(log: Log, minute: float, *features: str) -> list[str]:
    log.minute = minute
    return types(log.observe("3", drifting_features=list(features)))


def test_what_reports_still_find_drifting_goes_on_without_a_new_signal(log) -> None:
    log.signal("dti")
    for minute in range(30, 1000, 30):
        assert drifting(log, minute, "dti") == []
    assert [alert["state"] for alert in log.alerts()] == ["open"]
    assert drifting(log, 1030) == []
    assert "alert.resolved" not in types(log.beat(990 + QUIET))  # no report since: nobody looked
    drifting(log, 990 + QUIET + 5)
    assert types(log.beat(990 + QUIET + 6)) == ["alert.resolved"]


def test_what_goes_on_for_long_asks_for_more(log) -> None:
    log.signal("dti")
    said = [name for minute in range(60, 1561, 60) for name in drifting(log, minute, "dti")]
    assert said == INVESTIGATED
    [alert] = log.alerts()
    assert (alert["tier"], alert["level"]) == ("review", 1)


def test_without_predictions_nothing_is_known_to_be_quiet(log) -> None:
    log.signal("dti")
    log.beat(61)
    assert [name for name in types(log.beat(1 + 3 * QUIET)) if name == "alert.resolved"] == []
    assert {alert["state"] for alert in log.alerts()} == {"open"}


def test_reports_of_other_features_and_kinds_end_nothing_sooner_nor_later(log) -> None:
    log.signal("dti")
    log.minute = 70
    log.signal("", kind="score", monitor="(score).location")
    log.minute = 120
    log.observe("3", drifting_features=["age"], drifting_kinds=["score"])
    assert drifting(log, QUIET + 10) == []
    assert types(log.beat(QUIET + 11)) == ["alert.resolved"]
    states = {alert["kind"]: alert["state"] for alert in log.alerts()}
    assert (states["location"], states["score"]) == ("resolved", "open")


def test_what_is_not_deployed_any_more_ends_without_predictions(log) -> None:
    log.signal("dti")
    log.minute = 30
    log.deploy("3", "retired")
    log.beat(1 + QUIET)
    assert [alert["state"] for alert in log.alerts()] == ["resolved"]


def approve(
    log: Log,
    version: str,
    decision: str = "approved",
    expires: float | None = None,
    *,
    kind: str = "model",
    role: str = "head of model risk",
):
    body = {
        "subject": {**ref("model", "risk", version), "kind": kind},
        "decision": decision,
        "role": role,
        "expires_at": None if expires is None else micros(expires),
    }
    return log.take("approval.decided", body)


def test_a_model_that_is_not_approved_is_an_alert_from_its_second_report(log) -> None:
    approve(log, "2")  # so the tenant decides on models
    log.minute = 6
    said = log.observe("3")
    assert types(said) == STOPPED
    assert "which no approval that holds allows" in said[0][1].title


def test_an_approval_that_comes_before_the_second_report_is_in_time(log) -> None:
    approve(log, "3")
    for minute in (6, 11, 16):
        log.minute = minute
        assert log.observe("3") == []


@pytest.mark.parametrize(("decision", "expires"), [("withdrawn", None), ("approved", 10.0)])
def test_an_approval_that_ends_is_an_alert(log, decision, expires) -> None:
    approve(log, "3")
    log.minute = 6
    assert log.observe("3") == []
    approve(log, "3", decision, expires)
    log.minute = 11
    assert types(log.observe("3"))[0] == "alert.raised"


def served_at(log: Log, *minutes: float) -> list[str]:
    """Give what is derived from reports at some minutes."""
    said = []
    for minute in minutes:
        log.minute = minute
        said += types(log.observe("3"))
    return said


@pytest.mark.parametrize("decision", ["rejected", "withdrawn"])
def test_what_one_role_refuses_no_other_role_allows(log, decision) -> None:
    approve(log, "3", decision, role="validation")
    approve(log, "3", role="business")
    assert served_at(log, 6)[0] == "alert.raised"


def test_what_a_role_refused_the_same_role_allows_later(log) -> None:
    approve(log, "3", "rejected", role="validation")
    approve(log, "3", role="business")
    approve(log, "3", "approved_with_conditions", role="validation")
    assert served_at(log, 6, 11) == []


def test_an_approval_of_one_role_that_is_over_is_not_replaced_by_another_role(log) -> None:
    approve(log, "3", expires=10.0, role="validation")
    approve(log, "3", role="business")
    assert served_at(log, 6) == []
    assert served_at(log, 11)[0] == "alert.raised"


def test_a_decision_on_something_else_is_none_on_a_model(log) -> None:
    approve(log, "3", "rejected", kind="dataset")
    assert served_at(log, 6, 11) == []  # so the tenant does not decide on models either
    approve(log, "2")
    approve(log, "3", kind="release")
    assert served_at(log, 16)[0] == "alert.raised"


def test_however_many_roles_decide_a_refusal_stands_and_the_state_is_bounded(log) -> None:
    approve(log, "3", "rejected", role="validation")
    for number in range(200):
        approve(log, "3", role=f"role {number}")
    (stored,) = (value for key, value in log.state.values.items() if key[:1] == b"r")
    assert len(json.loads(stored)) == 64
    assert served_at(log, 6)[0] == "alert.raised"


def test_a_tenant_that_never_decides_on_models_is_not_held_to_it(log) -> None:
    for minute in (6, 11, 16):
        log.minute = minute
        assert log.observe("3") == []


def test_data_above_the_clearance_are_an_alert() -> None:
    policy = policy_with(('sensitivity = "restricted"', 'sensitivity = "internal"'))
    log = Log(policy)
    log.deploy("3")
    log.minute = 1
    assert log.observe("3", sensitivity="internal") == []
    log.minute = 6
    (name, body), *_ = log.observe("3", sensitivity="confidential")
    assert (name, body.kind) == ("alert.raised", "served")
    assert "with confidential data and is cleared for internal" in body.title


def test_several_features_that_go_on_for_long_ask_for_more_as_one_does(log) -> None:
    for feature in ("dti", "age", "ltv"):
        log.signal(feature)
    said = [name for minute in range(60, 1561, 60) for name in drifting(log, minute, "ltv")]
    assert said == INVESTIGATED
