"""The views on what the sink landed: analysts' questions, and tampering that SQL can see."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from sink_world import encode, prediction, running

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import PRODUCER, event, key_registered, key_revoked, public, schema_registered

from auditspine.sinks.migrate import TABLES, VIEWS

MODEL = {"kind": "model", "name": "credit", "version": "2", "digest": b"\xab" * 32}
DATA = {"kind": "snapshot", "name": "hmda", "version": "1", "digest": b"\xcd" * 32}
OTHER = {"kind": "other", "name": "o", "version": "1", "digest": b"\x11" * 32}
TYPES = ("run.started", "model.registered", "approval.decided", "deployment.changed")


def lifecycle(now_ms: int) -> list[bytes]:
    def say(event_type, body, run_id=None):
        correlation = {"run_id": run_id, "trace_id": None, "causation_id": None}
        return encode(event(event_type, body, now_ms, correlation=correlation))

    code = {"repository": "r", "commit": "c" * 40, "digest": OTHER["digest"]}
    environment = {**OTHER, "kind": "environment"}
    registered = {
        "model": MODEL,
        "run_id": "r-7",
        "algorithm": "logistic regression",
        "training_snapshots": [DATA],
        "labels": [],
        "features": [],
        "code": code,
        "environment": environment,
        "intended_use": "tests",
        "limitations": "tests",
        "owner": "team",
        "previous": None,
    }
    approved = {
        "subject": MODEL,
        "decision": "approved",
        "meaning": "fit for use",
        "role": "risk",
        "conditions": [],
        "expires_at": None,
        "validations": [{**OTHER, "kind": "evaluation"}],
    }
    deployed = {
        "deployment": {**OTHER, "kind": "deployment"},
        "model": MODEL,
        "environment": "production",
        "action": "deployed",
        "traffic_share": 1.0,
        "approval_event_id": None,
        "replaces": None,
    }
    return [
        say("model.registered", registered),
        say("approval.decided", approved, "r-7"),
        say("deployment.changed", deployed, "r-8"),
    ]


@pytest.fixture(scope="module")
def original(shared_world):
    """Every kind of entry, sealed and landed by the sink."""
    world = shared_world.create_topics()
    world.begin(
        *map(schema_registered, TYPES),
        key_registered(PRODUCER, event_types=["*"], producer="scorer"),
    )
    one = encode(prediction(now_ms=world.now_ms))
    with running(world.sink()):
        world.predict(60)
        world.seal("inference", 0, [(b"not ours", b""), (one, b"")])
        world.predict(60)
        values = lifecycle(world.now_ms)
        world.seal("lifecycle", 0, world.signer("lifecycle").sign(*values))
        world.await_landed()
    world.check()
    return world


@pytest.fixture
def landed(original):
    with original.copied(views=True) as made:
        yield made


def ask(world, sql):
    return world.client.query(sql).result_rows


def alter(world, sql):
    world.client.command(sql, settings={"mutations_sync": 2})


def defects(world, view="chain_check"):
    last = "last_position" if view == "chain_check" else "position"
    rows = ask(world, f"SELECT origin, position, {last}, defect FROM {view} ORDER BY ALL")
    return [(o.split("/")[2], *rest) for o, *rest in rows]


def test_every_table_and_view_is_made_and_described(world) -> None:
    rows = ask(
        world,
        "SELECT name, engine, comment FROM system.tables WHERE database = currentDatabase()",
    )
    assert {n for n, engine, _ in rows if engine != "View"} == set(TABLES)
    assert {n for n, engine, _ in rows if engine == "View"} == set(VIEWS)
    assert all(comment for _, _, comment in rows)


def test_heads_show_how_far_each_log_is_committed(landed) -> None:
    sizes = dict(ask(landed, "SELECT origin, size FROM log_heads"))
    assert sizes == {log.place.origin: log.head.size for log in landed.logs.values()}
    roots = ask(landed, "SELECT lower(hex(root)), lower(hex(chain)) FROM log_heads")
    assert set(roots) == {
        (log.head.root().hex(), log.head.chain.hex()) for log in landed.logs.values()
    }


def test_rows_count_only_once_they_are_committed(landed) -> None:
    alter(landed, "ALTER TABLE commits UPDATE last = 9 WHERE topic LIKE '%inference.sealed'")
    origin = landed.log("inference").place.origin
    for view in ("committed_entries", "committed_evidence"):
        rows = ask(landed, f"SELECT position FROM {view} WHERE origin = '{origin}' ORDER BY ALL")
        assert rows == [(i,) for i in range(10)]
    assert ask(landed, f"SELECT count() FROM committed_quarantine WHERE origin = '{origin}'") == [
        (0,)
    ]


def test_run_history_has_what_names_the_run_in_its_envelope_or_body(landed) -> None:
    rows = ask(landed, "SELECT event_type FROM run_history WHERE run_id = 'r-7' ORDER BY position")
    assert rows == [("model.registered",), ("approval.decided",)]


def test_model_life_tells_the_events_and_counts_predictions(landed) -> None:
    rows = ask(
        landed,
        "SELECT event_type, outcome, events FROM model_life "
        "WHERE tenant = 'acme' AND model_name = 'credit' AND model_version = '2' "
        "ORDER BY appended_at, position",
    )
    assert rows == [
        ("model.registered", "", 1),
        ("approval.decided", "approved", 1),
        ("deployment.changed", "deployed", 1),
    ]
    predictions = ask(
        landed, "SELECT event_type, sum(events) FROM model_life WHERE model_name = 'm' GROUP BY 1"
    )
    assert predictions == [("prediction.made", 120)]


def test_quarantined_names_verdict_reason_and_who_claims_it(landed) -> None:
    rows = ask(
        landed,
        "SELECT position, source_offset, verdict, claimed_producer, value_bytes, reason != '' "
        "FROM quarantined ORDER BY position",
    )
    assert [row[:4] for row in rows] == [
        (60, 60, "foreign", ""),
        (61, 61, "bad_signature", ""),
    ]
    assert rows[0][4:] == (8, True)


def test_key_standing_follows_registration_and_revocation(landed) -> None:
    key = public(PRODUCER).hex()
    sql = (
        "SELECT producer, tenants, event_types, purpose, revoked_at IS NULL, revocation_reason, "
        f"compromised_since FROM key_standing WHERE lower(hex(public_key)) = '{key}'"
    )
    assert ask(landed, sql) == [("scorer", ["acme"], ["*"], "producer", True, "", None)]
    with running(landed.sink()):
        landed.say(key_revoked(PRODUCER, since=landed.now_ms * 1000))
        landed.await_landed()
    *_, is_current, reason, since = ask(landed, sql)[0]
    assert (is_current, reason) == (False, "lost")
    assert int(since.timestamp() * 1000) == landed.now_ms


def test_who_touched_artifact_sums_up_the_edges(world) -> None:
    edge = (
        "INSERT INTO access_edges SELECT '{o}', 'acme', 'model', 'credit', '2', "
        "unhex(repeat('ab', 32)), 'ml', 'scorer', 'svc', 'vpc', 'read', true, 0, "
        "toDateTime64('2026-01-0{d} 00:00:00', 3, 'UTC'), {n}, "
        "toDateTime64('2026-02-0{d} 00:00:00', 3, 'UTC'), {n}, '', {n}"
    )
    for origin, day, count in (("a", 1, 3), ("a", 1, 5), ("b", 2, 4)):
        world.client.command(edge.format(o=origin, d=day, n=count))
    rows = ask(
        world,
        "SELECT artifact_sha256, principal, toDate(first_at)::String, toDate(last_at)::String, "
        "times FROM who_touched_artifact WHERE tenant = 'acme' AND artifact_name = 'credit'",
    )
    assert rows == [("ab" * 32, "svc", "2026-01-01", "2026-02-02", 9)]


def test_checks_find_nothing_in_what_was_landed(landed) -> None:
    assert defects(landed) == []
    assert defects(landed, "content_check") == []


def test_an_altered_leaf_is_named(landed) -> None:
    alter(landed, "ALTER TABLE entries UPDATE leaf = SHA256('x') WHERE position = 77")
    assert defects(landed) == [("inference", 77, 77, "altered")]
    assert defects(landed, "content_check") == [("inference", 77, 77, "altered")]


def test_an_altered_chain_is_named(landed) -> None:
    alter(landed, "ALTER TABLE entries UPDATE chain = SHA256('x') WHERE position = 77")
    assert defects(landed) == [
        ("inference", 77, 77, "altered"),
        ("inference", 78, 78, "altered"),
    ]


def test_altered_content_is_named(landed) -> None:
    alter(
        landed,
        "ALTER TABLE evidence UPDATE value = concat(value, 'x') "
        "WHERE position = 5 AND event_type = 'prediction.made'",
    )
    alter(landed, "ALTER TABLE quarantine UPDATE value = 'other' WHERE position = 60")
    assert defects(landed) == []
    assert defects(landed, "content_check") == [
        ("inference", 5, 5, "altered"),
        ("inference", 60, 60, "altered"),
    ]


def test_missing_rows_are_named_at_the_start_the_middle_and_the_end(landed) -> None:
    alter(
        landed,
        "ALTER TABLE entries DELETE WHERE topic LIKE '%inference' "
        "AND (position < 2 OR position BETWEEN 70 AND 72 OR position > 118)",
    )
    assert defects(landed) == [
        ("inference", 0, 1, "missing"),
        ("inference", 70, 72, "missing"),
        ("inference", 119, 121, "missing"),
    ]
    assert {row[3] for row in defects(landed, "content_check")} == {"extra"}


def test_a_log_without_any_row_is_missing(landed) -> None:
    alter(landed, "ALTER TABLE entries DELETE WHERE topic LIKE '%lifecycle'")
    assert defects(landed) == [("lifecycle", 0, 2, "missing")]


def test_missing_content_is_named(landed) -> None:
    alter(landed, "ALTER TABLE evidence DELETE WHERE position = 12")
    alter(landed, "ALTER TABLE quarantine DELETE WHERE position = 61")
    assert defects(landed) == []
    assert defects(landed, "content_check") == [
        ("inference", 12, 12, "missing"),
        ("inference", 61, 61, "missing"),
    ]


def test_extra_rows_are_named(landed) -> None:
    landed.client.command("INSERT INTO entries SELECT * FROM entries WHERE position = 100")
    landed.client.command("INSERT INTO evidence SELECT * FROM evidence WHERE position = 101")
    assert defects(landed) == [("inference", 100, 100, "extra")]
    assert defects(landed, "content_check") == [("inference", 101, 101, "extra")]


def test_exchanged_rows_are_named(landed) -> None:
    where = "WHERE position IN (40, 50)"
    landed.client.command("CREATE TABLE swapped AS entries")
    landed.client.command(
        "INSERT INTO swapped SELECT * REPLACE (if(position = 40, 50, 40)::UInt64 AS position) "
        f"FROM (SELECT * FROM entries {where})"
    )
    alter(landed, f"ALTER TABLE entries DELETE {where}")
    landed.client.command("INSERT INTO entries SELECT * FROM swapped")
    found = defects(landed)
    assert ("inference", 41, 41, "reordered") in found
    assert ("inference", 50, 50, "reordered") in found
    assert {row[1] for row in found} <= {40, 41, 50, 51}
    assert defects(landed, "content_check") == [
        ("inference", 40, 40, "altered"),
        ("inference", 50, 50, "altered"),
    ]


def test_an_altered_commit_or_checkpoint_is_named(landed) -> None:
    alter(landed, "ALTER TABLE checkpoints UPDATE chain = SHA256('x') WHERE size = 50")
    alter(landed, "ALTER TABLE commits UPDATE chain = SHA256('x') WHERE topic LIKE '%lifecycle%'")
    assert defects(landed) == [
        ("inference", 49, 49, "altered"),
        ("lifecycle", 2, 2, "altered"),
    ]


def test_content_that_does_not_count_is_named_in_evidence(landed) -> None:
    alter(landed, "ALTER TABLE entries UPDATE verdict = 'revoked_key' WHERE position = 90")
    assert defects(landed, "content_check") == [("inference", 90, 90, "misplaced")]
