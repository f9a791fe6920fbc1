"""A transaction's end has an offset that no reader gets: nobody waits for it."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from auditspine.cli.control import ControlTopic
from auditspine.ledger.topics import Topics
from auditspine.processors.projection.errors import ReplayError
from auditspine.processors.projection.source_ends import SourceEnds


def _made(servers: str, topic: str) -> Producer:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": topic})
    producer.init_transactions(30)
    return producer


def _say(producer: Producer, topic: str, value: bytes = b"x", *, commit: bool = True) -> None:
    producer.begin_transaction()
    producer.produce(topic, value)
    producer.flush(30)
    producer.commit_transaction(30) if commit else producer.abort_transaction(30)


def _eventually(holds: Callable[[], bool], within_s: float = 15.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def _is_read(ends: SourceEnds, partition: int, offset: int) -> bool:
    end = ends.end(partition)
    return ends.reached(partition, offset, end) >= end


def test_markers_at_the_end_are_nothing_to_read(kafka, topic_prefix) -> None:
    topic = f"{topic_prefix}lifecycle"
    producer = _made(kafka.bootstrap_servers, topic)
    ends = SourceEnds({"bootstrap.servers": kafka.bootstrap_servers}, topic)
    assert _is_read(ends, 0, 0)

    _say(producer, topic)
    assert _eventually(lambda: ends.end(0) == 2)
    for _ in range(3):
        assert not _is_read(ends, 0, 0)
        time.sleep(0.6)  # so that it may look twice
    assert _eventually(lambda: _is_read(ends, 0, 1))

    _say(producer, topic, commit=False)
    assert _eventually(lambda: _is_read(ends, 0, 1))
    _say(producer, topic)
    assert _eventually(lambda: not _is_read(ends, 0, 1))
    assert _eventually(lambda: _is_read(ends, 0, 5))
    ends.close()


def test_a_broker_that_is_away_is_an_error_that_can_be_waited_out(topic_prefix) -> None:
    ends = SourceEnds({"bootstrap.servers": "localhost:1"}, f"{topic_prefix}x", timeout_s=0.2)
    with pytest.raises(ReplayError, match=f"{topic_prefix}x"):
        ends.end(0)
    ends.close()


def test_the_control_topic_is_read_on_from_where_it_was_read_to(kafka, topic_prefix) -> None:
    topic = f"{topic_prefix}control"
    producer = _made(kafka.bootstrap_servers, topic)
    control = ControlTopic({"bootstrap.servers": kafka.bootstrap_servers}, Topics(topic_prefix))
    assert control.read().size == 0
    for size in (2, 4, 6):
        _say(producer, topic, b"not an event", commit=size != 6)
        assert _eventually(lambda size=size: control.read().size == size)
        assert control.read().size == size
    control.close()
