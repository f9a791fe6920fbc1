"""A deployment's topics on the shared broker, clients for it, and an independent reader."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from auditspine.ledger.batch import BatchVerifier, SigHeader, parse_sig
from auditspine.ledger.keyfile import create_key
from auditspine.ledger.sequences import ProducerTable
from auditspine.ledger.topics import Topics
from auditspine.ledger.verdict import Flag
from auditspine.producers.client import AuditClient
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.models import (
    ArtifactRef,
    FeatureValue,
    PredictionMade,
    PredictionMadeBody,
    ProducerHeartbeat,
    ProducerHeartbeatBody,
    TenantRegistered,
    TenantRegisteredBody,
)


@dataclass
class Deployment:
    """Topics of one test, a producer's key, and what the log holds."""

    servers: str
    topics: Topics
    key: Path
    clients: list[AuditClient] = field(default_factory=list)

    def create_topics(self, **partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        new = [
            NewTopic(self.topics.source(stream), count or self.topics.partition_count(stream), 1)
            for stream, count in partitions.items()
        ]
        for future in admin.create_topics(new).values():
            future.result()

    def client(self, **options) -> AuditClient:
        fixed = {
            "tenant": "acme",
            "producer": "scorer",
            "key": self.key,
            "domain": "credit",
            "environment": "test",
            "topics": self.topics,
        }
        client = AuditClient(self.servers, **{**fixed, **options})
        self.clients.append(client)
        return client

    def records(self, stream: str, count: int, timeout: float = 30.0) -> list[Message]:
        """Read ``count`` records, and whatever else is there."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "enable.auto.commit": False,
                "enable.partition.eof": False,
                "log_level": 0,
            }
        )
        topic = self.topics.source(stream)
        consumer.assign([TopicPartition(topic, p, 0) for p in range(self.partitions(stream))])
        got: list[Message] = []
        deadline = time.monotonic() + timeout
        while len(got) < count and time.monotonic() < deadline:
            got += [m for m in consumer.consume(5000, 0.2) if m.error() is None]
        got += [m for m in consumer.consume(5000, 0.3) if m.error() is None]  # nothing follows
        consumer.close()
        return got

    def partitions(self, stream: str) -> int:
        return self.topics.partition_count(stream)


def header(record: Message) -> SigHeader:
    return parse_sig(dict(record.headers() or [])["sig"])


def flags(records: list[Message]) -> set[Flag]:
    """Verify every record's signature and give the flags that their sequences raise."""
    verifier, tables, raised = BatchVerifier(), {}, set()
    for record in records:
        sig = header(record)
        assert verifier.verify(sig, record.topic(), record.partition(), record.value())
        table = tables.setdefault((record.topic(), record.partition()), ProducerTable())
        raised.add(table.observe(sig))
    return raised


def prediction(client: AuditClient, number: int, deployment: int | None = None) -> PredictionMade:
    """Give a prediction; ten deployments spread them over the partitions."""
    name = f"scorer-{number % 10 if deployment is None else deployment}"
    model = ArtifactRef(kind="model", name=name, version="1", digest=bytes(32))
    return PredictionMade(
        envelope=client.envelope("request", "an application was scored"),
        body=PredictionMadeBody(
            prediction_id=f"p{number}",
            deployment=model,
            model=model,
            features=(),
            score=0.5,
            decision="approve",
            latency_ms=1.5,
        ),
    )


def altered(event: PredictionMade, **envelope) -> PredictionMade:
    """Give the event with other fields in its envelope, unchecked."""
    changed = event.envelope.model_copy(update=envelope)
    return event.model_copy(update={"envelope": changed})


def oversized(event: PredictionMade) -> PredictionMade:
    """Give the event with more than 512 KiB in its body."""
    features = (FeatureValue(name="income", text="SECRET" * 2000),) * 50
    return event.model_copy(update={"body": event.body.model_copy(update={"features": features})})


def tenant_registered(client: AuditClient) -> TenantRegistered:
    body = TenantRegisteredBody(tenant="acme", display_name="Acme")
    return TenantRegistered(envelope=client.envelope("request", "onboarding"), body=body)


def heartbeat(record: Message) -> ProducerHeartbeatBody:
    event = Decoder(schema_texts()).decode(record.value()).to_model()
    assert isinstance(event, ProducerHeartbeat)
    return event.body


@pytest.fixture
def tools():
    """Give the functions above to test modules, which cannot import a conftest."""

    class Tools:
        header = staticmethod(header)
        flags = staticmethod(flags)
        prediction = staticmethod(prediction)
        altered = staticmethod(altered)
        oversized = staticmethod(oversized)
        tenant_registered = staticmethod(tenant_registered)
        heartbeat = staticmethod(heartbeat)

    return Tools


@pytest.fixture
def deployment(kafka, topic_prefix: str, tmp_path: Path) -> Iterator[Deployment]:
    """Give a deployment whose topics are to be created by the test."""
    key = tmp_path / "scorer.pem"
    create_key(key)
    made = Deployment(kafka.bootstrap_servers, Topics(prefix=topic_prefix), key)
    yield made
    for client in made.clients:
        client.close(5)


@pytest.fixture
def ready(deployment: Deployment) -> Deployment:
    """Give a deployment with its inference and lifecycle topics."""
    deployment.create_topics(inference=0, lifecycle=0)
    return deployment
