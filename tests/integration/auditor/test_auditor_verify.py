"""Rows in the real database, altered by SQL behind the product's back, are named by verify."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest

from auditspine.auditor.core.defects import Kind
from auditspine.auditor.evidence import EvidenceStore
from auditspine.auditor.report import Outcome, report_to_json


@pytest.fixture(scope="module")
def predicted(original, tools):
    """A world with a log of 40 predictions, one of them unsigned and one by an unknown key."""
    log = tools.Log("local/c/inference/0", "auditspine.inference")

    def signed(key, *numbers):
        values = [tools.prediction(number) for number in numbers]
        return tools.sign(key, "acme", "scorer", log.topic, values)

    pairs = signed(tools.producer, *range(38))
    pairs.insert(10, (tools.prediction(100), b""))
    pairs.insert(20, signed(tools.stranger, 101)[0])
    with original.copied() as world:
        world.load(log, pairs)
        yield world, log


@pytest.fixture
def world(predicted):
    with predicted[0].copied() as made:
        yield made


@pytest.fixture
def inference(predicted):
    """Give the log of predictions in this test's world."""
    return deepcopy(predicted[1])


def named(report):
    return {(d.kind, d.first, d.last, d.table, d.column) for d in report.defects}


def test_an_untouched_store_is_verified(world, inference):
    report = world.verify()
    assert report.defects == ()
    assert report.not_checked == ()
    assert report.outcome is Outcome.VERIFIED
    assert report.basis.verdicts
    assert report.basis.columns
    assert report.basis.control_origin == world.control.origin
    by_topic = {log.topic: log for log in report.logs}
    assert by_topic[inference.topic].verdicts == {
        "valid": 38,
        "bad_signature": 1,
        "unknown_key": 1,
    }
    assert by_topic[inference.topic].proven_size == 40
    json.dumps(report_to_json(report))


def test_without_trust_it_is_self_consistent_only(world, inference):
    report = world.verify(trust=None)
    assert report.outcome is Outcome.NOT_AUTHENTICATED
    assert report.basis.log_keys == ()


