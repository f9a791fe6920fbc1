"""What goes wrong on purpose: one event for each reason that the ledger quarantines."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.topics import Topics
from auditspine.producers.client import AuditClient
from auditspine.schemas.codec import encode
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json

MakeClient = Callable[[str, str, Ed25519PrivateKey], AuditClient]
"""Makes a client from a tenant, a producer's name and its key."""


def misuse(
    make: MakeClient,
    kafka: dict[str, str],
    topics: Topics,
    *,
    tenants: tuple[str, str],
    scorer: Ed25519PrivateKey,
    revoked: Ed25519PrivateKey,
) -> int:
    """Publish events that must not count.

    Args:
        make: Makes clients.
        kafka: librdkafka properties.
        topics: Topics of the deployment.
        tenants: The tenant that misbehaves, and another one.
        scorer: Key of the first tenant's scorer, which may publish predictions only.
        revoked: A key that was revoked before.

    Returns:
        How many were published.
    """
    own, other = tenants
    attempts = (
        (own, f"{own}-notebook", Ed25519PrivateKey.generate(), "prediction.made"),
        (own, f"{own}-contractor", revoked, "prediction.made"),
        (other, f"{own}-scorer", scorer, "prediction.made"),
        (own, f"{own}-scorer", scorer, "approval.decided"),
    )
    for tenant, producer, key, event_type in attempts:
        with make(tenant, producer, key) as client:
            client.publish(_example(event_type, tenant, producer)).result(30)
    return len(attempts) + _raw(kafka, topics, own)


def _example(event_type: str, tenant: str, producer: str) -> Event:
    event = parse_json(example(event_type))
    workload = event.envelope.workload.model_copy(update={"name": producer})
    envelope = event.envelope.model_copy(update={"tenant": tenant, "workload": workload})
    return event.model_copy(update={"envelope": envelope})


def _raw(kafka: dict[str, str], topics: Topics, tenant: str) -> int:
    """Produce beside the SDK: an unsigned event, and a message that is none of ours."""
    producer = Producer({**kafka, "enable.idempotence": "true", "log_level": "0"})
    unsigned = encode(_example("prediction.made", tenant, f"{tenant}-scorer"))
    messages: tuple[Any, ...] = (unsigned, b"hello from another team")
    for value in messages:
        producer.produce(topics.source("inference"), value, partition=0)
    producer.flush(30)
    return len(messages)
