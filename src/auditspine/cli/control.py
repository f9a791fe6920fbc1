"""Publishes control events: the first entries of the control log, tenants and keys.

What was said already is read from the control topic, so every step can be repeated.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.errors import CliError
from auditspine.ledger.control import EVERY_TENANT
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.segment import FORMAT, Place
from auditspine.ledger.spaces import Space
from auditspine.ledger.topics import Topics
from auditspine.producers.client import PLATFORM_TENANT, AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.schemas.catalogue import event_types, schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.errors import UndecodableError
from auditspine.schemas.models import (
    Event,
    KeyRegistered,
    KeyRegisteredBody,
    KeyRevoked,
    KeyRevokedBody,
    LogOpened,
    LogOpenedBody,
    LogRange,
    PolicyPublished,
    PolicyPublishedBody,
    SchemaRegistered,
    SchemaRegisteredBody,
    TenancyDecided,
    TenancyDecidedBody,
    TenantMoved,
    TenantMovedBody,
    TenantRegistered,
    TenantRegisteredBody,
)

OPERATOR = "operator"
SPEAKERS: Mapping[str, tuple[str, ...]] = {
    "drift": ("drift.signalled", "serving.observed", "bias.assessed"),
    "alerts": (
        *("alert.raised", "alert.resolved", "investigation.opened", "investigation.analysed"),
        "serving_state.changed",
    ),
    "notify": ("notification.delivered",),
    "release": ("decision.made", "approval.requested", "exception.expired", "finding.raised"),
}
"""The processors that publish events, and which: each has a key of its own for all tenants.

Together they are :data:`~auditspine.ledger.control.RESERVED`: nobody else's key is for them.
"""
_READ_TIMEOUT_S = 15.0


@dataclass(slots=True)
class Said:
    """What the control topic holds, sealed or not.

    Attributes:
        size: Messages in the topic.
        keys: Registered public keys, with the body of the last registration.
        revoked: Revoked public keys.
        tenants: Registered tenants and their names.
        schemas: Text of every registered schema by id.
        logs: Origins of opened logs.
        places: Topic prefix of each tenant's own space; ``None`` while it is being moved.
        domains: Topic prefix of each domain's space.
        policies: Digest of the last policy by its name and each tenant that it names.
    """

    size: int = 0
    keys: dict[bytes, KeyRegisteredBody] = field(default_factory=dict)
    revoked: set[bytes] = field(default_factory=set)
    tenants: dict[str, str] = field(default_factory=dict)
    schemas: dict[int, str] = field(default_factory=dict)
    logs: set[str] = field(default_factory=set)
    places: dict[str, str | None] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    policies: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def place_of(self, tenant: str, domain: str, shared: str) -> str | None:
        """Give the topic prefix where a tenant's events of a domain count, as the ledger judges.

        Args:
            tenant: The tenant.
            domain: The domain.
            shared: Topic prefix of the shared space.
        """
        if tenant in self.places:
            return self.places[tenant]
        return self.domains.get(domain, shared)

    def lacks(self, key: bytes, types: Sequence[str]) -> bool:
        """Tell whether a key that is not revoked is not registered for some event types.

        A later release may have types that an earlier one did not register its keys for.
        """
        known = self.keys.get(key)
        return key not in self.revoked and not (known and set(types) <= set(known.event_types))

    def add(self, event: Event) -> None:
        """Note one control event."""
        if isinstance(event, KeyRegistered):
            self.keys[event.body.public_key] = event.body
        elif isinstance(event, KeyRevoked):
            self.revoked.add(event.body.public_key)
        elif isinstance(event, TenantRegistered):
            self.tenants[event.body.tenant] = event.body.display_name
        elif isinstance(event, SchemaRegistered):
            self.schemas.setdefault(event.body.schema_id, event.body.text)
        elif isinstance(event, LogOpened):
            self.logs.add(event.body.origin)
        elif isinstance(event, PolicyPublished):
            body = event.body
            self.policies |= dict.fromkeys([(body.name, t) for t in body.tenants], body.digest)
        else:
            self._add_place(event)

    def _add_place(self, event: Event) -> None:
        if isinstance(event, TenantMoved):
            self.places[event.body.tenant] = event.body.topic_prefix
        elif isinstance(event, TenancyDecided) and event.body.tenant is not None:
            self.places[event.body.tenant] = None
        elif isinstance(event, TenancyDecided) and event.body.domain is not None:
            self.domains[event.body.domain] = event.body.topic_prefix


class ControlTopic:
    """The control topic, read on from where it was read to before. One thread at a time.

    Nothing is verified: it is only to know what to say still, and of whom.

    Args:
        kafka: librdkafka properties with ``bootstrap.servers``.
        topics: Topics of the deployment.
    """

    def __init__(self, kafka: Mapping[str, str], topics: Topics) -> None:
        self._kafka = kafka
        self._topic = topics.source("control")
        self._decoder = Decoder(schema_texts())
        self._said = Said()
        self._consumer: Consumer | None = None
        self._next = 0

    def read(self) -> Said:
        """Read to the end; give all that was said, the same object each time.

        Raises:
            CliError: It cannot be read to its end.
        """
        try:
            consumer = self._open()
            place = TopicPartition(self._topic, 0)
            _, high = consumer.get_watermark_offsets(place, timeout=_READ_TIMEOUT_S)
            while self._next < high:
                self._take(consumer.poll(_READ_TIMEOUT_S), high)
        except KafkaException as exc:
            raise CliError(f"{self._topic} cannot be read: {exc.args[0].str()}") from exc
        self._said.size = high
        return self._said

    def close(self) -> None:
        """Give up the connection."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _open(self) -> Consumer:
        if self._consumer is None:
            consumer = Consumer(
                {
                    "log_level": "0",
                    **self._kafka,
                    "group.id": "auditspine-control",  # required, never joined
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "earliest",
                }
            )
            consumer.assign([TopicPartition(self._topic, 0, self._next)])
            self._consumer = consumer
        return self._consumer

    def _take(self, message: Message | None, high: int) -> None:
        error = None if message is None else message.error()
        if message is None or (error is not None and not _is_end(error)):
            raise CliError(f"{self._topic}: expected to read to offset {high}, got to {self._next}")
        at = message.offset() or 0
        if error is not None:
            self._next = max(self._next, at)  # the end of a transaction has an offset as well
            return
        self._next = at + 1
        with suppress(UndecodableError):  # not ours: the ledger quarantines it
            self._said.add(self._decoder.decode(message.value() or b"").to_model())


