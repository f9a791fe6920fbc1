"""``auditspine tenants move`` and ``routes``: which space a tenant is in, and to bring it there."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.moving import Moved, Wanted, control_state, decide_domain, move_tenant
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.ledger.spaces import SHARED
from auditspine.ledger.tenancy import Tenancy

_BACK = "Take it out of its space in the routing file, keep the space, and move it again"
RoutingOption = Annotated[
    Path | None,
    typer.Option(
        "--tenancy",
        metavar="FILE",
        help="The routing file (`AUDITSPINE_TENANCY`).",
        show_default=False,
        rich_help_panel="Where",
    ),
]


def move(
    tenant: Annotated[str | None, typer.Argument(help="The tenant.", show_default=False)] = None,
    *,
    domain: Annotated[
        str | None,
        typer.Option(help="A domain instead: its events belong elsewhere from now on."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it goes into the control log.")],
    reversal: Annotated[str, typer.Option(help="How to go back.")] = _BACK,
    quiet: Annotated[
        int, typer.Option(min=0, help="Seconds for which the tenant's services must be silent.")
    ] = 90,
    routing: RoutingOption = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a tenant to the space that the routing file gives it, there or back.

    Change the routing file, run `auditspine init`, start the workers of a new space, stop the
    tenant's services, run this, and start them again: they publish where the file says. The
    decision and the move are signed entries of the control log; between them the tenant's events
    count nowhere. What it did elsewhere is named entry by entry count and hash, lands in the
    space's database, and is folded by its projections before anything new. Nothing is deleted
    where it was. Interrupted, run it again: it goes on.

    Then prove it: `auditspine --space SPACE verify`, and `auditspine --space SPACE rebuild lineage
    --check`.

    **Examples**

    `auditspine tenants move harbor --reason "the regulator asks for a database of its own"`

    `auditspine tenants move --domain energy --reason "grid data stays with grid operators"`
    """
    settings = load_settings(
        data_dir=data_dir,
        bootstrap_servers=bootstrap_servers,
        clickhouse_url=clickhouse_url,
        tenancy=routing,
    ).in_space(SHARED)
    if (tenant is None) == (domain is None):
        raise CliError("name a tenant, or a domain with --domain")
    wanted = Wanted(tenant or domain or "", reason, reversal, quiet)

    def say(text: str) -> None:
        stderr.print(text, style="dim", markup=False)

    if domain is not None:
        space = decide_domain(settings, wanted, say)
        if as_json:
            print_json({"domain": domain, "space": space.name})
        else:
            stdout.print(
                f"[good]✓[/] events of the domain {domain} belong in {space.name} from now on; "
                "those before stay where they are"
            )
        return
    moved = move_tenant(settings, wanted, say)
    _show(moved, as_json=as_json)


def routes(
    routing: RoutingOption = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show where each tenant's events count, by the control log and by the routing file.

    Exit code 1 when they differ: `auditspine tenants move` carries the file out.
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, tenancy=routing
    ).in_space(SHARED)
    state = control_state(settings)
    rows = [
        (
            tenant,
            _name(settings, state.tenancy.place_of(tenant)),
            settings.routing.of_tenant(tenant).name,
        )
        for tenant in state.tenants
    ]
    rows += [
        (f"domain {domain}", _domain_name(settings, state.tenancy, domain), by_file)
        for domain, by_file in _domains(settings, state.tenancy).items()
    ]
    if as_json:
        print_json(
            [dict(zip(("subject", "counts_in", "by_file"), row, strict=True)) for row in rows]
        )
    else:
        table = Table(
            "", "counts in", "by the file", box=None, header_style="title", pad_edge=False
        )
        for subject, counts_in, by_file in rows:
            same = counts_in == by_file
            table.add_row(subject, counts_in, by_file if same else f"[warn]{by_file}[/]")
        stdout.print(table)
    raise typer.Exit(1 if any(row[1] != row[2] for row in rows) else 0)


def _name(settings: Settings, prefix: str | None) -> str:
    if prefix is None:
        return "nowhere: being moved"
    found = (space.name for space in settings.routing if space.topic_prefix == prefix)
    return next(found, prefix)


def _domain_name(settings: Settings, tenancy: Tenancy, domain: str) -> str:
    return _name(settings, tenancy.domains.get(domain, tenancy.shared))


def _domains(settings: Settings, tenancy: Tenancy) -> dict[str, str]:
    by_file = {domain: space.name for space in settings.routing for domain in space.domains}
    return {**dict.fromkeys(tenancy.domains, SHARED), **by_file}


def _show(moved: Moved, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "tenant": moved.tenant,
                "space": moved.space.name,
                "database": moved.space.database,
                "topic_prefix": moved.space.topic_prefix,
                "was_there": moved.was_there,
                "late": moved.late,
                "history": [
                    {**part._asdict(), "leaves": part.leaves.hex()} for part in moved.history
                ],
            }
        )
        return
    what = "was in" if moved.was_there else "is in"
    stdout.print(
        f"[good]✓[/] {moved.tenant} {what} the space {moved.space.name}: topics "
        f"{moved.space.topic_prefix}…, database {moved.space.database}"
    )
    logs = {part.origin for part in moved.history if part.entries}
    stdout.print(
        f"[good]✓[/] {moved.entries} entries of its history in {len(logs)} other logs landed there"
    )
    if moved.late:
        stdout.print(
            f"[warn]![/] {moved.late} of them came where they did not count; their content stays "
            "in quarantine there"
        )
    stdout.print(f"prove it: auditspine --space {moved.space.name} verify")
