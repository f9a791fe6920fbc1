"""The access worker on a real broker: killed, doubled, deprived of its state, and right."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import clickhouse_connect
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.embedded.clickhouse.process import ClickHouseProcess
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.topics import Topics
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.access.edges import Tally
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.projection.app import ProjectionConfig
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.rebuild import rebuild
from auditspine.processors.projection.state import Position, StateFile
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode, parse_json
from auditspine.sinks.migrate import migrate

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
WORKER = Path(__file__).parent / "access_worker.py"
GROUP = f"access-v{AccessProjection.logic_version}"
AWAIT_S = 60
PARTITIONS = 2


def event(seed: random.Random, number: int) -> dict:
    content = seed.choice(["v1", "v2", "v3", "v4", "v5", "v6"])
    return {
        "envelope": {
            "event_id": f"01900000-0000-7000-8000-{number:012x}",
            "event_type": "artifact.accessed",
            "occurred_at": "2026-01-01T00:00:00Z",
            "tenant": seed.choice(["acme", "beta"]),
            "domain": "credit",
            "environment": "test",
            "workload": {"name": seed.choice(["trainer", "server", "batch"]), "namespace": "ml"},
            "actor": {
                "principal": seed.choice(["svc", "ann", "bob"]),
                "kind": "person",
                "origin": {"network": seed.choice(["vpc-1", "office"])},
            },
            "intent": {"trigger": "test", "reason": "test"},
        },
        "body": {
            "artifact": {
                "kind": "dataset",
                "name": "loans",
                "version": "1",
                "digest": "sha256:" + hashlib.sha256(content.encode()).hexdigest(),
            },
            "operation": seed.choice(["read", "export"]),
            "purpose": "test",
        },
    }


def digest(made: dict) -> str:
    return made["body"]["artifact"]["digest"].removeprefix("sha256:")


class Log:
    """Sealed topics written without a ledger, and their independent fold."""

    def __init__(self, kafka, prefix: str, seed: int) -> None:
        self.bootstrap_servers = kafka.bootstrap_servers
        self.topics = Topics(prefix, PARTITIONS)
        self.topic = self.topics.sealed("access")
        self.seed = random.Random(seed)
        self.heads = [Head()] * PARTITIONS
        self.events: list[list[dict]] = [[] for _ in range(PARTITIONS)]
        self.segments: list[bytes] = []
        self.ends = [0] * PARTITIONS
        self.producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "compression.type": "lz4",
                "enable.idempotence": True,  # or a retry on the new topic reorders segments
            }
        )
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        made = admin.create_topics(
            [NewTopic(self.topic, PARTITIONS, 1, config=Topics().config(self.topic))]
        )
        made[self.topic].result(20)

    def write(self, segments: int, size: int = 20) -> None:
        """Seal and produce; now and then a segment twice, as a zombie would."""
        for _ in range(segments):
            partition = self.seed.randrange(PARTITIONS)
            known = self.events[partition]
            new = [event(self.seed, len(known) + n) for n in range(size)]
            entries = [
                Judged(
                    len(known) + n,
                    1000 + len(known) + n,
                    encode(parse_json(json.dumps(made))),
                    b"",
                    Verdict.VALID,
                    Flag.NONE,
                )
                for n, made in enumerate(new)
            ]
            place = Place(f"local/c/t/{partition}", self.topics.source("access"), partition)
            context = SealingContext(0, len(known) + size, 0)
            segment, self.heads[partition] = seal(
                place, self.heads[partition], entries, context, KEY
            )
            known += new
            for _ in range(2 if self.seed.random() < 0.05 else 1):
                self.producer.produce(self.topic, encode_segment(segment), partition=partition)
                self.ends[partition] += 1
            self.producer.poll(0)
        assert self.producer.flush(20) == 0

    def edges(self) -> Counter:
        """Count edges by their key, per partition, from the events alone."""
        return Counter(
            (f"local/c/t/{partition}", *edge_key(made))
            for partition, events in enumerate(self.events)
            for made in events
        )

    def firsts(self) -> dict[tuple, int]:
        """Give the position of the first touch of each pair."""
        found: dict[tuple, int] = {}
        for partition, events in enumerate(self.events):
            for position, made in enumerate(events):
                envelope = made["envelope"]
                pair = (
                    f"local/c/t/{partition}",
                    envelope["tenant"],
                    f"ml/{envelope['workload']['name']}",
                    digest(made),
                )
                found.setdefault(pair, position)
        return found


def edge_key(made: dict) -> tuple:
    envelope, body = made["envelope"], made["body"]
    actor = envelope["actor"]
    return (
        envelope["tenant"],
        digest(made),
        envelope["workload"]["name"],
        actor["principal"],
        actor["origin"]["network"],
        body["operation"],
    )


class Workers:
    """Workers over one log, one state folder and one file of rows."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log = log
        self.folder = folder
        self.state_dir = folder / "state"
        self.rows = folder / "rows.jsonl"
        self.running: list[subprocess.Popen] = []
        self.clickhouse: dict | None = None
        self.config = ProjectionConfig(log.topics, log.bootstrap_servers)
        self.parts = Parts(
            AccessProjection(), Decoder(schema_texts()), None, (PUBLIC,), self.state_dir
        )

    def start(self, state_dir: Path | None = None, delay_s: float = 0.0) -> subprocess.Popen:
        given = {
            "bootstrap_servers": self.log.bootstrap_servers,
            "prefix": self.log.topics.prefix,
            "partitions": PARTITIONS,
            "kafka": {"session.timeout.ms": "2000", "heartbeat.interval.ms": "400"},
            "state_dir": str(state_dir or self.state_dir),
            "public_key": PUBLIC.hex(),
            "rows": str(self.rows),
            "delay_s": delay_s,
            "clickhouse": self.clickhouse,
        }
        with (self.folder / "worker.log").open("ab") as output:
            worker = subprocess.Popen(
                [sys.executable, str(WORKER), json.dumps(given)],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(worker)
        return worker

    def path(self, partition: int, state_dir: Path | None = None) -> Path:
        return (state_dir or self.state_dir) / GROUP / f"{self.log.topic}-{partition}.sqlite3"

    def position(self, partition: int, state_dir: Path | None = None) -> Position:
        path = self.path(partition, state_dir)
        if not path.exists():
            return Position()
        state = StateFile(path)
        try:
            return state.position()
        finally:
            state.close()

    def await_position(self, reached, state_dir: Path | None = None) -> None:
        """Wait until ``reached`` says yes to the positions of all partitions."""
        deadline = time.monotonic() + AWAIT_S
        while not reached([self.position(p, state_dir) for p in range(PARTITIONS)]):
            dead = [worker.poll() for worker in self.running]
            assert any(code is None for code in dead), f"{dead} {self.output()}"
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)

    def await_end(self, state_dir: Path | None = None) -> None:
        self.await_position(
            lambda found: [at.next_offset for at in found] == self.log.ends, state_dir
        )

    def output(self) -> str:
        return (self.folder / "worker.log").read_text()[-4000:]

    def kill(self, worker: subprocess.Popen) -> None:
        worker.kill()
        worker.wait(20)
        self.running.remove(worker)

    def terminate(self, worker: subprocess.Popen) -> None:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, self.output()
        self.running.remove(worker)

    def check(self, state_dir: Path | None = None) -> None:
        """Compare states, rows and a rebuild with the independent fold."""
        edges = self.log.edges()
        counts = [
            Tally.decode(value).times
            for partition in range(PARTITIONS)
            for key, value in self.items(partition, state_dir).items()
            if key.startswith(b"e")
        ]
        assert sorted(counts) == sorted(edges.values())
        rows = latest(self.rows)
        assert {
            key[1:]: row["count"] for key, row in rows.items() if key[0] == "access_edges"
        } == edges
        firsts = {
            (row["origin"], row["tenant"], row["subject"], row["artifact_digest"]): row["position"]
            for key, row in rows.items()
            if key[0] == "findings" and row["kind"] == "first_access"
        }
        assert firsts == self.log.firsts()
        if state_dir is None:
            results = list(rebuild(self.config, self.parts))
            assert [result.equal for result in results] == [True] * PARTITIONS

    def items(self, partition: int, state_dir: Path | None = None) -> dict[bytes, bytes]:
        state = StateFile(self.path(partition, state_dir))
        try:
            return dict(state.items())
        finally:
            state.close()


