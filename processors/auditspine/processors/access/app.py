"""The access processor: its projection in a Faust app. Knows neither Kafka nor ClickHouse."""

from collections.abc import Sequence
from pathlib import Path

from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.projection.app import (
    ProjectionApp,
    ProjectionConfig,
    make_projection_app,
)
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.port import ProjectionStore
from auditspine.schemas.codec import Decoder


def access_parts(
    decoder: Decoder,
    store: ProjectionStore | None,
    public_keys: Sequence[bytes],
    state_dir: Path,
) -> Parts:
    """Put the access projection together with its ports.

    Args:
        decoder: Decodes valid events: it must know the schemas of the control log.
        store: Where rows go; ``None`` computes without writing.
        public_keys: Log keys that are trusted, 32 bytes each.
        state_dir: Folder of the states of all projections.
    """
    return Parts(AccessProjection(), decoder, store, tuple(public_keys), state_dir)


def make_access_app(config: ProjectionConfig, parts: Parts) -> ProjectionApp:
    """Make the access processor's Faust app, ready for ``faust.Worker``.

    Args:
        config: Where it reads.
        parts: From :func:`access_parts`.

    Raises:
        SettingsError: A Kafka property cannot be honoured.
    """
    return make_projection_app(config, parts)
