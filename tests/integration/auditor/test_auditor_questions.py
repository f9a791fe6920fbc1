"""Every question runs on the real database, and finds what was recorded."""

import base64
import json
from uuid import UUID

import pytest

from auditspine.auditor.questions import QUESTIONS
from auditspine.processors.release.tables import DEPLOYMENTS
from auditspine.schemas.examples import example

VALUES = {
    "tenant": "acme",
    "digest": "ab" * 32,
    "run_id": "r-1",
    "model": "credit",
    "version": "1",
    "environment": "production",
    "limit": 5,
    "prediction_id": "p3",
}
MODEL = {"kind": "model", "name": "credit", "version": "1", "digest": "sha256:" + "ab" * 32}
SERVED = {
    "kind": "deployment",
    "name": "credit-eu",
    "version": "1",
    "digest": "sha256:" + "d1" * 32,
}


def assessed(tools) -> bytes:
    """Give the contract's example of an assessment, of the model here."""
    body = json.loads(example("bias.assessed"))["body"]
    return tools.event("bias.assessed", {**body, "model": MODEL}, workload="release")


def said_of_releases(tools) -> tuple[list[bytes], list[bytes]]:
    """Give what a tenant says of a release that rests on an exception, and what follows."""
    event = tools.event
    granted = event(
        "exception.granted",
        {
            "exception_id": "exc-41",
            "subject": MODEL,
            "environment": "staging",
            "rules": ["explained"],
            "compensating_control": "a person looks at each rejection",
            "role": "release_approver",
            "expires_at": "2027-01-01T00:00:00Z",
            "signature": {
                "public_key": base64.b64encode(b"\7" * 32).decode(),
                "envelope": "{}",
                "id_token": "x.y.z",
            },
        },
    )
    deployed = {
        "deployment": SERVED,
        "model": MODEL,
        "environment": "staging",
        "action": "deployed",
        "traffic_share": 1.0,
        "approval_event_id": None,
        "replaces": None,
    }
    around = event("deployment.changed", {**deployed, "decision_id": "decision-made-up"})
    around_id = tools.event_id_of("deployment.changed", around)
    rule = {"rule": "enough_approvals", "result": "passed", "reason": "2", "evidence": []}
    waived = {**rule, "rule": "explained", "result": "waived", "reason": "nobody explained it"}
    decided = event(
        "decision.made",
        {
            "decision_id": "decision-1",
            "request_id": around_id,
            "model": MODEL,
            "environment": "staging",
            "outcome": "allow",
            "cause": "requested",
            "risk_class": "high",
            "rules": [rule, {**waived, "exception_id": "exc-41"}],
            "exceptions": ["exc-41"],
            "positions": [{"origin": "local/c/lifecycle/0", "size": 5}],
            "reason": "credit 1 may be deployed to staging",
        },
        workload="release",
    )
    found = {
        "finding_id": "finding-1",
        "tier": "stop_the_line",
        "model": MODEL,
        "deployment": SERVED,
        "environment": "staging",
        "owner": "model-risk",
        "evidence": [around_id],
        "title": "credit-eu serves credit 1 in staging, which no decision allows",
    }
    findings = [
        event("finding.raised", {**found, "kind": kind}, workload="release")
        for kind in ("release_bypassed", "exception_expiring")
    ]
    return [granted, around], [decided, *findings, assessed(tools)]


def deployment_rows(tools) -> list[tuple]:
    """Give a deployment that rests on an exception, and one that rests on none."""
    return [
        (
            *("local/c/lifecycle/0", "acme", at, UUID(int=at), tools.now, "credit-eu"),
            *(b"\xd1" * 32, "credit", "1", b"\xab" * 32, "staging", "deployed", "decision-1"),
            *(exceptions, "allowed", 1),
        )
        for at, exceptions in ((4, ["exc-41"]), (5, []))
    ]