def latest(path: Path) -> dict[tuple, dict]:
    """Keep what ReplacingMergeTree would, and insist that one version has one content."""
    found: dict[tuple, dict] = {}
    seen: dict[tuple, dict] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:  # a kill may cut the last line
        try:
            table, row = json.loads(line)
        except ValueError:
            continue  # the line that a kill cut, with the next one behind it
        if table == "findings":
            key = (table, row["finding_id"])
        else:
            key = (
                table,
                row["origin"],
                row["tenant"],
                row["artifact_digest"],
                row["workload_name"],
                row["principal"],
                row["network"],
                row["operation"],
            )
        assert seen.setdefault((*key, row["version"]), row) == row
        if key not in found or found[key]["version"] < row["version"]:
            found[key] = row
    return found


@pytest.fixture
def log(kafka, topic_prefix):
    return Log(kafka, topic_prefix, seed=3)


@pytest.fixture
def workers(log, tmp_path):
    made = Workers(log, tmp_path)
    yield made
    for worker in made.running:
        worker.send_signal(signal.SIGCONT)
        worker.kill()
        worker.wait(20)


@pytest.fixture
def clickhouse(tmp_path):
    """Give the client's arguments for a real endpoint with the sinks' own tables."""
    with ClickHouseProcess(tmp_path / "clickhouse") as endpoint:
        arguments = {
            "host": "127.0.0.1",
            "port": endpoint.port,
            "username": endpoint.admin,
            "password": endpoint.admin_password,
        }
        client = clickhouse_connect.get_client(**arguments)
        migrate(client, "auditspine")
        client.close()
        arguments["database"] = "auditspine"
        yield arguments


