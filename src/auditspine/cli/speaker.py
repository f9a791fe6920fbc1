"""Publishes what processors derive, as signed events of their own keys; and lets the time pass.

Events of one tenant are in one log, so there is a client per tenant, made when it is needed.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from auditspine.cli.errors import CliError
from auditspine.ledger.control import RESERVED
from auditspine.ledger.topics import Topics
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.port import Derived, SealedEvent
from auditspine.producers.client import AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.producers.errors import EventError, ProducerError
from auditspine.producers.prepare import MAX_AHEAD_S, encode_event, require_publishable
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.codec import encode
from auditspine.schemas.formats import Token
from auditspine.schemas.models import (
    Correlation,
    Event,
    ProducerHeartbeat,
    ProducerHeartbeatBody,
    Workload,
)

_log = structlog.get_logger(__name__)
_TOKEN: TypeAdapter[str] = TypeAdapter(Token)
_UNNAMED = "-"  # in the place of a domain or environment that the contract does not take
_DELIVERY_S = 120.0
_TICK_S = 30.0
_LINGER_MS = 2  # what is derived is waited for


class ProcessorSpeaker:
    """Publishes the derived events of one processor; see :class:`~.projection.port.Speaker`.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topics: Topics of the space.
        domain: A domain of which events belong in the space: of what has no cause.
        source: The processor.
        key: Its key.
        states: Folder where it is remembered how far each tenant's client got.
        instance: Tells apart workers of the processor.

    Attributes:
        refused: How many derived events the contract refused, by type.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        topics: Topics,
        domain: str,
        source: Source,
        key: Ed25519PrivateKey,
        states: Path,
        instance: str | None,
    ) -> None:
        self._kafka = {"log_level": "0", **kafka}
        self._topics = topics
        self._domain = domain
        self._source = source
        self._producer = f"auditspine-{source.processor}"
        self._key = key
        self._states = states
        self._instance = instance or "0"
        self._clients: dict[str, AuditClient] = {}
        self._opening = threading.Lock()
        self.refused: Counter[str] = Counter()

    def say(self, derived: Sequence[Derived]) -> None:
        """Publish events; return when the broker has them.

        All are made before the first is published. One that the contract refuses would be refused
        again whenever it is derived: it is logged and counted, and the others are published.

        Raises:
            ProducerError: They may not have been published.
        """
        made = [event for each in derived if (event := self._made(each)) is not None]
        for delivery in [self._client(event.envelope.tenant).publish(event) for event in made]:
            delivery.result(_DELIVERY_S)

    def publish(self, tenant: str, event: tuple[str, str], body: Mapping[str, Any]) -> Delivery:
        """Publish an event that no entry of a log caused.

        Args:
            tenant: Whose.
            event: Its type and its id; a repeat has the same.
            body: Its body.

        Raises:
            EventError: The contract refuses it.
            ProducerError: It cannot be published now.
        """
        if not _is_token(tenant):
            raise EventError("envelope.tenant", "expected a token, got another string")
        client = self._client(tenant)
        event_type, event_id = event
        processor = self._source.processor
        envelope = client.envelope(processor, f"what the {processor} did", event_id=event_id)
        model = event_types()[event_type].model
        try:
            made = model.model_validate({"envelope": envelope, "body": body})
        except ValidationError as exc:
            raise EventError(", ".join(_fields(exc)), f"not what {event_type} has") from None
        return client.publish(made)

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

    def _made(self, derived: Derived) -> Event | None:
        """Give a derived event as it is published, or ``None`` where the contract refuses it."""
        tenant = str(derived.cause.envelope["tenant"])
        if not _is_token(tenant):
            self._refuse(derived, "envelope.tenant")
            return None
        client = self._client(tenant)
        try:
            event = self._event(client, derived)
            require_publishable(event, tenant, self._producer)
            encode_event(event, encode)
        except ValidationError as exc:
            self._refuse(derived, *_fields(exc))
        except EventError as exc:
            self._refuse(derived, exc.field)
        except Exception as exc:  # noqa: BLE001 - nothing but values was at work: it fails again
            self._refuse(derived, type(exc).__name__)
        else:
            return event
        return None

    def _event(self, client: AuditClient, derived: Derived) -> Event:
        cause = derived.cause
        # A broker's clock that is ahead of ours is no reason to say nothing.
        happened = min(_happened_ms(cause) / 1000, time.time() + MAX_AHEAD_S / 2)
        envelope = client.envelope(
            self._source.processor,
            derived.reason[:1024] or derived.event_type,
            event_id=derived_event_id(self._source, derived),
            occurred_at=datetime.fromtimestamp(happened, UTC),
            domain=_token(cause.envelope["domain"]),
            environment=_token(cause.envelope["environment"]),
            correlation=Correlation(causation_id=str(cause.envelope["event_id"])),
        )
        model = event_types()[derived.event_type].model
        return model.model_validate({"envelope": envelope, "body": dict(derived.body)})

    def _refuse(self, derived: Derived, *fields: str) -> None:
        self.refused[derived.event_type] += 1
        _log.error(
            "the contract refuses a derived event",
            processor=self._source.processor,
            event_type=derived.event_type,
            fields=list(fields),
            origin=derived.cause.origin,
            position=derived.cause.position,
            refused=self.refused[derived.event_type],
        )

    def _client(self, tenant: str) -> AuditClient:
        with self._opening:
            client = self._clients.get(tenant)
            if client is None:
                self._states.mkdir(mode=0o700, parents=True, exist_ok=True)
                name = f"{self._source.processor}-{self._instance}-{_hashed(tenant)}"
                client = self._clients[tenant] = AuditClient(
                    self._kafka,
                    tenant=tenant,
                    producer=self._producer,
                    key=self._key,
                    domain=self._domain,
                    environment="governance",
                    topics=self._topics,
                    settings=ProducerSettings(linger_ms=_LINGER_MS),
                    shared={"workload": Workload(name=self._producer, namespace="auditspine")},
                    state=self._states / f"{name}.epoch",
                )
            return client