@pytest.fixture(scope="module")
def told(original, tools):
    """The store with the lifecycle of the model that the predictions name."""
    with original.copied(views=True) as world:
        log = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
        said, derived = said_of_releases(tools)
        told = [*tools.lifecycle_values(), *said]
        world.load(log, tools.sign(tools.everything, "acme", "scorer", log.topic, told))
        world.load(log, tools.sign(tools.release, "acme", "release", log.topic, derived))
        world.client.insert(
            "release_deployments", deployment_rows(tools), column_names=DEPLOYMENTS.columns
        )
        access = tools.Log("local/c/access/0", "auditspine.access")
        world.load(
            access, tools.sign(tools.everything, "acme", "scorer", access.topic, [tools.access()])
        )
        inference = tools.Log("local/c/inference/0", "auditspine.inference")
        values = [tools.prediction(i) for i in range(8)]
        pairs = tools.sign(tools.producer, "acme", "scorer", inference.topic, values)
        world.load(inference, [*pairs, (values[0], b"")])
        yield world


def ask(world, name):
    question = QUESTIONS[name]
    parameters = {key: VALUES[key] for key in question.parameters}
    return list(world.client.query(question.sql, parameters=parameters).named_results())


def test_the_store_of_these_tests_is_sound(told):
    assert told.verify().outcome.name == "VERIFIED"


def test_who_touched_an_artifact(told):
    rows = ask(told, "who-touched")
    assert [(r["workload_name"], r["operation"], r["times"]) for r in rows] == [
        ("scorer", "read", 1)
    ]


def test_a_run(told):
    assert {"model.registered", "dataset.snapshotted"} <= {
        row["event_type"] for row in ask(told, "run")
    }


def test_a_models_life(told):
    assert [(r["event_type"], r["what"]) for r in ask(told, "model-life")] == [
        ("model.registered", ""),
        ("approval.decided", "approved"),
        ("deployment.changed", "deployed"),
        ("exception.granted", ""),
        ("deployment.changed", "deployed"),
        ("decision.made", "allow"),
        ("finding.raised", ""),
        ("finding.raised", ""),
        ("bias.assessed", ""),
    ]


def test_what_is_in_quarantine(told):
    rows = ask(told, "quarantine")
    assert [(r["verdict"], r["entries"]) for r in rows] == [("bad_signature", 1)]


def test_what_is_in_production_and_who_approved_it(told):
    (row,) = ask(told, "in-production")
    assert (row["model"], row["version"], row["approved_by"]) == ("credit", "1", "svc")
    assert row["approval_problem"] == ""
    assert row["validations"] == ["sha256:" + "ee" * 32]


def test_the_predictions_of_a_model(told):
    assert len(ask(told, "predictions-of")) == 5


def test_from_a_prediction_to_its_training_data(told):
    (row,) = ask(told, "trained-on")
    assert row["snapshot_digest"] == "sha256:" + "cd" * 32
    assert (row["dataset"], row["row_count"]) == ("hmda", 2381)


def test_how_a_model_was_decided_on(told):
    (row,) = ask(told, "decided")
    assert (row["decision_id"], row["outcome"], row["environment"]) == (
        "decision-1",
        "allow",
        "staging",
    )
    assert (row["passed"], row["not_passed"]) == (1, ["explained waived: nobody explained it"])


def test_what_rests_on_an_exception_and_who_granted_it(told):
    (row,) = ask(told, "on-exceptions")
    assert (row["deployment"], row["exception_id"], row["rules"]) == (
        "credit-eu",
        "exc-41",
        ["explained"],
    )
    assert (row["granted_by"], row["compensating_control"]) == (
        "svc",
        "a person looks at each rejection",
    )


def test_what_went_around_the_gate(told):
    (row,) = ask(told, "bypassed")
    assert (row["kind"], row["deployment"], row["deployed_by"]) == (
        "release_bypassed",
        "credit-eu",
        "svc",
    )
    assert row["decision_id"] == "decision-made-up"


def test_how_far_groups_lie_apart(told):
    (row,) = ask(told, "gaps")
    assert (row["attribute"], row["groups"], row["measure"]) == ("sex", "1-2", "selection_rate")
    assert (row["gap"], row["low"], row["high"], row["ratio"]) == (0.025, 0.0161, 0.0339, 0.965)
