"""The serving guard's look-ups, and how long a stop takes to reach it."""

import threading
import time
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.records import partition_of
from auditspine.ledger.serving import ServingRecord
from auditspine.producers.guard import ServingGuard
from auditspine.sinks.alive import AliveLoop
from auditspine.sinks.serving import serving_topic
from auditspine.sinks.signed_topic import Followed, SignedTopic
from bench.backbone import TENANT, Backbone, wait_for

DEPLOYMENT = "mortgage-risk-eu"
LOOKUPS = 200_000
STOPS = 50


def measure(backbone: Backbone) -> dict[str, float]:
    """Give look-ups per second, what one takes, and the way of a stop, all beside a live topic."""
    topics, key = backbone.settings.topics, Ed25519PrivateKey.generate()
    topic = serving_topic(backbone.kafka, topics, key)
    partition = partition_of(TENANT, topics.partitions)
    loop = AliveLoop(topic, lambda: {partition: Followed(0, 0)})
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        topic.publish([_record(number, "live") for number in range(100)])
        guard = ServingGuard(
            backbone.kafka,
            tenant=TENANT,
            deployment=DEPLOYMENT,
            keys=[raw_public_key(key)],
            topics=topics,
        )
        with guard:
            wait_for(lambda: guard.wait_ready(1), "the guard knows")
            seconds, slowest = _look_up(guard)
            return {
                "look-ups/s, one thread": LOOKUPS / seconds,
                "one look-up, ns": seconds / LOOKUPS * 1e9,
                "the slowest of 99.9%, ns": slowest,
                "a stop is written and known, ms (median)": median(
                    _stop(topic, guard, number) for number in range(STOPS)
                ),
            }
    finally:
        loop.stop()
        thread.join()
        topic.close()


def _look_up(guard: ServingGuard) -> tuple[float, float]:
    """Give how long all look-ups took, seconds, and the 99.9th percentile of one, ns."""
    digests = [number.to_bytes(32, "big") for number in range(200)]
    check = guard.check
    began = time.perf_counter()
    for _ in range(LOOKUPS // len(digests)):
        for digest in digests:
            check(digest)
    seconds = time.perf_counter() - began
    times = []
    for number in range(LOOKUPS):
        before = time.perf_counter_ns()
        check(digests[number % 200])
        times.append(time.perf_counter_ns() - before)
    return seconds, sorted(times)[LOOKUPS * 999 // 1000]


def _stop(topic: SignedTopic[ServingRecord], guard: ServingGuard, number: int) -> float:
    """Give how long a stop took from before it was written until the guard knew, ms."""
    record = _record(1000 + number, "blocked")
    began = time.perf_counter()
    topic.publish([record])
    while guard.check(record.model_digest).state != "blocked":
        time.sleep(0.0002)
    return (time.perf_counter() - began) * 1000


def _record(number: int, state: str) -> ServingRecord:
    return ServingRecord(
        tenant=TENANT,
        deployment=DEPLOYMENT,
        model_digest=number.to_bytes(32, "big"),
        state=state,  # type: ignore[arg-type] - one of the three
        releases_frozen=False,
        quarantined=False,
        alert_id=None,
        reason="measured",
        since=0,
        position=number,
    )
