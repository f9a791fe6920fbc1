"""Decisions reach guards on the real broker; what none allows, or nobody knows, is denied."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.integration.producers.topic_writer import TENANT, TopicWriter
from tests.waiting import await_true

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.records import encode_value
from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.errors import ServingBlockedError
from auditspine.producers.guard import ServingGuard
from auditspine.producers.release_guard import ReleaseGuard
from auditspine.sinks.releases import ReleaseStates, release_topic
from auditspine.sinks.serving import ServingStates, serving_topic

ENVIRONMENT, DEPLOYMENT = "prod", "mortgage-risk-eu"
MODEL, OTHER = b"m" * 32, b"o" * 32
RELEASE_ROW: dict[str, object] = {
    "origin": "o",
    "tenant": TENANT,
    "environment": ENVIRONMENT,
    "model": "risk",
    "model_version": "3",
    "model_digest": MODEL,
    "allowed": 1,
    "decision_id": "d-1",
    "exceptions": [],
    "reason": "every rule passed",
    "since": 1_700_000_000_000,
    "until": None,
    "version": 1,
}
SERVING_ROW: dict[str, object] = {
    "tenant": TENANT,
    "deployment": DEPLOYMENT,
    "model_digest": MODEL,
    "state": "live",
    "releases_frozen": 0,
    "quarantined": 0,
    "alert_id": "alert-1",
    "reason": "drift",
    "since": 1_700_000_000_000,
    "version": 1,
}


class Releases(TopicWriter):
    """The release processor's end of its topic, and guards that follow it."""

    def __init__(self, servers: str, topics: Topics) -> None:
        super().__init__(servers, topics, topics.releases, release_topic, ReleaseStates)

    def decide(self, version: int, *, allowed: bool, **other) -> None:
        said = {"allowed": int(allowed), "decision_id": f"d-{version}", "version": version}
        row = {**RELEASE_ROW, **said, **other}
        self.states.write("release_states", list(row), [list(row.values())])

    def guard(self, **options) -> ReleaseGuard:
        fixed = {"tenant": TENANT, "environment": ENVIRONMENT, "topics": self.topics}
        fixed |= {"keys": [raw_public_key(self.key)]}
        guard = ReleaseGuard(self.servers, **{**fixed, **options})
        self.guards.append(guard)
        return guard


class Alerts(TopicWriter):
    """The alerts processor's end of the serving topic."""

    def __init__(self, servers: str, topics: Topics) -> None:
        super().__init__(servers, topics, topics.serving, serving_topic, ServingStates)

    def say(self, version: int, state: str) -> None:
        row = {**SERVING_ROW, "state": state, "version": version}
        self.states.write("serving_states", list(row), [list(row.values())])

    def guard(self, releases: Releases, **options) -> ServingGuard:
        fixed = {"tenant": TENANT, "deployment": DEPLOYMENT, "topics": self.topics}
        fixed |= {"keys": [raw_public_key(self.key)], "environment": ENVIRONMENT}
        fixed |= {"release_keys": [raw_public_key(releases.key)]}
        guard = ServingGuard(self.servers, **{**fixed, **options})
        self.guards.append(guard)
        return guard


def decision(position: int, *, allowed: bool) -> ReleaseRecord:
    return ReleaseRecord(
        TENANT, ENVIRONMENT, MODEL, allowed, "forged", "forged", 1_700_000_000_000, None, position
    )


@pytest.fixture
def releases(kafka, topic_prefix) -> Iterator[Releases]:
    made = Releases(kafka.bootstrap_servers, Topics(prefix=topic_prefix))
    yield made
    made.end_all()


@pytest.fixture
def alerts(kafka, releases) -> Iterator[Alerts]:
    made = Alerts(kafka.bootstrap_servers, releases.topics)
    yield made
    made.end_all()


