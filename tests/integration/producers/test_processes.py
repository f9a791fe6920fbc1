"""Exits and forks: nothing queued is lost, nothing is sent twice."""

import gc
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from auditspine.ledger.verdict import Flag
from auditspine.producers.errors import ClientClosedError
from auditspine.producers.settings import ProducerSettings

SCRIPT = """
import signal, sys
from auditspine.ledger.topics import Topics
from auditspine.producers.client import AuditClient
from auditspine.schemas.models import *

client = AuditClient(sys.argv[1], tenant="acme", producer="scorer", key=sys.argv[2],
                     domain="credit", environment="test", topics=Topics(sys.argv[3]))
model = ArtifactRef(kind="model", name="m", version="1", digest=bytes(32))
for number in range(100):
    client.publish(PredictionMade(
        envelope=client.envelope("request", "scored"),
        body=PredictionMadeBody(prediction_id=str(number), deployment=model, model=model,
                                features=(), score=0.5, decision="approve", latency_ms=1.0)))
"""
ENDINGS = {
    "normal": ("", 0),
    "uncaught exception": ("raise SystemError('on purpose')", 1),
    "interrupted": ("raise KeyboardInterrupt", -signal.SIGINT),
    "terminated, handled as documented": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); signal.raise_signal(15)",
        0,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_that_ends_without_closing_delivers_everything(ready, tools, tmp_path, ending):
    statement, code = ENDINGS[ending]
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(SCRIPT) + statement + "\n")
    ended = subprocess.run(
        [sys.executable, script, ready.servers, ready.key, ready.topics.prefix],
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert ended.returncode == code, ended.stderr.decode()[-500:]
    records = ready.records("inference", 100)
    assert len(records) == 100
    assert tools.flags(records) == {Flag.NONE}


def test_a_forked_child_publishes_in_an_epoch_of_its_own(ready, tools):
    gc.collect()  # Kafka clients that other tests left are not the SDK's to keep
    settings = ProducerSettings(heartbeat_s=0, linger_ms=500)  # so that some wait while forking
    client = ready.client(settings=settings)
    queued = [client.publish(tools.prediction(client, n)) for n in range(300)]
    child = forked(lambda: publish_in_child(client, queued[-1], tools))
    queued += [client.publish(tools.prediction(client, n)) for n in range(300)]
    client.flush(30)
    assert ending(child) == 0

    records = ready.records("inference", 700)
    assert len(records) == 700
    assert tools.flags(records) == {Flag.NONE}
    epochs = [tools.header(record).epoch for record in records]
    ours = epochs.count(queued[0].epoch)
    assert (ours, len(set(epochs))) == (600, 2)


def test_a_forked_child_may_collect_what_closed_clients_left(ready, tools):
    gc.collect()  # what other tests left is not the SDK's
    gc.disable()  # so that the child is the first to collect
    try:
        client = ready.client()
        client.publish(tools.prediction(client, 1)).result(20)  # leaves its check of the topics
        other = ready.client()
        handle = other.publish(tools.prediction(client, 2))
        other.close()
        del other
        ready.clients.pop()

        def collect() -> int:
            nonlocal handle
            handle = client.publish(tools.prediction(client, 3))
            gc.collect()
            handle.result(20)
            client.close()
            return 0

        assert ending(forked(collect)) == 0
    finally:
        gc.enable()


def forked(work) -> int:
    """Fork a child that exits with what ``work`` gives, or 1; give its id."""
    child = os.fork()
    if child == 0:  # never return into pytest from here
        code = 1
        try:
            signal.alarm(60)
            code = work()
        finally:
            os._exit(code)
    return child


def ending(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def publish_in_child(client, inherited, tools) -> int:
    """Give 0 when a forked child can publish, and knows what is not its own."""
    try:
        inherited.result(5)
    except ClientClosedError:
        for number in range(100):
            client.publish(tools.prediction(client, number))
        client.close()
        return 0
    return 2
