"""``auditspine history``: what served when and on whose approval, and why models changed."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from auditspine.auditor.lineage.releases import Row, investigated, serving, versions
from auditspine.cli.commands.sql import table_of
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.lineage_view import opened
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    OccurredOption,
    RecordedOption,
    TenantOption,
    moment_of,
)


def history(
    name: Annotated[
        str, typer.Argument(help="A deployment or a model by its name; every deployment if none.")
    ] = "",
    tenant: TenantOption = None,
    environment: Annotated[
        str, typer.Option(help="Only this environment, such as production.")
    ] = "",
    recorded: RecordedOption = None,
    occurred: OccurredOption = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show what served from when, who put it there, and on whose approval; and why models changed.

    With a time, show what was in force then. For a model, its versions follow, with what set off
    the run that trained each; then what people found who investigated its alerts.

    **Examples**

    `auditspine history mortgage-risk` · all versions of a model, and where they served

    `auditspine history --environment production --recorded 2026-11-25T12:00Z` · in production then
    """
    moment = moment_of(recorded, occurred)
    with opened(data_dir, clickhouse_url, tenant, moment) as store:
        served = serving(store.client, store.tenant, name, environment, moment)
        made = versions(store.client, store.tenant, name, moment) if name else []
        found = investigated(store.client, store.tenant, name, moment) if name else []
    if as_json:
        print_json({"serving": served, "versions": made, "investigations": found})
        return
    if not served and not made:
        raise CliError(f"no deployment or model is called {name}" if name else "nothing served")
    if served:
        stdout.print("What served", style="title")
        stdout.print(table_of(*_columns([_served(row) for row in served])))
        for remark in _remarks(served):
            stdout.print(Text.assemble(("! ", "warn"), printable(remark)), soft_wrap=True)
    if made:
        stdout.print("Versions, and why they were trained", style="title")
        stdout.print(table_of(*_columns([_made(row) for row in made])))
    if found:
        stdout.print("What investigations found", style="title")
        stdout.print(table_of(*_columns([_found(row) for row in found])))


def _served(row: Row) -> Row:
    share = "" if row["traffic_share"] == 1 else f" to {row['traffic_share']:.0%}"
    return {
        "from": f"{row['recorded_from']:%Y-%m-%d %H:%M:%S}",
        "environment": row["environment"],
        "deployment": row["deployment"],
        "action": row["action"] + share,
        "model": f"{row['model_name']} {row['model_version']}",
        "by": row["changed_by"],
        "approved by": "" if row["approval_problem"] else row["approved_by"],
        "reason": row["reason"],
    }


def _made(row: Row) -> Row:
    cause = f"{row['cause_type']} by {row['caused_by']}" if row["cause_type"] else ""
    return {
        "registered": f"{row['registered_at']:%Y-%m-%d %H:%M:%S}",
        "model": f"{row['model_name']} {row['model_version']}",
        "run": row["run_id"],
        "started by": row["started_by"],
        "trigger": row["trigger"],
        "reason": row["reason"],
        "cause": cause,
    }


def _found(row: Row) -> Row:
    return {
        "closed": f"{row['closed_at']:%Y-%m-%d %H:%M:%S}",
        "about": f"{row['name']} {row['artifact_version']}",
        "disposition": row["disposition"],
        "by": row["closed_by"],
        "why": row["detail"],
    }


def _remarks(served: list[Row]) -> Iterator[str]:
    before: dict[tuple[str, str], str] = {}
    for row in served:
        place = (row["environment"], row["deployment"])
        taken_up = row["serves"] and before.get(place) != row["model_digest"]
        before[place] = row["model_digest"] if row["serves"] else ""
        if taken_up and row["approval_problem"]:
            what = f"{row['deployment']} {row['action']} {row['model_name']} {row['model_version']}"
            yield f"{what}: of its approval, {row['approval_problem']}"


def _columns(rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
    """Give the names and values of the columns that say anything."""
    kept = [name for name in rows[0] if any(row[name] for row in rows)]
    return kept, [[row[name] for name in kept] for row in rows]
