"""What people say about alerts, who is told when, and what holds a model back."""

import pytest
from tests.unit.processors.alert_events import (
    STOPPED,
    Log,
    policy_with,
    ref,
)

REVIEW, STOP = 240, 15  # minutes until an alert that nobody acknowledged is raised again


def types(said) -> list[str]:
    return [name for name, _ in said]


@pytest.fixture
def log() -> Log:
    return Log()


def stopped(log: Log, feature: str = "dti") -> str:
    alert_id: str = log.signal(feature, effect_size=3.0)[0][1].alert_id
    return alert_id


def test_nobody_acknowledges_so_the_next_one_is_told_ever_more_slowly(log) -> None:
    alert_id = stopped(log)
    assert log.beat(STOP - 1) == []
    (name, body), *rest = log.beat(STOP)
    assert (name, rest) == ("alert.raised", [])
    assert (body.alert_id, body.cause, body.level) == (alert_id, "unacknowledged", 1)
    assert (body.owner, body.tier, body.previous_tier) == (
        "head-of-model-risk",
        "stop_the_line",
        "stop_the_line",
    )
    assert log.beat(STOP + 2 * STOP - 1) == []
    assert log.beat(STOP + 2 * STOP)[0][1].level == 2
    assert log.beat(STOP + 2 * STOP + 4 * STOP)[0][1].level == 3


def test_who_acknowledges_is_not_asked_again_until_it_asks_for_more(log) -> None:
    alert_id = log.signal(effect_size=0.6)[0][1].alert_id
    log.acknowledge(alert_id)
    assert log.alerts()[0]["acknowledged_by"] == "ana@acme.example"
    assert log.beat(10 * REVIEW) == []
    assert "notify" in log.signal(effect_size=3.0)[0][1].actions
    assert log.alerts()[0]["state"] == "open"
    assert log.beat(10 * REVIEW + STOP)[0][1].cause == "unacknowledged"


def test_the_first_who_acknowledges_has_it(log) -> None:
    alert_id = stopped(log)
    log.acknowledge(alert_id)
    log.take("alert.acknowledged", {"alert_id": alert_id, "comment": "Me too"}, who="bo")
    assert log.alerts()[0]["acknowledged_by"] == "ana@acme.example"


@pytest.mark.parametrize("by", ["alert", "deployment"])
def test_a_silenced_alert_is_raised_and_acts_but_tells_nobody_until_the_silence_ends(
    log, by
) -> None:
    if by == "alert":
        alert_id = log.signal()[0][1].alert_id
        log.silence(0, 120, alert_id=alert_id)
    else:
        log.silence(0, 120, deployment="risk-eu")
    said = log.signal(effect_size=3.0)
    assert types(said) == STOPPED
    assert "notify" not in said[0][1].actions
    assert "fallback" in said[0][1].actions
    assert log.alerts()[0]["silenced_until"] is not None
    assert log.beat(119.9) == []
    (name, body), *rest = log.beat(120)
    assert (name, rest) == ("alert.raised", [])
    assert "notify" in body.actions
    assert log.beat(120 + STOP)[0][1].cause == "unacknowledged"


def test_a_silence_of_another_deployment_silences_nothing(log) -> None:
    log.silence(0, 120, deployment="risk-us")
    assert "notify" in log.signal()[0][1].actions


def test_a_silence_that_has_not_begun_silences_nothing(log) -> None:
    log.silence(10, 120, deployment="risk-eu")
    assert "notify" in log.signal()[0][1].actions


def test_a_silence_that_is_given_again_with_an_earlier_end_ends_then(log) -> None:
    log.silence(0, 120, deployment="risk-eu")
    log.signal()
    log.minute = 30
    log.silence(0, 30, deployment="risk-eu")
    assert "notify" in log.beat(31)[0][1].actions


def test_who_acknowledges_in_the_silence_is_not_told_after_it(log) -> None:
    log.silence(0, 120, deployment="risk-eu")
    log.acknowledge(log.signal()[0][1].alert_id)
    assert log.beat(121) == []


def test_what_is_over_before_the_silence_ends_is_never_told(log) -> None:
    log.silence(0, 300, deployment="risk-eu")
    log.signal()
    assert types(log.beat(240)) == ["alert.resolved"]
    assert log.beat(301) == []


def test_nobody_is_asked_again_in_a_silence(log) -> None:
    alert_id = stopped(log)
    log.silence(0, 60, alert_id=alert_id)
    assert log.beat(STOP) == []
    assert log.beat(59) == []
    assert "notify" in log.beat(60)[0][1].actions


def test_a_maintenance_window_silences_and_ends() -> None:
    window = (
        '[[maintenance]]\ndeployments = ["risk-*"]\nstarts_at = 2026-11-25T00:00:00Z\n'
        'ends_at = 2026-11-25T10:30:00Z\nreason = "CHG-1"\n\n[alerts]\n'
    )
    log = Log(policy_with(("[alerts]\n", window)))
    body = log.signal()[0][1]  # at 09:46:40
    assert body.actions == ()
    assert log.beat(43) == []
    assert log.beat(44)[0][1].actions == ("notify",)


