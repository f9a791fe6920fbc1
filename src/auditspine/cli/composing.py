"""Gives projections their ports, as the settings say: decoder, store, state, history, speaker."""

from collections.abc import Sequence

from auditspine.cli.connections import clickhouse_store, read_trust
from auditspine.cli.control import read_control
from auditspine.cli.settings import Settings
from auditspine.processors.projection.app import (
    ProjectionApp,
    ProjectionConfig,
    make_projection_app,
)
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.history import SealedHistory
from auditspine.processors.projection.port import Projection, ProjectionStore, Speaker
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.sinks.projections import ProjectionWriter


def make_app(
    projection: Projection,
    settings: Settings,
    kafka: dict[str, str],
    instance: str | None,
    store: ProjectionStore | None = None,
    speaker: Speaker | None = None,
) -> ProjectionApp:
    """Make the Faust app of a projection.

    Args:
        projection: The fold.
        settings: The settings.
        kafka: librdkafka properties.
        instance: Static membership in its consumer group.
        store: Where rows go, if not only to ClickHouse.
        speaker: Publishes what it derives.
    """
    properties = dict(kafka)
    if instance is not None:
        properties["group.instance.id"] = f"{instance}-{projection.name}"
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], properties)
    parts = make_parts(projection, settings, kafka, store, speaker)
    return make_projection_app(config, parts)


def make_parts(
    projection: Projection,
    settings: Settings,
    kafka: dict[str, str],
    store: ProjectionStore | None = None,
    speaker: Speaker | None = None,
) -> Parts:
    """Give a projection with its ports, as the settings say."""
    keys = [known.public_key for known in read_trust(settings.trust_path).log_keys]
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    return Parts(
        projection,
        Decoder(texts),
        store or ProjectionWriter(clickhouse_store(settings)),
        tuple(keys),
        settings.state_path,
        settings.partitions,
        history(settings, kafka, keys),
        speaker,
    )


def history(settings: Settings, kafka: dict[str, str], keys: Sequence[bytes]) -> SealedHistory:
    """Give what moved tenants did in other spaces, from the sealed topics."""
    return SealedHistory(kafka, settings.topics.sealed("control"), keys)
