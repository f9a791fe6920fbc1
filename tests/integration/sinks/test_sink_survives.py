"""The sink's loop while things are killed, stopped, away or wrong around it."""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from sink_world import SinkWorld, run_until_it_fails, running
from tests.waiting import await_true

from auditspine.embedded.clickhouse.process import ClickHouseProcess
from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.sinks import sealed_topics, sink
from auditspine.sinks.chunk import Limits
from auditspine.sinks.errors import BrokerError, RefusedError, SealedLogError
from auditspine.sinks.store import Store


@pytest.fixture
def clickhouse(tmp_path):
    """An endpoint that a test may kill."""
    with ClickHouseProcess(tmp_path / "ch") as process:
        yield process


@pytest.fixture
def fragile(kafka, topic_prefix, clickhouse):
    return SinkWorld(kafka.bootstrap_servers, topic_prefix, clickhouse).create_topics()


@pytest.fixture
def processes(tmp_path):
    """Processes that are gone after the test, and where their output goes."""

    class Started(list):
        log = tmp_path / "sink.log"

    started = Started()
    yield started
    print(started.log.read_text() if started.log.exists() else "")  # shown when the test fails
    for each in started:
        if each.poll() is None:
            os.kill(each.pid, signal.SIGCONT)
            each.kill()
            each.wait(20)


def ended(process, within_s: float) -> int:
    return process.wait(within_s)


def test_a_sink_that_is_killed_again_and_again_lands_everything_once(world, processes) -> None:
    seed = random.Random(7)
    world.begin()
    for _ in range(6):
        world.predict(400, 0, segment=20)
        world.predict(200, 1, segment=7)
        processes.append(world.process(processes.log, "one", max_entries=60))
        before = world.committed("inference")
        await_true(lambda n=before: world.committed("inference") > n, "something landed")
        time.sleep(seed.uniform(0, 0.3))  # the point of death is what varies
        processes[-1].kill()
        ended(processes[-1], 20)
    processes.append(world.process(processes.log, "one"))
    world.await_landed()
    processes[-1].terminate()
    assert ended(processes[-1], 10) == 0
    world.check()


def test_partitions_move_between_sinks_and_land_once(world, processes) -> None:
    world.begin()
    for number in range(3):
        processes.append(world.process(processes.log, f"s{number}", max_entries=60))
        world.predict(500, 0, segment=10)
        world.predict(500, 1, segment=10)
    await_true(lambda: processes.log.read_text().count("assigned") >= 3, "all have joined")
    await_true(lambda: world.committed("inference", 1) > 0, "something landed")
    processes[0].terminate()
    assert ended(processes[0], 10) == 0
    world.predict(500, 0, segment=10)
    processes[1].kill()
    world.predict(500, 1, segment=10)
    world.await_landed()
    world.check()


def test_sinks_that_know_nothing_of_each_other_land_once(world) -> None:
    world.begin()
    one = world.sink(group_id=world.topics.prefix + "a")
    two = world.sink(group_id=world.topics.prefix + "b", limits=Limits(170, linger_s=0.02))
    with running(one), running(two):
        for _ in range(10):
            world.predict(150, 0, segment=10)
            world.predict(150, 1, segment=30)
        world.await_landed()
    world.check()
    assert one.landed_entries + two.landed_entries >= sum(
        log.head.size for log in world.logs.values()
    )


def test_a_sink_stopped_beyond_its_session_goes_on_beside_its_successor(world, processes) -> None:
    world.begin()
    processes.append(world.process(processes.log, "frozen", max_entries=60))
    world.predict(300, 0, segment=10)
    await_true(lambda: world.committed("inference") > 0, "something landed")
    os.kill(processes[0].pid, signal.SIGSTOP)
    processes.append(world.process(processes.log, "other"))
    world.predict(300, 0, segment=10)
    world.await_landed()
    os.kill(processes[0].pid, signal.SIGCONT)
    world.predict(300, 0, segment=10)
    world.predict(300, 1, segment=10)
    world.await_landed()
    assert processes[0].poll() is None
    processes[1].terminate()
    assert ended(processes[1], 10) == 0
    world.predict(300, 1, segment=10)
    world.await_landed()
    world.check()


