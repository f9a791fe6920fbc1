"""Publishes what processors derive, as signed events of their own keys; and lets the time pass.

Events of one tenant are in one log, so there is a client per tenant, made when it is needed.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.topics import Topics
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.port import Derived
from auditspine.producers.client import AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.models import (
    Correlation,
    ProducerHeartbeat,
    ProducerHeartbeatBody,
    Workload,
)

_DELIVERY_S = 120.0
_TICK_S = 30.0
_LINGER_MS = 2  # what is derived is waited for


class ProcessorSpeaker:
    """Publishes the derived events of one processor; see :class:`~.projection.port.Speaker`.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topics: Topics of the space.
        source: The processor.
        key: Its key.
        states: Folder where it is remembered how far each tenant's client got.
        instance: Tells apart workers of the processor.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        topics: Topics,
        source: Source,
        key: Ed25519PrivateKey,
        states: Path,
        instance: str | None,
    ) -> None:
        self._kafka = {"log_level": "0", **kafka}
        self._topics = topics
        self._source = source
        self._producer = f"auditspine-{source.processor}"
        self._key = key
        self._states = states
        self._instance = instance or "0"
        self._clients: dict[str, AuditClient] = {}
        self._opening = threading.Lock()

    def say(self, derived: Sequence[Derived]) -> None:
        """Publish events; return when the broker has them.

        Raises:
            ProducerError: They may not have been published.
        """
        for delivery in [self._publish(each) for each in derived]:
            delivery.result(_DELIVERY_S)

    def publish(self, tenant: str, event: tuple[str, str], body: Mapping[str, Any]) -> Delivery:
        """Publish an event that no entry of a log caused.

        Args:
            tenant: Whose.
            event: Its type and its id; a repeat has the same.
            body: Its body.
        """
        client = self._client(tenant)
        event_type, event_id = event
        processor = self._source.processor
        envelope = client.envelope(processor, f"what the {processor} did", event_id=event_id)
        model = event_types()[event_type].model
        return client.publish(model.model_validate({"envelope": envelope, "body": body}))

    def tick(self, tenant: str) -> None:
        """Let a tenant's log go on, so that what waits for a time to pass can see that it did."""
        client = self._client(tenant)
        envelope = client.envelope("heartbeat", "let the log's time pass")
        body = ProducerHeartbeatBody(epoch=0, streams=())
        client.publish(ProducerHeartbeat(envelope=envelope, body=body))

    def close(self) -> None:
        """Deliver what is queued and give up the connections."""
        for client in self._clients.values():
            client.close()

    def _publish(self, derived: Derived) -> Delivery:
        cause = derived.cause
        client = self._client(str(cause.envelope["tenant"]))
        envelope = client.envelope(
            self._source.processor,
            derived.reason[:1024],
            event_id=derived_event_id(self._source, derived),
            occurred_at=datetime.fromtimestamp(cause.appended_at / 1000, UTC),
            domain=cause.envelope["domain"],
            environment=cause.envelope["environment"],
            correlation=Correlation(causation_id=str(cause.envelope["event_id"])),
        )
        model = event_types()[derived.event_type].model
        return client.publish(
            model.model_validate({"envelope": envelope, "body": dict(derived.body)})
        )

    def _client(self, tenant: str) -> AuditClient:
        with self._opening:
            client = self._clients.get(tenant)
            if client is None:
                name = f"{self._source.processor}-{self._instance}-{tenant.encode().hex()}"
                client = self._clients[tenant] = AuditClient(
                    self._kafka,
                    tenant=tenant,
                    producer=self._producer,
                    key=self._key,
                    domain="governance",
                    environment="governance",
                    topics=self._topics,
                    settings=ProducerSettings(linger_ms=_LINGER_MS),
                    shared={"workload": Workload(name=self._producer, namespace="auditspine")},
                    state=self._states / f"{name}.epoch",
                )
            return client


class ClockLoop:
    """Ticks now and then for each tenant; a :class:`~auditspine.processors.hosting.BlockingLoop`.

    Args:
        speaker: Whose ticks they are.
        tenants: Gives the tenants, each time.
    """

    def __init__(self, speaker: ProcessorSpeaker, tenants: Callable[[], Iterable[str]]) -> None:
        self._speaker = speaker
        self._tenants = tenants
        self._stopped = threading.Event()

    def run(self) -> None:
        """Tick until stopped."""
        while not self._stopped.wait(_TICK_S):
            for tenant in self._tenants():
                self._speaker.tick(tenant)

    def stop(self) -> None:
        """Ask it to end."""
        self._stopped.set()
