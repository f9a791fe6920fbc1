"""What becomes unfair at known positions of the mortgage stream is found, explained and ended."""

import json
import signal
import time
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from tests.integration.cli.cli_stack import Stack
from tests.integration.fairness.lent_model import GROUP, MODEL, TENANT, TOKENS, Lent, raised
from tests.waiting import await_true

from auditspine.cli.demo.applications import ATTRIBUTE

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack

BEFORE = 4000  # applications before a change
OUTCOMES = """
[[outcomes]]
deployments = ["mortgage-*"]
favourable = ["accept"]
probability_of = ["reject"]

[[exclusions]]
jurisdiction = "fr"
reason = "Loi Informatique et Libertes, article 6"
attributes = ["ethnicity"]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    root = tmp_path_factory.mktemp("fairness")
    shipped = (files("auditspine.policies") / "drift.toml").read_text("utf-8")
    policy = shipped.replace("assess_minutes = 10080", "assess_minutes = 1").replace(
        "report_minutes = 5", "report_minutes = 1"
    )
    (root / "drift.toml").write_text(policy + OUTCOMES)
    running = Stack(root, AUDITSPINE_DRIFT_POLICY=str(root / "drift.toml")).start()
    assert running.run("tenants", "register", TENANT)[0] == 0
    for name in ("scorer", "on-call"):
        assert running.run("keys", "create", name)[0] == 0
        assert running.run("keys", "register", name, "--tenant", TENANT)[0] == 0
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def bodies(stack, event_type: str, deployment: str) -> list[dict]:
    rows = stack.query(
        "SELECT body FROM committed_evidence WHERE event_type = "
        f"'{event_type}' AND JSONExtractString(body, 'deployment', 'name') = '{deployment}' "
        "ORDER BY origin, position"
    )
    return [json.loads(row[0]) for row in rows]


def signals(stack, deployment: str, kind: str) -> list[dict]:
    return [each for each in bodies(stack, "drift.signalled", deployment) if each["kind"] == kind]


def alert(stack, deployment: str, kind: str) -> str:
    """Give the alert that signals of a kind are of."""
    rows = stack.query(
        "SELECT alert_id, kind, features FROM alerts FINAL "
        f"WHERE deployment = '{deployment}' AND investigating ORDER BY raised_at"
    )
    found = [alert_id for alert_id, *what in rows if kind in what or [kind] in what]
    return found[0] if found else ""


def analysis(stack, deployment: str, alert_id: str) -> dict | None:
    """Give the latest analysis of an alert."""
    found = [
        each
        for each in bodies(stack, "investigation.analysed", deployment)
        if each["alert_id"] == alert_id
    ]
    return found[-1] if found else None


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "T").removesuffix("Z")).replace(tzinfo=UTC)


def disposition(stack, alert_id: str, what: str) -> None:
    code, out, err = stack.run(
        *("alerts", "disposition", alert_id, "--as", what, "--rationale", "seen in the log"),
        *("--by", "ana", "--resume", "--json"),
    )
    assert code == 0, err
    assert json.loads(out)["state"] == "resolved"


def test_a_proxy_is_found_where_it_began_with_what_came_before_it(stack) -> None:
    name = "mortgage-city"
    lent = Lent(stack.data, name, seed=1).trained().deployed()
    try:
        lent.serve(BEFORE)
        lent.define("uria", "2")
        changed = datetime.now(UTC)
        lent.serve(800, raised("uria", 2.5))
        await_true(lambda: signals(stack, name, "proxy"), "a proxy is found", 60)
        await_true(lambda: alert(stack, name, "uria"), "it is investigated", 60)
    finally:
        lent.close()
    first = signals(stack, name, "proxy")[0]
    assert first["monitor"].startswith("uria")
    assert first["monitor"].endswith(f"~{ATTRIBUTE}.2")
    assert first["evidence"]["last"] - BEFORE < 800
    alert_id = alert(stack, name, "uria")
    await_true(lambda: analysis(stack, name, alert_id), "a first analysis", 60)
    found = analysis(stack, name, alert_id)
    assert found["likeliest"] == "pipeline_break", json.dumps(found["classes"] + found["changes"])
    assert GROUP in found["groups"]
    assert "uria" in found["features"]
    assert found["changes"][0]["event_type"] == "feature.defined"
    earliest, latest = (moment(found[f"change_{each}"]) for each in ("earliest", "latest"))
    assert (earliest - changed).total_seconds() < 5
    assert (latest - changed).total_seconds() > -5
    shown = stack.run("alerts", "show", alert_id)[1]
    assert "pipeline_break" in shown or "pipeline break" in shown
    disposition(stack, alert_id, "pipeline_break")
    assert stack.query(
        "SELECT true_alerts FROM monitor_precision FINAL WHERE monitor = "
        f"'{first['monitor']}' AND deployment = '{name}'"
    ) == [(1,)]


def test_lowered_approvals_of_a_group_are_found_and_classed(stack) -> None:
    name = "mortgage-branch"
    lent = Lent(stack.data, name, seed=2).deployed()
    try:
        lent.serve(BEFORE)
        lent.answer(0, 1500)
        lent.serve(1500, refuse=0.5)
        await_true(lambda: signals(stack, name, "fairness"), "a gap is found", 60)
        await_true(lambda: alert(stack, name, "fairness"), "it is investigated", 60)
    finally:
        lent.close()
    monitors = {each["monitor"] for each in signals(stack, name, "group")}
    assert f"{ATTRIBUTE}.2.selection_rate" in monitors
    first = signals(stack, name, "fairness")[0]
    assert first["monitor"] == f"{ATTRIBUTE}.1-2.selection_rate"
    assert first["effect_size"] > 0.2
    alert_id = alert(stack, name, "fairness")
    await_true(lambda: analysis(stack, name, alert_id), "a first analysis", 60)
    found = analysis(stack, name, alert_id)
    assert found["likeliest"] == "policy_drift", json.dumps(found["classes"] + found["changes"])
    assert GROUP in found["groups"]
    disposition(stack, alert_id, "policy_drift")


def test_an_assessment_says_how_far_groups_lie_apart(stack) -> None:
    name = "mortgage-branch"
    lent = Lent(stack.data, name, seed=3)
    over = time.time() // 60 * 60 + 61
    try:
        await_true(lambda: time.time() > over, "the period is over", 90)
        lent.serve(1)
        await_true(lambda: bodies(stack, "bias.assessed", name), "an assessment", 60)
    finally:
        lent.close()
    said = [e for e in bodies(stack, "bias.assessed", name) if e["basis"] == "decisions"]
    gaps = [gap for each in said for gap in each["gaps"] if gap["measure"] == "selection_rate"]
    assert max(gap["gap"] for gap in gaps) > 0.1
    assert all(gap["low"] < gap["gap"] < gap["high"] for gap in gaps)
    [excluded] = said[0]["exclusions"]
    assert (excluded["attribute"], excluded["predictions"]) == ("ethnicity", 0)


def test_no_token_and_no_value_leaves_in_what_people_are_told(stack) -> None:
    tokens = [TOKENS.token(ATTRIBUTE, value) for value in ("black", "other")]
    rows = stack.query(
        "SELECT event_type, body FROM committed_evidence WHERE event_type IN "
        "('drift.signalled', 'alert.raised', 'investigation.opened', 'investigation.analysed', "
        "'serving.observed')"
    )
    assert {row[0] for row in rows} >= {"drift.signalled", "alert.raised", "investigation.analysed"}
    assert not [row for row in rows if any(token in row[1] for token in tokens)]


def test_a_report_of_the_model_can_be_read_by_anybody(stack) -> None:
    where = stack.root / "report.html"
    code, _, err = stack.run(
        "drift", "report", MODEL.name, "--deployment", "mortgage-branch", "--out", str(where)
    )
    assert code == 0, err
    page = where.read_text("utf-8")
    for word in ("selection rate", GROUP, "uria"):
        assert word in page
    assert not any(TOKENS.token(ATTRIBUTE, value) in page for value in ("black", "other"))


def test_nothing_is_proposed_of_two_alerts_that_were_true(stack) -> None:
    code, out, err = stack.run("drift", "tune")
    assert code == 0, err
    assert "[[tiers]]" not in out


def test_what_was_computed_is_what_the_logs_say(stack) -> None:
    for name in ("drift", "alerts", "lineage"):
        code, out, err = stack.run("rebuild", name, "--check")
        assert code == 0, out + err
