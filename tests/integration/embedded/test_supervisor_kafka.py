import os
import signal
import time

from auditspine.embedded.backoff import Backoff
from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.embedded.supervisor import Supervisor


def test_killed_broker_is_started_again_on_the_same_port(tmp_path):
    node = KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", KafkaSettings(heap_mb=256))
    parts = [node.part()]
    with Supervisor(parts, tmp_path / "logs", backoff=Backoff(first_s=0.1)).running() as stack:
        assert node.is_ready()
        before = stack.snapshot().parts[0]
        os.kill(before.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not ((now := stack.snapshot().parts[0]).restarts == 1 and now.state == "ready"):
            assert time.monotonic() < deadline, now
            time.sleep(0.05)
        assert now.pid != before.pid
        assert node.is_ready()
    assert not node.is_ready()
