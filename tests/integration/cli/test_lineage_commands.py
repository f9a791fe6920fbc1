"""Lineage from the command line, on the real stack: published, sealed, folded, asked for."""

import json
import signal
import subprocess

import pytest
from tests.integration.cli.cli_stack import COMMAND, Stack, event
from tests.waiting import await_true

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.settings import load_settings
from auditspine.schemas.examples import example

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack
TYPES = (
    *("dataset.registered", "dataset.snapshotted", "labels.applied", "feature.defined"),
    *("run.started", "run.completed", "model.registered", "validation.reported"),
    *("approval.decided", "deployment.changed", "lineage_tag.set", "dataset.flagged"),
    *("feature.deprecated", "artifact.accessed"),
)

REMARK = "cited, but never registered: snapshot:hmda-boston-validation@1"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack with the life of the example model on it, landed and folded."""
    running = Stack(tmp_path_factory.mktemp("lineage")).start()
    assert running.run("tenants", "register", "acme")[0] == 0
    assert running.run("keys", "create", "scorer")[0] == 0
    assert running.run("keys", "register", "scorer", "--tenant", "acme")[0] == 0
    story = [json.loads(event(event_type)) for event_type in TYPES]
    approved = json.loads(example("approval.decided"))["envelope"]["event_id"]
    story[TYPES.index("approval.decided")]["envelope"]["event_id"] = approved
    lines = "\n".join(map(json.dumps, story))
    code, out, err = running.run("publish", "--wait", "--json", stdin=lines)
    assert code == 0, out + err
    code, out, err = running.run("publish", "--wait", stdin=event(prediction_id="p-1"))
    assert code == 0, out + err
    await_true(lambda: running.count("p-1") == 1, "the prediction has landed")
    await_true(lambda: traced(running)["remarks"] == [REMARK], "the graph is complete")
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def traced(stack, subject: str = "p-1") -> dict:
    code, out, _ = stack.run("trace", subject, "--json")
    return json.loads(out) if code == 0 else {"remarks": ["not there yet"]}


def ask(stack, *arguments: str) -> dict:
    code, out, err = stack.run(*arguments, "--json")
    assert code in (0, 1), err
    return json.loads(out)


def test_a_prediction_is_traced_to_its_dataset(stack) -> None:
    found = traced(stack)
    named = {(node["kind"], node["name"]) for node in found["nodes"]}
    assert named >= {("dataset", "hmda-boston"), ("run", "run-2026-11-25-01")}
    dataset = next(node for node in found["nodes"] if node["kind"] == "dataset")
    expected = json.loads(example("dataset.registered"))["body"]["dataset"]["digest"]
    assert f"sha256:{dataset['sha256']}" == expected
    assert dataset["marks"]["flagged"]["detail"] == "The licence ends with the year"
    code, out, _ = stack.run("trace", "p-1")
    assert code == 0
    assert "flagged by" in out
    assert "taken from dataset hmda-boston" in out


def test_the_impact_of_a_flagged_source_reaches_the_live_deployment(stack) -> None:
    found = ask(stack, "impact", "--flagged")["subject"]
    assert [row["deployment"] for row in found["live_deployments"]] == ["mortgage-risk-eu"]
    assert ask(stack, "impact", "--deprecated")["subject"]["models"] == ["model:mortgage-risk@3"]
    code, out, _ = stack.run("impact", "column:hmda-boston-train/dir")
    assert code == 0
    assert "1 live on it" in out


def test_history_says_who_deployed_and_who_approved(stack) -> None:
    found = ask(stack, "history", "mortgage-risk")
    [served] = found["serving"]
    assert served["model_version"] == "3"
    assert served["approval_is_for_this_digest"]
    assert found["versions"][0]["run_id"] == "run-2026-11-25-01"
    code, out, _ = stack.run("history")
    assert code == 0
    assert "mortgage-risk-eu" in out


def test_the_releases_of_a_model_are_compared(stack) -> None:
    code, out, _ = stack.run("diff", "model:mortgage-risk@2", "model:mortgage-risk@3")
    assert code == 1
    assert "+ snapshot hmda-boston-train" in out
    assert stack.run("diff", "mortgage-risk@3", "mortgage-risk@3")[0] == 0


def test_lineage_is_drawn(stack) -> None:
    code, out, _ = stack.run("trace", "model:mortgage-risk@3", "--dot")
    assert code == 0
    assert out.startswith("digraph lineage {")
    code, _, err = stack.run("impact", "dataset:hmda-boston", "--html", "impact.html")
    assert code == 0
    assert "impact.html" in err
    assert "mortgage-risk" in (stack.root / "impact.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trace", "model:mortgage-rsk"), "did you mean model:mortgage-risk@3"),
        (("trace", "model:mortgage-risk"), "stands for 2 artifacts"),
        (("trace", "no-such-prediction"), "no prediction has the id no-such-prediction"),
        (("trace", "p-1", "--tenant", "globex"), "tenant globex is not known here"),
        (("trace", "p-1", "--recorded", "yesterday"), "--recorded: expected a time"),
        (("trace", "p-1", "--json", "--dot"), "give one of --json, --dot"),
        (("trace", "p-1", "--html", "no/such/folder.html"), "cannot be written"),
        (("impact",), "give one artifact, or --deprecated, or --flagged"),
        (("history", "nobody"), "no deployment or model is called nobody"),
    ],
)
def test_wrong_questions_are_explained(stack, arguments, said) -> None:
    code, _, err = stack.run(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


def test_a_rebuild_equals_the_live_projection_row_for_row(stack) -> None:
    for projection in ("lineage", "access"):
        found = ask(stack, "rebuild", projection, "--check")
        assert [(t["missing"], t["surplus"], t["altered"]) for t in found["tables"]] == [
            (0, 0, 0)
        ] * len(found["tables"])
        assert {log["state_differing"] for log in found["logs"]} == {0}
        assert sum(t["rows"] for t in found["tables"]) > 0


def test_rows_that_were_changed_are_found_and_put_right(stack) -> None:
    client = clickhouse_client(load_settings(data_dir=stack.data))
    try:
        client.command(
            "INSERT INTO lineage_nodes SELECT * REPLACE ('forged' AS artifact_name, "
            "generateUUIDv4() AS node_id) FROM lineage_nodes FINAL LIMIT 1"
        )
        client.command("DELETE FROM lineage_edges WHERE relation = 'trained_on'")
        client.command(
            "INSERT INTO lineage_marks SELECT * REPLACE ('public' AS value) FROM lineage_marks "
            "FINAL WHERE mark = 'sensitivity' LIMIT 1"
        )
        tables = {t["table"]: t for t in ask(stack, "rebuild", "lineage", "--check")["tables"]}
        assert stack.run("rebuild", "lineage", "--check")[0] == 1
        assert tables["lineage_nodes"]["surplus"] == 1
        assert tables["lineage_edges"]["missing"] == 2
        assert tables["lineage_marks"]["altered"] == 1
        code, out, err = stack.run("rebuild", "lineage")
        assert code == 0, err
        assert "put right" in out
        assert stack.run("rebuild", "lineage", "--check")[0] == 0
        left = client.query("SELECT name FROM system.tables WHERE startsWith(name, 'rebuild_')")
        assert left.result_rows == []
    finally:
        client.close()


def test_an_interrupted_rebuild_has_changed_nothing_and_is_run_again(stack) -> None:
    with subprocess.Popen(
        [*COMMAND, "rebuild", "lineage", "--data-dir", str(stack.data)],
        stderr=subprocess.PIPE,
        text=True,
    ) as going:
        assert going.stderr is not None
        going.stderr.readline()  # it has begun
        going.kill()
    assert stack.run("rebuild", "lineage", "--check")[0] == 0
