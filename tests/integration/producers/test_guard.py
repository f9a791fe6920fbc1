"""Stops reach a guard on the real broker; what it cannot know, it says, and then fails closed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.integration.producers.topic_writer import TENANT, TopicWriter
from tests.waiting import await_true

from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.records import encode_value
from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.errors import ServingBlockedError
from auditspine.producers.guard import ServingGuard
from auditspine.sinks.errors import BadDataError, BrokerError
from auditspine.sinks.serving import ServingStates, serving_topic

DEPLOYMENT = "mortgage-risk-eu"
MODEL, OTHER = b"m" * 32, b"o" * 32
COLUMNS = (
    *("origin", "tenant", "deployment", "model_digest", "state", "releases_frozen"),
    *("quarantined", "alert_id", "reason", "since", "version"),
)


class Processor(TopicWriter):
    """The alerts processor's end of the topic, and guards that follow it."""

    def __init__(self, servers: str, topics: Topics) -> None:
        super().__init__(servers, topics, topics.serving, serving_topic, ServingStates)

    def say(self, version: int, state: str, **other) -> None:
        self.states.write("serving_states", COLUMNS, [row(version, state, **other)])

    def guard(self, **options) -> ServingGuard:
        fixed = {"tenant": TENANT, "deployment": DEPLOYMENT, "keys": [raw_public_key(self.key)]}
        fixed |= {"topics": self.topics}
        guard = ServingGuard(self.servers, **{**fixed, **options})
        self.guards.append(guard)
        return guard


def row(version: int, state: str, **other) -> list[object]:
    values = {
        "origin": "o",
        "tenant": TENANT,
        "deployment": DEPLOYMENT,
        "model_digest": MODEL,
        "state": state,
        "releases_frozen": 1,
        "quarantined": 0,
        "alert_id": "alert-1",
        "reason": "drift",
        "since": 1_700_000_000_000,
        "version": version,
    }
    return list({**values, **other}.values())


def record(version: int, state) -> ServingRecord:
    return ServingRecord(
        TENANT,
        DEPLOYMENT,
        MODEL,
        state,
        True,
        False,
        "alert-1",
        "drift",
        1_700_000_000_000,
        version,
    )


@pytest.fixture
def processor(kafka, topic_prefix) -> Iterator[Processor]:
    made = Processor(kafka.bootstrap_servers, Topics(prefix=topic_prefix))
    yield made
    made.end_all()


def test_a_stop_reaches_the_guard_at_once_and_only_for_its_digest(processor) -> None:
    guard = processor.guard()
    assert guard.wait_ready(15)
    assert guard.check(MODEL).action == "serve"
    processor.say(5, "blocked")
    began = time.monotonic()
    await_true(lambda: guard.check(MODEL).action == "block", "the stop arrived", 5)
    assert time.monotonic() - began < 1
    verdict = guard.check("sha256:" + MODEL.hex())
    assert (verdict.state, verdict.reason, verdict.alert_id) == ("blocked", "drift", "alert-1")
    assert verdict.staleness_s < 2
    other = guard.check(OTHER)
    assert (other.action, other.releases_frozen) == ("serve", True)
    with pytest.raises(ServingBlockedError, match=r"block, blocked\): drift") as stopped:
        guard.require(MODEL)
    assert stopped.value.verdict.alert_id == "alert-1"
    assert guard.require(OTHER).state == "live"

    processor.say(6, "live", alert_id=None, releases_frozen=0)
    await_true(lambda: guard.check(MODEL).action == "serve", "the model serves again", 5)
    assert guard.ignored == {}
    assert [rows[0][-1] for _, _, rows in processor.inner.written] == [5, 6]


def test_what_nobody_trusted_signed_or_is_older_changes_nothing(processor) -> None:
    guard = processor.guard()
    processor.say(5, "blocked")
    assert guard.wait_ready(15)
    await_true(lambda: guard.check(MODEL).action == "block", "the stop arrived", 5)
    processor.put(record(9, "live"), key=Ed25519PrivateKey.generate())
    processor.put(record(9, "live"), header=False)
    processor.put(record(9, "live"), value=False)  # a deletion
    processor.put(record(4, "live"))  # an old writer, or an old record said again
    await_true(lambda: sum(guard.ignored.values()) >= 4, "all were read", 5)
    assert guard.ignored == {"signature": 1, "format": 2, "older": 1}
    assert guard.check(MODEL).state == "blocked"
    # What compaction would keep of them is put right: the newest state stands last again.
    late = processor.guard()
    assert late.wait_ready(15)
    assert late.check(MODEL).state == "blocked"
    assert processor.last(record(1, "live").key) == encode_value(record(5, "blocked"))


