"""Grants, reviews and the inventory from the command line, on the real stack."""

import json
import signal

import pytest
from tests.integration.cli.cli_stack import Stack, event
from tests.waiting import await_true

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.settings import load_settings

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack
SCOPE = {
    "domains": ["credit"],
    "environments": ["production"],
    "max_sensitivity": "restricted",
    "namespace": "",
    "network": "",
}


def said(event_type: str, by: str, **body) -> str:
    content = json.loads(event(event_type, **body))
    content["envelope"]["actor"] = {"principal": by, "kind": "person"}
    content["envelope"]["workload"]["namespace"] = ""
    return json.dumps(content)


def granted(grant_id: str, principal: str, role: str) -> str:
    grant = {"grant_id": grant_id, "principal": principal, "role": role, "scope": SCOPE}
    return said("role.granted", "admin", **grant)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack on which three people have roles, and one reads without."""
    running = Stack(tmp_path_factory.mktemp("access")).start()
    assert running.run("tenants", "register", "acme")[0] == 0
    for producer in ("scorer", "reviewer"):
        assert running.run("keys", "create", producer)[0] == 0
        assert running.run("keys", "register", producer, "--tenant", "acme")[0] == 0
    lines = [
        said("dataset.registered", "ana"),
        said("model.registered", "tina"),
        granted("g-ana", "ana", "data_reader"),
        granted("g-tina", "tina", "trainer"),
        granted("g-idle", "ida", "auditor"),
        said("artifact.accessed", "ana", sensitivity="internal"),
        said("artifact.accessed", "eve"),
    ]
    code, out, err = running.run("publish", "--wait", stdin="\n".join(lines))
    assert code == 0, out + err
    await_true(lambda: len(verdicts(running)) == 2, "both accesses are judged")
    await_true(lambda: ask(running, "inventory") != [], "the graph is there")
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def verdicts(stack) -> dict[str, str]:
    query = "SELECT principal, verdict FROM access_verdicts FINAL"
    code, out, _ = stack.run("sql", query, "--json")
    rows = [json.loads(line) for line in out.splitlines()] if code == 0 else []
    return {row["principal"]: row["verdict"] for row in rows}


def ask(stack, *arguments: str):
    code, out, _ = stack.run(*arguments, "--json")
    return json.loads(out) if code == 0 else []


def test_each_access_is_held_against_the_grants(stack) -> None:
    assert verdicts(stack) == {"ana": "allowed", "eve": "access_without_grant"}
    query = "SELECT subject FROM findings FINAL WHERE kind = 'access_without_grant'"
    assert json.loads(stack.run("sql", query, "--json")[1])["subject"] == "eve"


def test_grants_are_listed_now_and_as_of_a_time(stack) -> None:
    now = {row["grant"]: row for row in ask(stack, "access", "grants")}
    assert set(now) == {"g-ana", "g-tina", "g-idle"}
    assert now["g-ana"]["uses"] == 1
    assert ask(stack, "access", "grants", "--recorded", "2026-01-01") == []
    code, out, _ = stack.run("access", "grants")
    assert code == 0
    assert "data_reader" in out


def test_a_review_is_opened_decided_and_takes_effect(stack) -> None:
    code, out, err = stack.run(
        "access", "review", "--open", "r-1", "--reviewer", "head", "--due", "2030-01-01"
    )
    assert code == 0, err
    assert "review r-1 is open: 3 grants" in out
    shown = {row["grant"]: row for row in ask(stack, "access", "review")["grants"]}
    assert shown["g-ana"]["assessment"] == "excessive: reaches restricted, used up to internal"
    assert shown["g-idle"]["assessment"] == "not used yet"
    decided = (("g-ana", "keep"), ("g-tina", "keep"), ("g-idle", "revoke"))
    for grant, decision in decided:
        code, _, err = stack.run(
            *("access", "decide", "r-1", grant, decision),
            *("--rationale", "looked at", "--reviewer", "head"),
        )
        assert code == 0, err

    def closed() -> bool:
        query = "SELECT toString(closed_at) AS at FROM access_reviews FINAL"
        return json.loads(stack.run("sql", query, "--json")[1])["at"] is not None

    await_true(closed, "the review is closed")
    standing = {row["grant"]: row["standing"] for row in ask(stack, "access", "grants")}
    assert standing == {"g-ana": "active", "g-tina": "active", "g-idle": "revoked"}


def test_the_inventory_says_what_is_missing(stack) -> None:
    found = {(row["kind"], row["name"], row["version"]): row for row in ask(stack, "inventory")}
    assert found["identity", "eve", ""]["missing"] == ["no role is granted"]
    assert found["identity", "ana", ""]["missing"] == []
    dataset = found["dataset", "hmda-boston", "1996"]
    assert dataset["about"]["owner"] == "data-office@acme.example"
    assert dataset["missing"] == ["not classified"]
    model = found["model", "mortgage-risk", "3"]["missing"]
    assert {"no passed validation", "no explanation", "no approval"} <= set(model)
    code, out, _ = stack.run("inventory", "--missing")
    assert code == 0
    assert "lack something" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("access", "review", "--open", "r-2"), "--open needs --reviewer and --due"),
        (
            ("access", "review", "--open", "r-2", "--reviewer", "head", "--due", "soon"),
            "--due: expected a time",
        ),
        (("access", "grants", "--tenant", "nobody"), "tenant nobody is not known here"),
    ],
)
def test_wrong_calls_are_explained(stack, arguments, message) -> None:
    code, _, err = stack.run(*arguments)
    assert code == 2
    assert message in " ".join(err.split())


def test_the_access_projection_is_rebuilt_row_for_row(stack) -> None:
    client = clickhouse_client(load_settings(data_dir=stack.data))
    try:
        client.command(
            "INSERT INTO access_verdicts SELECT * REPLACE ('allowed' AS verdict) "
            "FROM access_verdicts FINAL WHERE principal = 'eve'"
        )
        assert stack.run("rebuild", "access", "--check")[0] == 1
        assert stack.run("rebuild", "access")[0] == 0
        assert verdicts(stack)["eve"] == "access_without_grant"
    finally:
        client.close()


def test_a_changed_policy_judges_the_log_anew(stack) -> None:
    policy = stack.root / "roles.cedar"
    policy.write_text('permit (principal == Role::"trainer", action, resource);')
    changed = {"AUDITSPINE_ACCESS_POLICY": str(policy)}
    code, _, err = stack.run("rebuild", "access", "--check", **changed)
    assert code == 1, err
    policy.write_text("permit (nonsense")
    code, _, err = stack.run("rebuild", "access", "--check", **changed)
    assert code == 2
    assert "the access policy is not Cedar" in err
