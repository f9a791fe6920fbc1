"""Puts each processor together with what the settings name, and runs them in one Faust worker."""

from collections.abc import Callable, Mapping, Sequence

import faust

from auditspine.cli.connections import (
    clickhouse_store,
    has_clickhouse,
    kafka_properties,
    read_trust,
)
from auditspine.cli.control import read_control
from auditspine.cli.errors import CliError
from auditspine.cli.known_heads import CommittedHeads
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import read_key
from auditspine.ledger.note import raw_public_key
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.access.policy import AccessPolicy
from auditspine.processors.hosting import run_worker
from auditspine.processors.ledger.app import make_ledger_app
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.projection.app import ProjectionConfig, make_projection_app
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.history import SealedHistory
from auditspine.processors.projection.port import Projection
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.sinks.projections import ProjectionWriter

PROJECTIONS: Mapping[str, Callable[[Settings], Projection]] = {
    "access": lambda settings: AccessProjection(
        _access_policy(settings), settings.access_rules, settings.topics.partition_count("access")
    ),
    "lineage": lambda _: LineageProjection(),
}
"""Every projection by its name, made as the settings say."""


def run_processors(names: Sequence[str], settings: Settings, instance: str | None) -> None:
    """Run processors until SIGTERM or Ctrl-C; the process ends with the worker's exit code.

    Args:
        names: ``ledger``, or a projection of :data:`PROJECTIONS`; each once.
        settings: The settings.
        instance: Static membership in their consumer groups.

    Raises:
        CliError: Something that they need is not named or not there.
    """
    kafka = kafka_properties(settings)
    run_worker(
        [
            _ledger(settings, kafka, instance)
            if name == "ledger"
            else _projection(PROJECTIONS[name](settings), settings, kafka, instance)
            for name in names
        ]
    )


def _ledger(settings: Settings, kafka: dict[str, str], instance: str | None) -> faust.App:
    key = read_key(settings.log_key_path)
    own = raw_public_key(key)
    trusted = [known.public_key for known in read_trust(settings.trust_path).log_keys]
    if own not in trusted:
        raise CliError(
            f"the log key {settings.log_key_path} is not in the trust file {settings.trust_path}: "
            "what it seals would be trusted by nobody; name the right files"
        )
    heads = CommittedHeads(clickhouse_store(settings)) if has_clickhouse(settings) else None
    return make_ledger_app(
        LedgerConfig(
            settings.topics,
            kafka,
            key,
            region=settings.region,
            streams=settings.topics.own_streams,
            former_keys=tuple(known for known in trusted if known != own),
            instance_id=None if instance is None else f"{instance}-ledger",
            known_heads=heads,
        )
    )


def _access_policy(settings: Settings) -> AccessPolicy:
    if settings.access_policy is None:
        return AccessPolicy()
    try:
        return AccessPolicy(settings.access_policy.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"the access policy {settings.access_policy} cannot be read: {exc}") from exc


def _projection(
    projection: Projection, settings: Settings, kafka: dict[str, str], instance: str | None
) -> faust.App:
    keys = [known.public_key for known in read_trust(settings.trust_path).log_keys]
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    properties = dict(kafka)
    if instance is not None:
        properties["group.instance.id"] = f"{instance}-{projection.name}"
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], properties)
    parts = Parts(
        projection,
        Decoder(texts),
        ProjectionWriter(clickhouse_store(settings)),
        tuple(keys),
        settings.state_path,
        settings.partitions,
        history(settings, kafka, keys),
    )
    return make_projection_app(config, parts)


def history(settings: Settings, kafka: dict[str, str], keys: Sequence[bytes]) -> SealedHistory:
    """Give what moved tenants did in other spaces, from the sealed topics."""
    return SealedHistory(kafka, settings.topics.sealed("control"), keys)
