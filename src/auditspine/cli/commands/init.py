"""``auditspine init``: topics, keys, the control log's beginning, tables and views."""

from typing import Annotated

import typer

from auditspine.cli.connections import has_clickhouse, kafka_properties
from auditspine.cli.console import print_json, stdout
from auditspine.cli.genesis import prepare, prepare_clickhouse
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings


def init(
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions per stream, fixed for a log's life. [default: 4]")
    ] = None,
    replication: Annotated[
        int | None, typer.Option(help="Replicas of new topics. [default: 1; in production 3]")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Prepare Kafka and ClickHouse for producers and workers. Repeating it changes nothing.

    Creates missing topics, the operator's and the log's key (mode 0600), the first entries of the
    control log, ClickHouse's tables and views, and the trust file that auditors get out of band.
    `auditspine up` does all of this by itself.

    **Examples**

    `auditspine init --bootstrap-servers kafka:9092 --clickhouse-url http://clickhouse:8123`

    `auditspine init --replication 3 --partitions 12`
    """
    settings = load_settings(
        data_dir=data_dir,
        bootstrap_servers=bootstrap_servers,
        clickhouse_url=clickhouse_url,
        partitions=partitions,
        replication=replication,
    )
    prepared = prepare(settings, kafka_properties(settings))
    migrations = prepare_clickhouse(settings) if has_clickhouse(settings) else None
    if as_json:
        print_json(
            {
                "topics_created": prepared.topics,
                "control_events": prepared.events,
                "migrations_applied": migrations,
                "trust": str(prepared.trust),
                "logs": [log.origin for log in prepared.logs],
            }
        )
        return
    stdout.print(f"[good]✓[/] topics: {len(prepared.topics)} created, the others stand")
    stdout.print(f"[good]✓[/] control log: {prepared.events} events published")
    if migrations is None:
        stdout.print("[warn]![/] no ClickHouse given: no tables were made (--clickhouse-url)")
    else:
        stdout.print(f"[good]✓[/] ClickHouse: {len(migrations)} migrations applied")
    stdout.print(f"[good]✓[/] trust file for auditors: {prepared.trust}", soft_wrap=True)
