"""A processor's end of a signed topic on the shared broker, and whoever else may write there."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.record_signing import SIGNATURE_HEADER, sign
from auditspine.ledger.records import Record, encode_value, partition_of
from auditspine.ledger.topics import Topics
from auditspine.sinks.alive import AliveLoop
from auditspine.sinks.record_tee import RecordTee
from auditspine.sinks.signed_topic import Followed, SignedTopic

TENANT = "acme"


class Closable(Protocol):
    def close(self) -> None: ...


class Inner:
    """A store that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple] = []

    def write(self, table, columns, rows) -> None:
        self.written.append((table, tuple(columns), list(rows)))


class TopicWriter:
    """Makes the topic, and writes it as a processor does until told to end."""

    def __init__(
        self,
        servers: str,
        topics: Topics,
        name: str,
        make_topic: Callable[..., SignedTopic[Any]],
        make_states: Callable[..., RecordTee[Any]],
    ) -> None:
        self.servers, self.topics, self.name = servers, topics, name
        self.key = Ed25519PrivateKey.generate()
        self.inner = Inner()
        self.guards: list[Closable] = []
        self.partition = partition_of(TENANT, topics.partitions)
        self._make_topic, self._make_states = make_topic, make_states
        config = {**topics.config(name), "min.insync.replicas": "1"}
        admin = AdminClient({"bootstrap.servers": servers})
        new = NewTopic(name, topics.partitions, 1, config=config)
        for future in admin.create_topics([new]).values():
            future.result(20)
        self.begin()

    def begin(self) -> None:
        self.topic = self._make_topic({"bootstrap.servers": self.servers}, self.topics, self.key)
        self.states = self._make_states(self.inner, self.topic)
        self.loop = AliveLoop(self.topic, self.followed, every_s=0.2)
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def followed(self) -> dict[int, Followed]:
        return dict.fromkeys(range(self.topics.partitions), Followed(9, 0))

    def end(self) -> None:
        self.loop.stop()
        self.thread.join(20)
        self.topic.close()

    def end_all(self) -> None:
        for guard in self.guards:
            guard.close()
        self.end()

    def put(self, record: Record, *, key=None, header=True, value=True) -> None:
        """Put a record there as anybody may who can write to the topic."""
        producer = Producer({"bootstrap.servers": self.servers, "log_level": 0})
        name, signed = record.key, encode_value(record)
        signature = sign(key or self.key, self.name, self.partition, name, signed)
        producer.produce(
            self.name,
            signed if value else None,
            key=name,
            partition=self.partition,
            headers={SIGNATURE_HEADER: signature} if header else {},
        )
        assert producer.flush(10) == 0

    def last(self, key: bytes) -> bytes | None:
        """Give the value that compaction would keep of a key."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "look", "log_level": 0})
        place = TopicPartition(self.name, self.partition, 0)
        consumer.assign([place])
        _, high = consumer.get_watermark_offsets(place, timeout=10)
        found, at = None, -1
        while at < high - 1:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                at = message.offset()
                found = message.value() if message.key() == key else found
        consumer.close()
        return found
