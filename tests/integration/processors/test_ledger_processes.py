"""Ledger workers as processes: killed, stopped, doubled; the logs stay whole."""

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from auditspine.ledger.verdict import Flag, Verdict

sys.path.insert(0, str(Path(__file__).parent))
from ledger_world import Backbone

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import Signer, encode, prediction
from tests.waiting import await_true


class Workers:
    """Starts workers and leaves none behind."""

    def __init__(self, backbone: Backbone, tmp_path: Path) -> None:
        self.backbone, self.tmp_path, self.all = backbone, tmp_path, []

    def start(self, name: str):
        worker = self.backbone.worker(self.tmp_path / f"{name}.log", name)
        self.all.append(worker)
        return worker

    def log(self, name: str) -> str:
        path = self.tmp_path / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def backbone(kafka, topic_prefix) -> Backbone:
    return Backbone(kafka.bootstrap_servers, topic_prefix, 4)


@pytest.fixture
def workers(backbone, tmp_path):
    workers = Workers(backbone, tmp_path)
    yield workers
    for worker in workers.all:
        worker.kill()
        worker.wait(10)


class Feed:
    """Publishes signed predictions on all partitions."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        topic = backbone.topics.source("inference")
        self.signers = [Signer(topic=topic, partition=p) for p in range(4)]
        self.value = encode(prediction(now_ms=backbone.now_ms))

    def send(self, count: int) -> None:
        for partition, signer in enumerate(self.signers):
            self.backbone.publish("inference", partition, *signer.sign(*[self.value] * count))

    def check(self) -> None:
        for partition, signer in enumerate(self.signers):
            entries = self.backbone.check("inference", partition)
            assert len(entries) == signer.sequence
            assert {(e.verdict, e.flags) for e in entries} == {(Verdict.VALID, Flag.NONE)}


def test_a_worker_killed_while_events_flow_loses_and_repeats_nothing(backbone, workers) -> None:
    seed = random.Random(7)
    backbone.create()
    backbone.bootstrap()
    worker = workers.start("a")
    backbone.await_sealed("control", 0)
    feed = Feed(backbone)
    for _ in range(4):
        for _ in range(seed.randrange(5, 20)):
            feed.send(20)
            time.sleep(seed.random() * 0.02)
        worker.kill()
        assert worker.wait(10) == -signal.SIGKILL
        feed.send(20)
        worker = workers.start("a")
        sealed = len(backbone.entries("inference", 3))
        await_true(lambda n=sealed: len(backbone.entries("inference", 3)) > n, "sealing goes on")
    backbone.await_sealed("inference", 0, 1, 2, 3)
    feed.check()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0, workers.log("a")


def test_two_workers_share_four_partitions_and_hand_over_on_a_clean_stop(backbone, workers) -> None:
    backbone.create()
    backbone.bootstrap()
    first = workers.start("a")
    backbone.await_sealed("control", 0)
    feed = Feed(backbone)
    feed.send(50)
    second = workers.start("b")
    while "took over" not in workers.log("b") or "inference" not in workers.log("b"):
        feed.send(10)
        assert second.poll() is None, workers.log("b")
    feed.send(50)
    backbone.await_sealed("inference", 0, 1, 2, 3)
    started = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0, workers.log("a")
    assert time.monotonic() - started < 3
    feed.send(50)
    backbone.await_sealed("inference", 0, 1, 2, 3)
    feed.check()
    second.send_signal(signal.SIGINT)
    assert second.wait(10) == 0, workers.log("b")


def test_a_frozen_worker_that_wakes_after_its_session_harms_nothing(backbone, workers) -> None:
    backbone.create()
    backbone.bootstrap()
    zombie = workers.start("a")
    backbone.await_sealed("control", 0)
    feed = Feed(backbone)
    feed.send(100)
    zombie.send_signal(signal.SIGSTOP)
    feed.send(100)
    workers.start("b")
    backbone.await_sealed("inference", 0, 1, 2, 3)
    feed.send(10)
    zombie.send_signal(signal.SIGCONT)
    feed.send(100)
    backbone.await_sealed("inference", 0, 1, 2, 3)
    feed.check()


def test_a_worker_that_cannot_seal_exits_1_and_says_why(backbone, workers) -> None:
    worker = workers.start("a")
    assert worker.wait(30) == 1
    assert "auditspine topics create" in workers.log("a")