def test_without_signs_of_life_it_is_unknown_and_fails_closed_and_comes_back(processor) -> None:
    processor.say(5, "fallback")
    guards = {
        action: processor.guard(max_staleness_s=2, when_unknown=action)
        for action in ("block", "fallback", "serve")
    }
    for guard in guards.values():
        assert guard.wait_ready(15)
        await_true(lambda guard=guard: guard.check(MODEL).action == "fallback", "the state", 5)
    processor.end()
    ended = time.monotonic()
    await_true(lambda: guards["block"].check(OTHER).action == "block", "unknown", 10)
    assert time.monotonic() - ended < 3
    await_true(lambda: guards["serve"].check(OTHER).state == "unknown", "unknown", 10)
    verdict = guards["block"].check(OTHER)
    assert verdict.state == "unknown"
    assert "at most 2 s are allowed" in verdict.reason
    assert guards["serve"].check(OTHER).action == "serve"
    assert guards["serve"].check(MODEL).action == "fallback"  # a stop that was seen holds
    assert guards["fallback"].check(OTHER).action == "fallback"
    assert not guards["block"].wait_ready(0.1)

    processor.begin()  # another process goes on; it knows what the topic says
    for guard in guards.values():
        assert guard.wait_ready(15)
    assert guards["block"].check(MODEL).state == "fallback"


def test_many_records_are_read_at_the_start(processor) -> None:
    rows = [
        row(n, "blocked", model_digest=n.to_bytes(32, "big"), deployment=f"d{n % 7}")
        for n in range(2000)
    ]
    rows.append(row(2000, "fallback"))
    processor.states.write("serving_states", COLUMNS, rows)
    guard = processor.guard()
    began = time.monotonic()
    assert guard.wait_ready(30)
    assert time.monotonic() - began < 10
    assert guard.check(MODEL).action == "fallback"
    assert processor.guard(deployment="d3").wait_ready(30)


def test_the_inner_store_gets_everything_and_bad_rows_stop_no_others(processor) -> None:
    processor.states.write("alerts", ("a",), [("x",)])
    assert processor.inner.written == [("alerts", ("a",), [("x",)])]
    processor.say(1, "blocked", model_digest=b"short")
    processor.say(2, "blocked")
    assert [len(rows) for _, _, rows in processor.inner.written] == [1, 1, 1]
    with pytest.raises(BadDataError, match="column tenant"):
        processor.states.write("serving_states", ("deployment",), [("x",)])
    assert len(processor.inner.written) == 3


def test_a_forked_child_begins_anew_and_the_parent_goes_on(processor) -> None:
    processor.say(5, "blocked")
    guard = processor.guard()
    assert guard.wait_ready(15)
    child = os.fork()
    if child == 0:  # never return into pytest from here
        code = 1
        try:
            signal.alarm(30)
            first = guard.check(MODEL)
            stands = (first.state, first.action) == ("unknown", "block")
            code = 0 if stands and guard.wait_ready(15) and guard.check(MODEL).alert_id else 2
            guard.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert guard.check(MODEL).state == "blocked"
    guard.close()
    assert guard.check(OTHER).reason == "unknown: the guard is closed"


def test_a_broker_that_hangs_makes_it_unknown_and_a_write_fails(tmp_path: Path) -> None:
    node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", KafkaSettings(heap_mb=384))
    node.start()
    try:
        processor = Processor(node.bootstrap_servers, Topics(prefix="own."))
        guard = processor.guard(max_staleness_s=2)
        assert guard.wait_ready(15)
        os.kill(node.process.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        await_true(lambda: guard.check(OTHER).action == "block", "unknown", 10)
        assert time.monotonic() - frozen < 3
        kafka = {"bootstrap.servers": processor.servers, "delivery.timeout.ms": "500"}
        topic = serving_topic(kafka, processor.topics, processor.key)
        with pytest.raises(BrokerError, match="was not written"):
            topic.publish([record(1, "blocked")])
        topic.close()
        os.kill(node.process.pid, signal.SIGCONT)
        assert guard.wait_ready(30)
        assert guard.check(OTHER).action == "serve"
        guard.close()
        processor.end()
    finally:
        node.kill()
