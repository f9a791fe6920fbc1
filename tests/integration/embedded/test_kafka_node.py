import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from auditspine.embedded.errors import InUseError, JavaError, PortTakenError, StartError
from auditspine.embedded.kafka import KafkaNode, KafkaSettings

SETTINGS = KafkaSettings(heap_mb=256)


def produce(servers, values):
    admin = AdminClient({"bootstrap.servers": servers})
    if "kept" not in admin.list_topics(timeout=20).topics:
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(20)
    errors = []
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    for value in values:
        producer.produce("kept", value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(20) == 0
    assert errors == [None] * len(values)


def consume(servers, count):
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "unused"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    values = []
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            values.append(message.value())
    consumer.close()
    return values


def test_data_and_port_survive_a_restart_and_a_kill(tmp_path):
    node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", SETTINGS)
    try:
        node.start()
        first = node.bootstrap_servers
        produce(first, [b"one"])
        node.stop()

        node.start()
        assert node.bootstrap_servers == first
        produce(first, [b"two"])
        node.kill()

        node.start()
        assert consume(node.bootstrap_servers, 2) == [b"one", b"two"]
    finally:
        node.stop()


@pytest.mark.parametrize("name", ["données", "with space"])
def test_directory_may_have_any_name(tmp_path, name):
    node = KafkaNode(tmp_path / name, tmp_path / "kafka.log", SETTINGS)
    node.prepare()
    assert (tmp_path / name / "data" / "meta.properties").exists()


def test_second_broker_on_the_same_directory_is_refused_and_the_first_goes_on(tmp_path):
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", SETTINGS).running() as first:
        second = KafkaNode(tmp_path / "kafka", tmp_path / "second.log", SETTINGS)
        with pytest.raises(InUseError, match=f"in use by process {first.process.pid}"):
            second.start()
        assert first.is_ready()


def test_port_that_is_taken_is_refused_by_its_number(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", KafkaSettings(port=port))
        with pytest.raises(PortTakenError, match=f"kafka port: expected port {port}"):
            node.prepare()


def test_port_of_last_time_is_left_when_another_process_took_it(tmp_path):
    node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", SETTINGS)
    node.prepare()
    before = node.bootstrap_servers
    node.prepare()
    assert node.bootstrap_servers == before
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        node.prepare()
    assert node.bootstrap_servers != before


def test_java_that_is_missing_or_is_none_or_too_old_is_refused(tmp_path):
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    for java, message in (
        (tmp_path / "nowhere", "expected an executable or a Java home"),
        (old, "expected version 17 or newer, got 11"),
        ("/bin/true", "got no version"),
    ):
        settings = KafkaSettings(java=tmp_path / java)
        with pytest.raises(JavaError, match=message):
            KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", settings).prepare()


def test_broker_that_dies_at_start_is_reported_with_the_end_of_its_log(tmp_path):
    node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", SETTINGS)
    node.prepare()
    meta = tmp_path / "kafka" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=2"))
    with pytest.raises(StartError, match=r"ended with 1; its log ends:[\s\S]*node"):
        node.start()
    assert node.process is None


def test_broker_dies_with_a_killed_starter_and_the_next_start_works(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from auditspine.embedded.kafka import KafkaNode, KafkaSettings\n"
        "node = KafkaNode(Path(sys.argv[1]) / 'kafka', Path(sys.argv[1]) / 'kafka.log',"
        " KafkaSettings(heap_mb=256))\n"
        "node.start(); print(node.process.pid, flush=True); input()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    broker = os.pidfd_open(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()
    await_end(broker)
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", SETTINGS).running() as node:
        assert node.is_ready()


def await_end(pidfd):
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    assert poller.poll(20_000), "the process did not end"
    os.close(pidfd)


@pytest.mark.skipif(shutil.which("java") is None, reason="no other Java on this machine")
def test_broker_runs_on_the_java_that_the_user_names(tmp_path):
    settings = KafkaSettings(heap_mb=256, java=Path(shutil.which("java")))
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", settings).running() as node:
        assert node.is_ready()
