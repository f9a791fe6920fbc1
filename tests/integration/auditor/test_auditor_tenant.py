"""One tenant's content in a database of its own, beside everybody's entries."""

import json
from copy import deepcopy

import pytest
from typer.testing import CliRunner

from auditspine.auditor.core.defects import Kind
from auditspine.auditor.report import Outcome, report_to_json
from auditspine.cli.main import app

ORIGIN = "local/c/inference/0"
OTHERS = "SELECT position FROM entries WHERE origin = '{origin}' AND tenant NOT IN ('acme', '-')"
TAIL = 38  # position of the newest event of acme in the log below


def named(report):
    return {(d.kind, d.origin, d.first, d.last, d.table, d.column) for d in report.defects}


def leave_only_acme(world, origin):
    for table in ("evidence", "quarantine"):
        others = OTHERS.format(origin=origin)
        world.alter(
            f"ALTER TABLE {table} DELETE WHERE origin = '{origin}' AND position IN ({others})"
        )


@pytest.fixture(scope="module")
def divided(original, tools):
    """A world with a log of two tenants by turns, and of each and nobody an entry in quarantine."""
    log = tools.Log(ORIGIN, "auditspine.inference")
    mine = [tools.prediction(i) for i in range(20)]
    theirs = [tools.prediction(i, "globex") for i in range(20)]
    pairs = zip(
        tools.sign(tools.producer, "acme", "scorer", log.topic, mine),
        tools.sign(tools.other, "globex", "scorer", log.topic, theirs),
        strict=True,
    )
    mixed = [pair for both in pairs for pair in both]
    mixed[12] = (mixed[12][0] + b"!", mixed[12][1])
    mixed[13] = (mixed[13][0] + b"!", mixed[13][1])
    mixed[15] = (mixed[15][0], b"")
    with original.copied() as world:
        world.load(log, mixed)
        leave_only_acme(world, ORIGIN)
        yield world, log


@pytest.fixture
def world(divided):
    with divided[0].copied() as made:
        yield made


@pytest.fixture
def shared(divided):
    """Give the log of both in this test's world."""
    return deepcopy(divided[1])


def passed_off(world, position):
    """Give an entry of acme to another tenant's new producer, and remove its content."""
    where = f"WHERE origin = '{ORIGIN}' AND position = {position}"
    columns = "tenant = 'globex', producer = 'new', public_key = 'k', sequence = 1"
    world.alter(f"ALTER TABLE entries UPDATE {columns} {where}")
    world.alter(f"ALTER TABLE evidence DELETE {where}")


def test_one_tenants_content_is_verified(world, shared):
    report = world.verify(tenant="acme")
    assert report.defects == ()
    assert report.not_checked == ()
    assert report.outcome is Outcome.VERIFIED
    assert report.basis.columns
    assert (report.basis.tenant, report.basis.by_hash) == ("acme", 20)
    assert {log.topic: log.by_hash for log in report.logs} == {
        shared.topic: 20,
        world.control.topic: 0,
    }
    assert report_to_json(report)["basis"]["by_hash"] == 20


def test_everybodys_content_is_not_there(world, shared):
    assert {d.kind for d in world.verify().defects} == {Kind.MISSING}


def test_typed_columns_of_the_tenant_are_compared(world, shared):
    world.alter(
        "ALTER TABLE evidence UPDATE body = replace(body, 'approve', 'decline') "
        f"WHERE origin = '{ORIGIN}' AND position = 6"
    )
    assert named(world.verify(tenant="acme")) == {
        (Kind.ALTERED_COLUMN, ORIGIN, 6, 6, "evidence", "body")
    }


def test_content_of_the_tenant_must_be_there(world, shared):
    world.alter(f"ALTER TABLE evidence DELETE WHERE origin = '{ORIGIN}' AND position = 6")
    assert named(world.verify(tenant="acme")) == {(Kind.MISSING, ORIGIN, 6, 6, "evidence", "")}


