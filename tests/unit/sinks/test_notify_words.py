"""What people and an Alertmanager are told, and what an answer means."""

import email.utils

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sinks.notices import NOW, Alerts, notice

from auditspine.schemas.models import NotificationDeliveredBody
from auditspine.sinks.notify.alertmanager import alerts as am_alerts
from auditspine.sinks.notify.answers import judge, no_answer, retry_after
from auditspine.sinks.notify.message import text, title
from auditspine.sinks.notify.port import Notice, notification_id

DAY_MS = 86_400_000


def test_a_message_says_what_somebody_needs_at_three_in_the_morning() -> None:
    told = notice(Alerts().raised(tier="stop_the_line", actions=["notify", "fallback"], level=2))
    assert title(told).startswith("[STOP THE LINE] debt_to_income of mortgage-risk")
    said = text(told, "key-1")
    for part in (
        "What moved: location of debt_to_income, effect 0.61",
        "Since: 2026-11-25 13:41:07 UTC",
        "mortgage-risk-eu 14, model mortgage-risk 3, tenant acme, production",
        "because monitors signalled it (raised again 2 times)",
        "How sure: 1 signal",
        "Tier: stop the line: act now",
        "The system: told the service to fall back",
        "auditspine alerts show alert-1",
        "key-1",
    ):
        assert part in said


def test_an_end_says_why() -> None:
    alerts = Alerts()
    alerts.raised()
    told = notice(alerts.resolved(reason="The feed is repaired"))
    assert title(told).startswith("[RESOLVED] ")
    assert text(told, "k").startswith("Over: The feed is repaired\n")


def test_names_from_events_cannot_add_lines() -> None:
    told = notice(Alerts().raised(title="x\r\nBcc: all@example\n\x00y", features=["a b"]))
    assert title(told) == "[REVIEW] x Bcc: all@example y"
    assert len(text(told, "k").splitlines()) == len(
        text(notice(Alerts().raised()), "k").splitlines()
    )


def test_a_notice_survives_its_way_through_the_queue() -> None:
    told = notice(Alerts().raised())
    assert Notice.from_json(told.to_json()) == told


def test_a_notification_id_is_a_token_of_the_event_and_the_receiver() -> None:
    ids = {notification_id(event, name) for event in ("e1", "e2") for name in ("a", "b")}
    assert len(ids) == 4
    body = NotificationDeliveredBody(
        notification_id=ids.pop(),
        alert_id="a",
        event_id="019ab5d5-3b84-7b01-8c11-6a2e7d0c9b12",
        receiver="on-call",
        status="expired",
        attempts=0,
    )
    assert body.detail == ""


def test_an_alertmanager_alert_keeps_its_labels_until_it_ends() -> None:
    alerts = Alerts()
    (raised,) = am_alerts(notice(alerts.raised()), "k1", 30 * DAY_MS)
    (ended,) = am_alerts(notice(alerts.resolved()), "k2", 30 * DAY_MS)
    assert raised["labels"] == ended["labels"]
    assert raised["labels"]["severity"] == "review"
    assert raised["annotations"]["notification_id"] == "k1"
    assert raised["startsAt"] == ended["startsAt"] == "2026-11-25T13:41:07.000+00:00"
    assert raised["endsAt"] == "2027-02-14T08:00:00.000+00:00"
    assert ended["endsAt"] == "2027-01-15T08:00:00.001+00:00"


def test_a_new_severity_ends_the_former_one_and_an_end_ends_all() -> None:
    alerts = Alerts()
    alerts.raised(tier="caution")
    rows = (alerts.raised(tier="review"), alerts.resolved())
    ends = [
        {each["labels"]["severity"]: each["endsAt"][:10] for each in am_alerts(told, "k", DAY_MS)}
        for told in map(notice, rows)
    ]
    assert ends == [
        {"review": "2027-01-16", "caution": "2027-01-15"},
        {"review": "2027-01-15", "caution": "2027-01-15"},
    ]


def test_an_alert_that_ends_before_it_began_ends_just_after() -> None:
    alerts = Alerts()
    alerts.raised(since="2200-01-01T00:00:00Z")
    (ended,) = am_alerts(notice(alerts.resolved()), "k", DAY_MS)
    assert ended["startsAt"] < ended["endsAt"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_only_success_is_delivered(status) -> None:
    assert judge(status, {}, NOW).delivered


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_any_other_answer_is_named(status) -> None:
    outcome = judge(status, {"Location": "https://secret.example"}, NOW)
    assert not outcome.delivered
    assert f"answered {status}" in outcome.detail
    assert ("redirect" in outcome.detail) == (status < 400)
    assert "secret" not in outcome.detail


def test_a_pause_is_asked_for_in_seconds_or_by_a_date() -> None:
    assert judge(429, {"Retry-After": "17"}, NOW).retry_after_s == 17
    assert judge(503, {"Retry-After": "17"}, NOW).retry_after_s == 17
    assert judge(500, {"Retry-After": "17"}, NOW).retry_after_s == 0
    assert retry_after(email.utils.formatdate(NOW + 90, usegmt=True), NOW) == 90
    assert retry_after(email.utils.formatdate(NOW - 90, usegmt=True), NOW) == 0


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "9" * 400, "Wed, 99 Foo 2026"])
def test_a_pause_that_cannot_be_read_is_no_error(value) -> None:
    assert retry_after(value, NOW) >= 0


WORDS = st.sampled_from(["Wed,", "21", "Oct", "2026", "99999", "07:28:00", "24:61", "GMT", "-9999"])


@given(value=st.text() | st.lists(WORDS).map(" ".join))
def test_no_text_for_a_pause_is_an_error(value) -> None:
    assert retry_after(value, NOW) >= 0


@pytest.mark.parametrize(
    "kind", ["ConnectTimeout", "ReadTimeout", "SSLError", "ConnectionError", "InvalidURL"]
)
def test_no_answer_is_told_without_the_address(kind) -> None:
    exc = getattr(requests.exceptions, kind)("https://hooks.example/T0PS3CRET")
    assert "T0PS3CRET" not in no_answer(exc).detail