def _happened_ms(cause: SealedEvent) -> int:
    """Give when it was that something follows from, not when its consequences were derived."""
    if cause.event_type in RESERVED:
        return min(cause.appended_at, int(cause.envelope["occurred_at"]) // 1000)
    return cause.appended_at


def _is_token(value: object) -> bool:
    try:
        _TOKEN.validate_python(value)
    except ValidationError:
        return False
    return True


def _token(value: object) -> str:
    return str(value) if _is_token(value) else _UNNAMED


def _fields(error: ValidationError) -> list[str]:
    """Name the fields at fault; a key that came with the data is not quoted."""
    return sorted(
        {
            ".".join(str(p) if str(p).isidentifier() or isinstance(p, int) else "?" for p in loc)
            for loc in (each["loc"] for each in error.errors(include_input=False))
        }
    )


def _hashed(tenant: str) -> str:
    """Give what stands for a tenant in a file's name, whatever it is called."""
    return sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Ticking(Protocol):
    """Port: lets a tenant's time pass."""

    def tick(self, tenant: str) -> None:
        """Let a tenant's log go on."""
        ...


class ClockLoop:
    """Ticks now and then for each tenant; a :class:`~auditspine.processors.hosting.BlockingLoop`.

    Args:
        speaker: Whose ticks they are.
        tenants: Gives the tenants, each time.
        every_s: Seconds between two ticks.
    """

    def __init__(
        self, speaker: Ticking, tenants: Callable[[], Iterable[str]], every_s: float = _TICK_S
    ) -> None:
        self._speaker = speaker
        self._tenants = tenants
        self._every_s = every_s
        self._failing: set[str] = set()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Tick until stopped; what cannot be said now is said at a later tick."""
        while not self._stopped.wait(self._every_s):
            try:
                tenants = list(self._tenants())
            except CliError as exc:
                self._left_out("", exc)
                continue
            for tenant in tenants:
                try:
                    self._speaker.tick(tenant)
                except ProducerError as exc:
                    self._left_out(tenant, exc)
                else:
                    self._failing.discard(tenant)
            self._failing.discard("")

    def stop(self) -> None:
        """Ask it to end."""
        self._stopped.set()

    def _left_out(self, tenant: str, error: Exception) -> None:
        if tenant not in self._failing:  # once, until it can be said again
            _log.warning("ticks are left out", tenant=tenant, reason=str(error))
        self._failing.add(tenant)