def test_an_entry_passed_off_as_anothers_leaves_a_hole(world, shared):
    passed_off(world, 6)
    assert named(world.verify(tenant="acme")) == {
        (Kind.ALTERED_COLUMN, ORIGIN, 8, 8, "entries", "flags")
    }


def test_the_newest_entry_passed_off_as_anothers_is_one_that_a_heartbeat_lists(
    world, shared, tools
):
    lifecycle = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
    beats = [tools.heartbeat(1, shared.topic, 20)]
    world.load(lifecycle, tools.sign(tools.producer, "acme", "scorer", lifecycle.topic, beats))
    assert world.verify(tenant="acme").outcome is Outcome.VERIFIED
    passed_off(world, TAIL)
    assert named(world.verify(tenant="acme")) == {
        (Kind.WITHHELD, lifecycle.origin, 0, 0, "entries", "sequence")
    }


def test_an_entry_passed_off_as_the_tenants_has_no_content(world, shared):
    world.alter(
        f"ALTER TABLE entries UPDATE tenant = 'acme' WHERE origin = '{ORIGIN}' AND position = 7"
    )
    assert named(world.verify(tenant="acme")) == {(Kind.MISSING, ORIGIN, 7, 7, "evidence", "")}


def test_another_tenants_entry_is_held_by_its_leaf(world, shared):
    world.alter(
        "ALTER TABLE entries UPDATE leaf = toFixedString('', 32) "
        f"WHERE origin = '{ORIGIN}' AND position = 7"
    )
    report = world.verify(tenant="acme")
    assert {d.kind for d in report.defects} == {Kind.REWRITTEN}
    assert all(d.first <= 7 <= d.last for d in report.defects)


def test_the_control_log_must_be_whole(world, shared):
    origin = world.control.origin
    world.alter(f"ALTER TABLE evidence DELETE WHERE origin = '{origin}' AND position = 1")
    assert (Kind.MISSING, origin, 1, 1, "evidence", "") in named(world.verify(tenant="acme"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenant": "acm"}, "did you mean acme?"),
        ({"tenant": "initech"}, "which knows acme, globex"),
        ({"tenant": "acme", "signatures": False}, "nothing shows whose an entry is"),
        ({"tenant": "acme", "origins": frozenset({"local/c/control/0"})}, "no signed event"),
    ],
)
def test_what_would_prove_nothing_is_no_verdict(world, shared, changes, said):
    report = world.verify(**changes)
    assert report.outcome is Outcome.NOT_CHECKED
    assert any(said in each for each in report.not_checked), report.not_checked


@pytest.fixture
def command(world, clickhouse, tmp_path, monkeypatch):
    """Give what runs ``auditspine verify`` on the store."""
    trust = tmp_path / "trust.json"
    record = {
        "version": 1,
        "control_origin": world.trust.control_origin,
        "operator_keys": [key.hex() for key in world.trust.operator_keys],
        "log_keys": [{"public_key": key.public_key.hex()} for key in world.trust.log_keys],
    }
    trust.write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITSPINE_CLICKHOUSE_URL", f"http://127.0.0.1:{clickhouse.port}")
    monkeypatch.setenv("AUDITSPINE_CLICKHOUSE_USER", "admin")
    monkeypatch.setenv("AUDITSPINE_CLICKHOUSE_PASSWORD", clickhouse.admin_password)
    monkeypatch.setenv("AUDITSPINE_CLICKHOUSE_DATABASE", world.database)
    return lambda *more: CliRunner().invoke(app, ["verify", "--trust", str(trust), *more])


def test_the_command_says_what_it_checked_by_hashes_alone(world, shared, command):
    done = command("--tenant", "acme")
    assert done.exit_code == 0
    assert "VERIFIED" in done.stdout
    line = "content of tenant acme only: 20 entries of others were checked by their hashes alone"
    assert line in done.stdout
    assert command().exit_code == 1
    unknown = command("--tenant", "acm", "--json")
    assert unknown.exit_code == 2
    assert "did you mean acme?" in json.loads(unknown.stdout)["not_checked"][0]
    passed_off(world, 6)
    assert command("--tenant", "acme").exit_code == 1
