"""Investigations are analysed: when it began, what came before, and which cause is likeliest."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.alert_events import Log, deployed, event, micros, observed, ref

from auditspine.processors.alerts.likelihoods import CLASSES, LIKELIHOODS, PRIORS, Evidence, classes
from auditspine.processors.alerts.signs import Sign, Signs, change_times

PURE = settings(max_examples=60, deadline=None)


@pytest.fixture
def log() -> Log:
    return Log()


def defined(feature: str, version: str, dataset: str = "bureau") -> dict[str, Any]:
    inputs = [{"artifact": ref("dataset", dataset), "column": feature}]
    return {"feature": ref("feature", feature, version), "inputs": inputs}


def snapshotted(dataset: str, version: str) -> dict[str, Any]:
    return {
        "snapshot": ref("snapshot", f"{dataset}-{version}", version),
        "dataset": ref("dataset", dataset),
    }


def configured(version: str) -> dict[str, Any]:
    deployment = ref("deployment", "risk-eu")
    return {"configuration": ref("serving_configuration", "c", version), "deployment": deployment}


def analysed(said: list[tuple[str, Any]]) -> Any:
    """Give the analysis among what is said."""
    [found] = [body for name, body in said if name == "investigation.analysed"]
    return found


def moves(log: Log, feature: str = "dti", effect: float = 0.7, **it: Any) -> Any:
    """Let a feature move enough to be investigated; give the analysis."""
    return analysed(log.signal(feature, effect_size=effect, **it))


def test_a_unit_that_changed_with_the_definition_is_a_break_in_the_pipeline(log) -> None:
    log.minute = 0
    log.take("feature.defined", defined("dti", "3"))
    log.minute = 5_000
    log.take("feature.defined", defined("dti", "4"))
    log.minute = 5_010
    found = moves(log, effect=3.0)
    assert found.likeliest == "pipeline_break"
    assert found.classes[0].probability > 0.8
    assert found.revision == 0
    [change, first] = found.changes
    assert (change.relation, change.minutes_before) == ("feature", 5.0)
    assert (change.artifact.name, change.artifact.version) == ("dti", "4")
    assert first.artifact.version == "3"
    assert found.classes[0].evidence[0] == "feature.defined of feature dti 4, 5 minutes before"
    assert "5 minutes before" in found.detail


def test_nulls_are_a_matter_of_data_quality(log) -> None:
    log.deploy()
    log.minute = 3_000
    found = moves(log, "income", 0.4, kind="missing")
    assert found.likeliest == "data_quality"
    assert found.classes[0].evidence[0] == "income: values are missing or stuck"


def test_many_features_without_a_change_upstream_are_a_shift_of_the_population(log) -> None:
    for feature in ("dti", "income"):
        log.signal(feature)
    assert moves(log, "age").likeliest == "population_shift"


def test_errors_alone_are_degradation(log) -> None:
    assert moves(log, "", 0.1, kind="error", monitor="error").likeliest == "degradation"


@pytest.mark.parametrize(("kind", "monitor"), [("delay", "delay"), ("coverage", "sex.2.coverage")])
def test_outcomes_that_come_late_are_label_delay(log, kind, monitor) -> None:
    said = log.signal("", kind=kind, monitor=monitor)
    alert_id = said[0][1].alert_id
    found = analysed(log.escalate(alert_id, "review"))
    assert found.likeliest == "label_delay"


@pytest.mark.parametrize(
    ("kind", "monitor"),
    [
        ("threshold", "(threshold).changed"),
        ("decision", "approve.decision"),
        ("fairness", "sex.1-2.selection_rate"),
        ("rule", "no-loan-without-income"),
    ],
)
def test_decisions_that_move_without_scores_are_drift_of_the_policy(log, kind, monitor) -> None:
    log.deploy()
    log.minute = 3_000
    said = log.signal("", effect_size=0.01, kind=kind, monitor=monitor)
    if kind != "rule":
        said = log.escalate(said[0][1].alert_id, "stop_the_line")
    found = analysed(said)
    assert found.likeliest == "policy_drift"


def test_a_configuration_that_came_with_it_speaks_for_it_too(log) -> None:
    log.take("serving_configuration.changed", configured("1"))
    log.minute = 3_000
    log.take("serving_configuration.changed", configured("2"))
    log.minute = 3_010
    found = moves(log, "", 0.3, kind="decision", monitor="approve.decision")
    assert (found.likeliest, found.changes[0].relation) == ("policy_drift", "configuration")


def test_groups_are_called_by_numbers(log) -> None:
    found = moves(log, "", 0.3, kind="fairness", monitor="sex & age.1-2.score")
    assert found.groups == ("sex & age group 1", "sex & age group 2")


def test_other_people_are_a_shift_of_the_population(log) -> None:
    said = log.signal("", kind="group", monitor="sex.2.share")
    found = analysed(log.escalate(said[0][1].alert_id, "review"))
    assert (found.likeliest, found.groups) == ("population_shift", ("sex group 2",))
    assert "other people apply: sex group 2" in found.classes[0].evidence


def test_the_interval_is_that_of_the_signal(log) -> None:
    log.minute = 100
    times = {"change_earliest": micros(91), "change_latest": micros(94)}
    found = moves(log, ended_at=micros(99), **times)
    assert micros_of(found) == (micros(91), micros(94), micros(94))


def test_without_an_interval_it_began_in_the_window_of_the_signal(log) -> None:
    log.minute = 100
    found = moves(log, ended_at=micros(99), change_earliest=None, change_latest=None)
    assert micros_of(found) == (micros(95), micros(95), micros(99))


def micros_of(found: Any) -> tuple[int, ...]:
    times = (found.change_earliest, found.change_at, found.change_latest)
    return tuple(round(each.timestamp() * 1_000_000) for each in times)


def sign(monitor: str, earliest: int, began: int, latest: int) -> Sign:
    return Sign("e", "location", monitor, monitor, 1.0, earliest, began, latest, 0)


def test_intervals_that_overlap_are_one_change() -> None:
    signs = [sign("a", 10, 30, 50), sign("b", 20, 25, 40), sign("c", 100, 110, 190)]
    assert change_times(signs) == (20, 25, 40)
    assert change_times(signs[:1]) == (10, 30, 50)
    assert change_times([sign("a", 10, 30, 50), sign("b", 35, 36, 60)]) == (35, 36, 50)


def test_a_later_signal_that_tells_more_is_analysed_anew(log) -> None:
    first = moves(log)
    log.minute = 1
    again = analysed(log.signal("income", started_at=micros(-5)))
    assert (first.revision, again.revision) == (0, 1)
    assert again.features == ("dti", "income")
    assert again.investigation_id == first.investigation_id
    log.minute = 40
    assert log.signal("income") == []  # nothing new


def test_what_began_to_move_at_another_time_is_another_change(log) -> None:
    moves(log, change_earliest=micros(-6), change_latest=micros(-4), ended_at=micros(0))
    log.minute = 1
    other = {"change_earliest": micros(-30), "change_latest": micros(-20)}
    said = log.signal("income", started_at=micros(-25), ended_at=micros(1), **other)
    assert "investigation.analysed" not in [name for name, _ in said]


def test_that_a_deployment_begins_to_serve_explains_what_is_off_from_its_start_only(log) -> None:
    log.take("deployment.changed", deployed("3"))
    log.minute = 1
    log.take("serving.observed", observed("3", 5, 1, started_at=micros(0.5)))
    log.minute = 10
    later = {"change_earliest": micros(6), "change_latest": micros(8), "ended_at": micros(10)}
    assert moves(log, started_at=micros(7), **later).likeliest != "pipeline_break"
    start = {"change_earliest": micros(0.5), "change_latest": micros(2), "ended_at": micros(10)}
    found = moves(log, "income", started_at=micros(1), **start)
    assert found.likeliest == "pipeline_break"
    assert "deployment.changed" in found.classes[0].evidence[1]


def test_what_moves_long_after_is_not_of_the_alert(log) -> None:
    moves(log)
    log.minute = 200
    said = log.signal("income")
    assert "investigation.analysed" not in [name for name, _ in said]


def test_a_nearer_change_upstream_is_analysed_anew(log) -> None:
    log.take("feature.defined", defined("dti", "3"))
    log.minute = 3_000
    assert moves(log).likeliest != "pipeline_break"
    log.minute = 3_001
    log.take("feature.defined", defined("dti", "4"))
    log.minute = 3_040
    times = {"change_earliest": micros(2_999), "change_latest": micros(3_010)}
    again = analysed(log.signal(effect_size=0.9, **times))
    assert again.changes[0].artifact.version == "4"
    assert again.likeliest == "pipeline_break"


def test_an_investigation_is_analysed_sixteen_times_at_most(log) -> None:
    moves(log)
    for number in range(40):
        log.minute = 1 + number / 2
        log.signal(f"f{number}")
    own = [e for e in log.derived if e.event_type == "investigation.analysed"]
    of = {(e.body["investigation_id"], e.body["revision"]) for e in own}
    assert len(of) == len(own)
    assert max(revision for _, revision in of) == 15


def test_data_is_upstream_through_snapshots_and_runs(log) -> None:
    log.take("dataset.registered", {"dataset": ref("dataset", "raw")})
    run = {"run_id": "r-1", "inputs": [ref("dataset", "raw")], "features": []}
    log.take("run.started", run)
    log.take("run.completed", {"run_id": "r-1", "outputs": [ref("dataset", "bureau")]})
    log.take("feature.defined", defined("dti", "3"))
    log.minute = 3_000
    log.take("dataset.snapshotted", snapshotted("raw", "2"))
    log.take("dataset.snapshotted", snapshotted("elsewhere", "2"))
    log.take("dataset.registered", {"dataset": ref("dataset", "raw", "2")})
    log.minute = 3_010
    found = moves(log)
    shortly = [(e.relation, e.artifact.name) for e in found.changes if e.minutes_before < 60]
    assert shortly == [("source", "raw"), ("dataset", "raw-2")]


def test_training_data_is_upstream_of_the_model(log) -> None:
    model = {
        "model": ref("model", "risk", "3"),
        "run_id": "r-9",
        "training_snapshots": [ref("snapshot", "loans-1")],
        "labels": [],
    }
    log.take("model.registered", model)
    log.take("dataset.snapshotted", snapshotted("loans", "1"))
    log.minute = 3_000
    log.take("dataset.snapshotted", snapshotted("loans", "2"))
    log.minute = 3_010
    found = moves(log)
    assert found.changes[0].artifact.name == "loans-2"


def test_a_change_that_came_after_is_none_that_came_before(log) -> None:
    log.minute = 100
    log.take("feature.defined", defined("dti", "3"))
    found = moves(log, ended_at=micros(96))
    assert found.changes == ()


def test_the_same_model_that_is_as_before_elsewhere_speaks_against_other_people(log) -> None:
    other = ref("deployment", "risk-us")
    log.observe(deployment=other)
    log.observe()
    found = moves(log)
    quiet = "the same model is as before at another deployment"
    shift = next(each for each in found.classes if each.disposition == "population_shift")
    assert f"Against it: {quiet}" in shift.evidence


def test_what_serves_and_may_not_is_drift_of_the_policy(log) -> None:
    log.deploy()
    log.minute = 10
    log.observe("4")
    found = analysed(log.beat(30))
    assert found.likeliest == "policy_drift"
    assert found.features == ()
    assert found.detail.startswith("What risk-eu does moved between")


def test_the_table_in_the_documents_is_the_one_that_counts() -> None:
    text = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text("utf-8")
    rows = re.findall(r"^\|[^|\n]*((?:\| 0\.[0-9]{2} ){6})\|$", text, re.MULTILINE)
    told = [tuple(float(each) for each in row.split("|")[1:]) for row in rows]
    tables = [PRIORS, *LIKELIHOODS.values()]
    assert told == [tuple(each[name] for name in CLASSES) for each in tables]
    assert all(value >= 0.02 for each in tables for value in each.values())


names = st.sampled_from(sorted(LIKELIHOODS))


@given(st.lists(names, unique=True, max_size=12), st.randoms())
@PURE
def test_classes_are_all_named_and_add_up_to_one_in_any_order(found, random) -> None:
    seen = [Evidence(name, name) for name in found]
    whole = classes(seen)
    random.shuffle(seen)
    assert classes(seen) == whole
    assert sorted(each.disposition for each in whole) == sorted(CLASSES)
    assert sum(each.probability for each in whole) == pytest.approx(1, abs=1e-9)
    assert list(whole) == sorted(whole, key=lambda each: -each.probability)
    assert all(0 <= each.probability <= 1 for each in whole)


upstream = st.sampled_from(
    [
        ("feature.defined", defined("dti", "4")),
        ("feature.defined", defined("dti", "5")),
        ("feature.defined", defined("income", "2")),
        ("dataset.snapshotted", snapshotted("bureau", "2")),
        ("dataset.snapshotted", snapshotted("bureau", "3")),
        ("serving_configuration.changed", configured("2")),
    ]
)


@given(st.lists(upstream, min_size=1, max_size=6), st.randoms(use_true_random=False))
@PURE
def test_the_order_of_changes_of_one_time_does_not_matter(made, random) -> None:
    told = [event(900 + n, 3_000, kind, body) for n, (kind, body) in enumerate(made)]
    found = []
    for _ in range(2):
        log = Log()
        log.take("feature.defined", defined("dti", "3"))
        log.fold(told)
        log.minute = 3_010
        found.append(moves(log))
        random.shuffle(told)
    assert found[0] == found[1]


def test_signals_that_are_kept_are_bounded(log) -> None:
    for number in range(200):
        log.signal(f"f{number}")
    [stored] = [value for key, value in log.state.values.items() if key[:1] == b"z"]
    signs = Signs.decode(stored)
    assert len(signs.signs) == 64
    assert signs.encode() == stored


def test_what_is_upstream_of_the_model_alone_speaks_for_nothing(log) -> None:
    model = {
        "model": ref("model", "risk", "3"),
        "run_id": "r-9",
        "training_snapshots": [ref("snapshot", "loans-1")],
        "labels": [],
    }
    log.take("model.registered", model)
    log.take("dataset.snapshotted", snapshotted("loans", "1"))
    log.minute = 3_000
    log.take("dataset.snapshotted", snapshotted("loans", "2"))
    log.minute = 3_010
    told = {sentence for each in moves(log).classes for sentence in each.evidence}
    assert not [each for each in told if "snapshot" in each or "no change" in each]
