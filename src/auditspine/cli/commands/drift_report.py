"""``auditspine drift report``: a model's drift as a page to read, print or hand over."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.drift_report.build import build, with_leaves
from auditspine.auditor.drift_report.content import DriftReport, as_value
from auditspine.auditor.drift_report.names import Labels
from auditspine.auditor.drift_report.page import to_html
from auditspine.auditor.drift_report.reader import find_place, read_leaves, read_material
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stderr
from auditspine.cli.errors import CliError
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    TenantOption,
    parse_span,
    parse_time,
)
from auditspine.cli.settings import load_settings

_SPAN = re.compile(r"[0-9]+\s*(m|min|h|d)")


def report(
    model: Annotated[
        str, typer.Argument(metavar="MODEL[@VERSION]", help="The model; the version watched last.")
    ],
    deployment: Annotated[
        str, typer.Option(help="The deployment; needed when the model is at several.")
    ] = "",
    tenant: TenantOption = None,
    since: Annotated[
        str, typer.Option(metavar="TIME|SPAN", help="What happened since: a time, or 12h, 30d.")
    ] = "30d",
    rows: Annotated[
        int,
        typer.Option(min=1, max=100_000, help="The newest predictions that are compared."),
    ] = 2000,
    groups: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML with labels of groups by attribute and token; the page then shows them.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the page. [default: MODEL-drift.html]"),
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.", show_default=False)
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Write a page on a model's drift: what moved, how sure that is, and what was done.

    Reference against current of each feature and group, monitors over time with their changes
    marked, fairness gaps with intervals, outcomes, alerts with their analyses and dispositions, and
    the sealed entries that prove each. One file, without anything from elsewhere; it prints.

    **Examples**

    `auditspine drift report mortgage-risk`

    `auditspine drift report mortgage-risk@3 --deployment mortgage-risk-eu --out risk.html`
    """
    if as_json and (out is not None or force):
        raise CliError("--json prints the content: --out and --force are for the page")
    name, _, version = model.partition("@")
    page = out or _page_of(name)
    if not as_json:
        _check(page, force=force)
    labels = {} if groups is None else _labels(groups)
    now = datetime.now(UTC)
    began = _since(since, now)
    client = clickhouse_client(
        load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url), reader=True
    )
    try:
        of = choose_tenant(client, tenant)
        place, others = find_place(client, of, name, version, deployment)
        material = read_material(client, of, place, others, since=began, now=now, rows=rows)
        found = build(material, labels)
        leaves = read_leaves(client, (each.entries for each in found.proofs))
    finally:
        client.close()
    found = with_leaves(found, leaves)
    if as_json:
        print_json(as_value(found))
        return
    _write(page, to_html(found), force=force)
    stderr.print(f"[good]✓[/] {printable(str(page))}: {_summary(found)}", soft_wrap=True)


def _since(text: str, now: datetime) -> datetime:
    if _SPAN.fullmatch(text.strip()):
        return now - parse_span("--since", text)
    began = parse_time("--since", text) or now
    if began >= now:
        raise CliError(f"--since: {text} is not in the past")
    return began


def _page_of(model: str) -> Path:
    """Give the page of a model in the current directory, whatever the model is called."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", model).strip(".-")
    return Path(f"{plain or 'model'}-drift.html")


def _check(page: Path, *, force: bool) -> None:
    if page.exists() and not force:
        raise CliError(f"{page} is there already: name another file with --out, or use --force")
    if not page.absolute().parent.is_dir():
        raise CliError(f"--out: {page.absolute().parent} is no directory")


def _write(page: Path, text: str, *, force: bool) -> None:
    try:
        with page.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise CliError(f"--out: {page} cannot be written: {exc.strerror}") from exc


def _labels(path: Path) -> Labels:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise CliError(f"--groups: {path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise CliError(f"--groups: {path} is not TOML: {exc}") from exc
    for attribute, labels in found.items():
        if not isinstance(labels, dict) or not all(isinstance(x, str) for x in labels.values()):
            raise CliError(
                f"--groups: {attribute} in {path} must be a table such as "
                f'[{attribute}] with lines of "token" = "label"'
            )
    return found


def _summary(found: DriftReport) -> str:
    waiting = sum(each.state != "resolved" for each in found.alerts)
    far = sum(each.overall.is_far for each in found.features)
    said = (
        f"{waiting} open alert{'' if waiting == 1 else 's'}, "
        f"{far} of {len(found.features)} features moved"
    )
    return f"{said}; it contains labels of protected groups" if found.labelled else said