def _is_end(error: KafkaError) -> bool:
    return error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's name


def read_control(kafka: Mapping[str, str], topics: Topics) -> Said:
    """Read the control topic to its end, once; see :class:`ControlTopic`.

    Raises:
        CliError: It cannot be read to its end.
    """
    topic = ControlTopic(kafka, topics)
    try:
        return topic.read()
    finally:
        topic.close()


def speaker_name(processor: str) -> str:
    """Give the producer under which a processor's key is registered."""
    return f"auditspine-{processor}"


class Operator:
    """Signs and publishes control events with the operator's key.

    Args:
        kafka: librdkafka properties.
        topics: Topics of the deployment.
        key: The operator's key.
        state: Where the sequence is remembered.
    """

    def __init__(
        self, kafka: dict[str, str], topics: Topics, key: Ed25519PrivateKey, state: Path
    ) -> None:
        self._key = key
        self._client = AuditClient(
            {"log_level": "0", **kafka},
            tenant=PLATFORM_TENANT,
            producer=OPERATOR,
            key=key,
            domain="platform",
            environment="platform",
            topics=topics,
            state=state,
        )

    def close(self) -> None:
        """Deliver what is queued and give up the connection."""
        self._client.close()

    def begin(
        self,
        said: Said,
        log_key: bytes,
        logs: Sequence[Place],
        registry: Mapping[str, int] | None = None,
        speakers: Mapping[str, bytes] | None = None,
    ) -> list[Delivery]:
        """Say what a control log begins with, as far as it was not said.

        Args:
            said: What the topic holds.
            log_key: The ledger's public key, 32 bytes.
            logs: The logs that it will seal.
            registry: A registry's schema id by event type, known beside the derived ids.
            speakers: Public key of each processor of :data:`SPEAKERS`.

        Returns:
            What was published.
        """
        own, published = raw_public_key(self._key), []
        if own not in said.keys:
            published.append(self.register_key(own, OPERATOR, (PLATFORM_TENANT,), ("*",), OPERATOR))
            published[0].result(30)  # the root must be entry 0
        if log_key not in said.keys:
            published.append(self.register_key(log_key, "ledger", (PLATFORM_TENANT,), (), "log"))
        published += [
            self.register_key(key, speaker_name(name), (EVERY_TENANT,), SPEAKERS[name])
            for name, key in (speakers or {}).items()
            if said.lacks(key, SPEAKERS[name])
        ]
        elsewhere = registry or {}
        published += [
            self._say(
                SchemaRegistered,
                SchemaRegisteredBody(schema_id=number, event_type=known.name, text=known.text),
                "schema of this release",
            )
            for known in event_types().values()
            for number in dict.fromkeys(
                (known.schema_id, elsewhere.get(known.name, known.schema_id))
            )
            if number not in said.schemas
        ]
        published += [
            self._say(
                LogOpened,
                LogOpenedBody(
                    origin=log.origin,
                    topic=log.topic,
                    partition=log.partition,
                    public_key=log_key,
                    format=FORMAT,
                ),
                "log of a source partition",
            )
            for log in logs
            if log.origin not in said.logs
        ]
        return published

    def register_tenant(self, tenant: str, display_name: str) -> Delivery:
        """Register a tenant."""
        body = TenantRegisteredBody(tenant=tenant, display_name=display_name)
        return self._say(TenantRegistered, body, "tenant registered")

    def register_key(
        self,
        public_key: bytes,
        producer: str,
        tenants: Sequence[str],
        types: Sequence[str],
        purpose: str = "producer",
    ) -> Delivery:
        """Register a key and what it may say."""
        body = KeyRegisteredBody.model_validate(
            {
                "public_key": public_key,
                "producer": producer,
                "tenants": tuple(tenants),
                "event_types": tuple(types),
                "purpose": purpose,
            }
        )
        return self._say(KeyRegistered, body, "key registered")

    def revoke_key(self, public_key: bytes, reason: str) -> Delivery:
        """Revoke a key: what it says from now on does not count."""
        return self._say(KeyRevoked, KeyRevokedBody(public_key=public_key, reason=reason), reason)

    def publish_policy(self, name: str, text: str, tenants: Sequence[str], reason: str) -> Delivery:
        """Publish a policy: it holds from now for the tenants, :data:`EVERY_TENANT` for all."""
        digest = sha256(text.encode()).digest()
        body = PolicyPublishedBody(name=name, digest=digest, text=text, tenants=tuple(tenants))
        return self._say(PolicyPublished, body, reason)

    def decide_tenancy(
        self,
        space: Space,
        routing: bytes,
        rationale: str,
        reversal_plan: str,
        *,
        tenant: str | None = None,
        domain: str | None = None,
    ) -> Delivery:
        """Say that a tenant or a domain belongs in a space."""
        body = TenancyDecidedBody.model_validate(
            {
                "isolation": space.isolation,
                "routing": routing,
                "rationale": rationale,
                "reversal_plan": reversal_plan,
                "tenant": tenant,
                "domain": domain,
                "space": space.name,
                "topic_prefix": space.topic_prefix,
            }
        )
        return self._say(TenancyDecided, body, rationale)

    def move_tenant(
        self,
        space: Space,
        tenant: str,
        decision_id: str,
        history: Sequence[LogRange],
        reason: str,
    ) -> Delivery:
        """Say that a tenant is in a space, and which entries elsewhere are its history."""
        body = TenantMovedBody(
            tenant=tenant,
            space=space.name,
            topic_prefix=space.topic_prefix,
            decision_id=decision_id,
            history=tuple(history),
        )
        return self._say(TenantMoved, body, reason)

    def _say(self, event: type[Event], body: object, reason: str) -> Delivery:
        envelope = self._client.envelope("operator", reason)
        return self._client.publish(event.model_validate({"envelope": envelope, "body": body}))
