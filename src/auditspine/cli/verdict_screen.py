"""Prints a verification's report for people: the verdict first, then what it rests on."""

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from auditspine.auditor.core.defects import Defect
from auditspine.auditor.report import Basis, LogReport, Outcome, Report

_SHOWN = 20
_VERDICTS = {
    Outcome.VERIFIED: "[good]VERIFIED[/]",
    Outcome.DEFECTS: "[bad]DEFECTS[/]",
    Outcome.NOT_CHECKED: "[warn]NOT FULLY CHECKED[/]",
    Outcome.NOT_AUTHENTICATED: "[warn]SELF-CONSISTENT, NOT AUTHENTICATED[/]",
}


def print_report(console: Console, report: Report) -> None:
    """Print a report."""
    if report.logs:
        console.print(_logs(report.logs))
        console.print()
    for defect in report.defects[:_SHOWN]:
        console.print(_defect(defect), soft_wrap=True)
    more = len(report.defects) - _SHOWN + report.defects_beyond
    if more > 0:
        console.print(f"  and {more} more; --json lists them", style="dim")
    for reason in report.not_checked:
        console.print(f"[warn]not checked[/] {escape(reason)}", soft_wrap=True)
    checkpoints = sum(log.checkpoints for log in report.logs)
    filled = sum(1 for log in report.logs if log.size)
    console.print(
        f"{_VERDICTS[report.outcome]}  {report.entries:,} entries in {filled} logs, "
        f"{checkpoints:,} signed checkpoints"
        + (f", {_count(len(report.defects) + report.defects_beyond, 'defect')}")
        * bool(report.defects),
        soft_wrap=True,
    )
    for line in basis_lines(report.basis):
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)


def basis_lines(basis: Basis) -> list[str]:
    """Say in sentences what a verdict rests on."""
    lines = []
    if basis.log_keys:
        keys = ", ".join(key[:16] + "…" for key in basis.log_keys)
        lines.append(f"rests on log key {keys} and the operator's key in the trust file")
    else:
        lines.append("no trust file was used: anyone could have made evidence that agrees so")
    lines.append(
        f"verdicts were recomputed from {basis.control_size} entries of the control log"
        if basis.verdicts
        else "verdicts were not recomputed"
    )
    if not basis.signatures:
        lines.append("producers' signatures were not checked")
    if not basis.columns:
        lines.append("typed columns were not compared with the raw bytes")
    lines.append(
        {
            "entries": "compared with every entry of the sealed topics",
            "heads": "compared with the heads of the sealed topics",
        }.get(
            basis.sealed,
            "the sealed topics were not consulted"
            + ("" if basis.kept_checkpoints else ": rows cut off at the end would not show"),
        )
    )
    if basis.tenant is not None:
        lines += _tenant_lines(basis, basis.tenant)
    elif basis.by_hash:
        lines.append(f"{basis.by_hash:,} entries of other tenants, by their hashes alone")
    if basis.moved:
        names = ", ".join(basis.moved)
        lines.append(f"the history of {names} in other spaces: entry for entry as it was moved")
    if basis.kept_checkpoints:
        lines.append(f"compared with {_count(basis.kept_checkpoints, 'kept checkpoint')}")
    if basis.heartbeats:
        lines.append(
            f"{_count(basis.heartbeats, 'producer stream')} compared with signed heartbeats"
        )
    lines.append("whoever holds the log key could still rewrite all of it: docs/threat-model.md")
    return lines


def _tenant_lines(basis: Basis, tenant: str) -> list[str]:
    others = "entry of others was" if basis.by_hash == 1 else "entries of others were"
    hashes = "its hash" if basis.by_hash == 1 else "their hashes"
    lines = [
        f"content of tenant {tenant} only: {basis.by_hash:,} {others} checked by {hashes} alone"
    ]
    if basis.by_hash and basis.sealed != "entries":
        lines.append("whose those are, producers' sequences and heartbeats alone confirm")
    return lines


def _logs(logs: tuple[LogReport, ...]) -> Table:
    table = Table(box=None, header_style="title", pad_edge=False)
    table.add_column("log", no_wrap=True)
    for name in ("entries", "quarantined", "checkpoints", "proven"):
        table.add_column(name, justify="right")
    table.add_column("sealed at", no_wrap=True)
    table.add_column("root", no_wrap=True)
    for log in logs:
        if not log.size and not log.checkpoints:
            continue
        bad = log.size - log.verdicts.get("valid", 0)
        table.add_row(
            f"{log.topic}/{log.partition}",
            f"{log.size:,}",
            f"[warn]{bad:,}[/]" if bad else "0",
            f"{log.checkpoints:,}",
            f"{log.proven_size:,}",
            _moment(log.sealed_at),
            f"[hash]{log.root[:12]}…[/]" if log.root else "-",
        )
    return table


def _defect(defect: Defect) -> str:
    span = str(defect.first) if defect.first == defect.last else f"{defect.first}-{defect.last}"
    column = f".{defect.column}" if defect.column else ""
    line = (
        f"[bad]{defect.kind.value.replace('_', ' ')}[/]  {escape(defect.origin)} "
        f"position [bold]{span}[/]  {defect.table}{column}"
    )
    details = [defect.detail] if defect.detail else []
    if defect.expected or defect.got:
        details.append(f"expected {_short(defect.expected)}, got {_short(defect.got)}")
    return line + "".join(f"\n  [dim]{escape(detail)}[/]" for detail in details)


def _short(value: str) -> str:
    return (value if len(value) <= 40 else value[:37] + "…") or "nothing"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _moment(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M:%SZ")
