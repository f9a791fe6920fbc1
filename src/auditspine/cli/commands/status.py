"""``auditspine status``: what runs, and how far events have come."""

from dataclasses import asdict
from typing import Any

import typer
from rich.table import Table

from auditspine.cli.connections import has_clickhouse, has_kafka
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.errors import EXPECTED, CliError
from auditspine.cli.flow import StreamFlow, measure
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.cli.stack import PARTS
from auditspine.cli.status_screen import flow_table
from auditspine.embedded import identity
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import RunningStack, find_running


def status(
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the running parts and how many events are published, sealed and landed.

    Exit code 0 when all parts run and Kafka and ClickHouse answer, 2 otherwise.

    **Examples**

    `auditspine status`

    `auditspine status --json | jq '.streams[] | select(.published > .landed)'`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    stack = find_running(DataDir(settings.data_dir.absolute()))
    if not has_kafka(settings):
        raise CliError(
            f"no stack runs on {settings.data_dir}: start one with `auditspine up`, or name your "
            "Kafka with --bootstrap-servers"
        )
    flows, problem = _flows(settings)
    parts = _parts(stack)
    if as_json:
        print_json(
            {
                "ready": problem is None and all(part["running"] for part in parts),
                "problem": problem,
                "endpoints": {} if stack is None else dict(stack.endpoints),
                "parts": parts,
                "streams": [asdict(flow) for flow in flows],
            }
        )
    else:
        _print(stack, parts, flows, problem)
    if problem is not None or not all(part["running"] for part in parts):
        raise typer.Exit(2)


def _flows(settings: Settings) -> tuple[list[StreamFlow], str | None]:
    try:
        flows = measure(settings)
    except EXPECTED as exc:
        return [], str(exc)
    return flows, None if has_clickhouse(settings) else "no ClickHouse is named"


def _parts(stack: RunningStack | None) -> list[dict[str, Any]]:
    if stack is None:
        return []
    found = [
        {"name": part.name, "pid": part.pid, "running": identity.is_running(part)}
        for part in stack.parts
    ]
    present = {part["name"] for part in found}
    found += [
        {"name": name, "pid": None, "running": False} for name in PARTS if name not in present
    ]
    if not stack.ready:
        found.append({"name": "stack", "pid": None, "running": False})
    return found


def _print(
    stack: RunningStack | None,
    parts: list[dict[str, Any]],
    flows: list[StreamFlow],
    problem: str | None,
) -> None:
    if stack is not None:
        table = Table("part", "pid", "state", box=None, header_style="title", pad_edge=False)
        for part in parts:
            state = "[good]running[/]" if part["running"] else "[bad]not running[/]"
            table.add_row(part["name"], str(part["pid"] or "-"), state)
        stdout.print(table)
        for name, address in stack.endpoints.items():
            stdout.print(f"{name} {address}", style="dim", markup=False, soft_wrap=True)
    if flows:
        stdout.print(flow_table(flows))
    if problem is not None:
        stderr.print(f"error: {problem}", style="bad", markup=False, soft_wrap=True)
