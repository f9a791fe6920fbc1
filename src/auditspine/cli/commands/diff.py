"""``auditspine diff``: what went into one release and not into another."""

from typing import Annotated

import typer
from rich.text import Text

from auditspine.auditor.lineage.releases import Change, compare
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.lineage_view import describe, node_value, opened
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    OccurredOption,
    RecordedOption,
    TenantOption,
    moment_of,
)

_HELP = "`kind:name@version`, `name@version` or `sha256:` and the first digits."


def diff(
    before: Annotated[str, typer.Argument(help=_HELP)],
    after: Annotated[str, typer.Argument(help=_HELP)],
    tenant: TenantOption = None,
    recorded: RecordedOption = None,
    occurred: OccurredOption = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Compare two releases: their data, features, code, runs, parameters and metrics.

    Exits with 0 when they came of the same, with 1 when they differ.

    **Example**: `auditspine diff model:mortgage-risk@1 model:mortgage-risk@2`
    """
    with opened(data_dir, clickhouse_url, tenant, moment_of(recorded, occurred)) as store:
        found = compare(store, store.find(before), store.find(after))
    differs = bool(found.removed or found.added or found.params or found.metrics)
    if as_json:
        print_json(
            {
                "before": node_value(found.before),
                "after": node_value(found.after),
                "removed": [node_value(node) for node in found.removed],
                "added": [node_value(node) for node in found.added],
                "shared": found.shared,
                "params": [vars_of(change) for change in found.params],
                "metrics": [vars_of(change) for change in found.metrics],
            }
        )
    else:
        title = f"{found.before.label} → {found.after.label}"
        stdout.print(Text(printable(title), style="title"))
        for sign, style, nodes in (("-", "bad", found.removed), ("+", "good", found.added)):
            for node in nodes:
                stdout.print(Text(f"{sign} ", style=style).append_text(describe(node)))
        for change in (*found.params, *found.metrics):
            line = f"~ {change.name}: {_shown(change.before)} → {_shown(change.after)}"
            stdout.print(Text(printable(line)))
        stdout.print(f"= {found.shared} more went into both", style="dim")
    raise typer.Exit(int(differs))


def vars_of(change: Change) -> dict[str, str | None]:
    """Give a change as JSON takes it."""
    return {"name": change.name, "before": change.before, "after": change.after}


def _shown(value: str | None) -> str:
    return "none" if value is None else value
