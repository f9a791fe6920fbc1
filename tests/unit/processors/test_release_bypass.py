"""A deployment that no decision allows is told of, after a little time for late decisions."""

from typing import Any

from tests.unit.processors.alert_events import EVIDENCE, ref
from tests.unit.processors.release_events import World, policy_text

from auditspine.processors.release.tables import DEPLOYMENTS


def verdicts(world: World) -> list[str]:
    rows = sorted(world.rows[DEPLOYMENTS].values(), key=lambda row: row["position"])
    return [row["verdict"] for row in rows if row["environment"] == "production"]


def ready() -> World:
    world = World().grant("ana").grant("tom").train().staged()
    world.approve("ana")
    world.approve("tom")
    return world


def test_a_deployment_that_names_its_decision_is_in_order() -> None:
    world = ready()
    made = world.request()
    assert world.deploy(decision_id=made.decision_id) == []
    assert world.beat(world.minute + 60) == []
    assert verdicts(world) == ["allowed"]


def test_one_without_a_decision_is_found_after_the_grace() -> None:
    world = ready()
    assert world.deploy() == []
    assert verdicts(world) == ["waiting"]
    assert world.beat(world.minute + 4) == []
    world.beat(world.minute + 1)
    assert world.found() == [("release_bypassed", "stop_the_line")]
    assert verdicts(world) == ["bypassed"]
    world.beat(world.minute + 600)
    world.deploy(action="scaled")
    world.beat(world.minute + 6)
    assert len(world.found()) == 1  # told once


def test_a_late_decision_clears_it() -> None:
    world = ready()
    world.deploy(decision_id=None)
    world.minute += 3
    world.request()
    world.beat(world.minute + 60)
    assert verdicts(world) == ["unnamed"]
    assert world.found() == [("release_unnamed", "caution")]


def test_the_decision_of_another_environment_allows_nothing() -> None:
    world = ready()
    staging = world.request("staging")
    world.deploy(decision_id=staging.decision_id)
    world.beat(world.minute + 6)
    assert world.found() == [("release_bypassed", "stop_the_line")]


def test_the_decision_of_another_digest_allows_nothing() -> None:
    world = ready()
    made = world.request()
    world.train("4")
    world.deploy(version="4", decision_id=made.decision_id)
    world.beat(world.minute + 6)
    assert world.found() == [("release_bypassed", "stop_the_line")]


def test_the_decision_of_another_tenant_allows_nothing() -> None:
    world = ready()
    made = world.request()
    world.tenant = "other"
    world.deploy(decision_id=made.decision_id)
    world.beat(world.minute + 6)
    assert world.found() == [("release_bypassed", "stop_the_line")]


def test_a_denial_allows_nothing_and_neither_does_a_made_up_decision() -> None:
    world = ready()
    world.take("feature.deprecated", {"feature": ref("feature", "dti")})
    denied = world.request()
    assert denied.outcome == "deny"
    for name in (denied.decision_id, "decision-0123456789abcdef"):
        world.deploy(decision_id=name)
    world.beat(world.minute + 6)
    assert world.found() == [("release_bypassed", "stop_the_line")] * 2


def test_a_decision_that_was_taken_back_allows_no_new_deployment() -> None:
    world = ready()
    made = world.request()
    world.take(
        "artifact.quarantined", {"artifact": ref("model", "risk", "3"), "action": "quarantined"}
    )
    world.deploy(decision_id=made.decision_id)
    world.beat(world.minute + 6)
    assert ("release_bypassed", "stop_the_line") in world.found()


def test_to_stop_a_deployment_needs_no_decision() -> None:
    world = ready()
    world.deploy(action="retired")
    world.deploy(action="paused")
    world.beat(world.minute + 60)
    assert world.found() == []


def test_what_is_seen_to_serve_must_be_allowed_whatever_is_said() -> None:
    world = ready()
    world.take("serving.observed", observed())
    world.beat(world.minute + 6)
    assert world.found() == [("served_unreleased", "stop_the_line")]


def test_what_is_allowed_and_seen_to_serve_is_in_order() -> None:
    world = ready()
    world.request()
    world.take("serving.observed", observed())
    world.beat(world.minute + 60)
    assert world.found() == []


def test_a_tenant_without_a_policy_is_not_held_to_it() -> None:
    world = World("").train()
    world.deploy()
    world.beat(600)
    assert world.found() == []
    assert verdicts(world) == []


def test_the_grace_is_the_policys() -> None:
    times = {"grace_minutes": 60, "request_hours": 72, "warn_days": 14}
    world = World(policy_text.__wrapped__(times=times)).train()
    world.deploy()
    world.beat(59)
    assert world.found() == []
    world.beat(60)
    assert world.found() == [("release_bypassed", "stop_the_line")]


def observed(**it: Any) -> dict[str, Any]:
    return {
        "deployment": ref("deployment", "risk-eu"),
        "model": ref("model", "risk", "3"),
        "predictions": 100,
        "evidence": {"origin": EVIDENCE, "first": 0, "last": 99},
        **it,
    }
