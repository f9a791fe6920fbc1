"""The real ledger before the sink, and the real verifier after it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "processors"))
sys.path.insert(0, str(Path(__file__).parent))
from ledger_world import LOG_KEY, Backbone
from ledger_world import running as sealing
from sink_world import SinkWorld, running

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import OPERATOR, Signer, encode, prediction, public
from tests.waiting import await_true

from auditspine.auditor.core.trust import LogKey, Trust
from auditspine.auditor.evidence import EvidenceStore
from auditspine.auditor.options import Options
from auditspine.auditor.report import Outcome
from auditspine.auditor.verify import verify


def test_what_the_ledger_seals_lands_and_verifies(kafka, topic_prefix, sink_clickhouse) -> None:
    backbone = Backbone(kafka.bootstrap_servers, topic_prefix, 2).create()
    world = SinkWorld(kafka.bootstrap_servers, topic_prefix, sink_clickhouse)
    with sealing(backbone.config()), running(world.sink()):
        backbone.bootstrap()
        backbone.await_sealed("control", 0)
        for partition in (0, 1):
            signer = Signer(topic=backbone.topics.source("inference"), partition=partition)
            values = [encode(prediction(i, now_ms=backbone.now_ms)) for i in range(300)]
            backbone.publish("inference", partition, *signer.sign(*values), (b"not ours", b""))
        backbone.await_sealed("inference", 0, 1)
        for stream, partition in (("control", 0), ("inference", 0), ("inference", 1)):
            size = len(backbone.entries(stream, partition))
            await_true(
                lambda s=stream, p=partition, n=size: world.committed(s, p) == n,
                f"{stream}/{partition} landed up to {size}",
            )
    origins = dict(world.client.query("SELECT topic, origin FROM log_heads").result_rows)
    trust = Trust(
        origins[backbone.topics.sealed("control")],
        (public(OPERATOR),),
        (LogKey(public(LOG_KEY)),),
    )
    report = verify(EvidenceStore(world.client), trust, Options(now_ms=backbone.now_ms + 60_000))
    assert report.defects == ()
    assert report.outcome is Outcome.VERIFIED
    assert world.counts()["entries"] == 602 + len(backbone.entries("control", 0))
    assert world.client.query("SELECT count() FROM chain_check").result_rows == [(0,)]
    assert world.client.query("SELECT count() FROM content_check").result_rows == [(0,)]
    world.close()
