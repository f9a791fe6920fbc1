"""Lanes over a real librdkafka producer whose broker is away: nothing leaves, all is counted."""

import socket

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.producers.errors import DeliveryError, DeliveryPendingError
from auditspine.producers.lane import Lane
from auditspine.producers.outbound import Outbound
from auditspine.producers.settings import ProducerSettings, connection, producer_config
from auditspine.producers.signing import Identity


@pytest.fixture
def outbound():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = unused.getsockname()[1]
        given = connection({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
        yield Outbound(producer_config(given, ProducerSettings(delivery_timeout_s=1)))


@pytest.fixture
def lane(outbound: Outbound) -> Lane:
    identity = Identity(Ed25519PrivateKey.generate(), "acme", "svc")
    return Lane(identity, 42, "t", 1, outbound)


def take(lane: Lane, count: int) -> list:
    handles = [lane.take(b"value", b"key", None) for _ in range(count)]
    lane.outbound.taken += count
    lane.outbound.taken_bytes += count * 5
    return handles


def test_sequences_count_on_over_batches(lane: Lane) -> None:
    handles = take(lane, 10)
    assert [h.sequence for h in handles] == [None] * 10
    lane.seal(4)
    handles += take(lane, 3)
    lane.seal(4)
    assert [h.sequence for h in handles] == list(range(1, 14))
    assert len(lane) == 0
    assert {(h.topic, h.partition, h.epoch, h.offset) for h in handles} == {("t", 1, 42, None)}


def test_events_that_wait_unsigned_are_given_up_in_order(lane: Lane) -> None:
    handles = take(lane, 3)
    lane.drop_until(float("inf"), DeliveryError("t", 1, None, "the broker is away"))
    assert all(h.done() for h in handles)
    assert lane.outbound.events == lane.outbound.size == 0
    with pytest.raises(DeliveryError, match=r"t \[1\] \(unsigned\): the broker is away"):
        handles[0].result()


def test_younger_events_keep_waiting(lane: Lane) -> None:
    handles = take(lane, 2)
    lane.drop_until(lane.oldest, DeliveryError("t", 1, None, "too old"))
    assert [h.done() for h in handles] == [False, False]


def test_an_undelivered_event_is_pending_then_fails_with_its_place(lane: Lane) -> None:
    seen = []
    handle = lane.take(b"PAYLOAD", b"key", seen.append)
    lane.outbound.taken, lane.outbound.taken_bytes = 1, 7
    lane.seal(64)
    with pytest.raises(DeliveryPendingError, match="stays queued"):
        handle.result(0.05)
    with pytest.raises(DeliveryError, match=r"t \[1\] \(sequence 1\)") as caught:
        handle.result(20)
    error = caught.value
    assert (error.topic, error.partition, error.sequence) == ("t", 1, 1)
    assert "PAYLOAD" not in str(error)
    assert seen == [handle]
    assert lane.acknowledged == 0
    assert lane.outbound.events == 0


def test_a_callback_that_raises_does_not_stop_deliveries(lane: Lane) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    handle = lane.take(b"value", b"key", fail)
    lane.outbound.taken = 1
    lane.drop_until(float("inf"), DeliveryError("t", 1, None, "gone"))
    assert handle.done()
