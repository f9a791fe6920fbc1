"""``auditspine rebuild``: replay the sealed topics and compare a projection with its log."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from auditspine.cli.connections import clickhouse_store, kafka_properties, read_trust
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.control import read_control
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings


class ProjectionName(StrEnum):
    """What can be rebuilt."""

    ACCESS = "access"
    LINEAGE = "lineage"


def rebuild(
    projection: Annotated[ProjectionName, typer.Argument(help="The projection.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare only; replace nothing.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Compute a projection anew from the sealed topics, compare, and put right what differs.

    The sealed log is the truth: state and rows are a cache of it. The rebuild goes as far as the
    worker on this machine has read, and notifies nobody; with `--check` the worker may go on
    meanwhile. Interrupted, it has changed nothing, or can be run again.

    Exits with 0 when all was equal or was put right, with 1 when `--check` found a difference.

    **Examples**

    `auditspine rebuild lineage --check`

    `auditspine rebuild access`
    """
    from auditspine.cli.processors import PROJECTIONS  # noqa: PLC0415 - Faust is slow to import
    from auditspine.processors.projection.app import ProjectionConfig  # noqa: PLC0415
    from auditspine.processors.projection.follower import Parts  # noqa: PLC0415
    from auditspine.processors.projection.rebuild import rebuild as replay  # noqa: PLC0415
    from auditspine.schemas.catalogue import schema_texts  # noqa: PLC0415
    from auditspine.schemas.codec import Decoder  # noqa: PLC0415
    from auditspine.sinks.shadow import ShadowTables  # noqa: PLC0415

    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    made = PROJECTIONS[projection](settings)
    kafka = {**kafka_properties(settings), "log_level": "0"}
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    keys = tuple(known.public_key for known in read_trust(settings.trust_path).log_keys)
    shadow = ShadowTables(clickhouse_store(settings), made.name, [t.name for t in made.tables])
    parts = Parts(made, Decoder(texts), shadow, keys, settings.state_path)
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], kafka)
    shadow.prepare()
    try:
        states, sizes = [], dict[str, int]()
        for each in replay(config, parts, replace=not check):
            states.append(each)
            sizes[each.position.origin] = each.position.size
            stderr.print(
                f"{each.topic}[{each.partition}]: {each.position.size} entries", style="dim"
            )
        tables = shadow.compare(sizes)
        differs = any(table.count for table in tables) or not all(s.equal for s in states)
        if differs and not check:
            shadow.put_right(sizes)
    finally:
        shadow.drop()
    if as_json:
        print_json(_value(projection, states, tables, replaced=differs and not check))
    else:
        for table in tables:
            _print(table)
        wrong = sum(each.differing for each in states)
        if wrong:
            stdout.print(f"[bad]✗[/] the workers' state: {wrong} keys differ")
        if differs and not check:
            stdout.print("[good]✓[/] put right")
    raise typer.Exit(int(differs and check))


def _print(table: Any) -> None:
    if not table.count:
        stdout.print(f"[good]✓[/] {table.table}: {table.rows} rows, as the log says")
        return
    stdout.print(
        f"[bad]✗[/] {table.table}: {table.missing} missing, {table.surplus} surplus, "
        f"{table.altered} altered of {table.rows}"
    )
    for example in table.examples:
        stdout.print(f"    {example}", style="dim", markup=False)


def _value(projection: str, states: Any, tables: Any, *, replaced: bool) -> dict[str, Any]:
    return {
        "projection": projection,
        "replaced": replaced,
        "logs": [
            {
                "topic": each.topic,
                "partition": each.partition,
                "origin": each.position.origin,
                "entries": each.position.size,
                "state_keys": each.keys,
                "state_differing": each.differing,
            }
            for each in states
        ],
        "tables": [
            {
                "table": each.table,
                "rows": each.rows,
                "missing": each.missing,
                "surplus": each.surplus,
                "altered": each.altered,
                "examples": list(each.examples),
            }
            for each in tables
        ],
    }
