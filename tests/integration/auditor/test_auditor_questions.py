"""Every question runs on the real database, and finds what was recorded."""

import pytest

from auditspine.auditor.questions import QUESTIONS

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


@pytest.fixture(scope="module")
def told(original, tools):
    """The store with the lifecycle of the model that the predictions name."""
    with original.copied(views=True) as world:
        log = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
        world.load(
            log, tools.sign(tools.everything, "acme", "scorer", log.topic, tools.lifecycle_values())
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
