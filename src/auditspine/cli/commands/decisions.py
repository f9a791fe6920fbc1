"""``auditspine decisions``: what was decided on releases, and whether it follows from the logs."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.decisions import list_releases, read_decision
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.gate_screen import show_decision
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    ServersOption,
    TenantOption,
)
from auditspine.cli.settings import load_settings
from auditspine.schemas.models import DecisionMadeBody

app = typer.Typer(
    help="See what was decided on releases, what stands, and make it anew.", no_args_is_help=True
)


class What(StrEnum):
    """What can be listed."""

    DECISIONS = "decisions"
    STATES = "states"
    DEPLOYMENTS = "deployments"


_COLUMNS = {
    What.DECISIONS: (
        *("decided_at", "outcome", "model", "environment", "requester", "failed", "exceptions"),
        "decision_id",
    ),
    What.STATES: (
        *("environment", "model", "allowed", "since", "until", "exceptions", "decision_id"),
    ),
    What.DEPLOYMENTS: (
        *("at", "verdict", "deployment", "model", "environment", "action", "exceptions"),
        "decision_id",
    ),
}
_STYLES = {
    **dict.fromkeys(("allow", "allowed", "yes"), "good"),
    **dict.fromkeys(("needs_review", "late", "unnamed", "waiting"), "warn"),
    **dict.fromkeys(("deny", "bypassed", "no"), "bad"),
}


@app.command("list")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")] = What.DECISIONS,
    *,
    tenant: TenantOption = None,
    env: Annotated[str, typer.Option(help="Only of this environment.")] = "",
    model: Annotated[str, typer.Option(help="Only of models of this name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows to show.")] = 50,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """List decisions, what stands for each model, or deployments with what allowed them.

    **Examples**

    `auditspine decisions list --env production`

    `auditspine decisions list deployments --json | jq '.[] | select(.verdict == "bypassed")'`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        of = choose_tenant(client, tenant)
        rows = list_releases(client, of, what.value, environment=env, model=model, most=limit)
    finally:
        client.close()
    if as_json:
        print_json(rows)
    elif not rows:
        stdout.print(f"no {what.value} of {of}", markup=False)
    else:
        stdout.print(_table(rows, _COLUMNS[what]))


@app.command()
def show(
    decision: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    *,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show a decision: every rule with its reason, and what it rests on.

    **Example**

    `auditspine decisions show decision-5d0c6f2e`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        body = read_decision(client, choose_tenant(client, tenant), decision)
    finally:
        client.close()
    if as_json:
        print_json(body)
    else:
        stdout.print(show_decision(DecisionMadeBody.model_validate(body)))


@app.command()
def replay(
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Make every past decision anew from the sealed logs that it cites, and compare.

    It reads the lifecycle, access and control logs from Kafka, verified, and needs no ClickHouse.
    It publishes nothing and decides nothing. A decision that was made while this runs may be told
    as unsaid: run it again.

    Exits with 0 when every decision is what its logs give, with 1 when one is not.

    **Example**

    `auditspine decisions replay`
    """
    from auditspine.cli.replaying import replay_decisions  # noqa: PLC0415 - Faust is slow to import

    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    with stderr.status("replaying the lifecycle logs"):
        found = replay_decisions(settings)
    if as_json:
        print_json(
            {
                "equal": found.equal,
                "entries": found.entries,
                "differences": [asdict(each) for each in found.differences],
            }
        )
    else:
        mark = ("✗ ", "bad") if found.differences else ("✓ ", "good")
        words = f"{found.equal} decisions are what their logs give, from {found.entries:,} entries"
        stdout.print(Text.assemble(mark, words))
        for each in found.differences:
            fields = f": {', '.join(each.fields)}" if each.fields else ""
            line = f"  {each.what}  {each.tenant}  {each.decision_id}{fields}"
            stdout.print(Text(printable(line)), soft_wrap=True)
    if found.differences:
        raise typer.Exit(1)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(name, row) for name in columns))
    return table


def _cell(name: str, row: dict[str, Any]) -> Text:
    value = row[name]
    if name == "model":
        value = f"{value} {row['model_version']}"
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    elif hasattr(value, "strftime"):
        value = f"{value:%Y-%m-%d %H:%M:%S}"
    text = printable("" if value is None else str(value))
    return Text(text, _STYLES.get(text, ""))
