"""Requests are decided by rules on what the log says; what cannot be judged is denied."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.processors.alert_events import ref
from tests.unit.processors.memory_state import Memory
from tests.unit.processors.release_events import (
    CONTROL,
    LOG,
    World,
    decision,
    policy_text,
    result,
    validation,
)

from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.keyfile import public_bytes
from auditspine.processors.projection.port import DERIVED
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.processors.release.tables import DECISIONS, STATES


def ready(**how: Any) -> World:
    """A model that production may be asked for: staged, and with two approvals for production."""
    world = World().grant("ana").grant("tom").train(**how).staged()
    world.approve("ana")
    world.approve("tom")
    return world


def test_a_complete_release_is_allowed_and_stands() -> None:
    world = ready()
    made = world.request()
    assert (made.outcome, made.cause, made.supersedes) == ("allow", "requested", None)
    assert {each.result for each in made.rules} == {"passed"}
    assert world.standing() is True
    assert len(world.rows[DECISIONS]) == 3  # each environment's


def test_a_decision_cites_its_policy_its_evidence_and_how_far_logs_were_read() -> None:
    world = ready()
    made = world.request()
    assert made.policy == world.policies.at("acme", 1).digest
    sizes = {each.origin: each.size for each in made.positions}
    assert sizes[LOG] == len(world.events)
    assert sizes[CONTROL] == world.control_size
    approvals = next(each for each in made.rules if each.rule == "enough_approvals").evidence
    given = [
        each.envelope["event_id"] for each in world.events if each.event_type == "approval.decided"
    ]
    assert set(given[-2:]) <= set(approvals)
    assert {each.name for each in made.artifacts} == {"risk", "loans", "dti"}


def test_the_gate_refuses_first_and_allows_when_two_people_approved() -> None:
    world = World().grant("ana").grant("tom").train().staged()
    said = dict(world.take("deployment.requested", request_body()))
    made = said["decision.made"]
    assert made.outcome == "needs_review"
    assert (said["approval.requested"].needed, said["approval.requested"].given) == (2, 0)
    assert world.standing() is None
    assert world.approve("ana") == []  # still waits
    after = decision(world.approve("tom"))
    assert (after.outcome, after.cause) == ("allow", "evidence")
    assert (after.request_id, after.supersedes) == (made.request_id, made.decision_id)
    assert world.standing() is True


def request_body(**it: Any) -> dict[str, Any]:
    return {
        "model": ref("model", "risk", "3"),
        "environment": "production",
        "risk_class": "high",
        "purpose": "credit decisions",
        "jurisdictions": (),
        "deployment": None,
        **it,
    }


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (
            lambda w: w.take("feature.deprecated", {"feature": ref("feature", "dti")}),
            "no_deprecated_feature",
        ),
        (
            lambda w: w.take("dataset.flagged", {"dataset": ref("dataset", "loans")}),
            "no_flagged_source",
        ),
        (
            lambda w: w.take("dataset.flagged", {"dataset": ref("snapshot", "loans")}),
            "no_flagged_source",
        ),
        (lambda w: w.take("validation.reported", validation(passed=False)), "validation_passed"),
        (
            lambda w: w.take("validation.reported", validation(independent=False)),
            "validation_passed",
        ),
        (
            lambda w: w.take(
                "validation.reported", validation(findings=({"severity": "critical"},))
            ),
            "validation_passed",
        ),
    ],
)
def test_what_is_wrong_at_the_request_denies_by_its_rule(spoil, rule) -> None:
    world = ready()
    spoil(world)
    made = world.request()
    assert made.outcome == "deny"
    assert result(made, rule) == "failed"
    assert rule in made.reason
    assert [each.rule for each in made.rules if each.result == "failed"] == [rule]


@pytest.mark.parametrize(
    ("missing", "rule"),
    [
        ("snapshot", "no_flagged_source"),
        ("dataset", "no_flagged_source"),
        ("feature", "no_flagged_source"),
        ("signature", "artifact_signed"),
        ("model", "model_registered"),
    ],
)
def test_what_is_missing_denies_in_every_environment(missing, rule) -> None:
    made = World().train(without=missing).request("development")
    assert made.outcome == "deny"
    assert result(made, rule) == "failed"


@pytest.mark.parametrize(
    ("missing", "rule"),
    [
        ("validation", "validation_passed"),
        ("explanation", "explained"),
        ("validation", "bias_reported"),
    ],
)
def test_what_a_model_that_decides_about_people_needs_is_not_asked_for_in_the_sandbox(
    missing, rule
) -> None:
    world = World().grant("ana").grant("tom").train(without=missing)
    development = world.request("development")
    assert development.outcome == "allow"
    world.deploy("development", decision_id=development.decision_id)
    made = world.request("staging")
    assert made.outcome == "deny"
    assert result(made, rule) == "failed"


def test_a_validation_from_before_the_model_does_not_count() -> None:
    world = World().grant("ana").grant("tom")
    world.take("validation.reported", validation())
    world.train(without="validation")
    development = world.request("development")
    world.deploy("development", decision_id=development.decision_id)
    assert result(world.request("staging"), "validation_passed") == "failed"


def test_an_environment_cannot_be_left_out() -> None:
    world = World().grant("ana").grant("tom").train()
    world.approve("ana")
    world.approve("tom")
    made = world.request("production")
    assert made.outcome == "deny"
    assert result(made, "environment_order") == "failed"


def test_data_serves_only_its_purposes() -> None:
    world = World()
    world.take(
        "dataset.registered",
        {"dataset": ref("dataset", "loans"), "permitted_purposes": ("marketing",)},
    )
    world.train(without="dataset")
    made = world.request("development")
    assert result(made, "purpose_permitted") == "failed"
    assert world.request("development", purpose="marketing").outcome == "allow"


@pytest.mark.parametrize("tier", ["review", "stop_the_line"])
def test_an_open_alert_waits_for_whoever_disposes_of_it(tier) -> None:
    world = ready()
    world.take("alert.raised", alert(tier))
    made = world.request()
    assert (made.outcome, result(made, "no_open_alert")) == ("needs_review", "failed")
    after = decision(world.take("alert.resolved", {"alert_id": "alert-1"}))
    assert (after.outcome, after.cause) == ("allow", "evidence")


def test_a_caution_stands_in_nobodys_way() -> None:
    world = ready()
    world.take("alert.raised", alert("caution"))
    assert world.request().outcome == "allow"


def test_an_alert_at_the_deployment_to_be_changed_counts_though_it_is_of_another_model() -> None:
    world = ready()
    world.take("alert.raised", alert("review", version="2"))
    assert world.request().outcome == "allow"
    made = world.request(deployment=ref("deployment", "risk-eu"))
    assert made.outcome == "needs_review"


def alert(tier: str, version: str = "3") -> dict[str, Any]:
    return {
        "alert_id": "alert-1",
        "tier": tier,
        "model": ref("model", "risk", version),
        "deployment": ref("deployment", "risk-eu"),
    }


class TestWhatCannotBeJudged:
    def test_without_a_policy_every_request_is_denied(self) -> None:
        made = World("").train().request("development")
        assert (made.outcome, made.policy) == ("deny", None)
        assert "no release policy" in made.reason

    def test_a_policy_that_does_not_parse_denies_and_takes_nothing_back(self) -> None:
        world = ready()
        assert world.request().outcome == "allow"
        world.control_size = world.policies.publish("{")
        made = world.request()
        assert made.outcome == "deny"
        assert result(made, "policy_in_force") == "error"
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        assert world.standing() is True

    def test_a_rule_that_raises_denies(self) -> None:
        said = json.loads(policy_text())
        rules = said["classes"]["high"]["rules"]
        rules[0]["expression"] = "request.version.matches('3') && 1 / size(sources.flagged) > 0"
        made = World(json.dumps(said)).train().request("development")
        assert made.outcome == "deny"
        assert result(made, rules[0]["id"]) == "error"

    @pytest.mark.parametrize("risk_class", ["none", "HIGH"])
    def test_an_unknown_risk_class_denies(self, risk_class) -> None:
        made = ready().request(risk_class=risk_class)
        assert made.outcome == "deny"
        assert result(made, "risk_class_known") == "error"

    def test_an_unknown_jurisdiction_denies(self) -> None:
        assert ready().request(jurisdictions=("atlantis",)).outcome == "deny"

    def test_an_unknown_environment_denies(self) -> None:
        made = ready().request("prod")
        assert made.outcome == "deny"
        assert result(made, "environment_known") == "failed"

    def test_a_milder_class_than_the_domain_has_denies(self) -> None:
        made = ready().request(risk_class="minimal")
        assert result(made, "risk_class_assigned") == "failed"
        assert made.outcome == "deny"

    def test_whoever_asks_does_not_choose_the_domain(self) -> None:
        made = ready().request(risk_class="limited", domain="marketing")
        assert made.outcome == "deny"
        assert result(made, "risk_class_assigned") == "failed"

    def test_a_model_that_nobody_registered_denies(self) -> None:
        made = World().request("development")
        assert made.outcome == "deny"
        assert result(made, "model_registered") == "failed"


class TestSignatures:
    def test_another_key_than_the_events_does_not_count(self) -> None:
        world = World().train(without="signature")
        world.sign(key=Ed25519PrivateKey.generate())
        made = world.request("development")
        assert result(made, "artifact_signed") == "failed"

    def test_a_signature_of_other_bytes_does_not_count(self) -> None:
        other = Ed25519PrivateKey.generate()
        world = World().train(without="signature")
        envelope = sign_artifact(other, of_file("risk", b"\1" * 32))
        world.sign(envelope=envelope)
        world.sign(envelope=envelope, public_key=public_bytes(other))
        assert result(world.request("development"), "artifact_signed") == "failed"

    def test_one_that_holds_is_not_undone_by_one_that_does_not(self) -> None:
        world = World().train()
        world.sign(format="pgp")
        assert world.request("development").outcome == "allow"


class TestTakenBack:
    def test_a_quarantine_revokes_everywhere_and_is_told_where_it_serves(self) -> None:
        world = ready()
        made = world.request()
        world.deploy(decision_id=made.decision_id)
        said = world.take("artifact.quarantined", quarantine())
        revoked = [body for kind, body in said if kind == "decision.made"]
        assert {(each.outcome, each.cause) for each in revoked} == {("deny", "revoked")}
        assert {each.environment for each in revoked} == {"development", "staging", "production"}
        assert world.standing() is False
        assert ("release_revoked", "stop_the_line") in world.found()

    def test_when_the_quarantine_ends_it_must_be_asked_for_anew(self) -> None:
        world = ready()
        world.request()
        world.take("artifact.quarantined", quarantine())
        world.take("artifact.quarantined", quarantine(action="released"))
        assert world.standing() is False
        assert world.request().outcome == "allow"
        assert world.standing() is True

    def test_a_quarantine_by_monitoring_counts_as_well(self) -> None:
        world = ready()
        world.request()
        body = {
            "deployment": ref("deployment", "risk-eu"),
            "model": ref("model", "risk", "3"),
            "quarantined": True,
        }
        world.take("serving_state.changed", body)
        assert world.standing() is False

    def test_a_retired_model_is_not_allowed(self) -> None:
        world = ready()
        world.request()
        world.take("artifact.retired", {"artifact": ref("model", "risk", "3")})
        assert world.standing() is False

    def test_an_approval_that_is_withdrawn_revokes(self) -> None:
        world = ready()
        world.request()
        world.minute += 1
        said = world.approve("tom", decision="withdrawn")
        assert decision(said).outcome == "deny"
        assert world.standing() is False

    def test_what_holds_for_a_request_only_takes_nothing_back(self) -> None:
        world = ready()
        world.request()
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        world.take("alert.raised", alert("stop_the_line"))
        assert world.standing() is True

    def test_an_approval_that_ends_revokes_in_time(self) -> None:
        world = World().grant("ana").grant("tom").train().staged()
        world.approve("ana")
        world.approve("tom", expires=500)
        made = world.request()
        assert made.valid_until is not None
        assert world.beat(499) == []
        said = world.beat(500)
        assert (decision(said).outcome, decision(said).cause) == ("deny", "expired")
        assert world.standing() is False

    def test_a_third_approval_carries_it_over_the_end_of_another(self) -> None:
        world = World().grant("ana").grant("tom").grant("eve").train().staged()
        world.approve("ana")
        world.approve("tom", expires=500)
        world.approve("eve")
        world.request()
        said = decision(world.beat(500))
        assert (said.outcome, said.valid_until) == ("allow", None)
        assert world.standing() is True

    def test_a_later_denial_takes_nothing_back(self) -> None:
        world = ready()
        first = world.request()
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        assert world.request().outcome == "deny"
        assert world.standing() is True
        [row] = [r for r in world.rows[STATES].values() if r["environment"] == "production"]
        assert row["decision_id"] == first.decision_id


def quarantine(action: str = "quarantined") -> dict[str, Any]:
    return {"artifact": ref("model", "risk", "3"), "action": action}


def test_a_request_that_nobody_decides_on_ends() -> None:
    world = World().train()
    development = world.request("development")
    world.deploy("development", decision_id=development.decision_id)
    assert world.request("staging").outcome == "needs_review"
    said = decision(world.beat(72 * 60))
    assert (said.outcome, said.cause) == ("deny", "expired")
    assert world.approve("ana", "staging") == []


def test_a_request_that_is_folded_twice_is_answered_once() -> None:
    world = World().train()
    world.request("development")
    assert world.fold([world.events[-1]]) == []


def test_the_same_log_gives_the_same_decisions_however_it_is_cut() -> None:
    world = ready()
    world.request()
    world.take("artifact.quarantined", quarantine())
    again = ReleaseProjection(world.policies, world.grants)
    state, derived = Memory(), []
    for start in range(0, len(world.events), 7):
        changes = again.fold(world.events[start : start + 7], state)
        derived += [row[0] for row in changes[DERIVED]]
    assert derived == world.derived
    assert state.values == world.state.values


def test_tenants_know_nothing_of_each_other() -> None:
    world = ready()
    world.request()
    world.tenant = "other"
    assert world.request().outcome == "deny"
    assert result(world.request(), "model_registered") == "failed"
