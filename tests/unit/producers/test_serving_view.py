"""What a guard knows follows from signed records, the newest ones, all of them, and their age."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.record_signing import sign
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, encode_value, partition_of
from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.errors import SetupError
from auditspine.producers.guard import ServingGuard
from auditspine.producers.knowledge import Message
from auditspine.producers.serving_view import ServingKnowledge

TOPICS = Topics("t.", 4)
TENANT = "acme"
PARTITION = partition_of(TENANT, 4)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MODEL, NOW = b"m" * 32, 1_700_000_000_000
RECORD = ServingRecord(TENANT, "eu", MODEL, "blocked", False, False, "a-1", "drift", NOW, 5)


class World:
    """A knowledge, and the processor that speaks to it."""

    def __init__(self) -> None:
        self.knowledge = ServingKnowledge(TOPICS, TENANT, "eu", [raw_public_key(KEY)], 10)
        self.table = RecordTable()
        self.said_at = NOW

    def message(self, record, appended_at: int = NOW, key=KEY) -> Message:
        name, value = record.key, encode_value(record)
        header = sign(key, TOPICS.serving, PARTITION, name, value)
        return Message(name, value, header, appended_at)

    def state(self, record) -> Message:
        self.table.take(record)
        return self.message(record)

    def alive(self, appended_at: int = NOW, **other) -> Message:
        self.said_at += 1
        said = {
            "partition": PARTITION,
            "partitions": 4,
            "said_at": self.said_at,
            "behind_ms": 0,
            "position": 9,
            "records": len(self.table),
            "digest": self.table.digest(),
        }
        return self.message(Alive(**{**said, **other}), appended_at)

    def take(self, *messages: Message, wall_ms: float = NOW, at: float = 100.0):
        self.knowledge.take(messages, wall_ms, at)
        return self.knowledge.view


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_known_before_a_sign_of_life(world) -> None:
    assert world.take(world.state(RECORD)).known_at == float("-inf")
    assert world.take(world.alive()).known_at == 100.0


@pytest.mark.parametrize(
    ("said", "wall_ms", "age_s"),
    [
        ({}, NOW + 4000, 4),  # the broker's time
        ({}, NOW - 4000, 0),  # the local clock is behind
        ({"behind_ms": 2500}, NOW + 1000, 3.5),  # the processor is behind
        ({"said_at": NOW - 3000}, NOW + 1000, 4),  # it waited on its way to the broker
        ({"said_at": NOW + 3000}, NOW + 1000, 1),  # the processor's clock is ahead
    ],
)
def test_the_age_is_of_the_broker_the_processor_and_the_way(world, said, wall_ms, age_s) -> None:
    view = world.take(world.alive(**said), wall_ms=wall_ms)
    assert view.known_at == pytest.approx(100 - age_s, abs=0.002)


def test_a_later_but_worse_sign_takes_nothing_away(world) -> None:
    world.take(world.alive(), at=100)
    assert world.take(world.alive(behind_ms=60_000), at=101).known_at == 100


def test_a_sign_that_was_there_before_does_not_count(world) -> None:
    sign_of_life = world.alive()
    world.take(sign_of_life, at=100)
    view = world.take(sign_of_life._replace(appended_at=NOW + 50_000), wall_ms=NOW + 50_000, at=150)
    assert view.known_at == 100
    assert world.knowledge.ignored == {"repeated": 1}


def test_a_sign_that_covers_other_states_does_not_count(world) -> None:
    lost = world.state(RECORD)
    view = world.take(world.alive())  # the state was deleted, say
    assert view.known_at == float("-inf")
    assert "0 states were read, and the processor signed other 1" in view.problem
    view = world.take(lost, world.alive())
    assert (view.known_at, view.problem) == (100, "")


def test_an_older_state_put_last_by_compaction_is_found_out(world) -> None:
    world.state(RECORD)
    old = world.message(replace(RECORD, state="live", position=1))
    assert world.take(old, world.alive()).known_at == float("-inf")


def test_an_older_state_overrides_nothing(world) -> None:
    newest = world.state(RECORD)
    old = world.message(replace(RECORD, state="live", position=4))
    view = world.take(newest, old, world.alive())
    assert view.models[MODEL].action == "block"
    assert view.known_at == 100
    assert world.knowledge.ignored == {"older": 1}


def test_another_number_of_partitions_is_told(world) -> None:
    view = world.take(world.alive(partitions=8))
    assert view.known_at == float("-inf")
    assert "expected 4 partitions, but the processor has 8" in view.problem


def test_a_record_that_nobody_signed_is_counted_and_not_quoted(world, caplog) -> None:
    good = world.state(replace(RECORD, reason="SECRET"))
    stranger = world.message(
        replace(RECORD, state="live", position=99), key=Ed25519PrivateKey.generate()
    )
    view = world.take(
        good,
        stranger,
        good._replace(value=good.value.replace(b'"blocked"', b'"live"')),
        good._replace(header=None),
        good._replace(value=None),  # a tombstone
        good._replace(key=None),
        world.alive(),
    )
    assert view.models[MODEL].action == "block"
    assert world.knowledge.ignored == {"signature": 2, "format": 3}
    assert "ignored" in caplog.text
    assert "SECRET" not in caplog.text


def test_states_of_others_are_covered_and_mean_nothing_here(world) -> None:
    same = next(f"t{n}" for n in range(100) if partition_of(f"t{n}", 4) == PARTITION)
    other = next(f"t{n}" for n in range(100) if partition_of(f"t{n}", 4) != PARTITION)
    view = world.take(
        world.state(replace(RECORD, tenant=same)),
        world.state(replace(RECORD, deployment="us", releases_frozen=True)),
        world.message(replace(RECORD, tenant=other)),
        world.alive(),
    )
    assert (view.models, view.releases_frozen, view.known_at) == ({}, False, 100)
    assert world.knowledge.ignored == {"partitions": 1}


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({"state": "live"}, "serve"),
        ({"state": "fallback"}, "fallback"),
        ({"state": "live", "quarantined": True}, "block"),
        ({"state": "fallback", "quarantined": True}, "fallback"),
        ({"state": "live", "quarantined": True, "deployment": "us"}, "block"),
    ],
)
def test_a_quarantine_holds_at_every_deployment(world, change, action) -> None:
    view = world.take(world.state(replace(RECORD, **change)))
    assert view.models[MODEL].action == action


def test_a_freeze_is_the_deployments(world) -> None:
    frozen = replace(RECORD, releases_frozen=True)
    assert world.take(world.state(frozen)).releases_frozen
    thawed = replace(frozen, releases_frozen=False, state="live", position=6)
    view = world.take(world.state(thawed))
    assert (view.releases_frozen, view.models[MODEL].action) == (False, "serve")


def test_old_signs_of_life_cost_nothing_at_the_start(world) -> None:
    broken = world.alive()._replace(header=b"never looked at", appended_at=NOW - 60_000)
    view = world.take(*[broken] * 1000, world.alive())
    assert (view.known_at, dict(world.knowledge.ignored)) == (100, {})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"keys": []}, "keys"),
        ({"keys": "ab" * 32}, "a list"),
        ({"keys": ["SECRET"]}, "hexadecimal"),
        ({"keys": [bytes(32)]}, "public keys"),
        ({"when_unknown": "hope"}, "when_unknown"),
        ({"max_staleness_s": 0.5}, "max_staleness_s"),
        ({"tenant": ""}, "tenant"),
        ({"kafka": ""}, "bootstrap"),
        ({"kafka": {"bootstrap.servers": "localhost:1", "no.such": "SECRET"}}, "no.such"),
    ],
)
def test_a_guard_refuses_settings_that_cannot_be(setting, said) -> None:
    fixed = {
        "kafka": "localhost:1",
        "tenant": "a",
        "deployment": "d",
        "keys": [raw_public_key(KEY)],
    }
    chosen = {**fixed, **setting}
    with pytest.raises(SetupError, match=said) as refused:
        ServingGuard(chosen.pop("kafka"), **chosen)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("digest", [b"", b"m" * 31, b"ab" * 32, "ab" * 31, "sha256:xx", None, 7])
def test_what_is_no_digest_is_never_served(digest) -> None:
    with (
        ServingGuard(
            "localhost:1", tenant="a", deployment="d", keys=[raw_public_key(KEY)]
        ) as guard,
        pytest.raises(SetupError, match="SHA-256"),
    ):
        guard.check(digest)


def test_versions_of_records_that_are_not_known_yet_are_not_passed_over(world) -> None:
    said = {**json.loads(encode_value(RECORD)), "version": 2}
    value = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    header = sign(KEY, TOPICS.serving, PARTITION, RECORD.key, value)
    world.table.take(RECORD)  # in the processor's newer words
    view = world.take(Message(RECORD.key, value, header, NOW), world.alive())
    assert view.known_at == float("-inf")  # unknown, not served
