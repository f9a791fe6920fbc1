"""The ledger on a real broker: everything is sealed once, in order, with the right verdict."""

import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.ledger.config import SealingLimits

sys.path.insert(0, str(Path(__file__).parent))
from ledger_world import Backbone, running

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import (
    Signer,
    encode,
    key_registered,
    key_revoked,
    prediction,
    standard_control,
    tenant_registered,
)
from tests.waiting import await_true

OTHER = Ed25519PrivateKey.from_private_bytes(b"\x21" * 32)
LOST = Ed25519PrivateKey.from_private_bytes(b"\x22" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x23" * 32)


@pytest.fixture
def backbone(kafka, topic_prefix) -> Backbone:
    return Backbone(kafka.bootstrap_servers, topic_prefix, 4).create()


def values(backbone: Backbone, count: int, **envelope) -> list[bytes]:
    return [encode(prediction(i, now_ms=backbone.now_ms, **envelope)) for i in range(count)]


def test_every_kind_of_message_is_sealed_once_in_order_with_its_verdict(backbone) -> None:
    topic = backbone.topics.source("inference")
    with running(backbone.config()):
        backbone.bootstrap()
        backbone.say(
            tenant_registered("zeta"),
            key_registered(OTHER, producer="serving", tenants=["zeta"], event_types=["*"]),
            key_registered(LOST, producer="lost"),
            key_revoked(LOST),
        )
        backbone.await_sealed("control", 0)
        for partition in range(4):
            scorer = Signer(topic=topic, partition=partition)
            serving = Signer(OTHER, topic, partition, "zeta", "serving")
            lost = Signer(LOST, topic, partition, "acme", "lost")
            theirs = values(backbone, 20, tenant="zeta", workload="serving")
            old = encode(prediction(now_ms=backbone.now_ms - 90_000_000))
            good = scorer.sign(*values(backbone, 64))
            elsewhere = Signer(topic=topic, partition=9).sign(values(backbone, 1)[0])
            backbone.publish("inference", partition, *good)
            backbone.publish(
                "inference",
                partition,
                *serving.sign(*theirs),
                good[5],
                *elsewhere,
                (b"not ours", b""),
                (b"", b""),
                (good[0][0], b""),
                (good[0][0] + b"x", good[0][1]),
                *Signer(STRANGER, topic, partition).sign(values(backbone, 1)[0]),
                *lost.sign(*values(backbone, 1, workload="lost")),
                *serving.sign(*values(backbone, 1, workload="serving")),
                *scorer.sign(b"\0\0\0\0\1junk", old[:-1], old),
                *serving.sign(*values(backbone, 1, tenant="zeta", workload="scorer")),
            )
        backbone.await_sealed("inference", 0, 1, 2, 3)
    assert {e.verdict for e in backbone.check("control", 0)} == {Verdict.VALID}
    for partition in range(4):
        entries = backbone.check("inference", partition)
        assert Counter(e.verdict for e in entries) == {
            Verdict.VALID: 64 + 20 + 1 + 1,
            Verdict.FOREIGN: 2,
            Verdict.BAD_SIGNATURE: 3,
            Verdict.UNKNOWN_KEY: 1,
            Verdict.REVOKED_KEY: 1,
            Verdict.WRONG_TENANT: 1,
            Verdict.UNDECODABLE: 2,
            Verdict.NOT_PERMITTED: 1,
        }
        assert all(bool(e.reason) is (e.verdict is not Verdict.VALID) for e in entries)
        flags = Counter(e.flags for e in entries if e.flags)
        assert flags == {Flag.DUPLICATE: 1, Flag.CLOCK_SKEW: 1}


def test_a_key_sealed_before_an_event_was_published_is_known(backbone) -> None:
    topic = backbone.topics.source("inference")
    with running(backbone.config()):
        backbone.bootstrap()
        for number in range(8):
            key = Ed25519PrivateKey.from_private_bytes(bytes([64 + number]) * 32)
            backbone.say(key_registered(key))
            backbone.await_sealed("control", 0)
            backbone.publish("inference", 0, *Signer(key, topic).sign(*values(backbone, 1)))
        backbone.await_sealed("inference", 0)
    entries = backbone.check("inference", 0)
    assert [e.verdict for e in entries] == [Verdict.VALID] * 8
    sizes = [
        segment.control_size for segment, _ in backbone.segments("inference", 0) if segment.entries
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] >= len(standard_control()) + 1


def test_a_worker_resumes_where_the_sealed_topic_ends(backbone) -> None:
    scorer = Signer(topic=backbone.topics.source("inference"))
    limits = SealingLimits(max_entries=50, table_every=4)
    for round_ in range(3):
        with running(backbone.config(limits=limits)):
            if round_ == 0:
                backbone.bootstrap()
                backbone.await_sealed("control", 0)
            backbone.publish("inference", 0, *scorer.sign(*values(backbone, 400)))
            backbone.await_sealed("inference", 0)
    entries = backbone.check("inference", 0)
    assert {(e.verdict, e.flags) for e in entries} == {(Verdict.VALID, Flag.NONE)}
    assert len(entries) == 1200
    tables = [s.producers is not None for s, _ in backbone.segments("inference", 0)]
    assert tables[0]
    assert 3 <= sum(tables) < len(tables)


def test_a_clean_stop_seals_what_is_pending(backbone) -> None:
    scorer = Signer(topic=backbone.topics.source("inference"))
    with running(backbone.config(limits=SealingLimits(linger_s=60))) as loop:
        backbone.publish("inference", 0, *scorer.sign(*values(backbone, 3)))
        await_true(
            lambda: any(log.pending for log in list(loop._logs.values())), "events are taken"
        )
        assert backbone.entries("inference", 0) == []
    assert len(backbone.check("inference", 0)) == 3


def test_a_quiet_log_gets_checkpoints_even_when_it_is_empty(backbone) -> None:
    with running(backbone.config(limits=SealingLimits(quiet_s=0.3))):
        backbone.bootstrap()
        backbone.await_sealed("control", 0)
        for stream in ("access", "control"):
            before = len(backbone.segments(stream, 0))
            await_true(
                lambda s=stream, n=before: len(backbone.segments(s, 0)) >= n + 2, "checkpoints"
            )
    quiet, _ = backbone.segments("access", 0)[-1]
    assert (quiet.entries, quiet.end, quiet.next_offset) == ((), 0, 0)
    control, _ = backbone.segments("control", 0)[-1]
    assert (control.entries, control.end) == ((), 6)
    with running(backbone.config()):  # an empty log with checkpoints can be taken over
        backbone.publish("access", 0, (b"not ours", b""))
        backbone.await_sealed("access", 0)
    backbone.check("access", 0)


def test_an_oversized_foreign_message_is_sealed_alone(backbone) -> None:
    with running(backbone.config()):
        backbone.publish("access", 0, (b"x" * 100, b""), (b"x" * 3_000_000, b""), (b"y", b""))
        backbone.await_sealed("access", 0)
    assert {e.verdict for e in backbone.check("access", 0)} == {Verdict.FOREIGN}
    sizes = [len(m.value()) for m in backbone.read(backbone.topics.sealed("access"), 0)]
    assert max(sizes) < 4 << 20


def test_an_idle_ledger_seals_a_single_event_at_once(backbone) -> None:
    with running(backbone.config()):
        backbone.publish("access", 0, (b"warm", b""))
        backbone.await_sealed("access", 0)
        backbone.publish("access", 0, (b"event", b""))
        backbone.await_sealed("access", 0)
    last, _ = backbone.segments("access", 0)[-1]
    assert last.sealed_at - last.entries[0].timestamp < 1000
    assert abs(last.sealed_at - time.time() * 1000) < 60_000
