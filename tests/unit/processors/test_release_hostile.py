"""Attempts to get an allow, to keep one or to hide a bypass, by whoever holds keys of workloads."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.processors.alert_events import event_id, published, ref
from tests.unit.processors.release_events import (
    ACCOUNTS,
    World,
    decision,
    policy_text,
    result,
    validation,
)

from auditspine.ledger.topics import MAX_EVENT_BYTES
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.tables import DECISIONS, DEPLOYMENTS, EXCEPTIONS, STATES

MODEL = ref("model", "risk", "3")
DAYS = 24 * 60
_UUID4 = "7d444840-9dc0-41d1-b245-5ffdce74fad2"


def staged(*more: str, **how: Any) -> World:
    world = World()
    for name in ("ana", "tom", *more):
        world.grant(name)
    return world.train(**how).staged()


def ready(*more: str, **how: Any) -> World:
    """A model that production may be asked for: staged, and with two approvals for it."""
    world = staged(*more, **how)
    world.approve("ana")
    world.approve("tom")
    return world


def register(world: World, *, who: str = "mallory", domain: str = "credit", **it: Any) -> Any:
    body = {
        "model": MODEL,
        "run_id": "run-x",
        "training_snapshots": (),
        "labels": (),
        "features": (),
        "owner": "model-risk",
        "intended_use": "Credit decisions",
        "limitations": "Not for businesses",
        **it,
    }
    return world.take("model.registered", body, who=who, domain=domain)


def quarantine(world: World, action: str = "quarantined") -> Any:
    return world.take("artifact.quarantined", {"artifact": MODEL, "action": action})


class TestWhoIsFirst:
    def test_a_mild_domain_that_is_named_first_does_not_make_the_class_milder(self) -> None:
        world = World().grant("ana").grant("tom")
        register(world, domain="marketing")
        world.train()
        made = world.request("development", risk_class="limited")
        assert (made.outcome, result(made, "risk_class_assigned")) == ("deny", "failed")
        assert made.jurisdictions == ("eu", "us")

    def test_a_domain_that_is_named_later_takes_approvals_of_other_domains_away(self) -> None:
        world = World().grant("ana", domains=("marketing",)).grant("tom")
        register(world, domain="marketing")
        world.approve("ana", "staging")
        world.train()
        world.approve("tom", "staging")
        development = world.request("development")
        world.deploy("development", decision_id=development.decision_id)
        made = world.request("staging")
        assert made.outcome == "needs_review"
        assert "ana@acme.example: it was registered in another business domain" in made.reason

    def test_an_approval_from_before_the_registration_counts_in_no_domain(self) -> None:
        world = World().grant("ana", domains=("marketing",)).grant("tom")
        kind, body = world.approval("ana", "staging")
        who = ACCOUNTS["ana"]["sub"]
        world.take(kind, body, who=who, person=True, domain="marketing")
        world.train()
        world.approve("tom", "staging")
        development = world.request("development")
        world.deploy("development", decision_id=development.decision_id)
        made = world.request("staging")
        assert made.outcome == "needs_review"
        assert "ana@acme.example: nobody had registered the model" in made.reason

    def test_a_rejection_from_before_the_registration_counts(self) -> None:
        world = World().grant("ana").grant("tom").grant("eve", domains=("marketing",))
        kind, body = world.approval("eve", "staging", decision="rejected")
        who = ACCOUNTS["eve"]["sub"]
        world.take(kind, body, who=who, person=True, domain="marketing")
        world.train()
        assert result(world.request("staging"), "no_rejection") == "failed"

    def test_a_rejection_counts_by_whoever_may_decide_in_one_of_the_domains(self) -> None:
        world = ready()
        world.grant("eve", domains=("marketing",))
        register(world, domain="marketing")
        world.approve("eve", decision="rejected")
        assert result(world.request(), "no_rejection") == "failed"

    def test_bytes_that_were_approved_before_they_were_registered_hold_their_name(self) -> None:
        world = World().grant("ana")
        other = {**MODEL, "digest": b"\5" * 32}
        world.take(*world.approval("ana", "staging"), who=ACCOUNTS["ana"]["sub"], person=True)
        register(world, model=other)
        made = world.request("development", model=other)
        assert result(made, "artifact_digest_approved") == "failed"

    def test_whoever_registers_the_bytes_first_does_not_hide_who_made_them(self) -> None:
        world = World().grant("ana").grant("kim")
        register(world)
        world.train()
        for account in ("ana", "kim"):
            world.approve(account, "staging")
        development = world.request("development")
        world.deploy("development", decision_id=development.decision_id)
        made = world.request("staging")
        assert "kim@acme.example: they made the model" in made.reason

    def test_nor_what_they_came_of(self) -> None:
        world = World()
        register(world)
        world.train()
        world.take("dataset.flagged", {"dataset": ref("dataset", "loans")})
        assert result(world.request("development"), "no_flagged_source") == "failed"

    def test_a_model_registered_by_too_many_is_denied(self) -> None:
        world = World()
        for number in range(1100):
            register(world, who=f"mallory-{number}")
        world.train()
        assert result(world.request("development"), "model_registered") == "failed"

    def test_the_same_bytes_under_another_name_are_not_registered(self) -> None:
        world = World().train()
        made = world.request("development", model={**MODEL, "name": "harmless"})
        assert (made.outcome, result(made, "model_registered")) == ("deny", "failed")
        register(world, model={**MODEL, "name": "harmless"})
        assert world.request("development", model={**MODEL, "name": "harmless"}).outcome == "allow"

    def test_another_name_for_moved_bytes_does_not_hide_what_was_approved(self) -> None:
        world = ready()
        moved = {**MODEL, "digest": b"\5" * 32}
        register(world, model=moved)
        register(world, model={**moved, "name": "harmless"})
        made = world.request("development", model={**moved, "name": "harmless"})
        assert result(made, "artifact_digest_approved") == "failed"


class TestSources:
    def test_a_snapshot_that_is_told_anew_still_came_of_what_was_told(self) -> None:
        world = World().train()
        world.take("dataset.flagged", {"dataset": ref("dataset", "loans")})
        clean = ref("dataset", "clean")
        world.take("dataset.registered", {"dataset": clean, "permitted_purposes": ()})
        world.take("dataset.snapshotted", {"snapshot": ref("snapshot", "loans"), "dataset": clean})
        assert result(world.request("development"), "no_flagged_source") == "failed"

    def test_a_snapshot_that_is_registered_as_a_dataset_still_came_of_something(self) -> None:
        world = World().train()
        world.take("dataset.flagged", {"dataset": ref("dataset", "loans")})
        world.take(
            "dataset.registered",
            {"dataset": ref("snapshot", "loans"), "permitted_purposes": ()},
        )
        assert result(world.request("development"), "no_flagged_source") == "failed"

    def test_what_the_run_read_counts_though_the_registration_leaves_it_out(self) -> None:
        world = World().train(training_snapshots=(), labels=(), features=())
        assert world.request("development").outcome == "allow"
        world.take("run.completed", {"run_id": "run-3"}, who="kim@acme.example")
        snapshot, image = ref("snapshot", "loans"), ref("image", "python")
        world.take("run.started", {"run_id": "run-3", "inputs": (snapshot, image)})
        assert world.request("development").outcome == "allow"
        world.take("dataset.flagged", {"dataset": ref("dataset", "loans")})
        assert result(world.request("development"), "no_flagged_source") == "failed"

    def test_a_deep_and_wide_lineage_is_no_way_to_stop_the_processor(self) -> None:
        world = World()
        parts = [ref("snapshot", f"part-{number}") for number in range(2000)]
        world.take(
            "feature.defined",
            {"feature": ref("feature", "dti"), "inputs": tuple({"artifact": p} for p in parts)},
        )
        world.train(without="feature")
        made = world.request("development")
        assert result(made, "no_flagged_source") == "failed"

    def test_somebody_else_does_not_widen_what_data_may_be_used_for(self) -> None:
        world = World()
        bound = {"dataset": ref("dataset", "loans"), "permitted_purposes": ("marketing",)}
        world.take("dataset.registered", bound)
        wide = SealedEvent(
            "local/c/lifecycle/0",
            len(world.events),
            world.now,
            "dataset.registered",
            {**world.events[-1].envelope, "workload": {"name": "mallory"}},
            {**bound, "permitted_purposes": ("marketing", "credit decisions")},
        )
        world.events.append(wide)
        world.fold([wide])
        world.train(without="dataset")
        assert result(world.request("development"), "purpose_permitted") == "failed"
        assert world.request("development", purpose="marketing").outcome == "allow"


class TestWhoMadeIt:
    def test_who_trained_may_be_told_after_the_decision(self) -> None:
        world = World().grant("ana").grant("tom").train(without="run", trainer="svc")
        world.approve("ana", "staging")
        world.approve("tom", "staging")
        development = world.request("development")
        world.deploy("development", decision_id=development.decision_id)
        assert world.request("staging").outcome == "allow"
        said = world.take("run.started", {"run_id": "run-3"}, who=ACCOUNTS["tom"]["sub"])
        assert decision(said).outcome == "deny"
        assert world.standing("staging") is False

    def test_a_crowd_of_trainers_does_not_hide_one(self) -> None:
        world = World().grant("ana").grant("kim")
        for number in range(1100):
            world.take("run.started", {"run_id": "run-3"}, who=f"mallory-{number}")
        world.train(trainer="svc", without="run")
        world.take("run.started", {"run_id": "run-3"}, who="kim@acme.example")
        for account in ("ana", "kim"):
            world.approve(account, "staging")
        world.take("deployment.changed", {**deployment("development")})
        assert world.request("staging").outcome == "deny"
        assert world.request("development").outcome == "deny"

    def test_accounts_that_are_written_in_two_ways_are_one(self) -> None:
        world = staged("kim", trainer="Kim@Acme.Example")
        world.approve("ana")
        world.approve("kim")
        made = world.request()
        assert made.outcome == "needs_review"
        assert "kim@acme.example: they made the model" in made.reason

    def test_a_second_account_that_becomes_known_later_takes_an_allow_back(self) -> None:
        world = staged("kim-two")
        world.approve("ana")
        world.approve("kim-two")
        assert world.request().outcome == "allow"  # nothing tells yet that it is Kim's
        world.train("4")
        said = world.approve("kim", "staging", "4")  # of another model
        assert {each.outcome for kind, each in said if kind == "decision.made"} == {"deny"}
        assert world.standing() is False

    def test_a_second_account_of_who_trained_it_grants_no_exception(self) -> None:
        world = ready("kim", "kim-two")
        world.approve("kim", decision="withdrawn")  # so it is known whose account it is
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        world.exception("kim-two", ("no_deprecated_feature",), 100_000)
        assert world.request().outcome == "deny"

    def test_whoever_made_it_does_not_validate_it_independently(self) -> None:
        world = ready()
        world.take("validation.reported", validation(), who="kim@acme.example")
        made = world.request()
        assert (made.outcome, result(made, "validation_passed")) == ("deny", "failed")


class TestApprovals:
    def test_a_flood_of_reports_does_not_wash_a_rejection_away(self) -> None:
        world = ready("eve")
        world.approve("eve", decision="rejected")
        for number in range(300):
            _, body = world.approval("ana")
            world.take("approval.decided", {**body, "signature": None}, who=f"m-{number}")
        made = world.request()
        assert (made.outcome, result(made, "no_rejection")) == ("deny", "failed")
        assert len(world.state.values[_key("a", "acme", MODEL["digest"].hex())]) < 200_000

    def test_a_rejection_for_no_environment_in_particular_counts_in_each(self) -> None:
        world = ready("eve")
        kind, body = world.approval("eve", "", decision="rejected")
        world.take(kind, {**body, "environment": None}, who=ACCOUNTS["eve"]["sub"], person=True)
        made = world.request()
        assert (made.outcome, result(made, "no_rejection")) == ("deny", "failed")

    def test_what_carries_a_release_on_ends_too(self) -> None:
        world = ready("eve")
        assert world.request().outcome == "allow"
        world.minute += 1
        world.approve("eve", expires=500)
        world.minute += 1
        world.approve("tom", decision="withdrawn")
        assert world.standing() is True
        said = world.beat(500)
        assert decision(said).outcome == "deny"
        assert world.standing() is False


class TestExceptions:
    def waits(self) -> World:
        world = ready("eve")
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        return world

    def test_when_it_is_over_what_rests_on_it_is_taken_back(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        assert world.request().outcome == "allow"
        said = world.beat(30 * DAYS)
        assert "deny" in [body.outcome for kind, body in said if kind == "decision.made"]
        assert world.standing() is False

    def test_another_one_that_stands_for_the_same_carries_it_on(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        assert world.request().outcome == "allow"
        world.exception("eve", ("no_deprecated_feature",), 60 * DAYS, name="exc-2")
        world.beat(30 * DAYS)
        assert world.standing() is True
        [row] = [r for r in world.rows[STATES].values() if r["environment"] == "production"]
        assert set(row["exceptions"]) == {"exc-1", "exc-2"}
        world.beat(60 * DAYS)
        assert world.standing() is False

    def test_what_was_mended_meanwhile_stands_without_it(self) -> None:
        world = ready("eve")
        world.take("alert.raised", alert())
        world.exception("eve", ("no_open_alert",), 30 * DAYS)
        assert world.request().outcome == "allow"
        world.take("alert.resolved", {"alert_id": "alert-1"})
        world.beat(30 * DAYS)
        assert world.standing() is True
        world.take("alert.raised", alert())  # holds for new requests only, as for any release
        assert world.standing() is True

    def test_a_rule_that_a_later_policy_does_not_let_waive_is_not(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        assert world.request().outcome == "allow"
        said = json.loads(policy_text())
        for rule in said["classes"]["high"]["rules"]:
            rule["waivable"] = False
        world.control_size = world.policies.publish(json.dumps(said))
        world.take("artifact.signed", {**signature(world), "format": "pgp"})
        assert world.standing() is False

    def test_one_from_before_the_registration_does_not_count(self) -> None:
        world = World().grant("eve", domains=("marketing",))
        kind = world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        assert [body.kind for _, body in kind] == ["exception_refused"]

    def test_one_that_does_not_count_takes_no_name(self) -> None:
        world = self.waits()
        unsigned = {"public_key": b"\7" * 32, "envelope": "{}", "id_token": "e30.e30.e30"}
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS, signature=unsigned)
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        assert world.request().outcome == "allow"
        assert world.rows[EXCEPTIONS]["acme", "exc-1", "local/c/lifecycle/0"]["state"] == "in_force"

    def test_a_flood_of_those_that_do_not_count_is_not_kept(self) -> None:
        world = self.waits()
        unsigned = {"public_key": b"\7" * 32, "envelope": "{}", "id_token": "e30.e30.e30"}
        for number in range(50):
            name = f"exc-{number}"
            world.exception(
                "eve", ("no_deprecated_feature",), 9 * DAYS, name=name, signature=unsigned
            )
        assert len(world.state.values.get(_key("e", "acme"), b"")) < 100

    def test_however_often_it_is_used_its_end_can_be_told(self) -> None:
        world = self.waits()
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        for _ in range(1100):
            world.request()
        [row] = world.rows[EXCEPTIONS].values()
        assert len(row["decisions"]) == 1024


class TestPolicies:
    def renamed(self, world: World) -> None:
        """Publish a policy that calls the class otherwise."""
        said = json.loads(policy_text())
        said["classes"]["severe"] = said["classes"].pop("high")
        for overlay in said["overlays"].values():
            overlay["classes"]["severe"] = overlay["classes"].pop("high")
        for each in (said["release"]["default"], *said["release"]["domains"].values()):
            if each["class"] == "high":
                each["class"] = "severe"
        world.control_size = world.policies.publish(json.dumps(said))

    def moved(self, world: World) -> None:
        """Publish a policy without the environment."""
        said = json.loads(policy_text())
        said["release"]["environments"] = ["development", "staging", "live"]
        world.control_size = world.policies.publish(json.dumps(said))

    def broken(self, world: World) -> None:
        world.control_size = world.policies.publish("{")

    @pytest.mark.parametrize("how", ["renamed", "moved", "broken"])
    def test_a_slip_in_a_policy_neither_stops_what_runs_nor_keeps_what_must_stop(self, how) -> None:
        world = ready()
        first = world.request()
        world.deploy(decision_id=first.decision_id)
        getattr(self, how)(world)
        world.take("dataset.flagged", {"dataset": ref("dataset", "other")})
        assert world.standing() is True
        if how != "broken":
            assert ("release_unjudged", "review") in world.found()
        assert world.request().outcome == "deny"
        said = quarantine(world)
        production = [
            body
            for kind, body in said
            if kind == "decision.made" and body.environment == "production"
        ]
        assert [each.outcome for each in production] == ["deny"]
        assert production[0].policy == first.policy
        assert world.standing() is False
        assert ("release_revoked", "stop_the_line") in world.found()
        assert world.found().count(("release_unjudged", "review")) == 1

    def test_while_a_policy_cannot_be_used_a_bypass_still_shows(self) -> None:
        world = ready()
        self.broken(world)
        world.deploy()
        world.beat(world.minute + 6)
        assert world.found() == [("release_bypassed", "stop_the_line")]


class TestWhatTheContractTakes:
    @pytest.mark.parametrize("given", [_UUID4, _UUID4.upper()])
    def test_a_request_that_no_decision_could_name_lets_nothing_stand(self, given) -> None:
        world = ready()
        said = self.asked(world, given)
        assert [kind for kind, _ in said] == ["finding.raised"]
        assert world.standing() is None
        assert not [r for r in world.rows[DECISIONS].values() if r["environment"] == "production"]

    def test_capitals_in_a_request_are_the_same_request(self) -> None:
        world = ready()
        given = event_id(0xABCD, world.now).upper()
        made = decision(self.asked(world, given))
        assert (made.outcome, made.request_id) == ("allow", given.lower())
        assert self.asked(world, given.lower()) == []

    def asked(self, world: World, given: str) -> list[tuple[str, Any]]:
        body = {
            "model": MODEL,
            "environment": "production",
            "risk_class": "high",
            "purpose": "credit decisions",
            "jurisdictions": (),
            "deployment": None,
        }
        last = world.events[-1]
        envelope = {**last.envelope, "event_id": given}
        made = replace(
            last,
            position=len(world.events),
            envelope={**envelope, "actor": {"principal": "ci", "kind": "workload"}},
            event_type="deployment.requested",
            body=body,
        )
        world.events.append(made)
        return [(each.event_type, published(each)) for each in world.fold([made])]

    def test_an_approval_without_a_reasonable_end_does_not_make_a_decision_unsayable(self) -> None:
        world = staged()
        world.approve("ana")
        world.approve("tom", expires=200_000_000)  # minutes: the year 2400
        made = world.request()
        assert (made.outcome, made.valid_until.year) == ("allow", 2298)

    def test_odd_and_long_words_do_not_make_a_decision_too_large(self) -> None:
        world = World().grant("ana").grant("tom")
        long = "\U0001f600" * 240
        parts = tuple(ref("snapshot", f"{long}{number}", long) for number in range(400))
        features = tuple(ref("feature", f"{long}{number}", long) for number in range(400))
        world.train(training_snapshots=parts, features=features, limitations=long)
        for name in parts:
            world.take("dataset.snapshotted", {"snapshot": name, "dataset": parts[0]})
        made = world.request("development", purpose=long, domain=long)
        assert made.outcome == "deny"
        assert size_of(made) < MAX_EVENT_BYTES // 2

    def test_a_denial_that_repeats_what_was_asked_is_not_too_large(self) -> None:
        many = tuple(f"{'x' * 120}{number}" for number in range(4000))
        made = World().train().request("development", jurisdictions=many)
        assert made.outcome == "deny"
        assert size_of(made) < MAX_EVENT_BYTES // 2

    def test_a_policy_of_many_rules_gives_decisions_that_fit(self) -> None:
        said = json.loads(policy_text())
        rules = said["classes"]["high"]["rules"]
        rule = {**rules[1], "expression": "size(approvals.refused) == 99", "waivable": False}
        rule |= {"reason": "\U0001f600" * 512, "shows": ["approvals.refused"] * 4}
        rules += [{**rule, "id": f"more-{number}"} for number in range(256 - len(rules))]
        world = World(json.dumps(said, ensure_ascii=False)).train()
        for number in range(64):
            _, body = world.approval("ana")
            world.take("approval.decided", {**body, "signature": None}, who=f"m-{number}")
        made = world.request("development")
        assert len(made.rules) >= 256
        assert size_of(made) < MAX_EVENT_BYTES * 4 // 5

    def test_a_flood_of_requests_that_wait_does_not_grow(self) -> None:
        world = staged()
        made = [world.request() for _ in range(513)][-1]
        assert made.outcome == "deny"
        assert result(made, "requests_waiting") == "failed"
        world.approve("ana")
        world.approve("tom")
        assert world.request().outcome == "allow"


class TestBypass:
    def test_what_stopped_and_comes_back_is_told_anew(self) -> None:
        world = ready()
        world.deploy()
        world.beat(world.minute + 6)
        world.deploy(action="retired")
        world.deploy()
        world.beat(world.minute + 6)
        assert world.found() == [("release_bypassed", "stop_the_line")] * 2

    def test_a_decision_for_one_deployment_allows_no_other(self) -> None:
        world = ready()
        made = world.request(deployment=ref("deployment", "quiet"))
        world.deploy(decision_id=made.decision_id)
        world.beat(world.minute + 6)
        assert world.found() == [("release_bypassed", "stop_the_line")]
        world.deploy(deployment=ref("deployment", "quiet"), decision_id=made.decision_id)
        world.beat(world.minute + 6)
        assert len(world.found()) == 1

    def test_a_decision_that_was_taken_back_is_not_good_again_when_another_allows(self) -> None:
        world = ready()
        first = world.request()
        quarantine(world)
        quarantine(world, "released")
        second = world.request()
        world.deploy(decision_id=first.decision_id)
        world.beat(world.minute + 6)
        assert world.found()[-1] == ("release_bypassed", "stop_the_line")
        told = len(world.found())
        world.deploy(decision_id=second.decision_id)
        world.beat(world.minute + 6)
        assert len(world.found()) == told

    def test_not_to_name_the_deployment_does_not_dodge_its_alerts(self) -> None:
        world = ready()
        made = world.request()
        world.deploy(decision_id=made.decision_id)
        world.train("4").staged("4")
        for account in ("ana", "tom"):
            world.approve(account, version="4")
        world.take("alert.raised", alert())
        made = world.request(version="4")
        assert (made.outcome, result(made, "no_open_alert")) == ("needs_review", "failed")

    def test_a_flood_of_alerts_does_not_wash_one_away(self) -> None:
        world = ready()
        world.take("alert.raised", alert())
        for number in range(600):
            other = {"model": ref("model", "other", "1"), "alert_id": f"other-{number}"}
            world.take("alert.raised", {**alert(), **other})
        assert world.request().outcome == "needs_review"

    def test_an_earlier_decision_does_not_hide_an_exception_that_it_rests_on_now(self) -> None:
        world = ready("eve")
        first = world.request()
        world.take("feature.deprecated", {"feature": ref("feature", "dti")})
        world.exception("eve", ("no_deprecated_feature",), 30 * DAYS)
        world.request()
        world.deploy(decision_id=first.decision_id)
        [row] = [r for r in world.rows[DEPLOYMENTS].values() if r["environment"] == "production"]
        assert row["exceptions"] == ["exc-1"]

    def test_to_call_the_environment_otherwise_does_not_hide_what_serves(self) -> None:
        world = ready()
        body = {"deployment": ref("deployment", "risk-eu"), "model": MODEL, "predictions": 9}
        world.take("serving.observed", body, environment="prod")
        world.beat(world.minute + 6)
        assert world.found() == [("served_unreleased", "stop_the_line")]


def deployment(environment: str) -> dict[str, Any]:
    return {
        "deployment": ref("deployment", "risk-eu"),
        "model": MODEL,
        "environment": environment,
        "action": "deployed",
        "traffic_share": 1.0,
        "decision_id": None,
    }


def alert() -> dict[str, Any]:
    return {
        "alert_id": "alert-1",
        "tier": "stop_the_line",
        "model": MODEL,
        "deployment": ref("deployment", "risk-eu"),
    }


def signature(world: World) -> dict[str, Any]:
    [found] = [each.body for each in world.events if each.event_type == "artifact.signed"]
    return dict(found)


def size_of(made: Any) -> int:
    """Give about how many bytes a decision takes: more than in the wire format."""
    return len(made.model_dump_json().encode())


def _key(kind: str, *parts: str) -> bytes:
    return kind.encode() + json.dumps(parts, separators=(",", ":")).encode()