def test_clickhouse_killed_and_started_again_costs_nothing_but_time(fragile, clickhouse) -> None:
    fragile.begin()
    with running(fragile.sink()) as evidence:
        for _ in range(3):
            fragile.predict(300, 0, segment=10)
            await_true(lambda: fragile.committed("inference") > 0, "something landed")
            os.kill(clickhouse.pid, signal.SIGKILL)
            fragile.predict(300, 1, segment=10)
            time.sleep(1.0)  # long enough for requests to fail
            clickhouse.start()
            fragile.await_landed()
        assert evidence.landed_entries >= 1800
    fragile.check()


def test_a_sink_started_and_rebalanced_while_clickhouse_is_away_goes_on_alone(
    fragile, clickhouse
) -> None:
    fragile.begin()
    fragile.predict(200, 0)
    os.kill(clickhouse.pid, signal.SIGKILL)
    with running(fragile.sink(instance_id="a")) as first:
        await_true(lambda: len(first._assigned) == 9, "partitions assigned")
        with running(fragile.sink(instance_id="b")) as second:
            await_true(lambda: len(second._assigned) > 0, "partitions moved")
            await_true(
                lambda: len(first._assigned) + len(second._assigned) == 9, "all are assigned"
            )
        clickhouse.start()
        fragile.predict(200, 1)
        fragile.await_landed()
    fragile.check()


def test_a_slow_clickhouse_pauses_reading_and_bounds_memory(fragile, clickhouse) -> None:
    fragile.begin()
    small = Limits(
        max_entries=500, linger_s=0.05, max_waiting_bytes=100_000, max_total_bytes=150_000
    )
    with running(fragile.sink(limits=small)) as evidence:
        fragile.await_landed()
        os.kill(clickhouse.pid, signal.SIGSTOP)
        for partition in (0, 0, 0, 1, 1, 1):
            fragile.predict(1000, partition, segment=20)

        def waiting() -> int:
            followers = [each.follower for each in list(evidence._assigned.values())]
            return sum(follower.waiting_bytes for follower in followers if follower)

        await_true(lambda: waiting() > 75_000, "what was read waits")
        most = 0
        until = time.monotonic() + 2
        while time.monotonic() < until:
            most = max(most, waiting())
            time.sleep(0.05)
        sealed = sum(len(raw) for log in fragile.logs.values() for raw in log.segments)
        assert most < sealed / 2
        assert any(each.is_paused for each in evidence._assigned.values())
        os.kill(clickhouse.pid, signal.SIGCONT)
        fragile.await_landed()
    fragile.check()


def test_a_sink_stops_within_seconds_though_clickhouse_hangs(fragile, clickhouse) -> None:
    fragile.begin()
    evidence = fragile.sink()
    with running(evidence):
        fragile.await_landed()
        os.kill(clickhouse.pid, signal.SIGSTOP)
        try:
            fragile.predict(100)
            await_true(
                lambda: any(each.task for each in list(evidence._assigned.values())), "it hangs"
            )
            began = time.monotonic()
            evidence.stop()
            await_true(lambda: not evidence._assigned, "it let go", 10)
            assert time.monotonic() - began < 8
        finally:
            os.kill(clickhouse.pid, signal.SIGCONT)
    with running(fragile.sink()):
        fragile.await_landed()
    fragile.check()


