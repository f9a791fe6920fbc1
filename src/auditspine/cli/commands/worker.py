"""``auditspine worker``: processors in one Faust worker."""

from enum import StrEnum
from typing import Annotated

import typer

from auditspine.cli.logs import set_up_logging
from auditspine.cli.options import ClickHouseOption, DataDirOption, ServersOption
from auditspine.cli.settings import load_settings


class Processor(StrEnum):
    """What a worker can run."""

    LEDGER = "ledger"
    ACCESS = "access"
    LINEAGE = "lineage"
    DRIFT = "drift"
    ALERTS = "alerts"
    RELEASE = "release"
    NOTIFY = "notify"


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
    log key. `access` projects who touched which artifact into ClickHouse, `lineage` what came of
    what. `drift` watches predictions and outcomes, `alerts` makes alerts and serving states of what
    it finds, `release` decides on deployment requests, `notify` tells people; each signs with a key
    of its own. Start as many workers as you like: partitions are shared among them.

    **Examples**

    `auditspine worker access lineage` · both in one process

    `auditspine worker ledger --instance ledger-1` · one of several

    `AUDITSPINE_LOG_FORMAT=json auditspine worker access --bootstrap-servers kafka:9092
    --clickhouse-url http://clickhouse:8123`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    set_up_logging(settings)
    from auditspine.cli.processors import run_processors  # noqa: PLC0415 - Faust is slow to import

    run_processors(list(dict.fromkeys(processors)), settings, instance)