def test_what_is_decided_is_allowed_for_its_digest_and_environment_alone(releases) -> None:
    guard, elsewhere = releases.guard(), releases.guard(environment="staging")
    neighbour = releases.guard(tenant="northbank")
    assert guard.wait_ready(15)
    denied = guard.check(MODEL)
    assert (denied.allowed, denied.state, denied.decision_id) == (False, "denied", None)
    assert denied.reason == "no release decision allows it"
    releases.decide(5, allowed=True)
    await_true(lambda: guard.check(MODEL).allowed, "the decision arrived", 5)
    verdict = guard.check("sha256:" + MODEL.hex())
    assert (verdict.state, verdict.decision_id, verdict.until) == ("allowed", "d-5", None)
    assert verdict.staleness_s < 2
    assert guard.check(OTHER).state == "denied"
    for other in (elsewhere, neighbour):
        assert other.wait_ready(15)
        assert other.check(MODEL).state == "denied"
    assert [rows[0][-1] for _, _, rows in releases.inner.written] == [5]


def test_a_revocation_reaches_the_guard_at_once(releases) -> None:
    releases.decide(5, allowed=True)
    guard = releases.guard()
    assert guard.wait_ready(15)
    await_true(lambda: guard.check(MODEL).allowed, "the decision arrived", 5)
    releases.decide(6, allowed=False, reason="revoked: the artifact is quarantined")
    began = time.monotonic()
    await_true(lambda: not guard.check(MODEL).allowed, "the revocation arrived", 5)
    assert time.monotonic() - began < 1
    verdict = guard.check(MODEL)
    assert (verdict.state, verdict.decision_id) == ("denied", "d-6")
    assert verdict.reason == "revoked: the artifact is quarantined"


def test_an_allowance_ends_without_a_word_of_the_processor(releases) -> None:
    until = int(time.time() * 1000) + 3000
    releases.decide(5, allowed=True, until=until)
    guard = releases.guard()
    assert guard.wait_ready(15)
    assert guard.check(MODEL).until == until
    assert guard.check(MODEL).allowed
    await_true(lambda: not guard.check(MODEL).allowed, "the allowance ended", 10)
    assert time.time() * 1000 >= until
    verdict = guard.check(MODEL)
    assert verdict.state == "denied"
    assert verdict.reason.startswith("its allowance has ended")


def test_what_the_processor_did_not_sign_or_is_older_allows_nothing(releases) -> None:
    guard = releases.guard()
    releases.decide(5, allowed=True)
    releases.decide(6, allowed=False)
    assert guard.wait_ready(15)
    await_true(lambda: guard.check(MODEL).decision_id == "d-6", "the revocation arrived", 5)
    releases.put(decision(9, allowed=True), key=Ed25519PrivateKey.generate())
    releases.put(decision(9, allowed=True), header=False)
    releases.put(decision(9, allowed=True), value=False)  # a deletion
    releases.put(decision(5, allowed=True))  # an old decision said again
    await_true(lambda: sum(guard.ignored.values()) >= 4, "all were read", 5)
    assert guard.ignored == {"signature": 1, "format": 2, "older": 1}
    assert guard.check(MODEL).decision_id == "d-6"
    late = releases.guard()
    assert late.wait_ready(15)
    assert late.check(MODEL).decision_id == "d-6"
    last = releases.last(decision(1, allowed=True).key)
    assert last == encode_value(
        ReleaseRecord(
            TENANT,
            ENVIRONMENT,
            MODEL,
            False,
            "d-6",
            "every rule passed",
            1_700_000_000_000,
            None,
            6,
        )
    )


def test_without_signs_of_life_nothing_is_allowed_until_another_process_goes_on(releases) -> None:
    releases.decide(5, allowed=True)
    guard = releases.guard(max_staleness_s=2)
    assert guard.wait_ready(15)
    await_true(lambda: guard.check(MODEL).allowed, "the decision arrived", 5)
    releases.end()
    ended = time.monotonic()
    await_true(lambda: guard.check(MODEL).state == "unknown", "unknown", 10)
    assert time.monotonic() - ended < 3
    verdict = guard.check(MODEL)
    assert not verdict.allowed
    assert "at most 2 s are allowed" in verdict.reason
    assert not guard.wait_ready(0.1)
    releases.begin()
    assert guard.wait_ready(15)
    assert guard.check(MODEL).decision_id == "d-5"