WHERE = "WHERE origin = 'local/c/inference/0' AND position = 7"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            (
                f"ALTER TABLE evidence UPDATE value = concat(substring(value, 1, 300), 'x', "
                f"substring(value, 302)) {WHERE}"
            ),
            {(Kind.ALTERED_RAW, 7, 7, "evidence", "value, sig")},
        ),
        (
            f"ALTER TABLE evidence UPDATE body = replace(body, 'approve', 'decline') {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "body")},
        ),
        (
            f"ALTER TABLE evidence UPDATE actor_principal = 'nobody' {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "actor_principal")},
        ),
        (
            f"ALTER TABLE evidence UPDATE tenant = 'globex' {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "tenant")},
        ),
        (
            f"ALTER TABLE evidence UPDATE artifacts = [] {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "artifacts")},
        ),
        (
            f"ALTER TABLE evidence UPDATE actor_roles = ['admin'] {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "actor_roles")},
        ),
        (
            f"ALTER TABLE evidence UPDATE occurred_at = occurred_at + 1 {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "occurred_at")},
        ),
        (
            f"ALTER TABLE evidence UPDATE flags = 4 {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "evidence", "flags")},
        ),
        (
            f"ALTER TABLE entries UPDATE leaf = toFixedString('', 32) {WHERE}",
            {(Kind.ALTERED_LEAF, 7, 7, "entries", "leaf")},
        ),
        (
            f"ALTER TABLE entries UPDATE chain = toFixedString('', 32) {WHERE}",
            {(Kind.ALTERED_CHAIN, 7, 7, "entries", "chain")},
        ),
        (
            f"ALTER TABLE entries UPDATE verdict = 'unknown_key' {WHERE}",
            {
                (Kind.ALTERED_VERDICT, 7, 7, "entries", "verdict"),
            },
        ),
        (
            f"ALTER TABLE entries UPDATE producer = 'other' {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "entries", "producer")},
        ),
        (
            f"ALTER TABLE entries UPDATE topic = 'other' {WHERE}",
            {(Kind.ALTERED_COLUMN, 7, 7, "entries", "topic, partition")},
        ),
        (
            f"ALTER TABLE evidence DELETE {WHERE}",
            {(Kind.MISSING, 7, 7, "evidence", "")},
        ),
        (
            f"ALTER TABLE entries DELETE {WHERE}",
            {(Kind.MISSING, 7, 7, "entries", "")},
        ),
        (
            f"INSERT INTO entries SELECT * FROM entries {WHERE}",
            {(Kind.EXTRA, 7, 7, "entries", "")},
        ),
        (
            (
                f"INSERT INTO entries SELECT * REPLACE (toUInt64(90) AS position) "
                f"FROM (SELECT * FROM entries {WHERE})"
            ),
            {(Kind.EXTRA, 90, 90, "entries", "")},
        ),
        (
            (
                "ALTER TABLE quarantine UPDATE verdict = 'foreign' "
                "WHERE origin = 'local/c/inference/0' AND position = 10"
            ),
            {(Kind.ALTERED_COLUMN, 10, 10, "quarantine", "verdict")},
        ),
        (
            "ALTER TABLE quarantine DELETE WHERE origin = 'local/c/inference/0' AND position = 20",
            {(Kind.MISSING, 20, 20, "quarantine", "")},
        ),
        (
            "ALTER TABLE entries DELETE WHERE origin = 'local/c/inference/0' AND position >= 30",
            {(Kind.TRUNCATED, 30, 39, "entries", "")},
        ),
        (
            (
                "ALTER TABLE checkpoints UPDATE root = toFixedString('', 32) "
                "WHERE origin = 'local/c/inference/0' AND size = 32"
            ),
            {(Kind.BAD_CHECKPOINT, 32, 32, "checkpoints", "root")},
        ),
        (
            (
                "ALTER TABLE checkpoints UPDATE note = replaceOne(note, '32', '33') "
                "WHERE origin = 'local/c/inference/0' AND size = 32"
            ),
            {(Kind.BAD_CHECKPOINT, 32, 32, "checkpoints", "note")},
        ),
        (
            (
                "ALTER TABLE commits UPDATE root = toFixedString('', 32) "
                "WHERE origin = 'local/c/inference/0'"
            ),
            {(Kind.BAD_COMMIT, 0, 39, "commits", "root")},
        ),
        (
            "ALTER TABLE commits DELETE WHERE origin = 'local/c/inference/0'",
            {(Kind.MISSING, 0, 31, "commits", "")},
        ),
    ],
)
def test_a_change_by_sql_is_named(world, inference, sql, expected):
    world.alter(sql)
    report = world.verify()
    assert report.outcome is Outcome.DEFECTS
    assert named(report) == expected
    assert {d.origin for d in report.defects} == {inference.origin}


def test_two_rows_exchanged_by_sql_are_named(world, inference):
    swap = "transform(position, [3, 33], [33, 3], position)"
    for table in ("entries", "evidence"):
        world.alter(f"CREATE TABLE moved AS {table} ENGINE = MergeTree ORDER BY (origin, position)")
        where = "WHERE origin = 'local/c/inference/0' AND position IN (3, 33)"
        world.alter(
            f"INSERT INTO moved SELECT * REPLACE (toUInt64({swap}) AS position) "
            f"FROM (SELECT * FROM {table} {where})"
        )
        world.alter(f"ALTER TABLE {table} DELETE {where}")
        world.alter(f"INSERT INTO {table} SELECT * FROM moved")
        world.alter("DROP TABLE moved SYNC")
    report = world.verify()
    assert {(d.kind, d.first) for d in report.defects} >= {
        (Kind.REORDERED, 3),
        (Kind.REORDERED, 33),
    }
    assert {d.first for d in report.defects} == {3, 33}


