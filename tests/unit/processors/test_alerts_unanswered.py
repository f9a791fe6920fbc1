"""Outcomes that never come: one alert, until they come or the model is gone."""

import pytest
from tests.unit.processors.alert_events import Log, policy_with

DAY = 1440
DUE = """
[[outcomes]]
deployments = ["risk-*"]
due_days = 30
"""
POLICY = policy_with(
    ("# What each tier does", f"{DUE}\n# What each tier does"),
    ("silence_minutes = 60", "silence_minutes = 0"),
)
LATE = 30 + 7 + 1  # days: due, an assessment's period, and one more


@pytest.fixture
def log() -> Log:
    log = Log(POLICY)
    log.deploy()
    log.observe()
    log.minute = 8 * DAY
    log.assess("decisions", "sex")
    return log


def days(log: Log, last: int, first: int = 9) -> list[tuple[int, str]]:
    """Let a model serve day by day; give when alerts were raised."""
    told = []
    for day in range(first, last + 1):
        log.minute = day * DAY
        told += [(day, name) for name, _ in log.observe() if name == "alert.raised"]
    return told


def test_it_is_raised_once(log) -> None:
    assert days(log, 60) == [(LATE, "alert.raised")]
    [alert] = log.alerts()
    assert (alert["kind"], alert["tier"], alert["state"]) == ("coverage", "caution", "open")
    assert alert["title"].startswith("risk-eu has served risk 3 for 38 days and no outcome")


@pytest.mark.parametrize("how", ["signal", "assessment"])
def test_it_is_over_when_outcomes_come(log, how) -> None:
    days(log, 40)
    if how == "signal":
        said = log.signal("", kind="delay", monitor="delay")
    else:
        said = log.assess("outcomes", "sex")
    assert "alert.resolved" in [name for name, _ in said]
    assert days(log, 90, 41) == []


def test_it_is_over_when_the_model_is_gone(log) -> None:
    days(log, 40)
    assert [name for name, _ in log.deploy("4")] == ["alert.resolved"]


def test_outcomes_that_were_seen_once_are_never_missed(log) -> None:
    log.assess("outcomes", "sex")
    assert days(log, 60) == []


def test_nothing_is_missed_where_nothing_is_due() -> None:
    log = Log()
    log.deploy()
    log.observe()
    log.assess("decisions", "sex")
    assert days(log, 60) == []
