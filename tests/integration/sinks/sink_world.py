"""A deployment for sink tests: sealed topics filled by the ledger's own sealing, a database of
its own, and a check that compares every row with what was sealed."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from pathlib import Path

import clickhouse_connect
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Entry, Place, SealingContext, encode_segment, seal
from auditspine.ledger.topics import STREAMS, Topics
from auditspine.ledger.verdict import Verdict
from auditspine.sinks.chunk import Limits
from auditspine.sinks.migrate import migrate
from auditspine.sinks.sink import EvidenceSink
from auditspine.sinks.store import Store, sort_error

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import (
    Signer,
    empty_control,
    encode,
    operator_signer,
    prediction,
    public,
    standard_control,
)
from tests.integration.sinks.database_copy import copy_database
from tests.waiting import await_true

LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
AWAIT_S = 60
PROCESS = Path(__file__).parent / "sink_process.py"
QUICK = Limits(max_entries=300, linger_s=0.05, quiet_linger_s=0.1)


class Log:
    """One log as the ledger would keep it."""

    def __init__(self, topics: Topics, stream: str, partition: int) -> None:
        self.stream = stream
        self.place = Place(f"test/c/{stream}/{partition}", topics.source(stream), partition)
        self.sealed_topic = topics.sealed(stream)
        self.head = Head()
        self.judge = Judge(stream, self.place.topic, partition)
        self.next_offset = 0
        self.sealed: list[Entry] = []
        self.segments: list[bytes] = []

    def copied(self) -> "Log":
        made = copy(self)
        made.judge = Judge(
            self.stream, self.place.topic, self.place.partition, deepcopy(self.judge.table)
        )
        made.sealed, made.segments = list(self.sealed), list(self.segments)
        return made


class SinkWorld:
    """Sealed topics on the shared broker, and a database on the shared endpoint."""

    def __init__(self, servers: str, prefix: str, clickhouse, partitions: int = 2) -> None:
        self.kafka = {
            "bootstrap.servers": servers,
            "session.timeout.ms": "2500",  # a test waits as long for a sink that was killed
            "heartbeat.interval.ms": "500",
        }
        self.topics = Topics(prefix, partitions)
        self.clickhouse = clickhouse
        self.database = "s" + uuid.uuid4().hex[:12]
        self.admin_client = AdminClient({"bootstrap.servers": servers})
        self.producer = Producer(
            {
                "bootstrap.servers": servers,
                "message.max.bytes": 8 << 20,
                "enable.idempotence": True,  # a retry must not change the order
            }
        )
        self.logs: dict[tuple[str, int], Log] = {}
        self.control_state = empty_control()
        self.now_ms = int(time.time() * 1000)
        self.client = self.connect(database="default")
        migrate(self.client, self.database)
        self._signers: dict[tuple, Signer] = {}

    @contextmanager
    def copied(self, *, views: bool = False) -> Iterator["SinkWorld"]:
        """Give a world with the same logs, topics and rows, to change at will."""
        made = copy(self)
        made.database = "s" + uuid.uuid4().hex[:12]
        made.client = made.connect(database="default")
        copy_database(made.client, self.database, made.database, views=views)
        made.logs = {key: log.copied() for key, log in self.logs.items()}
        made.operator = copy(self.operator)
        made.control_state = deepcopy(self.control_state)
        made._signers = {key: copy(signer) for key, signer in self._signers.items()}
        try:
            yield made
        finally:
            made.close()

    def address(self, **changes) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": self.clickhouse.port,
            "username": "admin",
            "password": self.clickhouse.admin_password,
            "database": self.database,
            "autogenerate_session_id": False,
            **changes,
        }

    def connect(self, **changes):
        try:
            return clickhouse_connect.get_client(**self.address(**changes))
        except Exception as exc:
            raise sort_error(exc) from exc

    def store(self) -> Store:
        return Store(self.connect)

    def create_topics(self, only=STREAMS, partitions: int | None = None) -> "SinkWorld":
        new = [
            NewTopic(
                self.topics.sealed(s),
                partitions or self.topics.partition_count(s),
                1,
                config=self.topics.config(self.topics.sealed(s)),
            )
            for s in only
        ]
        for future in self.admin_client.create_topics(new).values():
            future.result(20)
        names = {t.topic for t in new}
        await_true(
            lambda: names <= set(self.admin_client.list_topics(timeout=10).topics), "topics exist"
        )
        return self

    def log(self, stream: str, partition: int = 0) -> Log:
        key = (stream, partition)
        if key not in self.logs:
            self.logs[key] = Log(self.topics, stream, partition)
        return self.logs[key]

    def signer(self, stream: str, partition: int = 0, **who) -> Signer:
        key = (stream, partition, *who.values())
        if key not in self._signers:
            topic = self.topics.source(stream)
            self._signers[key] = Signer(topic=topic, partition=partition, **who)
        return self._signers[key]

    def begin(self, *more: dict) -> None:
        """Seal what a usable deployment's control log says."""
        self.operator = operator_signer(self.topics.source("control"))
        self.say(*standard_control(), *more)

    def say(self, *events: dict) -> None:
        for each in events:
            each["envelope"]["occurred_at"] = self.now_ms * 1000
        self.seal("control", 0, self.operator.sign(*map(encode, events)))

    def predict(self, count: int, partition: int = 0, segment: int = 50, **options) -> None:
        first = len(self.log("inference", partition).sealed)
        values = [
            encode(prediction(first + i, now_ms=self.now_ms, event_id=str(uuid.uuid4())))
            for i in range(count)
        ]
        pairs = self.signer("inference", partition).sign(*values)
        self.seal("inference", partition, pairs, segment=segment, **options)

    def seal(self, stream, partition, pairs, segment=50, *, produce=True, quiet=False, force=None):
        """Judge and seal pairs of value and signature; ``force`` sets the verdict instead."""
        log = self.log(stream, partition)
        for at in [0] if quiet else range(0, len(pairs), segment):
            judged = []
            control_size = self.control_state.size
            for value, sig in pairs[at : at + segment]:
                message = Message(log.next_offset, self.now_ms, value, sig)
                entry = log.judge.rule(log.judge.admit(message), self.control_state)
                if force is not None:
                    entry = entry._replace(verdict=force, reason="")
                judged.append(entry)
                log.next_offset += 1
                if stream == "control":
                    valid = entry.verdict is Verdict.VALID
                    decoded = self.control_state.decode(value) if valid else None
                    self.control_state.apply(self.control_state.size, decoded)
            context = SealingContext(control_size, log.next_offset, self.now_ms)
            sealed, log.head = seal(log.place, log.head, judged, context, LOG_KEY)
            log.sealed += sealed.sealed_entries()
            log.segments.append(encode_segment(sealed))
            if produce:
                self.produce(log, log.segments[-1])
        self.producer.flush(30)

    def produce(self, log: Log, raw: bytes) -> None:
        while True:
            try:
                self.producer.produce(log.sealed_topic, raw, partition=log.place.partition)
            except BufferError:
                self.producer.poll(0.5)
            else:
                return

    def sink(self, **options) -> EvidenceSink:
        store = options.pop("store", None) or self.store()
        options = {"limits": QUICK, "group_id": self.topics.prefix + "sink", **options}
        return EvidenceSink(self.kafka, self.topics, store, [public(LOG_KEY)], **options)

    def process(self, log: Path, instance: str | None = None, **limits) -> subprocess.Popen:
        """Start a sink as a process of its own."""
        given = {
            "clickhouse": self.address(),
            "kafka": self.kafka,
            "prefix": self.topics.prefix,
            "partitions": self.topics.partitions,
            "public_key": public(LOG_KEY).hex(),
            "limits": {"max_entries": 300, "linger_s": 0.05, "quiet_linger_s": 0.1, **limits},
            "group_id": self.topics.prefix + "sink",
            "instance_id": instance,
        }
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, str(PROCESS), json.dumps(given)], stdout=out, stderr=out
            )

    def committed(self, stream: str, partition: int = 0) -> int:
        rows = self.client.query(
            "SELECT max(last) + 1 FROM commits WHERE topic = {t:String} AND partition = {p:UInt16}",
            {"t": self.topics.sealed(stream), "p": partition},
        ).result_rows
        return rows[0][0] if rows else 0

    def await_landed(self, timeout_s: float = AWAIT_S) -> None:
        for (stream, partition), log in self.logs.items():
            await_true(
                lambda s=stream, p=partition, n=log.head.size: self.committed(s, p) == n,
                f"{stream}/{partition} landed up to {log.head.size}",
                timeout_s,
            )

    def check(self, bad: dict[tuple[str, int], set[int]] | None = None) -> None:
        """Compare every table with what was sealed, row for row."""
        for key, log in self.logs.items():
            unreadable = (bad or {}).get(key, set())
            origin = log.place.origin
            expected = [(e.position, e.offset, e.leaf, e.chain, int(e.verdict)) for e in log.sealed]
            assert (
                self.rows(
                    "SELECT position, source_offset, leaf, chain, toInt8(verdict) FROM entries",
                    origin,
                )
                == expected
            )
            good = [
                (e.position, e.value, e.sig)
                for e in log.sealed
                if e.verdict is Verdict.VALID and e.position not in unreadable
            ]
            assert self.rows("SELECT position, value, sig FROM evidence", origin) == good
            others = [
                (e.position, e.value, int(e.verdict))
                for e in log.sealed
                if e.verdict is not Verdict.VALID or e.position in unreadable
            ]
            found = self.rows("SELECT position, value, toInt8(verdict) FROM quarantine", origin)
            assert found == others
            last = log.sealed[-1].chain if log.sealed else bytes(32)
            assert self.rows(
                "SELECT size, chain, root FROM checkpoints", origin, "size, sealed_offset"
            )[-1] == (log.head.size, last, log.head.root())

    def rows(self, sql: str, origin: str, order: str = "position") -> list[tuple]:
        return self.client.query(
            f"{sql} WHERE origin = {{o:String}} ORDER BY {order}",
            {"o": origin},
            query_formats={"String": "bytes", "FixedString": "bytes"},
        ).result_rows

    def counts(self) -> Counter:
        return Counter(
            {
                t: self.client.query(f"SELECT count() FROM {t}").result_rows[0][0]
                for t in ("entries", "evidence", "quarantine", "checkpoints")
            }
        )

    def close(self) -> None:
        self.client.command(f"DROP DATABASE {self.database}")
        self.client.close()


@contextmanager
def running(sink: EvidenceSink):
    """Run a sink in a thread; what it raises is raised here."""
    failures = []

    def run() -> None:
        try:
            sink.run()
        except BaseException as exc:  # noqa: BLE001
            failures.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sink
    finally:
        sink.stop()
        thread.join(30)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def run_until_it_fails(sink: EvidenceSink, timeout_s: float = 60) -> Exception:
    """Run a sink that must end by itself, and give what it raised."""
    timer = threading.Timer(timeout_s, sink.stop)
    timer.start()
    try:
        sink.run()
    except Exception as exc:  # noqa: BLE001
        return exc
    finally:
        timer.cancel()
    raise AssertionError("the sink did not fail")
