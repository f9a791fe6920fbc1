"""The ledger refuses to seal where it could fork or lose a log, and says what to do."""

import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.errors import LedgerError
from auditspine.ledger.topics import MAX_SOURCE_BYTES
from auditspine.ledger.verdict import Verdict
from auditspine.processors.ledger.errors import BrokerError, RefusedError, SetupError

sys.path.insert(0, str(Path(__file__).parent))
from ledger_world import LOG_KEY, Backbone, run_until_it_fails, running

PARTITIONS = 2


@pytest.fixture
def backbone(kafka, topic_prefix) -> Backbone:
    return Backbone(kafka.bootstrap_servers, topic_prefix, PARTITIONS)


@pytest.fixture
def sealed(backbone) -> Backbone:
    """A deployment whose access log, partition 0, holds ten sealed entries."""
    backbone.create(("control", "access"))
    with running(backbone.config(streams=("access",))):
        backbone.publish("access", 0, *((b"%d" % n, b"") for n in range(10)))
        backbone.await_sealed("access", 0)
    return backbone


def refusal(backbone: Backbone, **changes) -> LedgerError:
    failure = run_until_it_fails(backbone.config(streams=("access",), **changes))
    assert isinstance(failure, LedgerError), failure
    return failure


def test_missing_topics_are_named_with_the_command_that_makes_them(backbone) -> None:
    backbone.create(("control",))
    failure = refusal(backbone)
    assert isinstance(failure, SetupError)
    assert failure.topic == backbone.topics.source("access")
    assert "auditspine topics create" in str(failure)


def test_another_partition_count_is_refused(backbone) -> None:
    backbone.create(("control",))
    backbone.create_topics(backbone.topics.source("access"), partitions=3)
    backbone.create_topics(backbone.topics.sealed("access"))
    failure = refusal(backbone)
    assert isinstance(failure, SetupError)
    assert "expected 2 partitions, got 3" in str(failure)


def test_a_topic_with_the_producers_timestamps_is_refused(backbone) -> None:
    backbone.create(("control",))
    source = backbone.topics.source("access")
    backbone.create_topics(source, message_timestamp_type="CreateTime")
    backbone.create_topics(backbone.topics.sealed("access"))
    failure = refusal(backbone)
    assert isinstance(failure, SetupError)
    assert "expected message.timestamp.type=LogAppendTime, got CreateTime" in str(failure)


def test_a_broker_that_does_not_answer_is_named(backbone, monkeypatch) -> None:
    monkeypatch.setattr("auditspine.processors.ledger.places._TIMEOUT_S", 1.0)
    backbone.servers = "127.0.0.1:1"
    failure = refusal(backbone)
    assert isinstance(failure, BrokerError)
    assert "127.0.0.1:1" in str(failure)


def test_an_emptied_sealed_topic_is_refused(sealed) -> None:
    sealed.delete_records(sealed.topics.sealed("access"), 0)
    failure = refusal(sealed)
    assert isinstance(failure, RefusedError)
    assert "messages are gone" in str(failure)
    assert (failure.topic, failure.partition) == (sealed.topics.source("access"), 0)


def test_a_sealed_topic_made_anew_is_refused(sealed) -> None:
    sealed.delete_topic(sealed.topics.sealed("access"))
    sealed.create_topics(sealed.topics.sealed("access"))
    failure = refusal(sealed)
    assert isinstance(failure, RefusedError)
    assert "reaches 0: it lost its tail" in str(failure)
    assert sealed.segments("access", 0) == []


def test_a_source_topic_made_anew_is_refused(sealed) -> None:
    sealed.delete_topic(sealed.topics.source("access"))
    sealed.create_topics(sealed.topics.source("access"))
    failure = refusal(sealed)
    assert isinstance(failure, RefusedError)
    assert "made anew" in str(failure)


