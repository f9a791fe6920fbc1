"""``auditspine sink``: lands sealed segments in ClickHouse."""

import signal
from types import FrameType
from typing import Annotated

import typer

from auditspine.cli.connections import clickhouse_store, kafka_properties, trusted_log_keys
from auditspine.cli.logs import set_up_logging
from auditspine.cli.options import ClickHouseOption, DataDirOption, ServersOption
from auditspine.cli.settings import load_settings
from auditspine.sinks.sink import EvidenceSink


def sink(
    instance: Annotated[
        str | None,
        typer.Option(help="Static membership of the consumer group, as of `auditspine worker`."),
    ] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Land sealed evidence in ClickHouse until SIGTERM or Ctrl-C.

    Goes on where ClickHouse's own commits end, waits while it is away, and writes every entry
    exactly once. Several sinks share the partitions.

    **Examples**

    `auditspine sink`

    `auditspine sink --bootstrap-servers kafka:9092 --clickhouse-url https://clickhouse:8443`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    set_up_logging(settings)
    evidence = EvidenceSink(
        kafka_properties(settings),
        settings.topics,
        clickhouse_store(settings),
        trusted_log_keys(settings.trust_path),
        group_id=f"{settings.topics.prefix}sink",
        instance_id=None if instance is None else f"{instance}-sink",
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        evidence.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    evidence.run()
