"""``auditspine inventory``: identities, data, models and deployments, and what each lacks."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.inventory import Listed, list_all
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, TenantOption
from auditspine.cli.settings import load_settings


def inventory(
    tenant: TenantOption = None,
    *,
    missing: Annotated[bool, typer.Option("--missing", help="Only what lacks something.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """List identities, datasets, models and deployments, and what is missing about each.

    **Example**: `auditspine inventory --missing` · what a governance programme does first
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        found = list_all(client, choose_tenant(client, tenant))
    finally:
        client.close()
    if missing:
        found = [each for each in found if each.missing]
    if as_json:
        print_json(
            [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "version": each.version,
                    "about": each.about,
                    "missing": list(each.missing),
                }
                for each in found
            ]
        )
    elif found:
        stdout.print(_table(found))
        lacking = sum(bool(each.missing) for each in found)
        stdout.print(f"{len(found)} listed, {lacking} lack something", style="dim")
    else:
        stdout.print("[good]✓[/] nothing lacks anything" if missing else "nothing is known yet")


def _table(found: list[Listed]) -> Table:
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("kind", "name", "known", "missing"):
        table.add_column(name, overflow="fold")
    for each in found:
        known = ", ".join(f"{name} {value}" for name, value in each.about.items())
        label = " ".join(part for part in (each.name, each.version) if part)
        table.add_row(
            each.kind,
            Text(printable(label)),
            Text(printable(known)),
            f"[warn]{', '.join(each.missing)}[/]" if each.missing else "[good]-[/]",
        )
    return table