def test_a_serving_guard_obeys_decisions_and_alerts(releases, alerts) -> None:
    guard, careless = alerts.guard(releases), alerts.guard(releases, when_unknown="serve")
    assert guard.wait_ready(15)
    blocked = guard.check(MODEL)
    assert (blocked.action, blocked.state, blocked.decision_id) == ("block", "blocked", None)
    with pytest.raises(ServingBlockedError, match="no release decision allows it"):
        guard.require(MODEL)
    releases.decide(5, allowed=True)
    await_true(lambda: guard.check(MODEL).action == "serve", "released", 5)
    assert (guard.check(MODEL).state, guard.check(MODEL).decision_id) == ("live", "d-5")
    alerts.say(2, "fallback")
    await_true(lambda: guard.check(MODEL).action == "fallback", "the stop arrived", 5)
    assert (guard.check(MODEL).alert_id, guard.check(MODEL).decision_id) == ("alert-1", "d-5")
    releases.decide(6, allowed=False, reason="revoked")
    await_true(lambda: guard.check(MODEL).action == "block", "the revocation arrived", 5)
    assert (guard.check(MODEL).reason, guard.check(MODEL).decision_id) == ("revoked", "d-6")
    await_true(lambda: careless.check(MODEL).action == "block", "the revocation arrived", 5)
    assert guard.ignored == {}


def test_a_serving_guard_stops_what_was_allowed_when_decisions_are_stale(releases, alerts) -> None:
    releases.decide(5, allowed=True)
    releases.decide(6, allowed=False, model_digest=OTHER)
    guards = {
        action: alerts.guard(releases, max_staleness_s=2, when_unknown=action)
        for action in ("block", "serve")
    }
    for guard in guards.values():
        assert guard.wait_ready(15)
        await_true(lambda guard=guard: guard.check(MODEL).action == "serve", "released", 5)
    releases.end()  # the alerts processor goes on
    await_true(lambda: guards["block"].check(MODEL).state == "unknown", "unknown", 10)
    assert guards["block"].check(MODEL).action == "block"
    await_true(lambda: guards["serve"].check(MODEL).state == "unknown", "unknown", 10)
    assert guards["serve"].check(MODEL).action == "serve"
    assert guards["serve"].check(OTHER).action == "block"  # a denial that was seen holds
    assert guards["serve"].check(b"n" * 32).action == "block"  # so does that nothing was decided
    assert not guards["block"].wait_ready(0.1)
    releases.begin()
    for guard in guards.values():
        assert guard.wait_ready(15)
    assert guards["block"].check(MODEL).action == "serve"


def test_a_forked_child_allows_nothing_before_it_knows(releases, alerts) -> None:
    releases.decide(5, allowed=True)
    guard, serving = releases.guard(), alerts.guard(releases)
    assert guard.wait_ready(15)
    assert serving.wait_ready(15)
    await_true(lambda: serving.check(MODEL).action == "serve", "released", 5)
    child = os.fork()
    if child == 0:  # never return into pytest from here
        code = 1
        try:
            signal.alarm(30)
            first, second = guard.check(MODEL), serving.check(MODEL)
            stands = (first.allowed, first.state) == (False, "unknown")
            stands &= (second.action, second.state) == ("block", "unknown")
            ready = guard.wait_ready(15) and serving.wait_ready(15)
            knows = guard.check(MODEL).allowed and serving.check(MODEL).action == "serve"
            code = 0 if stands and ready and knows else 2
            guard.close()
            serving.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert guard.check(MODEL).allowed
    serving.close()
    assert serving.check(MODEL).reason == "unknown: the guard is closed"
    guard.close()
    assert guard.check(MODEL).reason == "unknown: the guard is closed"
