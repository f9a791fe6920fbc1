"""A release guard allows what a trusted key let into its environment, now, and nothing else."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.record_signing import sign
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, encode_value, partition_of
from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.errors import SetupError
from auditspine.producers.guard import ServingGuard, Verdict, strictest
from auditspine.producers.knowledge import Message
from auditspine.producers.release_guard import ReleaseGuard, ReleaseVerdict
from auditspine.producers.release_view import NOT_DECIDED, Decided, ReleaseKnowledge

TOPICS = Topics("t.", 4)
TENANT = "acme"
PARTITION = partition_of(TENANT, 4)
NEIGHBOUR = next(f"t{n}" for n in range(100) if partition_of(f"t{n}", 4) == PARTITION)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MODEL, NOW = b"m" * 32, 1_700_000_000_000
ALLOWED = ReleaseRecord(TENANT, "prod", MODEL, True, "d-1", "every rule passed", NOW, None, 5)
DENIED = replace(ALLOWED, allowed=False, decision_id="d-2", reason="revoked", position=6)


class World:
    """A knowledge, and the processor that speaks to it."""

    def __init__(self) -> None:
        self.knowledge = ReleaseKnowledge(TOPICS, TENANT, "prod", [raw_public_key(KEY)], 10)
        self.table: RecordTable[ReleaseRecord] = RecordTable()
        self.said_at = NOW

    def message(self, record, key=KEY, topic=TOPICS.releases) -> Message:
        name, value = record.key, encode_value(record)
        return Message(name, value, sign(key, topic, PARTITION, name, value), NOW)

    def state(self, record) -> Message:
        self.table.take(record)
        return self.message(record)

    def alive(self) -> Message:
        self.said_at += 1
        count, digest = len(self.table), self.table.digest()
        return self.message(Alive(PARTITION, 4, self.said_at, 0, 9, count, digest))

    def take(self, *messages: Message, at: float = 100.0):
        self.knowledge.take(messages, NOW, at)
        return self.knowledge.view


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_allowed_is_known_once_a_sign_of_life_covers_it(world) -> None:
    view = world.take(world.state(ALLOWED))
    assert view.known_at == float("-inf")
    view = world.take(world.alive())
    assert view.known_at == 100
    assert view.models == {MODEL: Decided(True, "allowed", "d-1", "every rule passed", None)}


def test_a_revocation_counts_at_once_and_an_older_allowance_never_again(world) -> None:
    old = world.state(ALLOWED)
    view = world.take(old, world.state(DENIED), old, world.alive())
    assert view.models[MODEL] == Decided(False, "denied", "d-2", "revoked", None)
    assert view.known_at == 100
    assert world.knowledge.ignored == {"older": 1}


@pytest.mark.parametrize("change", [{"environment": "dev"}, {"tenant": NEIGHBOUR}])
def test_decisions_of_others_are_covered_and_allow_nothing_here(world, change) -> None:
    view = world.take(world.state(replace(ALLOWED, **change)), world.alive())
    assert (view.models, view.known_at) == ({}, 100)


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        ({"key": Ed25519PrivateKey.generate()}, "signature"),
        ({"topic": TOPICS.serving}, "signature"),
    ],
)
def test_a_forged_allowance_is_counted_and_allows_nothing(world, forged, why, caplog) -> None:
    view = world.take(world.message(replace(ALLOWED, reason="SECRET"), **forged), world.alive())
    assert (view.models, view.known_at) == ({}, 100)
    assert world.knowledge.ignored == {why: 1}
    assert "SECRET" not in caplog.text


def test_an_altered_value_allows_nothing(world) -> None:
    denied = world.state(DENIED)
    altered = denied._replace(value=denied.value.replace(b"false", b"true"))
    view = world.take(denied, altered, world.alive())
    assert not view.models[MODEL].allowed
    assert world.knowledge.ignored == {"signature": 1}


@pytest.mark.parametrize("read", [[], [ALLOWED]])
def test_a_revocation_that_was_deleted_or_put_behind_an_allowance_shows(world, read) -> None:
    world.state(DENIED)  # the processor said so; compaction left something else
    view = world.take(*(world.message(record) for record in read), world.alive())
    assert view.known_at == float("-inf")
    assert "the processor signed other 1" in view.problem


def test_a_record_of_a_version_that_is_not_known_yet_is_not_passed_over(world) -> None:
    said = {**json.loads(encode_value(DENIED)), "version": 2}
    value = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    header = sign(KEY, TOPICS.releases, PARTITION, DENIED.key, value)
    world.table.take(DENIED)
    view = world.take(Message(DENIED.key, value, header, NOW), world.alive())
    assert view.known_at == float("-inf")


@pytest.mark.parametrize(
    ("until", "at", "allowed"),
    [(None, 1e15, True), (NOW, NOW - 1, True), (NOW, NOW, False), (NOW, NOW + 1, False)],
)
def test_an_allowance_ends_when_it_said(world, until, at, allowed) -> None:
    view = world.take(world.state(replace(ALLOWED, until=until)), world.alive())
    decided = view.models[MODEL].at(at)
    assert decided.allowed is allowed
    assert decided.state == ("allowed" if allowed else "denied")
    assert ("ended" in decided.reason) is not allowed
    assert (decided.decision_id, decided.until) == ("d-1", until)
    assert (view.holds(MODEL, at) is None) is allowed


def test_a_denial_does_not_end(world) -> None:
    view = world.take(world.state(replace(DENIED, until=NOW)), world.alive())
    assert view.models[MODEL].at(NOW + 1) == Decided(False, "denied", "d-2", "revoked", None)


def test_what_was_last_known_holds_only_if_it_was_known(world) -> None:
    assert world.knowledge.view.holds(MODEL, NOW) is None
    view = world.take(world.state(DENIED))
    assert view.holds(MODEL, NOW) == Decided(False, "denied", "d-2", "revoked", None)
    assert view.holds(b"o" * 32, NOW) is None
    assert world.take(world.alive()).holds(b"o" * 32, NOW) == NOT_DECIDED


def verdict(action, state, alert_id=None) -> Verdict:
    return Verdict(action, state, False, f"serving: {state}", alert_id, 0.5)


def released(state, decision_id="d-1") -> ReleaseVerdict:
    return ReleaseVerdict(state == "allowed", state, decision_id, f"release: {state}", None, 0.7)


@pytest.mark.parametrize(
    ("serving", "release", "otherwise", "action", "state", "reason"),
    [
        (("serve", "live"), "allowed", "block", "serve", "live", "serving: live"),
        (("serve", "live"), "denied", "block", "block", "blocked", "release: denied"),
        (("serve", "live"), "unknown", "block", "block", "unknown", "release: unknown"),
        (("serve", "live"), "unknown", "fallback", "fallback", "unknown", "release: unknown"),
        (("serve", "live"), "unknown", "serve", "serve", "unknown", "release: unknown"),
        (("fallback", "fallback"), "allowed", "block", "fallback", "fallback", "serving: fallback"),
        (("fallback", "fallback"), "denied", "block", "block", "blocked", "release: denied"),
        (
            ("fallback", "fallback"),
            *("unknown", "serve", "fallback", "fallback", "serving: fallback"),
        ),
        (("block", "blocked", "a-1"), "allowed", "block", "block", "blocked", "serving: blocked"),
        (("block", "blocked", "a-1"), "denied", "block", "block", "blocked", "serving: blocked"),
        (("block", "blocked", "a-1"), "unknown", "block", "block", "blocked", "serving: blocked"),
        (("block", "unknown"), "allowed", "block", "block", "unknown", "serving: unknown"),
        (("block", "unknown"), "denied", "block", "block", "blocked", "release: denied"),
        (("block", "unknown"), "unknown", "block", "block", "unknown", "serving: unknown"),
        (("serve", "unknown"), "denied", "block", "block", "blocked", "release: denied"),
    ],
)
def test_the_stricter_of_both_sides_holds(
    serving, release, otherwise, action, state, reason
) -> None:
    given = strictest(verdict(*serving), released(release), otherwise)
    assert (given.action, given.state, given.reason) == (action, state, reason)
    assert given.decision_id == "d-1"
    assert given.staleness_s == 0.7
    assert given.alert_id == ("a-1" if reason == "serving: blocked" else None)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"keys": []}, "keys"),
        ({"keys": "ab" * 32}, "a list"),
        ({"keys": ["SECRET"]}, "hexadecimal"),
        ({"max_staleness_s": 0.5}, "max_staleness_s"),
        ({"tenant": ""}, "tenant"),
        ({"environment": ""}, "environment"),
        ({"kafka": ""}, "bootstrap"),
    ],
)
def test_a_release_guard_refuses_settings_that_cannot_be(setting, said) -> None:
    fixed = {"kafka": "localhost:1", "tenant": "a", "environment": "e"}
    chosen = {**fixed, "keys": [raw_public_key(KEY)], **setting}
    with pytest.raises(SetupError, match=said) as refused:
        ReleaseGuard(chosen.pop("kafka"), **chosen)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"environment": "prod"}, "both or neither"),
        ({"release_keys": [raw_public_key(KEY)]}, "both or neither"),
        ({"environment": "", "release_keys": [raw_public_key(KEY)]}, "releases: .*environment"),
        ({"environment": "prod", "release_keys": []}, "releases: keys"),
        ({"environment": "prod", "release_keys": ["SECRET"]}, "releases: keys"),
    ],
)
def test_a_serving_guard_that_obeys_decisions_needs_their_keys(setting, said) -> None:
    fixed = {"tenant": "a", "deployment": "d", "keys": [raw_public_key(KEY)]}
    with pytest.raises(SetupError, match=said) as refused:
        ServingGuard("localhost:1", **fixed, **setting)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("digest", [b"", b"m" * 31, "ab" * 31, "sha256:xx", None, 7])
def test_what_is_no_digest_is_never_allowed(digest) -> None:
    keys = [raw_public_key(KEY)]
    with (
        ReleaseGuard("localhost:1", tenant="a", environment="e", keys=keys) as guard,
        pytest.raises(SetupError, match="SHA-256"),
    ):
        guard.check(digest)


def test_a_guard_that_never_heard_anything_allows_nothing() -> None:
    keys = [raw_public_key(KEY)]
    with ReleaseGuard("localhost:1", tenant="a", environment="e", keys=keys) as guard:
        answer = guard.check(MODEL)
        assert (answer.allowed, answer.state) == (False, "unknown")
        assert answer.staleness_s == float("inf")
    assert "closed" in guard.check(MODEL.hex()).reason
