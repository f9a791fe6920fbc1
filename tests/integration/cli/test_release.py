"""The gate on the real stack: requests, people, decisions, bypasses; attempts to walk around it."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.integration.cli.cli_stack import Stack
from tests.integration.cli.release_stack import (
    TENANT,
    WORKLOADS,
    Team,
    exact,
    ref,
    write_policy,
)
from tests.oidc_provider import running_provider
from tests.waiting import await_true

from auditspine.cli.connections import kafka_properties
from auditspine.cli.settings import load_settings
from auditspine.embedded.ports import choose_port
from auditspine.ledger.keyfile import public_bytes, read_key
from auditspine.producers.client import AuditClient
from auditspine.producers.guard import ServingGuard
from auditspine.schemas.examples import example
from auditspine.schemas.models import AlertRaised, BiasAssessed, Event

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack
SHIPPED = Path(__file__).parents[3] / "policies" / "auditspine" / "policies" / "release"
PEOPLE = {"ana": "1", "tom": "2", "eve": "3", "kim": "4"}


@pytest.fixture(scope="module")
def provider():
    accounts = {
        name: {"sub": f"{name}@acme.example", "name": f"{name.title()} Doe", "employee_number": n}
        for name, n in PEOPLE.items()
    }
    accounts["kim-two"] = {**accounts["kim"], "sub": "kim.two@acme.example"}
    with running_provider(accounts=accounts) as running:
        yield running


@pytest.fixture(scope="module")
def team(tmp_path_factory, provider):
    root = tmp_path_factory.mktemp("release")
    stack = Stack(root).start()
    assert stack.run("tenants", "register", TENANT)[0] == 0
    for name in WORKLOADS:
        assert stack.run("keys", "create", name)[0] == 0
        assert stack.run("keys", "register", name, "--tenant", TENANT)[0] == 0
    folder = write_policy(root / "policy", provider, SHIPPED)
    code, out, err = stack.run("policy", "publish", str(folder), "--reason", "first policy")
    assert code == 0, out + err
    made = Team(stack, provider)
    for name in ("ana", "tom", "kim"):
        made.grant(f"{name}@acme.example")
    made.grant("kim.two@acme.example")
    yield made
    made.close()
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(60) == 0
    epochs = {path.name.partition("-")[0] for path in stack.data.glob("state/speakers/*.epoch")}
    assert epochs >= {"alerts", "release"}  # what a worker said last is cited by its next one
    assert stack.left() == []


def findings(team: Team) -> list[tuple]:
    return team.stack.query(
        "SELECT JSONExtractString(body, 'kind'), JSONExtractString(body, 'tier'), "
        "JSONExtractString(body, 'model', 'name') FROM committed_evidence "
        "WHERE event_type = 'finding.raised'"
    )


def test_a_gate_that_waits_lets_through_what_two_people_approve(team) -> None:
    model = team.train("waits")
    team.staged(model)
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"]) == (1, "needs_review")
    waiting = team.wait_gate(model, "production")
    try:
        for account in ("ana", "tom"):
            code, out, err = team.approve(model, "production", account)
            assert code == 0, out + err
        out, err = waiting.communicate(timeout=120)
    finally:
        waiting.kill()
    assert waiting.returncode == 0, out + err
    said = json.loads(out)
    assert (said["outcome"], said["cause"]) == ("allow", "evidence")
    team.deploy(model, "production", said["decision_id"])
    await_true(
        lambda: (
            team.stack.query(
                "SELECT verdict FROM release_deployments FINAL WHERE model = 'waits' "
                "AND environment = 'production'"
            )
            == [("allowed",)]
        ),
        "the deployment is found in order",
        60,
    )


def test_the_serving_guard_obeys_decisions_and_quarantines(team) -> None:
    model = team.train("guarded")
    digest = model.rpartition(":")[2]
    settings = load_settings(data_dir=team.stack.data)
    keys = {
        name: public_bytes(read_key(settings.processor_key_path(name)))
        for name in ("alerts", "release")
    }
    with ServingGuard(
        {"log_level": "0", **kafka_properties(settings)},
        tenant=TENANT,
        deployment="guarded-eu",
        keys=[keys["alerts"]],
        topics=settings.topics,
        environment="production",
        release_keys=[keys["release"]],
    ) as guard:
        assert guard.wait_ready(60)
        assert guard.check(digest).action == "block"  # nothing allows it yet
        decision_id = team.released(model)
        await_true(lambda: guard.check(digest).action == "serve", "it may serve", 30)
        assert guard.check(digest).decision_id == decision_id
        code, out, err = team.stack.run(
            *("artifact", "quarantine", model, "--tenant", TENANT, "--workload", "desk"),
            *("--reason", "the training data was altered", "--domain", "credit"),
        )
        assert code == 0, out + err
        await_true(lambda: guard.check(digest).action == "block", "it is stopped", 10)


def test_a_deployment_without_a_decision_is_found(team) -> None:
    model = team.train("walks-around")
    team.deploy(model, "production", None)
    await_true(
        lambda: ("release_bypassed", "stop_the_line", "walks-around") in findings(team),
        "the bypass is found",
        90,
    )


def test_an_approval_for_another_digest_is_none(team) -> None:
    """A name that is moved to other bytes after people looked at it: the mutable tag."""
    model = team.train("moved")
    team.released(model)
    other = f"moved:1@sha256:{'5' * 64}"
    code, said, _ = team.gate(other, "production")
    assert (code, said["outcome"]) == (1, "deny")
    assert "model_registered" in said["reason"]


def test_whoever_trained_it_cannot_approve_it_through_a_second_account(team) -> None:
    model = team.train("second-account")
    team.staged(model)
    assert team.approve(model, "staging", "kim")[0] == 0  # binds the account to the person
    for account in ("ana", "kim-two"):
        assert team.approve(model, "production", account)[0] == 0
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"]) == (1, "needs_review")
    assert "kim.two@acme.example: they made the model" in said["reason"]


def test_a_service_cannot_say_that_a_person_approved(team) -> None:
    model = team.train("forged-approval")
    team.staged(model)
    name, _, digest = model.partition(":1@sha256:")
    for who in ("ana", "tom"):
        body = {
            "subject": {
                "kind": "model",
                "name": name,
                "version": "1",
                "digest": bytes.fromhex(digest),
            },
            "decision": "approved",
            "meaning": "Approved",
            "role": "release_approver",
            "validations": (),
            "environment": "production",
        }
        actor = {"principal": f"{who}@acme.example", "kind": "person"}
        team.say("approval.decided", body, actor=actor)
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"]) == (1, "needs_review")
    assert "nobody signed it personally" in said["reason"]


def test_a_forged_decision_is_quarantined_by_the_ledger_and_allows_nothing(team) -> None:
    model = team.train("forged-decision")
    name, _, digest = model.partition(":1@sha256:")
    [made] = team.stack.query(
        "SELECT body FROM committed_evidence WHERE event_type = 'decision.made' "
        "AND JSONExtractString(body, 'outcome') = 'allow' LIMIT 1"
    )
    body = json.loads(made[0])
    body |= {"decision_id": "decision-forged", "environment": "production"}
    body["model"] |= {"name": name, "digest": f"sha256:{digest}"}
    content = json.loads(example("decision.made"))
    content["envelope"]["workload"]["name"] = "desk"
    for each in ("event_id", "occurred_at"):
        del content["envelope"][each]
    content["envelope"]["tenant"] = TENANT
    content["body"] = body
    code, out, err = team.stack.run(
        "publish", "-", "--wait", "--key", str(team.stack.data / "keys" / "desk.pem"),
        stdin=json.dumps(content),
    )  # fmt: skip
    assert code != 0
    assert "not_permitted" in (out + err).lower().replace(" ", "_")
    team.deploy(model, "production", "decision-forged")
    await_true(
        lambda: ("release_bypassed", "stop_the_line", "forged-decision") in findings(team),
        "the bypass is found",
        90,
    )


def test_an_exception_stands_for_a_rule_until_it_ends(team) -> None:
    model = team.train("excepted", without="explanation")
    team.staged(model)
    for account in ("ana", "tom"):
        assert team.approve(model, "production", account)[0] == 0
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"]) == (1, "deny")
    team.grant("eve@acme.example")
    team.login("eve")
    code, out, err = team.stack.run(
        "exceptions", "grant", model, "--tenant", TENANT, "--env", "production", "--domain",
        "credit", "--rule", "explained", "--control", "calls are recorded", "--reason",
        "the explanation follows in a week", "--expires", "2030-01-01",
        "--id", "exc-week",
    )  # fmt: skip
    assert code == 0, out + err
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"], said["exceptions"]) == (0, "allow", ["exc-week"])
    team.deploy(model, "production", said["decision_id"])
    await_true(
        lambda: (
            team.stack.query(
                "SELECT verdict, exceptions FROM release_deployments FINAL "
                "WHERE model = 'excepted' AND environment = 'production'"
            )
            == [("allowed", ["exc-week"])]
        ),
        "the deployment says that it rests on it",
        60,
    )
    code, out, _ = team.stack.run("exceptions", "list", "--tenant", TENANT)
    assert (code, "exc-week" in out, "in_force" in out) == (0, True, True)


def test_an_exception_that_is_over_stands_for_nothing(team) -> None:
    model = team.train("lapsed", without="explanation")
    team.staged(model)
    for account in ("ana", "tom"):
        assert team.approve(model, "production", account)[0] == 0
    team.grant("eve@acme.example")
    team.login("eve")
    ends = datetime.now(UTC) + timedelta(seconds=6)
    code, out, err = team.stack.run(
        *("exceptions", "grant", model, "--tenant", TENANT, "--env", "production"),
        *("--domain", "credit", "--rule", "explained", "--control", "calls are recorded"),
        *("--reason", "until tonight", "--expires", ends.isoformat(), "--id", "exc-short"),
    )
    assert code == 0, out + err
    await_true(lambda: datetime.now(UTC) > ends, "the exception is over", 30)
    code, said, _ = team.gate(model, "production")
    assert (code, said["outcome"], said["exceptions"]) == (1, "deny", [])
    await_true(
        lambda: ("exception_expired", "review", "lapsed") in findings(team), "that is told", 60
    )


def test_a_gate_without_an_answer_allows_nothing(team) -> None:
    model = team.train("unanswered")
    worker = team.stack.part("release-1")["pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        code, said, err = team.gate(model, "staging", "--timeout", "3")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (code, said["outcome"], said["decision_id"]) == (1, "unanswered", None)
    assert "no decision came" in err


def _deprecate(team: Team, model: str) -> None:
    body = {
        "feature": ref("feature", f"dti-{model.partition(':')[0]}"),
        "reason": "its source ends",
        "owner": "risk",
        "review_status": "accepted",
    }
    team.say("feature.deprecated", body)


def _flag(team: Team, model: str) -> None:
    dataset = ref("dataset", f"loans-{model.partition(':')[0]}")
    team.say("dataset.flagged", {"dataset": dataset, "reason": "poisoned"})


def _quarantine(team: Team, model: str) -> None:
    artifact = exact(model)
    team.say(
        "artifact.quarantined",
        {"artifact": artifact, "action": "quarantined", "reason": "poisoned"},
    )


def _reject(team: Team, model: str) -> None:
    code, out, err = team.approve(model, "production", "tom", "--decision", "rejected")
    assert code == 0, out + err


def _raise_alert(team: Team, model: str) -> None:
    """Say as the alerts processor that something is under review."""
    body = json.loads(example("alert.raised"))["body"] | {"tier": "review"}
    _derived(team, "alerts", AlertRaised, body | {"model": exact(model)})


def _assess(team: Team, model: str) -> None:
    """Say as the drift processor that one group is selected at half the rate of another."""
    body = json.loads(example("bias.assessed"))["body"]
    gap = body["gaps"][0] | {"ratio": 0.5, "ratio_low": 0.45, "ratio_high": 0.55}
    _derived(team, "drift", BiasAssessed, body | {"model": exact(model), "gaps": [gap]})


def _derived(team: Team, processor: str, kind: type[Event], body: dict[str, Any]) -> None:
    settings = load_settings(data_dir=team.stack.data)
    with AuditClient(
        {"log_level": "0", **kafka_properties(settings)},
        tenant=TENANT,
        producer=f"auditspine-{processor}",
        key=settings.processor_key_path(processor),
        domain="credit",
        environment="governance",
        topics=settings.topics,
        state=team.stack.root / f"{processor}.epoch",
    ) as client:
        envelope = client.envelope("drift", "it moved")
        client.publish(kind.model_validate({"envelope": envelope, "body": body})).result(30)


def _move_name(team: Team, model: str) -> None:
    """Approve other bytes under the same name and version."""
    name = model.partition(":")[0]
    other = f"{name}:1@sha256:{'7' * 64}"
    assert team.approve(other, "production", "tom")[0] == 0


@pytest.mark.parametrize(
    ("rule", "made", "spoil", "more"),
    [
        ("artifact_signed", {"without": "signature"}, None, ()),
        ("validation_passed", {"without": "validation"}, None, ()),
        ("bias_reported", {"groups": ()}, None, ()),
        ("explained", {"without": "explanation"}, None, ()),
        ("adverse_action_explained", {"without": "explanation"}, None, ("--jurisdiction", "us")),
        ("no_flagged_source", {}, _flag, ()),
        ("no_flagged_source", {"without": "snapshot"}, None, ()),
        ("no_deprecated_feature", {}, _deprecate, ()),
        ("purpose_permitted", {"purposes": ("marketing",)}, None, ()),
        ("environment_order", {}, None, ()),
        ("no_open_alert", {}, _raise_alert, ()),
        ("fair_in_service", {}, _assess, ()),
        ("not_quarantined", {}, _quarantine, ()),
        ("no_rejection", {}, _reject, ()),
        ("artifact_digest_approved", {}, _move_name, ()),
        ("risk_class_assigned", {}, None, ("--risk-class", "minimal")),
        ("risk_class_known", {}, None, ("--risk-class", "none")),
        ("risk_class_known", {}, None, ("--jurisdiction", "atlantis")),
        ("model_registered", {"without": "model"}, None, ()),
        ("enough_approvals", {}, None, ()),
    ],
)
def test_what_breaks_a_rule_is_not_allowed(team, request, rule, made, spoil, more) -> None:
    """What keeps all of them is allowed in the first test."""
    model = team.train(f"rule-{request.node.callspec.indices['rule']}", **made)
    if spoil is not None:
        spoil(team, model)
    code, said, _ = team.gate(model, "production", *more)
    assert code == 1
    assert said["outcome"] in ("deny", "needs_review")
    results = {each["rule"]: each["result"] for each in said["rules"]}
    assert results[rule] in ("failed", "error")
    assert rule in said["reason"]


def test_an_environment_that_the_policy_does_not_know_is_denied(team) -> None:
    code, said, _ = team.gate(team.train("nowhere"), "prod")
    assert (code, said["outcome"]) == (1, "deny")
    assert "environment_known" in said["reason"]


def test_an_overlay_that_loosens_is_not_published(team) -> None:
    folder = team.stack.root / "loose"
    write_policy(folder, team.provider, SHIPPED)
    overlay = folder / "overlays" / "eu.toml"
    overlay.write_text("[classes.high.parameters]\napprovals.value = 1\n")
    code, _, err = team.stack.run("policy", "publish", str(folder), "--reason", "looser")
    assert code == 2
    assert "eu" in err
    assert "approvals" in err


def test_the_admission_webhook_lets_in_what_the_release_processor_allows(team) -> None:
    model = team.train("admitted")
    digest = model.rpartition("@")[2]
    port = choose_port()
    process = team.stack.open(
        *("admission", "--tenant", TENANT, "--env", "staging", "--no-tls", "--port", str(port)),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await_true(lambda: answers(f"{url}/readyz"), "the webhook is ready", 60)
        asked = {"digest": digest, "environment": "staging", "action": "promote"}
        assert requests.post(f"{url}/registry", json=asked, timeout=10).status_code == 403
        team.staged(model)
        await_true(
            lambda: requests.post(f"{url}/registry", json=asked, timeout=10).status_code == 200,
            "it is let in",
            30,
        )
        _quarantine(team, model)
        await_true(
            lambda: requests.post(f"{url}/registry", json=asked, timeout=10).status_code == 403,
            "it is let in no more",
            10,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_tabletop_finds_the_release_in_the_evidence(team) -> None:
    model = team.train("on-the-table")
    decision_id = team.released(model)
    team.deploy(model, "production", decision_id)

    def pieces() -> dict[str, str]:
        code, out, err = team.stack.run("tabletop", model, "--tenant", TENANT, "--json")
        assert code in (0, 1), err
        return {each["name"]: each["standing"] for each in json.loads(out)["pieces"]}

    wanted = ("registration", "people", "data", "approvals", "decision", "deployments", "policy")
    await_true(
        lambda: {pieces().get(each) for each in wanted} == {"present"}, "every piece is found", 60
    )


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_every_decision_is_what_its_logs_give(team) -> None:
    code, out, err = team.stack.run("decisions", "replay", "--json")
    said = json.loads(out)
    assert (code, said["differences"]) == (0, []), err
    assert said["equal"] > 10
    code, out, err = team.stack.run("rebuild", "release", "--check")
    assert code == 0, out + err


def test_decisions_are_listed_and_shown(team) -> None:
    for what in ("decisions", "states", "deployments"):
        code, out, err = team.stack.run("decisions", "list", what, "--json", "--tenant", TENANT)
        assert code == 0, err
        assert json.loads(out)
    [(decision_id,)] = team.stack.query(
        "SELECT decision_id FROM release_decisions FINAL WHERE outcome = 'needs_review' LIMIT 1"
    )
    code, out, _ = team.stack.run("decisions", "show", decision_id, "--tenant", TENANT)
    assert code == 0
    assert "NEEDS REVIEW" in out
    assert "enough_approvals" in out
    code, _, err = team.stack.run("decisions", "show", "decision-none", "--tenant", TENANT)
    assert (code, "expected one decision" in err) == (2, True)