def committed(log: Log, group: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": log.bootstrap_servers, "group.id": group})
    found = consumer.committed([TopicPartition(log.topic, p) for p in range(PARTITIONS)], 20)
    consumer.close()
    return [at.offset for at in found]


def commit(log: Log, group: str, offsets: list[int]) -> None:
    consumer = Consumer({"bootstrap.servers": log.bootstrap_servers, "group.id": group})
    consumer.commit(
        offsets=[TopicPartition(log.topic, p, at) for p, at in enumerate(offsets)],
        asynchronous=False,
    )
    consumer.close()


def test_a_worker_folds_what_is_sealed_and_commits_for_lag(log, workers):
    log.write(60)
    worker = workers.start()
    workers.await_end()
    log.write(20)
    workers.await_end()
    workers.terminate(worker)
    workers.check()
    assert committed(log, log.topics.prefix + GROUP) == log.ends


def test_killed_in_the_middle_and_restarted_it_is_right(log, workers):
    log.write(150)
    for _ in range(4):
        before = sum(workers.position(p).size for p in range(PARTITIONS))
        worker = workers.start(delay_s=0.05)
        workers.await_position(lambda found, known=before: sum(at.size for at in found) > known)
        time.sleep(log.seed.uniform(0, 0.1))  # where in a step the kill falls
        workers.kill(worker)
        log.write(20)
    workers.start()
    workers.await_end()
    workers.check()


def test_two_workers_share_the_partitions_and_take_over(log, workers):
    log.write(40)
    first, second = workers.start(delay_s=0.02), workers.start(delay_s=0.02)
    workers.await_position(lambda found: sum(at.size for at in found) > 0)
    for _ in range(3):
        log.write(30)
    workers.kill(first)
    log.write(30)
    workers.await_end()
    third = workers.start()
    log.write(30)
    workers.await_end()
    workers.terminate(second)
    log.write(30)
    workers.await_end()
    workers.terminate(third)
    workers.check()


def test_a_zombie_on_the_same_state_does_no_harm(log, workers):
    log.write(60)
    zombie = workers.start(delay_s=0.05)
    workers.await_position(lambda found: sum(at.size for at in found) > 0)
    zombie.send_signal(signal.SIGSTOP)
    log.write(30)
    other = workers.start()
    workers.await_end()  # beyond the zombie's session, or it would hold its partitions
    zombie.send_signal(signal.SIGCONT)
    log.write(60)
    workers.await_end()
    workers.kill(other)
    log.write(20)
    if zombie.poll() is not None:  # it may end, and is then started again
        workers.running.remove(zombie)
        workers.start()
    workers.await_end()
    workers.check()


def test_a_lost_state_is_rebuilt_though_committed_offsets_are_at_the_end(log, workers):
    log.write(60)
    worker = workers.start()
    workers.await_end()
    workers.terminate(worker)
    assert committed(log, log.topics.prefix + GROUP) == log.ends
    shutil.rmtree(workers.state_dir)
    workers.start()
    workers.await_end()  # with no new message to wake it
    workers.check()


def test_another_host_without_state_reads_from_the_start(log, workers):
    log.write(60)
    worker = workers.start()
    workers.await_end()
    workers.kill(worker)
    elsewhere = workers.folder / "elsewhere"
    workers.start(elsewhere)
    log.write(20)
    workers.await_end(elsewhere)
    workers.check(elsewhere)


def test_committed_offsets_ahead_of_the_state_skip_nothing(log, workers):
    log.write(60)
    commit(log, log.topics.prefix + GROUP, log.ends)
    workers.start()
    log.write(10)
    workers.await_end()
    workers.check()


def test_clickhouse_holds_the_fold_after_kills_and_a_rebuild(log, workers, clickhouse):
    workers.clickhouse = clickhouse
    log.write(100)
    worker = workers.start()
    workers.await_position(lambda found: sum(at.size for at in found) > 0)
    workers.kill(worker)
    log.write(30)
    worker = workers.start()
    workers.await_end()
    workers.kill(worker)
    shutil.rmtree(workers.state_dir)
    workers.start()
    workers.await_end()
    client = clickhouse_connect.get_client(**clickhouse)
    found = client.query(
        "SELECT origin, tenant, lower(hex(artifact_digest)), workload_name, principal, network, "
        "operation, count, version = last_position, toUnixTimestamp64Milli(first_at) - 1000 "
        "= first_position FROM access_edges FINAL"
    ).result_rows
    assert {row[:7]: row[7] for row in found} == log.edges()
    assert {row[8:] for row in found} == {(1, 1)}
    findings = client.query(
        "SELECT origin, tenant, subject, lower(hex(artifact_digest)), position "
        "FROM findings FINAL WHERE kind = 'first_access' AND severity = 'info'"
    ).result_rows
    assert {row[:4]: row[4] for row in findings} == log.firsts()
    assert len(findings) == len(log.firsts())
    client.close()


def test_a_fork_ends_the_worker_with_its_place(log, workers):
    log.write(10)
    workers.start()
    workers.await_end()
    heads, log.heads = log.heads, [Head()] * PARTITIONS
    log.events = [[] for _ in range(PARTITIONS)]
    log.write(10, size=400)
    assert workers.running[0].wait(AWAIT_S) != 0
    assert "fork in log local/c/t/" in workers.output()
    assert f"{log.topic}[" in workers.output()
    assert heads != log.heads


def test_a_sealed_topic_that_lost_its_tail_ends_the_worker(log, workers):
    log.write(10)
    state = StateFile(workers.path(0))
    state.commit(state.position(), Position("local/c/t/0", 5, bytes(32), 1000), {})
    state.close()
    worker = workers.start()
    assert worker.wait(AWAIT_S) != 0
    assert "the state has read to 1000" in workers.output()


def test_a_wrong_state_is_found_and_replaced_by_a_rebuild(log, workers):
    log.write(40)
    worker = workers.start()
    workers.await_end()
    workers.terminate(worker)
    state = StateFile(workers.path(0))
    at = state.position()
    key = next(key for key, _ in state.items() if key.startswith(b"e"))
    state.commit(at, at, {key: Tally(0, 0, 0, 0, 99).encode(), b"esurplus": b"1"})
    state.close()
    found = list(rebuild(workers.config, workers.parts))
    assert [result.differing for result in found] == [2, 0]
    replaced = list(rebuild(workers.config, workers.parts, replace=True))
    assert [result.replaced for result in replaced] == [True, False]
    workers.start()
    log.write(10)
    workers.await_end()
    workers.check()
