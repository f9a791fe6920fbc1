"""The guards' look-ups, and how long a stop or a revocation takes to reach them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.records import partition_of
from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.guard import ServingGuard
from auditspine.producers.release_guard import ReleaseGuard
from auditspine.sinks.alive import AliveLoop
from auditspine.sinks.releases import release_topic
from auditspine.sinks.serving import serving_topic
from auditspine.sinks.signed_topic import Followed, SignedTopic
from bench.backbone import TENANT, Backbone, wait_for

DEPLOYMENT, ENVIRONMENT = "mortgage-risk-eu", "prod"
LOOKUPS = 200_000
STOPS = 50


def measure(backbone: Backbone) -> dict[str, float]:
    """Give look-ups per second, what one takes, and the way of a stop, all beside live topics."""
    topics, key = backbone.settings.topics, Ed25519PrivateKey.generate()
    public = [raw_public_key(key)]
    with ExitStack() as stack:
        serving = stack.enter_context(_alive(serving_topic(backbone.kafka, topics, key), topics))
        released = stack.enter_context(_alive(release_topic(backbone.kafka, topics, key), topics))
        serving.publish([_record(number, "live") for number in range(100)])
        released.publish([_decision(number, allowed=True) for number in range(200)])
        named: dict[str, Any] = {"tenant": TENANT, "topics": topics, "keys": public}
        at: dict[str, Any] = {**named, "deployment": DEPLOYMENT}
        obeys: dict[str, Any] = {**at, "environment": ENVIRONMENT, "release_keys": public}
        guard = stack.enter_context(ServingGuard(backbone.kafka, **at))
        both = stack.enter_context(ServingGuard(backbone.kafka, **obeys))
        release = stack.enter_context(
            ReleaseGuard(backbone.kafka, **named, environment=ENVIRONMENT)
        )
        for each in (guard, both, release):
            wait_for(partial(each.wait_ready, 1), "the guard knows")
        seconds, slowest = _look_up(guard.check)
        return {
            "look-ups/s, one thread": LOOKUPS / seconds,
            "one look-up, ns": seconds / LOOKUPS * 1e9,
            "the slowest of 99.9%, ns": slowest,
            "a stop is written and known, ms (median)": median(
                _stop(serving, guard, number) for number in range(STOPS)
            ),
            "release guard, look-ups/s": LOOKUPS / _look_up(release.check)[0],
            "serving guard that obeys decisions, look-ups/s": LOOKUPS / _look_up(both.check)[0],
            "a revocation is written and known, ms (median)": median(
                _revoke(released, release, number) for number in range(STOPS)
            ),
        }


@contextmanager
def _alive(topic: SignedTopic[Any], topics: Topics) -> Iterator[SignedTopic[Any]]:
    """Give a topic with signs of life until the end of a block."""
    partition = partition_of(TENANT, topics.partitions)
    loop = AliveLoop(topic, lambda: {partition: Followed(0, 0)})
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield topic
    finally:
        loop.stop()
        thread.join()
        topic.close()


def _look_up(check: Callable[[bytes], object]) -> tuple[float, float]:
    """Give how long all look-ups took, seconds, and the 99.9th percentile of one, ns."""
    digests = [number.to_bytes(32, "big") for number in range(200)]
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


def _revoke(topic: SignedTopic[ReleaseRecord], guard: ReleaseGuard, number: int) -> float:
    """Give how long a revocation took from before it was written until the guard knew, ms."""
    record = _decision(number, allowed=False)
    began = time.perf_counter()
    topic.publish([record])
    while guard.check(record.model_digest).allowed:
        time.sleep(0.0002)
    return (time.perf_counter() - began) * 1000


def _decision(number: int, *, allowed: bool) -> ReleaseRecord:
    return ReleaseRecord(
        tenant=TENANT,
        environment=ENVIRONMENT,
        model_digest=number.to_bytes(32, "big"),
        allowed=allowed,
        decision_id="measured",
        reason="measured",
        since=0,
        until=None,
        position=0 if allowed else 1,
    )


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