def test_a_tail_cut_everywhere_shows_against_a_kept_checkpoint(world, inference):
    where = "WHERE origin = 'local/c/inference/0'"
    for table in ("entries", "evidence", "quarantine"):
        world.alter(f"ALTER TABLE {table} DELETE {where} AND position >= 32")
    world.alter(f"ALTER TABLE checkpoints DELETE {where} AND size > 32")
    world.alter(
        f"ALTER TABLE commits UPDATE last = 31, root = (SELECT root FROM checkpoints "
        f"{where} AND size = 32) {where}"
    )
    assert world.verify().outcome is Outcome.VERIFIED
    report = world.verify(checkpoints=(inference.notes[-1],))
    assert named(report) == {(Kind.TRUNCATED, 32, 39, "entries", "")}


def test_a_log_removed_whole_shows_against_a_kept_checkpoint(world, inference):
    for table in ("entries", "evidence", "quarantine", "checkpoints", "commits"):
        world.alter(f"ALTER TABLE {table} DELETE WHERE origin = 'local/c/inference/0'")
    report = world.verify(checkpoints=(inference.notes[-1],))
    assert named(report) == {(Kind.TRUNCATED, 0, 39, "entries", "")}


def test_an_event_that_a_heartbeat_lists_and_no_log_holds_is_withheld(world, inference, tools):
    lifecycle = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
    beats = [tools.heartbeat(1, inference.topic, 39)]
    world.load(lifecycle, tools.sign(tools.producer, "acme", "scorer", lifecycle.topic, beats))
    assert [d.kind for d in world.verify().defects] == [Kind.WITHHELD]


def test_a_heartbeat_newer_than_the_log_is_pending(original, tools):
    inference = tools.Log("local/c/inference/0", "auditspine.inference")
    lifecycle = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle", size=0)
    values = [tools.prediction(i) for i in range(3)]
    beats = [tools.heartbeat(1, inference.topic, 2)] * 1200
    beats.append(tools.heartbeat(1, inference.topic, 4))

    def signed(log, events):
        return tools.sign(tools.producer, "acme", "scorer", log.topic, events, batch=512)

    with original.copied() as world:
        world.load(inference, signed(inference, values))
        world.load(lifecycle, signed(lifecycle, beats), segment=600)
        report = world.verify()
    assert report.outcome is Outcome.VERIFIED
    assert report.basis.heartbeats_pending == 1


def test_rows_of_an_open_claim_are_uncommitted(world, inference, tools):
    more = tools.sign(
        tools.producer,
        "acme",
        "scorer",
        inference.topic,
        [tools.prediction(i) for i in range(50, 53)],
        first=39,
    )
    world.load(inference, more, commit=False)
    report = world.verify()
    assert report.outcome is Outcome.VERIFIED
    assert {log.topic: log.uncommitted for log in report.logs}[inference.topic] == 3


def test_another_operator_is_not_trusted(world, inference):
    other = type(world.trust)(world.trust.control_origin, (bytes(32),), world.trust.log_keys)
    report = world.verify(trust=other)
    assert [d.kind for d in report.defects] == [Kind.UNTRUSTED_ROOT]


def test_other_log_keys_authenticate_nothing(world, inference):
    strange = type(world.trust.log_keys[0])(bytes(32))
    other = type(world.trust)(world.trust.control_origin, world.trust.operator_keys, (strange,))
    report = world.verify(trust=other)
    assert {d.kind for d in report.defects} == {Kind.BAD_CHECKPOINT}


CLAIM = "INSERT INTO claims (topic, partition, sealed_first, sealed_next) VALUES"


def test_a_planted_claim_does_not_excuse_rows_far_beyond_the_end(world, inference):
    world.alter(
        f"INSERT INTO evidence SELECT * REPLACE (toUInt64(900020) AS position) "
        f"FROM (SELECT * FROM evidence {WHERE})"
    )
    world.alter(f"{CLAIM} ('auditspine.inference.sealed', 0, 9000, 9001)")
    assert named(world.verify()) == {(Kind.EXTRA, 900020, 900020, "evidence", "")}


