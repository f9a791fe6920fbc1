"""What the control log says: tenants, keys with what they may say, schemas, opened logs. Pure.

The state is a fold of the control log's valid entries, so anybody who has the log can say what
was known at each of its sizes (DESIGN, invariant 2). Events are dicts as
:meth:`~auditspine.ledger.event_schema.EventSchema.decode` gives them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from auditspine.ledger.batch import is_weak
from auditspine.ledger.errors import FormatError, GapError
from auditspine.ledger.event_schema import WIRE_HEADER, WIRE_MAGIC, EventSchema
from auditspine.ledger.tenancy import Tenancy

PLATFORM_TENANT = "-"
"""The tenant that control events carry; no tenant can be registered under this name."""

EVERY_TENANT = "*"
"""In a key's tenants: it may speak for every registered one, as the platform's processors do."""

_CONTROL = "control"

HEARTBEAT = "producer.heartbeat"
"""The event type that every registered producer may publish."""

RESERVED = frozenset(
    (
        "drift.signalled",
        "serving.observed",
        "bias.assessed",
        "alert.raised",
        "alert.resolved",
        "investigation.opened",
        "investigation.analysed",
        "serving_state.changed",
        "notification.delivered",
        "approval.requested",
        "decision.made",
        "exception.expired",
        "finding.raised",
    )
)
"""The event types that the platform's processors derive: no glob covers them.

A key may publish one only where its registration names the type itself, so that a tenant's key for
everything cannot say that a model is stopped, or that an alert is over.
"""


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key and what it may say.

    Attributes:
        public_key: Ed25519 public key, 32 bytes.
        producer: Name of the workload that holds it.
        tenants: Tenants that it may speak for; :data:`EVERY_TENANT` for all.
        event_types: Globs of the event types that it may publish, like ``model.*``; none covers
            a type of :data:`RESERVED` but its own name.
        purpose: ``producer``, ``operator`` or ``log``.
        registered: Position of its first registration in the control log.
        revoked: Position of its revocation, ``None`` while it is good.
        compromised_since: Microseconds since 1970 from which on the revoker distrusts it.
    """

    public_key: bytes
    producer: str
    tenants: frozenset[str]
    event_types: tuple[str, ...]
    purpose: str
    registered: int
    revoked: int | None = None
    compromised_since: int | None = None

    def speaks_for(self, tenant: str) -> bool:
        """Tell whether the key may speak for a registered tenant."""
        return tenant in self.tenants or EVERY_TENANT in self.tenants

    def permits(self, event_type: str) -> bool:
        """Tell whether the key may publish an event type."""
        if event_type in RESERVED:
            return event_type in self.event_types
        return event_type == HEARTBEAT or any(
            fnmatchcase(event_type, glob) for glob in self.event_types
        )


class OpenedLog(NamedTuple):
    """A log that the control log announces; fields as in the ``log.opened`` body."""

    origin: str
    topic: str
    partition: int
    public_key: bytes
    format: int


class PublishedPolicy(NamedTuple):
    """A policy that the control log holds.

    Attributes:
        position: Position of the entry; it holds for what rests on more entries than that.
        name: What kind of policy it is.
        digest: SHA-256 of the text, 32 bytes.
        text: The whole policy.
        tenants: Tenants that it holds for; :data:`EVERY_TENANT` for each without one of its own.
    """

    position: int
    name: str
    digest: bytes
    text: str
    tenants: frozenset[str]


class Finding(NamedTuple):
    """A valid control entry that changed nothing, and why."""

    position: int
    text: str


