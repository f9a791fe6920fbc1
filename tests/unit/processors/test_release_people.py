"""Approvals count that a person signed, in a role they hold, for these bytes and this place."""

from typing import Any

import pytest
from tests.unit.processors.alert_events import ref
from tests.unit.processors.release_events import (
    ACCOUNTS,
    IDENTITY,
    World,
    decision,
    policy_text,
    result,
)

from auditspine.processors.release.tables import EXCEPTIONS


@pytest.fixture
def world() -> World:
    """A model that only approvals are missing of."""
    made = World().grant("ana").grant("tom").grant("kim").grant("kim-two").train().staged()
    made.approve("ana")
    return made


def refused(world: World) -> str:
    """Give what is told of the approvals when it is asked for."""
    made = world.request()
    assert made.outcome == "needs_review"
    [told] = [each.reason for each in made.rules if each.rule == "enough_approvals"]
    return str(told)


def test_two_different_people_are_enough(world) -> None:
    world.approve("tom")
    assert world.request().outcome == "allow"


def test_one_person_counts_once(world) -> None:
    world.minute += 1
    world.approve("ana")
    assert "approvals persons: 1;" in refused(world)


def test_whoever_trained_it_does_not_count(world) -> None:
    world.approve("kim")
    assert "kim@acme.example: they made the model" in refused(world)


def test_whoever_trained_it_does_not_count_through_a_second_account(world) -> None:
    # That both accounts are Kim's shows when Kim signs with the first, which the model names.
    world.approve("kim", decision="withdrawn")
    world.minute += 1
    world.approve("kim-two")
    assert "kim.two@acme.example: they made the model" in refused(world)


def test_the_policy_can_say_that_two_accounts_are_one_person() -> None:
    aliases = {"kim.two@acme.example": "kim@acme.example", "4": "kim@acme.example"}
    world = World(policy_text.__wrapped__(aliases=aliases))
    world.grant("ana").grant("tom").grant("kim-two").train().staged()
    world.approve("ana")
    world.approve("kim-two")
    assert "kim.two@acme.example: they made the model" in refused(world)


def test_whoever_asks_does_not_count(world) -> None:
    world.approve("tom")
    made = world.request(who=ACCOUNTS["tom"]["sub"])
    assert made.outcome == "needs_review"
    assert "they ask for the release" in made.reason


def test_without_the_role_it_does_not_count(world) -> None:
    world.approve("eve")
    assert "eve@acme.example: they hold no role" in refused(world)


def test_a_role_counts_where_and_when_it_was_held(world) -> None:
    world.grant("eve", environments=("staging",))
    world.approve("eve")
    assert "they hold no role" in refused(world)


def test_a_role_must_reach_the_models_domain_whatever_the_event_says(world) -> None:
    world.grant("eve", domains=("marketing",))
    kind, body = world.approval("eve")
    world.take(kind, body, who=ACCOUNTS["eve"]["sub"], person=True, domain="marketing")
    assert "they hold no role" in refused(world)


def test_a_role_that_was_taken_back_before_does_not_count(world) -> None:
    world.minute += 1
    world.revoke("tom")
    world.minute += 1
    world.approve("tom")
    assert "tom@acme.example: they hold no role" in refused(world)


def test_a_role_that_was_taken_back_after_it_was_used_counts(world) -> None:
    world.approve("tom")
    world.minute += 1
    world.revoke("tom")
    assert world.request().outcome == "allow"


def test_what_a_service_reports_counts_for_nobody(world) -> None:
    world.approve("tom", signature=None)
    assert "nobody signed it personally" in refused(world)


def test_an_approval_put_to_another_digest_is_refused(world) -> None:
    kind, body = world.approval("tom")
    other = {**body, "subject": {**body["subject"], "digest": ref("model", "risk", "4")["digest"]}}
    world.take(kind, other, who=ACCOUNTS["tom"]["sub"], person=True)
    assert world.request().outcome == "needs_review"
    world.train("4").staged("4")
    world.approve("ana", version="4")
    world.take(
        kind,
        {**body, "subject": ref("model", "risk", "4")},
        who=ACCOUNTS["tom"]["sub"],
        person=True,
    )
    made = world.request(version="4")
    assert made.outcome == "needs_review"
    assert "tom@acme.example: what was signed has another version than the event" in made.reason


def test_an_approval_put_to_another_environment_is_refused(world) -> None:
    kind, body = world.approval("tom", "staging")
    who = {"who": ACCOUNTS["tom"]["sub"], "person": True}
    world.take(kind, {**body, "environment": "production"}, **who)
    assert world.request().outcome == "needs_review"


def test_an_approval_for_staging_is_none_for_production(world) -> None:
    world.approve("tom", "staging")
    assert "approvals persons: 1;" in refused(world)


def test_an_old_approval_that_is_published_again_changes_nothing(world) -> None:
    kind, body = world.approval("tom")
    who = {"who": ACCOUNTS["tom"]["sub"], "person": True}
    world.take(kind, body, **who)
    assert world.request().outcome == "allow"
    world.minute += 1
    assert decision(world.approve("tom", decision="withdrawn")).outcome == "deny"
    world.minute += 1
    world.take(kind, body, **who)
    assert "it was withdrawn" in refused(world)


