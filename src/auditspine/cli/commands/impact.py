"""``auditspine impact``: all that came of an artifact, and who still rests on what must go."""

from typing import Annotated, Any

import typer

from auditspine.auditor.lineage.graph import Direction, Subgraph
from auditspine.auditor.lineage.releases import serving
from auditspine.auditor.lineage.store import LineageStore
from auditspine.cli.commands.sql import table_of
from auditspine.cli.console import stdout
from auditspine.cli.errors import CliError
from auditspine.cli.lineage_view import (
    DepthOption,
    DotOption,
    HtmlOption,
    node_value,
    opened,
    require_one_form,
    show_graph,
)
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    OccurredOption,
    RecordedOption,
    TenantOption,
    moment_of,
)

_LIVE = ("environment", "deployment", "model_name", "model_version", "changed_by", "recorded_from")


def impact(
    artifact: Annotated[
        str | None,
        typer.Argument(
            help="`kind:name@version`, `name@version` or `sha256:` and the first digits; a column "
            "is `column:snapshot/name`."
        ),
    ] = None,
    tenant: TenantOption = None,
    *,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Begin at every deprecated feature.")
    ] = False,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Begin at every source flagged for removal.")
    ] = False,
    recorded: RecordedOption = None,
    occurred: OccurredOption = None,
    depth: DepthOption = None,
    dot: DotOption = False,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show all that came of an artifact, and which live deployments rest on it.

    **Examples**

    `auditspine impact dataset:hmda-boston@1996`

    `auditspine impact column:hmda-boston-train/dir` · who uses this column

    `auditspine impact --flagged` · which live deployments use a source that must go

    `auditspine impact --deprecated` · which models were trained on a deprecated feature
    """
    require_one_form(json=as_json, dot=dot, html=html)
    if sum((artifact is not None, deprecated, flagged)) != 1:
        raise CliError("give one artifact, or --deprecated, or --flagged")
    with opened(data_dir, clickhouse_url, tenant, moment_of(recorded, occurred)) as store:
        if artifact is not None:
            roots, title = [store.find(artifact)], f"What came of {artifact}"
        elif deprecated:
            roots, title = store.marked("deprecated"), "What came of deprecated features"
        else:
            roots, title = store.marked("flagged"), "What came of sources flagged for removal"
        graph = store.reach([node.node_id for node in roots], Direction.DOWNSTREAM, depth)
        live = _live(store, graph)
        subject: dict[str, Any] = {
            "artifacts": [node_value(node) for node in roots],
            "models": [node.label for node in graph.of_kind("model")],
            "live_deployments": live,
        }
        show_graph(graph, title, subject=subject, as_json=as_json, dot=dot, html=html)
        if not (as_json or dot or html):
            _print_live(roots != [], live)


def _live(store: LineageStore, graph: Subgraph) -> list[dict[str, Any]]:
    """Give the deployments that serve a model of the graph, at the store's moment."""
    digests = {f"sha256:{node.sha256}" for node in graph.of_kind("model")}
    latest = {
        (row["environment"], row["deployment"]): row
        for row in serving(store.client, store.tenant, moment=store.moment)
    }
    return [row for row in latest.values() if row["serves"] and row["model_digest"] in digests]


def _print_live(anything: bool, live: list[dict[str, Any]]) -> None:
    if not anything:
        stdout.print("[good]✓[/] there is none")
    elif not live:
        stdout.print("[good]✓[/] no live deployment rests on it")
    else:
        stdout.print(f"[bad]{len(live)} live[/] on it:")
        stdout.print(table_of(_LIVE, [[row[name] for name in _LIVE] for row in live]))
