"""What a client says when the broker or a topic is not what it should be."""

import socket
import time

import pytest

from auditspine.producers.client import AuditClient
from auditspine.producers.errors import BrokerUnreachableError, TopicError
from auditspine.producers.settings import ProducerSettings

QUIET = ProducerSettings(heartbeat_s=0)


def test_check_is_silent_when_all_is_as_expected(ready):
    ready.client().check("inference", "lifecycle")


def test_an_unreachable_broker_is_named_within_seconds(deployment):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        server = f"127.0.0.1:{unused.getsockname()[1]}"
        client = AuditClient(
            server,
            tenant="acme",
            producer="svc",
            key=deployment.key,
            domain="credit",
            environment="test",
        )
        before = time.monotonic()
        with pytest.raises(BrokerUnreachableError, match=server):
            client.check(timeout=2)
        assert time.monotonic() - before < 8
        client.close()


def test_a_missing_topic_is_named_and_works_once_it_exists(deployment, tools):
    client = deployment.client(settings=QUIET)
    with pytest.raises(TopicError, match=r"inference: does not exist.*4 partitions"):
        client.check("inference")
    handle = client.publish(tools.prediction(client, 1))
    with pytest.raises(TopicError, match="does not exist"):
        handle.result(30)
    with pytest.raises(TopicError, match="does not exist"):
        client.publish(tools.prediction(client, 1))

    deployment.create_topics(inference=0)
    deadline = time.monotonic() + 30
    while True:
        try:
            position = client.publish(tools.prediction(client, 1)).result(30)
            break
        except TopicError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert position.offset == 0


def test_another_partition_count_is_refused_before_anything_is_sent(deployment, tools):
    deployment.create_topics(inference=3)
    client = deployment.client(settings=QUIET)
    with pytest.raises(TopicError, match="expected 4 partitions, got 3") as caught:
        client.check("inference")
    assert (caught.value.expected, caught.value.got) == (4, 3)
    handles = [client.publish(tools.prediction(client, n)) for n in range(5)]
    for handle in handles:
        with pytest.raises(TopicError, match="got 3"):
            handle.result(30)
    client.flush(5)
    assert deployment.records("inference", 1, timeout=0.5) == []
