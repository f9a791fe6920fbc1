"""``auditspine tabletop``: rebuilds a release from evidence alone, and says what is missing."""

from pathlib import Path
from typing import Annotated

import typer

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.tabletop.findings import counted
from auditspine.auditor.tabletop.page import to_html
from auditspine.auditor.tabletop.reader import read_release
from auditspine.auditor.tabletop.report import as_value
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.lineage_view import require_one_form
from auditspine.cli.model_ref import ModelArgument, parse_model
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, TenantOption
from auditspine.cli.settings import load_settings
from auditspine.cli.tabletop_screen import release_screen
from auditspine.schemas.formats import format_digest


def tabletop(
    model: ModelArgument,
    tenant: TenantOption = None,
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page to read, print or hand over."),
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Rebuild a release from evidence alone: each piece present, missing or unverifiable.

    From data, code and people to approvals, decision, deployments and what was seen since, each
    with the entries that prove it; a score; and for what is missing, what would mend it.

    **Exit codes**: 0 every piece is present · 1 some are missing or unverifiable · 2 not done

    **Examples**

    `auditspine tabletop mortgage-risk:3@sha256:556cb80e…`

    `auditspine tabletop mortgage-risk:3@sha256:556cb80e… --html release.html`
    """
    require_one_form(json=as_json, html=html)
    named = parse_model(model)
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        found = read_release(
            client,
            choose_tenant(client, tenant),
            named.name,
            named.version,
            format_digest(named.digest),
        )
    finally:
        client.close()
    if as_json:
        print_json(as_value(found))
    elif html is not None:
        try:
            html.write_text(to_html(found), "utf-8")
        except OSError as exc:
            raise CliError(f"--html: {html} cannot be written: {exc.strerror}") from exc
        stderr.print(
            f"[good]✓[/] {html}: {found.score} of 100, {counted(len(found.gaps), 'open gap')}"
        )
    else:
        stdout.print(release_screen(found))
    if not found.is_complete:
        raise typer.Exit(1)
