"""A pattern of the policy that matches no feature of what is deployed is a finding."""

import pytest
from tests.unit.processors.alert_events import Log, policy_with, ref

from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.alerts.patterns import _REPORTS
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.projection.findings import FINDINGS

KINDS = 'kinds = ["error", "rule"]\n'
FOUND = "unmatched_policy_feature"


def about(*features: str) -> DriftPolicy:
    return policy_with((KINDS, f"{KINDS}features = {list(features)}\n"))


def served(log: Log, reports: int, *features: str, **it) -> list[str]:
    """Give the kinds of findings after some reports of what is deployed."""
    for _ in range(reports):
        log.minute += 1
        log.observe("3", features=list(features), **it)
    return log.findings()


@pytest.fixture
def log() -> Log:
    made = Log(about("incme", "debt_*"))
    made.deploy("3")
    return made


def test_a_pattern_that_matches_nothing_is_a_finding_once(log) -> None:
    assert served(log, _REPORTS - 1, "income", "debt_ratio") == []
    assert served(log, 1, "income") == [FOUND]
    assert served(log, 3 * _REPORTS, "income") == [FOUND]
    (row,) = log.rows[FINDINGS].values()
    assert row["detail"].endswith("tiers: incme")
    assert (row["artifact_kind"], row["artifact_version"]) == ("policy", "2026-11")
    assert row["artifact_digest"] == log.projection._policy.digest


def test_a_feature_that_any_report_names_is_matched(log) -> None:
    served(log, 1, "debt_ratio")
    assert served(log, 2 * _REPORTS, "age", unknown_features=["incme"]) == []


def test_another_policy_is_looked_at_anew(log) -> None:
    served(log, _REPORTS, "income")
    log.projection = AlertsProjection(about("incom"))
    assert served(log, _REPORTS - 1, "income") == [FOUND]
    assert served(log, 1, "income") == [FOUND, FOUND]


def test_all_features_and_no_feature_are_no_patterns_to_match() -> None:
    log = Log(about("*", ""))
    log.deploy("3")
    assert served(log, 2 * _REPORTS, "income") == []


def test_what_is_not_said_to_be_deployed_is_not_looked_at() -> None:
    log = Log(about("incme"))
    assert served(log, 2 * _REPORTS, "income") == ["undeclared_deployment"]
    log.deploy("3", deployment=ref("deployment", "risk-us"))
    assert FOUND not in served(log, 2 * _REPORTS, "income")


def test_repeated_reports_do_not_count(log) -> None:
    served(log, 2, "income")
    log.fold(log.events[1:] * _REPORTS)
    assert log.findings() == []


def test_tenants_are_told_each(log) -> None:
    served(log, _REPORTS, "income")
    other = {"tenant": "globex"}
    log.take("deployment.changed", log.events[0].body, **other)
    for number in range(_REPORTS):
        log.minute += 1
        evidence = {"origin": "o", "first": number, "last": number}
        body = {**log.events[1].body, "evidence": evidence}
        log.take("serving.observed", body, **other)
    assert [row["tenant"] for row in log.rows[FINDINGS].values()] == ["acme", "globex"]
