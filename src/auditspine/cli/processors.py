"""Puts each processor together with what the settings name, and runs them in one Faust worker."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import faust
from mode.types.services import ServiceT

from auditspine.cli.composing import make_app
from auditspine.cli.connections import (
    clickhouse_store,
    has_clickhouse,
    kafka_properties,
    read_trust,
)
from auditspine.cli.errors import CliError
from auditspine.cli.known_heads import CommittedHeads
from auditspine.cli.policies import access_policy, drift_policy
from auditspine.cli.settings import Settings
from auditspine.cli.speaking import drift_to_check, make_speaking, release_to_check
from auditspine.ledger.keyfile import read_key
from auditspine.ledger.note import raw_public_key
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.hosting import run_worker
from auditspine.processors.ledger.app import make_ledger_app
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.projection.port import Projection

PROJECTIONS: Mapping[str, Callable[[Settings], Projection]] = {
    "access": lambda settings: AccessProjection(
        access_policy(settings), settings.access_rules, settings.topics.partition_count("access")
    ),
    "lineage": lambda _: LineageProjection(),
}
"""Every projection by its name, made as the settings say."""

SPEAKING = ("drift", "alerts", "release", "notify")
"""The processors that publish what they derive, or tell people."""

CHECKED: Mapping[str, Callable[[Settings], AbstractContextManager[Projection]]] = {
    "drift": drift_to_check,
    "alerts": lambda settings: nullcontext(AlertsProjection(drift_policy(settings))),
    "release": release_to_check,
}
"""What can be computed anew and compared, but not replaced: what was said of it stands."""


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
    apps: list[faust.App] = []
    services: list[ServiceT] = []
    for name in names:
        if name == "ledger":
            apps.append(_ledger(settings, kafka, instance))
        elif name in SPEAKING:
            app, beside = make_speaking(name, settings, kafka, instance)
            apps.append(app)
            services += beside
        else:
            projection = PROJECTIONS[name](settings)
            apps.append(make_app(projection, settings, kafka, instance))
    run_worker(apps, services)


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
