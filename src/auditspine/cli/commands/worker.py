"""``auditspine worker``: processors in one Faust worker."""

from enum import StrEnum
from typing import Annotated

import faust
import typer

from auditspine.cli.connections import (
    clickhouse_store,
    has_clickhouse,
    kafka_properties,
    read_trust,
)
from auditspine.cli.control import read_control
from auditspine.cli.errors import CliError
from auditspine.cli.known_heads import CommittedHeads
from auditspine.cli.logs import set_up_logging
from auditspine.cli.options import ClickHouseOption, DataDirOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.ledger.keyfile import read_key
from auditspine.ledger.note import raw_public_key
from auditspine.processors.access.app import access_parts, make_access_app
from auditspine.processors.hosting import run_worker
from auditspine.processors.ledger.app import make_ledger_app
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.projection.app import ProjectionConfig
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.sinks.projections import ProjectionWriter


class Processor(StrEnum):
    """What a worker can run."""

    LEDGER = "ledger"
    ACCESS = "access"


def worker(
    processors: Annotated[
        list[Processor], typer.Argument(help="What to run: one or more, in one process.")
    ],
    instance: Annotated[
        str | None,
        typer.Option(
            help="Static membership of the consumer group: a name that no other running worker "
            "has and that this one keeps after a restart. It then gets its partitions back at once."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Run processors until SIGTERM or Ctrl-C.

    `ledger` verifies what is published, chains it and seals it into signed segments; it needs the
    log key. `access` projects who touched which artifact into ClickHouse. Start as many workers as
    you like: partitions are shared among them.

    **Examples**

    `auditspine worker ledger access` · both in one process

    `auditspine worker ledger --instance ledger-1` · one of several

    `AUDITSPINE_LOG_FORMAT=json auditspine worker access --bootstrap-servers kafka:9092
    --clickhouse-url http://clickhouse:8123`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    set_up_logging(settings)
    kafka = kafka_properties(settings)
    make = {Processor.LEDGER: _ledger, Processor.ACCESS: _access}
    run_worker([make[name](settings, kafka, instance) for name in dict.fromkeys(processors)])


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
            former_keys=tuple(known for known in trusted if known != own),
            instance_id=None if instance is None else f"{instance}-ledger",
            known_heads=heads,
        )
    )


def _access(settings: Settings, kafka: dict[str, str], instance: str | None) -> faust.App:
    keys = [known.public_key for known in read_trust(settings.trust_path).log_keys]
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    properties = dict(kafka)
    if instance is not None:
        properties["group.instance.id"] = f"{instance}-access"
    parts = access_parts(
        Decoder(texts), ProjectionWriter(clickhouse_store(settings)), keys, settings.state_path
    )
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], properties)
    return make_access_app(config, parts)
