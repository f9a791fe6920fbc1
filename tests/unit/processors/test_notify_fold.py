"""The notify fold: what the policy asks for is told, once, and so is its end."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.memory_state import Memory
from tests.unit.sinks.notices import Alerts, notice

from auditspine.processors.notify.fold import NOTIFICATIONS, NotifyProjection


def test_what_the_policy_does_not_ask_for_is_not_told() -> None:
    alerts = Alerts()
    assert alerts.raised(actions=[]) == []
    assert alerts.raised(actions=["investigate", "freeze_releases"]) == []


def test_the_end_of_an_alert_that_nobody_was_told_of_is_not_told() -> None:
    alerts = Alerts()
    alerts.raised(actions=["investigate"])
    assert alerts.resolved() == []


def test_an_end_is_told_once_with_what_was_said_last() -> None:
    alerts = Alerts()
    alerts.raised(tier="caution", owner="model-owner")
    alerts.raised(tier="stop_the_line", owner="head-of-model-risk")
    told = notice(alerts.resolved(cause="quiet", reason="Quiet for 4 hours"))
    assert (told.happened, told.tier, told.owner) == (
        *("resolved", "stop_the_line", "head-of-model-risk"),
    )
    assert told.tiers_told == ("caution", "stop_the_line")
    assert (told.cause, told.reason) == ("quiet", "Quiet for 4 hours")
    assert alerts.resolved() == []


def test_an_alert_raised_silently_after_it_was_told_still_has_its_end_told() -> None:
    alerts = Alerts()
    alerts.raised()
    alerts.raised(actions=[])
    assert notice(alerts.resolved()).over


def test_an_alert_that_comes_back_is_told_as_new() -> None:
    alerts = Alerts()
    alerts.raised(tier="stop_the_line")
    alerts.resolved()
    assert notice(alerts.raised()).tiers_told == ()


def test_alerts_of_two_tenants_with_one_id_are_two() -> None:
    alerts = Alerts()
    alerts.raised(tenant="acme")
    assert alerts.resolved(tenant="other") == []
    assert notice(alerts.resolved(tenant="acme")).tenant == "acme"


@given(cuts=st.sets(st.integers(1, 8)))
@settings(max_examples=30, deadline=None)
def test_cutting_the_log_elsewhere_gives_the_same_rows(cuts) -> None:
    alerts = Alerts()
    for alert in ("a", "b"):
        alerts.event("alert.raised", alert_id=alert)
        alerts.event("alert.raised", alert_id=alert, tier="stop_the_line")
        alerts.event("alert.resolved", alert_id=alert)
        alerts.event("alert.resolved", alert_id=alert)
    whole = NotifyProjection().fold(alerts.events, Memory())[NOTIFICATIONS]
    state, parts = Memory(), []
    edges = [0, *sorted(cuts), len(alerts.events)]
    for first, last in pairwise(edges):
        parts += NotifyProjection().fold(alerts.events[first:last], state)[NOTIFICATIONS]
    assert parts == list(whole)
    assert len(whole) == 6
