"""Questions about lineage, asked of the real engine; the answers were worked out by hand."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lineage_story import BUREAU, MODELS, event_id, lifecycle, predictions

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.errors import UnknownTenantError
from auditspine.auditor.lineage.errors import UnknownArtifactError
from auditspine.auditor.lineage.graph import Direction, effective_tags
from auditspine.auditor.lineage.prediction import find_predictions, origin_of
from auditspine.auditor.lineage.releases import compare, serving, versions
from auditspine.auditor.lineage.store import LineageStore, Moment

LEDGER_START = datetime.fromtimestamp(1_790_000_000, UTC)
BOTH_RELEASES = {
    *("dataset:loans@1", "snapshot:loans-2025@1", "labels:loans-default@1", "labeller:ops"),
    *("column:loans-2025/income@1", "column:loans-2025/default@1", "feature:dti@1"),
    "environment:uv.lock@1",
}
FIRST = BOTH_RELEASES | {"run:r1", "code:git/scoring@c1"}
SECOND = BOTH_RELEASES | {
    *("run:r2", "code:git/scoring@c2", "dataset:bureau@1", "snapshot:bureau-2025@1"),
    *("column:bureau-2025/score@1", "feature:bureau_score@1"),
}


def recorded(position: int) -> datetime:
    """When the ledger took the entry at a position of the lifecycle log."""
    return LEDGER_START + timedelta(milliseconds=position)


def occurred(number: int) -> datetime:
    """When event ``number`` happened, as it says itself."""
    return datetime(2026, 9, 21, 10, number, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(original, tools, tmp_path_factory):
    """The story landed in ClickHouse and folded into the graph."""
    with original.copied(views=True) as world:
        log = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
        values = lifecycle()
        world.load(log, tools.sign(tools.everything, "acme", "scorer", log.topic, values))
        world.project(log, tmp_path_factory.mktemp("state"))
        made = tools.Log("local/c/inference/0", "auditspine.inference")
        pairs = tools.sign(tools.everything, "acme", "scorer", made.topic, predictions())
        world.load(made, pairs, now=tools.now + 1000)
        yield world


def labels(graph) -> set[str]:
    return {node.label for node_id, node in graph.nodes.items() if node_id not in graph.roots}


def view(world, sql: str) -> list[tuple]:
    return [tuple(row) for row in world.client.query(sql).result_rows]


def test_a_model_came_of_exactly_its_data_code_and_features(told) -> None:
    store = LineageStore(told.client, "acme")
    for version, expected in (("1", FIRST), ("2", SECOND)):
        model = store.find(f"model:scorer@{version}")
        assert labels(store.reach([model.node_id], Direction.UPSTREAM)) == expected
        rows = view(
            told,
            "SELECT concat(kind, ':', name, if(node_version = '', '', concat('@', node_version)))"
            f" FROM lineage_upstream(tenant = 'acme', kind = 'model', name = 'scorer',"
            f" version = '{version}') WHERE depth > 0",
        )
        assert {row[0] for row in rows} == expected


def test_a_prediction_is_traced_through_its_deployment_to_exact_digests(told) -> None:
    store = LineageStore(told.client, "acme")
    [prediction] = find_predictions(told.client, "acme", "p2")
    origin = origin_of(store, prediction)
    decided = {f"approval:{event_id(18)}", "evaluation:scorer-2-report@1"}
    found = {node.label for node in origin.graph.nodes.values()}
    assert found == SECOND | decided | {"model:scorer@2", "deployment:scorer-eu@2"}
    assert origin.remarks == ()
    bureau = next(n for n in origin.graph.nodes.values() if n.label == "snapshot:bureau-2025@1")
    assert bureau.marks["rows"].value == "900"
    dataset = next(n for n in origin.graph.nodes.values() if n.label == "dataset:bureau@1")
    assert f"sha256:{dataset.sha256}" == BUREAU["digest"]
    assert dataset.marks["flagged"].detail == "the licence ends"


def test_a_prediction_that_its_deployment_did_not_serve_is_remarked_on(told) -> None:
    store = LineageStore(told.client, "acme")
    [prediction] = find_predictions(told.client, "acme", "p3")
    origin = origin_of(store, prediction)
    assert [remark for remark in origin.remarks if "served another model" in remark]
    assert "dataset:bureau@1" not in {node.label for node in origin.graph.nodes.values()}


def test_what_came_of_a_dataset_a_column_and_a_feature(told) -> None:
    store = LineageStore(told.client, "acme")
    of_model = {
        *("run:r2", "model:scorer@2", "evaluation:scorer-2-report@1", "deployment:scorer-eu@2"),
        f"approval:{event_id(18)}",
    }
    of_column = of_model | {"feature:bureau_score@1"}
    of_dataset = of_column | {"snapshot:bureau-2025@1", "column:bureau-2025/score@1"}
    for reference, expected in (
        ("feature:bureau_score", of_model),
        ("column:bureau-2025/score", of_column),
        ("dataset:bureau", of_dataset),
    ):
        node = store.find(reference)
        assert labels(store.reach([node.node_id], Direction.DOWNSTREAM)) == expected
        rows = view(
            told,
            "SELECT concat(kind, ':', name, if(node_version = '', '', concat('@', node_version)))"
            f" FROM lineage_downstream(tenant = 'acme', kind = '{node.kind}',"
            f" name = '{node.name}', version = '1') WHERE depth > 0",
        )
        assert {row[0] for row in rows} == expected


def test_models_on_a_deprecated_feature(told) -> None:
    rows = view(
        told,
        "SELECT model_name, model_version, feature_name, review_status, deprecated_by"
        " FROM models_on_deprecated_features",
    )
    assert rows == [("scorer", "2", "bureau_score", "accepted", "iris")]


def test_live_deployments_on_a_flagged_source(told) -> None:
    rows = view(
        told,
        "SELECT environment, deployment, model_version, source_kind, source_name, reason"
        " FROM deployments_on_flagged_sources",
    )
    assert rows == [("production", "scorer-eu", "2", "dataset", "bureau", "the licence ends")]


@pytest.mark.parametrize(
    ("moment", "version", "approver"),
    [
        (Moment(recorded=recorded(12)), "1", "ruth"),
        (Moment(recorded=recorded(18)), "1", "ruth"),
        (Moment(recorded=recorded(19)), "2", "omar"),
        (Moment(occurred=occurred(18)), "1", "ruth"),
        (Moment(occurred=occurred(30)), "2", "omar"),
    ],
)
def test_what_was_in_production_and_on_whose_approval(told, moment, version, approver) -> None:
    [row] = serving(told.client, "acme", "scorer-eu", moment=moment)
    assert (row["model_version"], row["approved_by"]) == (version, approver)
    assert row["changed_by"] == "deployer"
    assert row["approval_is_for_this_digest"]
    assert row["model_digest"] == MODELS[version]["digest"]


def test_nothing_was_in_production_before_the_first_deployment(told) -> None:
    assert serving(told.client, "acme", "scorer-eu", moment=Moment(recorded=recorded(11))) == []


def test_lineage_as_of_a_moment_knows_nothing_later(told) -> None:
    for moment in (Moment(recorded=recorded(13)), Moment(occurred=occurred(13))):
        store = LineageStore(told.client, "acme", moment)
        bureau = store.find("dataset:bureau")
        assert "flagged" not in bureau.marks
        assert labels(store.reach([bureau.node_id], Direction.DOWNSTREAM)) == {
            *("snapshot:bureau-2025@1", "column:bureau-2025/score@1", "feature:bureau_score@1")
        }


def test_what_changed_between_two_releases(told) -> None:
    store = LineageStore(told.client, "acme")
    diff = compare(store, store.find("model:scorer@1"), store.find("model:scorer@2"))
    assert {node.label for node in diff.removed} == FIRST - SECOND
    assert {node.label for node in diff.added} == SECOND - FIRST
    assert diff.shared == len(BOTH_RELEASES)
    assert [(c.name, c.before, c.after) for c in diff.params] == [("learning_rate", "0.1", "0.2")]
    assert [(c.name, c.before, c.after) for c in diff.metrics] == [("auc", "0.71", "0.72")]
    rows = view(
        told,
        "SELECT change, name, node_version FROM release_diff(tenant = 'acme', name = 'scorer',"
        " before = '1', after = '2') WHERE kind = 'run' ORDER BY change",
    )
    assert rows == [("only after", "r2", ""), ("only before", "r1", "")]


def test_why_a_model_was_trained_anew(told) -> None:
    first, second = versions(told.client, "acme", "scorer")
    assert (first["trigger"], first["previous_version"], first["cause_type"]) == ("request", "", "")
    assert (second["trigger"], second["reason"]) == ("drift", "the score drifted")
    assert (second["cause_type"], second["caused_by"]) == ("dataset.flagged", "iris")


def test_a_model_is_as_restricted_as_what_it_was_trained_on(told) -> None:
    store = LineageStore(told.client, "acme")
    model = store.find("model:scorer@2")
    tags = effective_tags(store.reach([model.node_id], Direction.UPSTREAM))
    assert tags[model.node_id].sensitivity == "restricted"  # loans-2025 has a restricted column
    assert tags[model.node_id].regulatory_domains == {"fcra"}
    income = store.find("column:loans-2025/income")
    assert tags[income.node_id].sensitivity == "confidential"


def test_an_unknown_artifact_is_answered_with_near_names(told) -> None:
    store = LineageStore(told.client, "acme")
    with pytest.raises(UnknownArtifactError, match="model:scorer@2") as error:
        store.find("model:scorr")
    assert "model:scorer@2" in error.value.near
    with pytest.raises(UnknownArtifactError, match="stands for 2 artifacts"):
        store.find("model:scorer")
    assert store.find("sha256:" + MODELS["2"]["digest"][7:19]).label == "model:scorer@2"
    assert store.find("scorer@2").label == "model:scorer@2"


def test_a_tenant_is_chosen_when_it_is_the_only_one(told) -> None:
    assert choose_tenant(told.client, None) == "acme"
    with pytest.raises(UnknownTenantError, match="acme"):
        choose_tenant(told.client, "globex")