@pytest.mark.parametrize("what", [{}, {"deployment": "risk-eu", "ends_at": 0}])
def test_a_silence_that_cannot_be_is_a_finding(log, what) -> None:
    log.silence(5, 10, **what)
    assert log.findings() == ["unusable_silence"]
    assert "notify" in log.signal()[0][1].actions


def test_a_person_escalates(log) -> None:
    alert_id = log.signal()[0][1].alert_id
    said = log.escalate(alert_id, "stop_the_line")
    assert types(said) == STOPPED
    assert (said[0][1].cause, said[0][1].previous_tier) == ("person", "caution")


def test_a_person_cannot_escalate_downwards(log) -> None:
    alert_id = stopped(log)
    assert log.escalate(alert_id, "caution") == []
    assert log.alerts()[0]["tier"] == "stop_the_line"


def test_what_names_no_known_alert_is_a_finding(log) -> None:
    log.acknowledge("alert-1")
    log.escalate("alert-1", "review")
    log.silence(0, 10, alert_id="alert-1")
    log.disposition("alert-1", resume=True)
    assert log.findings() == ["unknown_alert"] * 4


def test_what_names_an_alert_that_is_over_is_a_finding(log) -> None:
    alert_id = stopped(log)
    log.disposition(alert_id, resume=True)
    log.acknowledge(alert_id)
    log.disposition(alert_id, resume=True)
    assert log.findings() == ["ended_alert"] * 2


def test_a_disposition_ends_the_alert_and_the_model_serves_again(log) -> None:
    said = log.disposition(stopped(log), resume=True)
    assert types(said) == ["alert.resolved", "serving_state.changed"]
    assert said[0][1].cause == "dispositioned"
    state = said[1][1]
    assert (state.state, state.releases_frozen, state.alert_id) == ("live", False, None)
    assert log.serving() == {"risk-eu 3": ("live", False, False)}


def test_without_resume_the_model_stays_out_but_releases_go_on(log) -> None:
    alert_id = stopped(log)
    log.disposition(alert_id, resume=False)
    assert log.serving() == {"risk-eu 3": ("fallback", False, False)}
    log.beat(10_000)
    assert log.serving() == {"risk-eu 3": ("fallback", False, False)}
    said = log.disposition(alert_id, resume=True)
    assert types(said) == ["serving_state.changed"]
    assert log.serving() == {"risk-eu 3": ("live", False, False)}


def test_a_model_serves_again_only_when_no_open_alert_holds_it(log) -> None:
    first = stopped(log, "a")
    second = stopped(log, "b")
    assert types(log.disposition(first, resume=True)) == ["alert.resolved"]
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}
    assert "serving_state.changed" in types(log.disposition(second, resume=True))


def test_the_strongest_state_counts() -> None:
    stop = 'stop_the_line = ["notify", "investigate", "freeze_releases", "fallback"]'
    log = Log(
        policy_with(
            (stop, 'stop_the_line = ["investigate", "block", "fallback", "quarantine"]'),
            ('review = ["notify", "investigate"]', 'review = ["investigate", "fallback"]'),
        )
    )
    weak = log.signal("a", effect_size=0.6)[0][1].alert_id
    assert log.serving() == {"risk-eu 3": ("fallback", False, False)}
    strong = log.signal("b", effect_size=3.0)[0][1].alert_id
    assert log.serving() == {"risk-eu 3": ("blocked", False, True)}
    said = log.disposition(strong, resume=True)
    assert (said[1][1].state, said[1][1].alert_id) == ("fallback", weak)


def test_one_model_is_held_and_not_another_at_the_same_deployment(log) -> None:
    stopped(log)
    log.signal(model=ref("model", "risk", "4"))
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}


def test_a_disposition_stands_for_the_cool_down_and_then_it_is_raised_in_full(log) -> None:
    alert_id = stopped(log)
    log.disposition(alert_id, resume=True)
    log.minute = 10
    (_, body), *rest = log.signal(effect_size=3.0)
    assert (body.alert_id, body.actions, rest) == (alert_id, (), [])
    assert log.serving() == {"risk-eu 3": ("live", False, False)}
    log.minute = 61
    said = log.signal(effect_size=3.0)
    assert types(said) == STOPPED
    assert "notify" in said[0][1].actions
    assert said[1][1].investigation_id.endswith("-2")
    log.disposition(alert_id, resume=True)
    assert log.findings() == ["unknown_investigation"]
    log.disposition(alert_id, resume=True, number="-2")
    assert log.serving() == {"risk-eu 3": ("live", False, False)}


def test_features_that_a_person_decided_on_do_not_make_many(log) -> None:
    for name in "abc":
        log.signal(name, effect_size=0.6)
        log.minute += 61
    for row in log.alerts():
        log.disposition(row["alert_id"], resume=True)
    said = [each for name in "abc" for each in log.signal(name, effect_size=0.6)]
    assert [(name, body.kind, body.actions) for name, body in said] == [
        ("alert.raised", "location", ())
    ] * 3
