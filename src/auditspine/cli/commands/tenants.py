"""``auditspine tenants``: register tenants in the control log, and list them."""

from typing import Annotated

import typer
from rich.table import Table

from auditspine.cli.commands import tenants_move, tenants_sql
from auditspine.cli.connections import kafka_properties
from auditspine.cli.console import print_json, stdout
from auditspine.cli.control import read_control
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings

_SEAL_S = 30.0

app = typer.Typer(
    help="Register tenants, list them, and keep them apart from others.", no_args_is_help=True
)
app.command()(tenants_move.move)
app.command()(tenants_move.routes)
app.command("sql")(tenants_sql.sql)


@app.command()
def register(
    tenant: Annotated[str, typer.Argument(help="Short name, as events carry it.")],
    name: Annotated[str | None, typer.Option(help="Name for people. [default: TENANT]")] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Register a tenant and wait until it is sealed. Repeating it changes nothing.

    **Example**: `auditspine tenants register acme --name "Acme Savings Bank"`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    known = tenant in read_control(kafka_properties(settings), settings.topics).tenants
    if not known:
        with watch_control(settings) as watch:
            with speaking(settings) as operator:
                said = operator.register_tenant(tenant, name or tenant)
            await_sealed(watch, [said], _SEAL_S)
    if as_json:
        print_json({"tenant": tenant, "registered": not known})
    else:
        stdout.print(f"[good]✓[/] tenant {tenant}{' was registered already' if known else ''}")


@app.command("list")
def list_tenants(
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the tenants that the control log registers."""
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    tenants = read_control(kafka_properties(settings), settings.topics).tenants
    if as_json:
        print_json([{"tenant": tenant, "name": name} for tenant, name in tenants.items()])
        return
    table = Table("tenant", "name", box=None, header_style="title", pad_edge=False)
    for tenant, name in tenants.items():
        table.add_row(tenant, name)
    stdout.print(table)