def test_a_planted_claim_does_not_excuse_a_log_that_was_never_opened(world, inference):
    for table in ("entries", "evidence"):
        world.alter(
            f"INSERT INTO {table} SELECT * REPLACE ('local/c/made-up/0' AS origin) "
            f"FROM (SELECT * FROM {table} {WHERE})"
        )
    world.alter(f"{CLAIM} ('auditspine.inference.sealed', 0, 9000, 9001)")
    report = world.verify()
    assert {d.origin for d in report.defects} == {"local/c/made-up/0"}
    assert {d.kind for d in report.defects} == {Kind.EXTRA}


def test_a_log_that_is_not_there_is_not_verified(world, inference):
    report = world.verify(origins=frozenset({"local/c/typo/0"}))
    assert report.outcome is Outcome.NOT_CHECKED
    assert any("local/c/typo/0" in each for each in report.not_checked)


def test_what_lands_during_a_verification_is_no_defect(world, inference, tools, monkeypatch):
    more = tools.sign(
        tools.producer,
        "acme",
        "scorer",
        inference.topic,
        [tools.prediction(i) for i in range(50, 53)],
        first=39,
    )
    logs = EvidenceStore.logs

    def then_land(store):
        found = logs(store)
        world.load(inference, more)  # the sink goes on after the sizes were read
        return found

    monkeypatch.setattr(EvidenceStore, "logs", then_land)
    report = world.verify()
    assert report.defects == ()
    assert report.outcome is Outcome.VERIFIED


def test_a_kept_checkpoint_counts_after_its_key_was_retired(world, inference):
    key = world.trust.log_keys[0]
    retired = replace(key, valid_to=inference_sealed_until())
    trust = replace(world.trust, log_keys=(retired,))
    report = world.verify(trust=trust, checkpoints=(inference.notes[-1],))
    assert report.outcome is Outcome.VERIFIED


def inference_sealed_until() -> int:
    return 1_790_000_000_000 + 1_000_000  # after all of it was sealed, before verify's present


SEGMENT = "source_offset, appended_at, verdict, flags"


def test_a_time_that_was_moved_in_every_table_is_named_by_its_segment(world, inference):
    world.alter(f"ALTER TABLE entries UPDATE appended_at = appended_at - 240 {WHERE}")
    moved = (
        "CREATE TABLE moved AS evidence ENGINE = MergeTree ORDER BY position",
        (
            "INSERT INTO moved SELECT * REPLACE (appended_at - 240 AS appended_at) "
            f"FROM evidence {WHERE}"
        ),
        f"ALTER TABLE evidence DELETE {WHERE}",
        "INSERT INTO evidence SELECT * FROM moved",
        "DROP TABLE moved SYNC",
    )
    for sql in moved:
        world.alter(sql)
    assert named(world.verify()) == {(Kind.ALTERED_COLUMN, 0, 15, "entries", SEGMENT)}


def test_a_valid_event_hidden_by_an_older_control_log_is_named(world, inference, tools):
    """The event goes to quarantine with the verdict that an older control log would give."""
    values = [tools.prediction(77)]
    pairs = tools.sign(tools.everything, "acme", "scorer", inference.topic, values)
    world.load(inference, pairs)
    where = "WHERE origin = 'local/c/inference/0' AND position = 40"
    world.alter(f"ALTER TABLE entries UPDATE control_size = 1, verdict = 'unknown_key' {where}")
    world.alter(
        "ALTER TABLE checkpoints UPDATE control_size = 1 "
        "WHERE origin = 'local/c/inference/0' AND first = 40"
    )
    world.alter(
        "INSERT INTO quarantine SELECT origin, position, appended_at, 'unknown_key', "
        f"'the key is not in the control log', value, sig FROM evidence {where}"
    )
    world.alter(f"ALTER TABLE evidence DELETE {where}")
    assert named(world.verify()) == {(Kind.ALTERED_COLUMN, 40, 40, "entries", SEGMENT)}