def test_a_broker_restart_costs_nothing_but_time(tmp_path, topic_prefix, sink_clickhouse) -> None:
    settings = KafkaSettings(heap_mb=256)
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", settings).running() as node:
        world = SinkWorld(node.bootstrap_servers, topic_prefix, sink_clickhouse).create_topics()
        world.begin()
        with running(world.sink()):
            world.predict(200)
            world.await_landed()
            node.kill()
            node.start()
            world.predict(200, 1)
            world.predict(200)
            world.await_landed(120)
        world.check()
        world.close()


def test_a_refusing_clickhouse_ends_the_sink_with_a_clear_error(world) -> None:
    world.begin()
    failure = run_until_it_fails(world.sink(store=Store(lambda: world.connect(password="no"))))
    assert isinstance(failure, RefusedError)
    assert "refuses" in str(failure)


def test_a_sealed_topic_that_lost_its_tail_is_refused(world) -> None:
    world.begin()
    with running(world.sink()):
        for _ in range(4):
            world.predict(50)
            world.await_landed()
    name = world.topics.sealed("inference")
    world.admin_client.delete_topics([name])[name].result(20)
    await_true(lambda: name not in world.admin_client.list_topics(timeout=10).topics, "gone")
    world.create_topics(only=("inference",))
    for raw in world.log("inference").segments[:2]:
        world.produce(world.log("inference"), raw)
    world.producer.flush(20)
    failure = run_until_it_fails(world.sink())
    assert isinstance(failure, SealedLogError)
    assert "lost its tail" in str(failure)
    world.check()


def test_a_sealed_topic_with_another_continuation_is_refused(world) -> None:
    world.begin()
    with running(world.sink()):
        world.predict(50)
        world.await_landed()
    log = world.log("inference")
    world.seal("inference", 0, [(b"never sent", b"")], produce=False)
    world.produce(log, log.segments[0][:-40] + bytes(40))
    world.producer.flush(20)
    failure = run_until_it_fails(world.sink())
    assert isinstance(failure, SealedLogError)
    assert f"{log.sealed_topic}/0 at offset 1" in str(failure)
    assert world.committed("inference") == 50


def test_missing_topics_are_awaited(kafka, topic_prefix, sink_clickhouse) -> None:
    world = SinkWorld(kafka.bootstrap_servers, topic_prefix, sink_clickhouse)
    timer = threading.Timer(1.0, world.create_topics)
    timer.start()
    with running(world.sink()):
        timer.join()
        world.begin()
        world.await_landed()
    world.check()
    world.close()


def test_topics_that_stay_missing_or_have_other_partitions_are_named(
    kafka, topic_prefix, sink_clickhouse, monkeypatch
) -> None:
    monkeypatch.setattr(sink, "_TOPICS_S", 1.0)
    world = SinkWorld(kafka.bootstrap_servers, topic_prefix, sink_clickhouse)
    failure = run_until_it_fails(world.sink())
    assert isinstance(failure, BrokerError)
    assert world.topics.sealed("access") in str(failure)
    world.create_topics(partitions=3)
    failure = run_until_it_fails(world.sink())
    assert isinstance(failure, BrokerError)
    assert "control.sealed: expected 1 partitions, got 3" in str(failure)
    world.close()


def test_an_absent_broker_ends_the_sink_with_a_clear_error(world, monkeypatch) -> None:
    monkeypatch.setattr(sink, "_TOPICS_S", 0.5)
    monkeypatch.setattr(sealed_topics, "_TIMEOUT_S", 1.0)
    world.kafka = {"bootstrap.servers": "127.0.0.1:9", "log_level": "0"}
    failure = run_until_it_fails(world.sink())
    assert isinstance(failure, BrokerError)
    assert "Kafka does not answer" in str(failure)


def test_a_second_sink_of_the_same_instance_ends_the_first_clearly(world, processes) -> None:
    world.begin()
    processes.append(world.process(processes.log, "same"))
    world.await_landed()
    with running(world.sink(instance_id="same")):
        world.predict(50)
        world.await_landed()
        assert ended(processes[0], 60) == 1
    assert "fenced" in processes.log.read_text().lower()
