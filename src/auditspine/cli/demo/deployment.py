"""The demo's tenants, workloads and keys on a running deployment."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.connections import kafka_properties
from auditspine.cli.control import Said
from auditspine.cli.demo.lender import WORKLOADS
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import create_key, read_key
from auditspine.ledger.note import raw_public_key
from auditspine.producers.client import AuditClient
from auditspine.producers.protected import Tokens
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.models import Classification, Workload

BESIDE = ("prescreen", "on-call", "gate", "approver")
"""Workloads that speak for themselves alone; none of the lender's clients is theirs."""
TENANTS = {"harbor": "Harbor Savings Bank", "beacon": "Beacon Credit Union"}
GATED = "harbor"
"""The tenant that publishes rules for its releases."""
_MAY_SAY = {
    "data-platform": (
        *("dataset.registered", "dataset.snapshotted", "labels.applied", "feature.defined"),
        "producer.heartbeat",
    ),
    "trainer": (
        *("run.started", "run.completed", "model.registered", "artifact.accessed"),
        *("code.committed", "artifact.signed"),
        "producer.heartbeat",
    ),
    "validator": (
        *("validation.reported", "explanation.attached", "artifact.accessed"),
        "producer.heartbeat",
    ),
    "gate": ("deployment.requested", "producer.heartbeat"),
    "approver": ("approval.decided", "producer.heartbeat"),
    "release-desk": ("approval.decided", "deployment.changed", "producer.heartbeat"),
    "access-desk": ("role.granted", "role.revoked", "producer.heartbeat"),
    "notebook": ("artifact.accessed", "producer.heartbeat"),
    "prescreen": ("prediction.made", "producer.heartbeat"),
    "on-call": (
        *("alert.acknowledged", "alert.silenced", "alert.escalated"),
        *("investigation.dispositioned", "producer.heartbeat"),
    ),
    "scorer": ("prediction.made", "outcome.observed", "artifact.accessed", "producer.heartbeat"),
}
_SEAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Keys:
    """The demo's keys.

    Attributes:
        workloads: By producer, such as ``harbor-scorer``.
        revoked: A key that was registered and revoked again.
    """

    workloads: Mapping[str, Ed25519PrivateKey]
    revoked: Ed25519PrivateKey


def register(settings: Settings, said: Said) -> Keys:
    """Register the tenants and their keys, revoke one, and wait until all of it is sealed.

    Args:
        settings: The settings.
        said: What the control log holds.
    """
    workloads = (*WORKLOADS, *BESIDE)
    names = {f"{tenant}-{each}": (tenant, each) for tenant in TENANTS for each in workloads}
    keys = {name: _key(settings, name) for name in names}
    revoked = Ed25519PrivateKey.generate()
    public = raw_public_key(revoked)
    with watch_control(settings) as watch:
        with speaking(settings) as operator:
            spoken = [
                operator.register_tenant(tenant, title)
                for tenant, title in TENANTS.items()
                if tenant not in said.tenants
            ]
            spoken += [
                operator.register_key(raw_public_key(keys[name]), name, (tenant,), _MAY_SAY[each])
                for name, (tenant, each) in names.items()
                if not _may(said, raw_public_key(keys[name]), _MAY_SAY[each])
            ]
            spoken.append(operator.register_key(public, "beacon-contractor", ("beacon",), ("*",)))
            spoken.append(operator.revoke_key(public, "the contract ended"))
        await_sealed(watch, spoken, _SEAL_S)
    return Keys(keys, revoked)


def key_path(settings: Settings, name: str) -> Path:
    """Give where the key of a workload lies."""
    return settings.data_dir / "keys" / f"{name}.pem"


def tokens_of(settings: Settings, tenant: str) -> Tokens:
    """Give what makes tokens of a lender's protected attributes, by a key of its own."""
    path = settings.data_dir / "keys" / f"{tenant}-protected.key"
    return Tokens.load(path) if path.exists() else Tokens.create(path)


def make_client(
    settings: Settings,
    tenant: str,
    producer: str,
    key: Ed25519PrivateKey,
    *,
    heartbeat_s: float = 60.0,
    domain: str = "credit",
) -> AuditClient:
    """Make the client of one workload."""
    return AuditClient(
        {"log_level": "0", **kafka_properties(settings)},
        tenant=tenant,
        producer=producer,
        key=key,
        domain=domain,
        environment="production",
        topics=settings.topics,
        settings=ProducerSettings(heartbeat_s=heartbeat_s),
        shared={
            "workload": Workload(name=producer, namespace="lending", node="demo"),
            "classification": Classification(
                sensitivity="confidential", regulatory_domains=("ecoa", "sr-26-2")
            ),
        },
    )


@contextmanager
def clients(settings: Settings, keys: Keys, tenant: str) -> Iterator[dict[str, AuditClient]]:
    """Give a tenant's clients by workload; what they published is delivered at the end."""
    with ExitStack() as stack:
        yield {
            each: stack.enter_context(
                make_client(
                    settings, tenant, f"{tenant}-{each}", keys.workloads[f"{tenant}-{each}"]
                )
            )
            for each in WORKLOADS
        }


def _may(said: Said, public_key: bytes, event_types: tuple[str, ...]) -> bool:
    """Tell whether a key is registered for event types; an older demo's may be for fewer."""
    known = said.keys.get(public_key)
    return known is not None and known.event_types == event_types


def _key(settings: Settings, name: str) -> Ed25519PrivateKey:
    path = key_path(settings, name)
    return read_key(path) if path.exists() else create_key(path)