def test_a_rejection_stands_until_the_person_takes_it_back(world) -> None:
    world.grant("eve")
    world.approve("tom")
    world.approve("eve", decision="rejected")
    made = world.request()
    assert (made.outcome, result(made, "no_rejection")) == ("deny", "failed")
    world.minute += 1
    world.approve("eve", decision="withdrawn")
    assert world.request().outcome == "allow"


def test_a_name_that_moved_to_other_bytes_is_denied(world) -> None:
    world.approve("tom")
    assert world.request().outcome == "allow"
    moved = {**ref("model", "risk", "3"), "digest": b"\5" * 32}
    world.take(
        "model.registered",
        {
            "model": moved,
            "run_id": "run-5",
            "training_snapshots": (),
            "labels": (),
            "features": (),
            "owner": "model-risk",
            "intended_use": "Credit decisions",
            "limitations": "None",
        },
    )
    made = world.request(model=moved)
    assert made.outcome == "deny"
    assert result(made, "artifact_digest_approved") == "failed"


def test_an_approval_from_before_any_policy_does_not_count() -> None:
    world = World("").grant("ana").train()
    world.approve("ana", "staging")
    world.control_size = world.policies.publish(policy_text())
    development = world.request("development")
    world.deploy("development", decision_id=development.decision_id)
    made = world.request("staging")
    assert made.outcome == "needs_review"
    assert "ana@acme.example: " in made.reason


OTHERS = {"public_key": b"\7" * 32, "envelope": "{}", "id_token": "e30.e30.e30"}


class TestExceptions:
    def waits(self) -> World:
        """A model with a deprecated feature, which an exception may stand for."""
        world = World().grant("ana").grant("tom").grant("eve").grant("kim").train().staged()
        world.approve("ana")
        world.approve("tom")
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        return world

    def test_an_exception_stands_for_a_rule_and_is_named_for_ever(self) -> None:
        world = self.waits()
        assert world.request().outcome == "deny"
        world.exception("eve", ("no_deprecated_feature",), 100_000)
        made = world.request()
        assert (made.outcome, made.exceptions) == ("allow", ("exc-1",))
        assert result(made, "no_deprecated_feature") == "waived"
        world.deploy(decision_id=made.decision_id)
        [row] = [r for r in deployments(world) if r["environment"] == "production"]
        assert (row["verdict"], row["exceptions"]) == ("allowed", ["exc-1"])
        world.beat(100_000)
        assert deployments(world)[-1]["exceptions"] == ["exc-1"]

    def test_a_rule_that_may_not_be_waived_is_not(self) -> None:
        world = self.waits()
        world.take(
            "artifact.quarantined", {"artifact": ref("model", "risk", "3"), "action": "quarantined"}
        )
        world.exception("eve", ("no_deprecated_feature", "not_quarantined"), 100_000)
        made = world.request()
        assert (made.outcome, result(made, "not_quarantined")) == ("deny", "failed")

    def test_it_is_told_before_it_ends_and_when_it_ends(self) -> None:
        world = self.waits()
        days = 24 * 60
        world.exception("eve", ("no_deprecated_feature",), 30 * days)
        made = world.request()
        world.deploy(decision_id=made.decision_id)
        assert world.beat(15 * days) == []
        said = dict(world.beat(16 * days))
        assert said["finding.raised"].kind == "exception_expiring"
        said = world.beat(30 * days)
        kinds = [kind for kind, _ in said]
        assert "exception.expired" in kinds
        assert ("exception_expired", "review") in world.found()
        [expired] = [body for kind, body in said if kind == "exception.expired"]
        assert expired.decisions == (made.decision_id,)
        assert world.rows[EXCEPTIONS]["acme", "exc-1", "local/c/lifecycle/0"]["state"] == "expired"

    def test_an_expired_one_stands_for_nothing(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), world.minute + 1)
        world.beat(world.minute + 1)
        assert world.request().outcome == "deny"

    @pytest.mark.parametrize("who", ["kim"])
    def test_whoever_trained_it_grants_none(self, who) -> None:
        world = self.waits()
        world.exception(who, ("no_deprecated_feature",), 100_000)
        assert world.request().outcome == "deny"

    def test_whoever_asks_grants_none(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 100_000)
        assert world.request(who=ACCOUNTS["eve"]["sub"]).outcome == "deny"
        assert world.request().outcome == "allow"

    def test_one_that_nobody_signed_is_refused_and_told(self) -> None:
        world = self.waits()
        said = world.exception("eve", ("no_deprecated_feature",), 100_000, signature=OTHERS)
        assert [kind for kind, _ in said] == ["finding.raised"]
        assert said[0][1].kind == "exception_refused"

    def test_one_for_another_environment_stands_for_nothing_here(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 100_000, environment="staging")
        assert world.request().outcome == "deny"

    def test_a_name_that_was_taken_is_not_granted_again(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), world.minute + 1)
        world.exception("eve", ("no_deprecated_feature",), 100_000)
        world.beat(world.minute + 2)
        assert world.request().outcome == "deny"


def deployments(world: World) -> list[dict[str, Any]]:
    from auditspine.processors.release.tables import DEPLOYMENTS

    return sorted(world.rows[DEPLOYMENTS].values(), key=lambda row: row["position"])


def test_a_token_that_has_expired_does_not_count(world) -> None:
    lifetime, IDENTITY.lifetime_s = IDENTITY.lifetime_s, -600
    try:
        world.approve("tom")
    finally:
        IDENTITY.lifetime_s = lifetime
    assert "expired" in refused(world)