def test_source_entries_deleted_before_they_were_sealed_are_noticed(sealed) -> None:
    sealed.publish("access", 0, *((b"late %d" % n, b"") for n in range(5)))
    sealed.delete_records(sealed.topics.source("access"), 0, before=12)
    failure = refusal(sealed)
    assert isinstance(failure, RefusedError)
    assert "source offsets 10 to 11 were deleted" in str(failure)


def test_a_new_log_whose_source_lost_its_start_is_refused(backbone) -> None:
    backbone.create(("control", "access"))
    backbone.publish("access", 1, *((b"%d" % n, b"") for n in range(5)))
    backbone.delete_records(backbone.topics.source("access"), 1, before=3)
    failure = refusal(backbone)
    assert isinstance(failure, RefusedError)
    assert "source offsets 0 to 2 were deleted" in str(failure)
    assert failure.partition == 1


def test_another_log_key_is_refused_unless_the_former_is_named(sealed) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x31" * 32)
    failure = refusal(sealed, key=other)
    assert isinstance(failure, RefusedError)
    assert "no trusted key signed" in str(failure)
    former = LOG_KEY.public_key().public_bytes_raw()
    with running(sealed.config(streams=("access",), key=other, former_keys=(former,))):
        pass


def test_junk_in_a_sealed_topic_is_refused(sealed) -> None:
    sealed.producer.produce(sealed.topics.sealed("access"), b"junk", partition=0)
    sealed.producer.flush(20)
    failure = refusal(sealed)
    assert isinstance(failure, RefusedError)
    assert "are not a segment" in str(failure)


class Heads:
    def __init__(self, partition: int, size: int, root: bytes) -> None:
        self.partition, self.known = partition, (size, root)

    def size_and_root(self, origin: str) -> tuple[int, bytes] | None:
        return self.known if origin.endswith(f"/{self.partition}") else None


def test_evidence_that_is_ahead_of_or_unlike_the_sealed_log_is_noticed(sealed) -> None:
    segment, _ = sealed.segments("access", 0)[-1]
    root = segment.check([LOG_KEY.public_key().public_bytes_raw()]).root()
    ahead = refusal(sealed, known_heads=Heads(0, 11, root))
    assert "committed up to size 11, but the sealed topic ends at 10" in str(ahead)
    unlike = refusal(sealed, known_heads=Heads(0, 10, bytes(32)))
    assert "another root at size 10" in str(unlike)
    lost = refusal(sealed, known_heads=Heads(1, 4, root))
    assert "committed up to size 4, but the sealed topic ends at 0" in str(lost)
    with running(sealed.config(streams=("access",), known_heads=Heads(0, 10, root))):
        sealed.publish("access", 0, (b"more", b""))
        sealed.await_sealed("access", 0)


def test_a_topic_that_takes_more_than_a_segment_holds_is_refused(backbone) -> None:
    source, sealed = backbone.topics.source("inference"), backbone.topics.sealed("inference")
    backbone.create(("control",)).create_topics(sealed)
    backbone.create_topics(source, compression_type="producer")
    failure = run_until_it_fails(backbone.config(streams=("inference",)))
    assert isinstance(failure, SetupError)
    assert "expected compression.type=uncompressed, got producer" in str(failure)


def test_a_message_that_grows_beyond_a_segment_is_refused_by_the_broker(backbone) -> None:
    backbone.create()
    bomb = Producer(
        {
            "bootstrap.servers": backbone.servers,
            "compression.type": "zstd",
            "message.max.bytes": 64 << 20,
            "delivery.timeout.ms": 20_000,
        }
    )
    said = []
    for size in (20 << 20, MAX_SOURCE_BYTES - 200):
        bomb.produce(
            backbone.topics.source("inference"),
            bytes(size),
            partition=0,
            on_delivery=lambda error, _: said.append(error and error.code()),
        )
        bomb.flush(30)
    assert said == [KafkaError.MSG_SIZE_TOO_LARGE, None]
    with running(backbone.config()):
        backbone.await_sealed("inference", 0)
    (entry,) = backbone.check("inference", 0)
    assert entry.verdict is Verdict.BAD_SIGNATURE  # it begins like an event, and is not signed