@dataclass(slots=True)
class ControlState:
    """The fold of a control log's first ``size`` entries.

    Attributes:
        schemas: Schema id to schema. Starts with those that the control log itself needs.
        tenants: Tenant to the position of its registration.
        keys: Public key to what is registered for it.
        logs: Origin to opened log.
        tenancy: Where each tenant's events count.
        policies: Published policies, oldest first.
        findings: Valid entries that were ignored.
        size: Entries folded, valid or not.
    """

    schemas: dict[int, EventSchema]
    tenants: dict[str, int] = field(default_factory=dict)
    keys: dict[bytes, RegisteredKey] = field(default_factory=dict)
    logs: dict[str, OpenedLog] = field(default_factory=dict)
    tenancy: Tenancy = field(default_factory=Tenancy)
    policies: list[PublishedPolicy] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    size: int = 0

    def policy(self, name: str, tenant: str, size: int) -> PublishedPolicy | None:
        """Give the policy of a name that held for a tenant in the log's first ``size`` entries.

        The last that names the tenant; without one, the last for every tenant.
        """
        known = [each for each in self.policies if each.name == name and each.position < size]
        own = [each for each in known if tenant in each.tenants]
        shared = [each for each in known if EVERY_TENANT in each.tenants]
        return next(reversed(own or shared), None)

    def apply(self, position: int, event: Mapping[str, Any] | None) -> None:
        """Fold the next entry.

        Args:
            position: Its position in the control log.
            event: The decoded event; ``None`` for an entry whose verdict is not valid.

        Raises:
            GapError: ``position`` is not the next one.
        """
        if position != self.size:
            raise GapError("control", self.size, position)
        self.size += 1
        if event is None:
            return
        fold = _FOLDS.get(event["envelope"]["event_type"])
        refusal = "unknown control event type" if fold is None else fold(self, event)
        if refusal:
            self.findings.append(Finding(position, refusal))

    def decode(self, value: bytes) -> dict[str, Any]:
        """Decode a value in the wire format by the schemas known so far.

        Raises:
            FormatError: Not in the wire format, an unknown schema, or not its bytes.
        """
        if len(value) < WIRE_HEADER or value[0] != WIRE_MAGIC:
            raise FormatError("not in the wire format")
        schema = self.schemas.get(int.from_bytes(value[1:WIRE_HEADER], "big"))
        if schema is None:
            raise FormatError("the schema id is not in the control log")
        return schema.decode(value)

    @property
    def _position(self) -> int:
        return self.size - 1

    def _register_tenant(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        if body["tenant"] in (PLATFORM_TENANT, EVERY_TENANT):
            return "the platform's tenant names cannot be registered"
        self.tenants.setdefault(body["tenant"], self._position)
        return ""

    def _register_key(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        public_key = bytes(body["public_key"])
        if is_weak(public_key):
            return "a point of small order is no key"
        known = self.keys.get(public_key)
        if known is not None and known.revoked is not None:
            return "a revoked key cannot be registered again"
        if known is not None and known.purpose != body["purpose"]:
            return "a key cannot change its purpose"
        self.keys[public_key] = RegisteredKey(
            public_key,
            body["producer"],
            frozenset(body["tenants"]),
            tuple(body["event_types"]),
            body["purpose"],
            self._position if known is None else known.registered,
        )
        return ""

    def _revoke_key(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        known = self.keys.get(bytes(body["public_key"]))
        if known is None:
            return "a key that is not registered cannot be revoked"
        if known.revoked is not None:
            return "the key is revoked already"
        self.keys[known.public_key] = RegisteredKey(
            known.public_key,
            known.producer,
            known.tenants,
            known.event_types,
            known.purpose,
            known.registered,
            self._position,
            body["compromised_since"],
        )
        return ""

    def _register_schema(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        known = self.schemas.get(body["schema_id"])
        if known is not None:
            same = (known.event_type, known.text) == (body["event_type"], body["text"])
            return "" if same else "the schema id stands for another text already"
        try:
            schema = EventSchema(body["event_type"], body["text"], self._position)
        except FormatError:
            return "the schema's text is not an Avro schema"
        self.schemas[body["schema_id"]] = schema
        return ""

    def _open_log(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        opened = OpenedLog(
            body["origin"],
            body["topic"],
            body["partition"],
            bytes(body["public_key"]),
            body["format"],
        )
        if self.logs.setdefault(opened.origin, opened) != opened:
            return "the log is opened already with other properties"
        if self.tenancy.shared is None and opened.topic.endswith(_CONTROL):
            self.tenancy.shared = opened.topic.removesuffix(_CONTROL)
        return ""

    def _publish_policy(self, event: Mapping[str, Any]) -> str:
        body = event["body"]
        digest = bytes(body["digest"])
        if sha256(body["text"].encode("utf-8", "surrogatepass")).digest() != digest:
            return "the policy's digest is not that of its text"
        self.policies.append(
            PublishedPolicy(
                self._position, body["name"], digest, body["text"], frozenset(body["tenants"])
            )
        )
        return ""

    def _decide_tenancy(self, event: Mapping[str, Any]) -> str:
        tenant = event["body"].get("tenant")
        if tenant is not None and tenant not in self.tenants:
            return "the tenant is not registered"
        return self.tenancy.decide(self._position, event)

    def _move_tenant(self, event: Mapping[str, Any]) -> str:
        logs = {log.origin: (log.topic, log.partition) for log in self.logs.values()}
        return self.tenancy.move(self._position, event, logs)


_FOLDS: Mapping[str, Callable[[ControlState, Mapping[str, Any]], str]] = MappingProxyType(
    {
        "tenant.registered": ControlState._register_tenant,  # noqa: SLF001 - its own methods
        "key.registered": ControlState._register_key,  # noqa: SLF001
        "key.revoked": ControlState._revoke_key,  # noqa: SLF001
        "schema.registered": ControlState._register_schema,  # noqa: SLF001
        "log.opened": ControlState._open_log,  # noqa: SLF001
        "tenancy.decided": ControlState._decide_tenancy,  # noqa: SLF001
        "tenant.moved": ControlState._move_tenant,  # noqa: SLF001
        "policy.published": ControlState._publish_policy,  # noqa: SLF001
    }
)
