"""A deployment for ledger tests: topics, publishing, workers, and a check that folds by itself."""

import json
import subprocess
import sys
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import Entry, Segment
from auditspine.ledger.topics import STREAMS, Topics
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.loop import LedgerLoop

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import encode, operator_signer, public, standard_control
from tests.waiting import await_true

LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
WORKER = Path(__file__).parent / "ledger_worker.py"
AWAIT_S = 60


class Backbone:
    """Topics of one test on the shared broker."""

    def __init__(self, servers: str, prefix: str, partitions: int = 2) -> None:
        self.servers = servers
        self.topics = Topics(prefix, partitions)
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.producer = Producer({"bootstrap.servers": servers, "message.max.bytes": 8 << 20})
        self.operator = operator_signer(self.topics.source("control"))
        self.now_ms = int(time.time() * 1000)

    def create(self, streams: tuple[str, ...] = STREAMS) -> "Backbone":
        for stream in streams:
            self.create_topics(self.topics.source(stream), self.topics.sealed(stream))
        return self

    def create_topics(self, *names: str, partitions: int | None = None, **config: str) -> None:
        new = []
        for name in names:
            count = partitions or self.topics.partition_count(self.topics.stream(name))
            options = {
                **self.topics.config(name),
                **{k.replace("_", "."): v for k, v in config.items()},
            }
            new.append(NewTopic(name, count, 1, config=options))
        for name, future in self.admin.create_topics(new).items():
            future.result(20)
            await_true(lambda name=name: self.has(name), f"{name} exists")

    def delete_topic(self, name: str) -> None:
        self.admin.delete_topics([name])[name].result(20)
        await_true(lambda: not self.has(name), f"{name} is gone")

    def has(self, name: str) -> bool:
        return name in self.admin.list_topics(timeout=10).topics

    def delete_records(self, topic: str, partition: int, before: int = -1) -> None:
        at = TopicPartition(topic, partition, before)
        for future in self.admin.delete_records([at]).values():
            future.result(20)

    def config(self, **changes) -> LedgerConfig:
        options = {"session_timeout_ms": 2500, **changes}
        kafka = {"bootstrap.servers": self.servers}
        return LedgerConfig(self.topics, kafka, options.pop("key", LOG_KEY), **options)

    def publish(self, stream: str, partition: int, *pairs: tuple[bytes, bytes]) -> None:
        topic = self.topics.source(stream)
        for value, sig in pairs:
            self.producer.produce(
                topic, value or None, headers={"sig": sig} if sig else None, partition=partition
            )
        assert self.producer.flush(60) == 0, "the broker took too long"

    def say(self, *contents: dict) -> None:
        """Publish control events as the operator."""
        for content in contents:
            content["envelope"]["occurred_at"] = self.now_ms * 1000
        self.publish("control", 0, *self.operator.sign(*map(encode, contents)))

    def bootstrap(self) -> None:
        self.say(*standard_control())

    def source(self, stream: str, partition: int) -> list[tuple[int, int, bytes, bytes]]:
        return [
            (
                m.offset(),
                m.timestamp()[1],
                m.value() or b"",
                dict(m.headers() or []).get("sig", b""),
            )
            for m in self.read(self.topics.source(stream), partition)
        ]

    def read(self, topic: str, partition: int) -> list:
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "test-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )
        try:
            consumer.assign([TopicPartition(topic, partition, 0)])
            found = []
            deadline = time.monotonic() + AWAIT_S
            while time.monotonic() < deadline:
                message = consumer.poll(1.0)
                if message is None:
                    continue
                if message.error() is None:
                    found.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    return found
                else:
                    raise AssertionError(message.error())
            raise AssertionError(f"{topic}[{partition}] has no end")
        finally:
            consumer.close()

    def segments(self, stream: str, partition: int) -> list[tuple[Segment, int]]:
        """Accepted segments with the number of entries skipped; raises on gap and fork."""
        reader = SegmentReader([public(LOG_KEY)])
        accepted = [
            reader.accept(m.value()) for m in self.read(self.topics.sealed(stream), partition)
        ]
        return [(each.segment, each.skip) for each in accepted if each is not None]

    def entries(self, stream: str, partition: int) -> list[Entry]:
        segments = self.segments(stream, partition)
        return [entry for segment, skip in segments for entry in segment.sealed_entries(skip)]

    def await_sealed(self, stream: str, *partitions: int) -> None:
        """Wait until all that is published on the partitions is sealed."""
        for partition in partitions:
            end = len(self.source(stream, partition))
            await_true(
                lambda p=partition, end=end: len(self.entries(stream, p)) >= end,
                f"{stream}[{partition}] sealed to {end}",
            )

    def check(self, stream: str, partition: int) -> list[Entry]:
        """Fold the source independently and compare everything with what was sealed."""
        entries, chain, hashes = self.entries(stream, partition), bytes(32), []
        source = self.source(stream, partition)
        assert [e.offset for e in entries] == [offset for offset, *_ in source]
        assert [tuple(e[1:5]) for e in entries] == source
        for position, (entry, (_, _, value, sig)) in enumerate(zip(entries, source, strict=True)):
            raw = len(value).to_bytes(4, "big") + value + len(sig).to_bytes(4, "big") + sig
            hashes.append(sha256(b"\0" + raw).digest())
            chain = sha256(chain + hashes[-1]).digest()
            assert (entry.position, entry.leaf, entry.chain) == (position, hashes[-1], chain)
        segments = self.segments(stream, partition)
        for segment, _ in segments[:: max(1, len(segments) // 10)] + segments[-1:]:
            root = b64encode(tree_root(hashes[: segment.end])).decode()
            assert segment.note.startswith(f"{segment.origin}\n{segment.end}\n{root}\nrows ")
        return entries

    def worker(self, log: Path, instance: str | None = None) -> subprocess.Popen:
        given = {
            "servers": self.servers,
            "prefix": self.topics.prefix,
            "partitions": self.topics.partitions,
            "instance": instance,
        }
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, str(WORKER), json.dumps(given)],
                stdout=out,
                stderr=out,
                cwd=log.parent,
            )


def tree_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:])).digest()


@contextmanager
def running(config: LedgerConfig):
    """Run a loop in a thread; what it raises is raised here."""
    loop, failures = LedgerLoop(config), []

    def run() -> None:
        try:
            loop.run()
        except BaseException as exc:  # noqa: BLE001
            failures.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(30)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def run_until_it_fails(config: LedgerConfig) -> Exception:
    """Run a loop that must end by itself, and give what it raised."""
    loop = LedgerLoop(config)
    timer = threading.Timer(30, loop.stop)
    timer.start()
    try:
        loop.run()
    except Exception as exc:  # noqa: BLE001
        return exc
    finally:
        timer.cancel()
    raise AssertionError("the loop did not fail")
