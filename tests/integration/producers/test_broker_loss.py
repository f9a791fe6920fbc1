"""A broker that dies midway: nothing lost, doubled or reordered, and memory stays bounded."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.ledger.verdict import Flag
from auditspine.producers.errors import BackPressureError, DeliveryError, DeliveryPendingError
from auditspine.producers.settings import ProducerSettings


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[KafkaNode]:
    home: Path = tmp_path_factory.mktemp("own-broker")
    node = KafkaNode(home / "kafka", home / "kafka.log", KafkaSettings(heap_mb=384))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def own(node, deployment):
    deployment.servers = node.bootstrap_servers
    deployment.create_topics(inference=0)
    return deployment


def test_a_broker_killed_and_restarted_midway_costs_nothing(own, node, tools):
    client = own.client(settings=ProducerSettings(heartbeat_s=0))
    handles, stop = [], threading.Event()

    def publish() -> None:
        while not stop.is_set() or len(handles) < 3000:
            handles.append(client.publish(tools.prediction(client, len(handles))))
            time.sleep(0.0005)

    publisher = threading.Thread(target=publish)
    publisher.start()
    while len(handles) < 500:
        time.sleep(0.01)
    node.kill()
    killed_at = len(handles)
    while len(handles) < killed_at + 500:  # publishing goes on without a broker
        time.sleep(0.01)
    node.start()
    stop.set()
    publisher.join()
    client.flush(90)

    assert [h.error for h in handles if h.error] == []
    records = own.records("inference", len(handles))
    assert tools.flags(records) == {Flag.NONE}  # neither gap nor duplicate
    assert len(records) == len(handles)
    for partition in range(4):
        sequences = [tools.header(r).sequence for r in records if r.partition() == partition]
        assert sequences == list(range(1, len(sequences) + 1))


def test_a_full_queue_blocks_then_says_so_and_loses_nothing(own, node, tools):
    settings = ProducerSettings(heartbeat_s=0, max_queue_events=200, block_s=0.3)
    client = own.client(settings=settings)
    client.publish(tools.prediction(client, 0)).result(30)
    node.kill()
    try:
        taken = [client.publish(tools.prediction(client, n)) for n in range(200)]
        before = time.monotonic()
        with pytest.raises(BackPressureError, match=r"not queued.*nothing queued was lost") as full:
            client.publish(tools.prediction(client, 200))
        assert 0.3 <= time.monotonic() - before < 3
        assert full.value.events == 200
        with pytest.raises(DeliveryPendingError, match="200 events"):
            client.flush(0.2)
    finally:
        node.start()
    client.flush(90)
    assert [h.error for h in taken if h.error] == []
    records = own.records("inference", 201)
    assert len(records) == 201
    assert tools.flags(records) == {Flag.NONE}


def test_events_published_before_the_broker_is_there_are_delivered_later(own, node, tools):
    node.kill()
    try:
        client = own.client(settings=ProducerSettings(heartbeat_s=0))
        handles = [client.publish(tools.prediction(client, n)) for n in range(100)]
        with pytest.raises(DeliveryPendingError):
            handles[0].result(0.2)
    finally:
        node.start()
    assert [h.result(90) for h in handles]
    assert tools.flags(own.records("inference", 100)) == {Flag.NONE}


@pytest.mark.parametrize("known", [True, False], ids=["signed", "waiting for the topic"])
def test_closing_without_a_broker_says_what_is_lost_and_leaves_no_handle_waiting(
    own, node, tools, known
):
    client = own.client(settings=ProducerSettings(heartbeat_s=0))
    if known:
        client.publish(tools.prediction(client, 0)).result(30)
    node.kill()
    try:
        handles = [client.publish(tools.prediction(client, n)) for n in range(100)]
        with pytest.raises(DeliveryPendingError, match="100 events"):
            client.close(0.3)
        for handle in handles:
            with pytest.raises(DeliveryError, match="inference"):
                handle.result(0)
    finally:
        node.start()
