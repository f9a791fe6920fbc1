"""``auditspine drift tune`` and ``publish``: a policy by what alerts turned out to be about."""

from collections.abc import Iterator
from dataclasses import asdict
from difflib import unified_diff
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from auditspine.auditor.alerts import check_deployment
from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.precision import MonitorRecord, read_precision
from auditspine.cli.connections import clickhouse_client, kafka_properties
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.control import read_control
from auditspine.cli.errors import CliError
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    ServersOption,
    TenantOption,
)
from auditspine.cli.policies import DRIFT, read_drift_policy
from auditspine.cli.settings import load_settings
from auditspine.cli.tuning import LEAST, Tuned, alarms_of, tune
from auditspine.ledger.control import EVERY_TENANT

_SEAL_S = 30.0
_NEXT = 'auditspine drift publish {file} --reason "WHY"'
_THEN = "# then name it in AUDITSPINE_DRIFT_POLICY for the drift and alerts workers; restart both"


def tune_policy(
    deployment: Annotated[
        str, typer.Argument(help="Deployment whose false alarms count; all if none.")
    ] = "",
    tenant: TenantOption = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Policy to change. [default: that of AUDITSPINE_DRIFT_POLICY, or the shipped one]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proposed policy there.")
    ] = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Propose tiers that would have spared false alarms and kept every alert that was true.

    It rests on what people said when they closed alerts, three or more of them, and changes
    nothing: what it writes counts once workers are given it. A row of a policy is of risk classes
    and kinds, so a proposal holds at every deployment of its class.

    **Examples**

    `auditspine drift tune`

    `auditspine drift tune mortgage-risk-eu --out tuned.toml`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    used = policy or settings.drift_policy
    _check_place(out, [each for each in (used, settings.drift_policy) if each is not None])
    text = _text(used)
    client = clickhouse_client(settings, reader=True)
    try:
        of = choose_tenant(client, tenant)
        if deployment:
            check_deployment(client, of, deployment)
        records = read_precision(client, of)
    finally:
        client.close()
    tuned = tune(text, alarms_of(records, deployment))
    is_changed = tuned.text != text
    if out is not None and is_changed:
        _write(out, tuned.text)
    if as_json:
        _print_json(tuned, text, records)
    elif is_changed:
        _print(tuned, text, "policy" if used is None else str(used), out)
    else:
        stdout.print(_nothing(tuned), markup=False, soft_wrap=True)


def publish_policy(
    file: Annotated[Path, typer.Argument(help="The drift policy, a TOML file.")],
    reason: Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")],
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Publish a drift policy in the control log and wait until it is sealed.

    Workers go by the file that `AUDITSPINE_DRIFT_POLICY` names, and warn when they start with
    another one than the last that was published. Repeating it changes nothing.

    **Example**: `auditspine drift publish tuned.toml --reason "four false alarms of scale in May"`
    """
    policy, text = read_drift_policy(file)
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    known = read_control(kafka_properties(settings), settings.topics)
    size = None
    if known.policies.get((DRIFT, EVERY_TENANT)) != policy.digest:
        with watch_control(settings) as watch:
            with speaking(settings) as operator:
                said = operator.publish_policy(DRIFT, text, [EVERY_TENANT], reason)
            size = await_sealed(watch, [said], _SEAL_S)[0].position + 1
    digest = policy.digest.hex()
    if as_json:
        print_json({"digest": digest, "published": size is not None, "control_size": size})
        return
    how = "was published already" if size is None else f"is published as control entry {size - 1}"
    stdout.print(f"[good]✓[/] drift policy [hash]{digest}[/] {how}", soft_wrap=True)
    in_use = settings.drift_policy
    if in_use is None or not in_use.exists() or not in_use.samefile(file):
        line = f"! workers go by it once AUDITSPINE_DRIFT_POLICY names {file} and they restart"
        stderr.print(line, style="warn", markup=False, soft_wrap=True)


def _text(path: Path | None) -> str:
    if path is None:
        return (files("auditspine.policies") / "drift.toml").read_text("utf-8")
    return read_drift_policy(path)[1]


def _check_place(out: Path | None, used: list[Path]) -> None:
    """Check that a policy that may be in use is not written over.

    Raises:
        CliError: It would be.
    """
    if out is not None and any(out.resolve() == each.resolve() for each in used):
        raise CliError(f"--out: {out} is the policy in use; write to another file")


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, "utf-8")
    except OSError as exc:
        raise CliError(f"--out: {out} cannot be written: {exc}") from exc


def _nothing(tuned: Tuned) -> str:
    closed = f"{tuned.true} alerts that were about something, {tuned.false} false alarms"
    if tuned.true + tuned.false < LEAST:
        return f"Nothing is proposed: people closed {closed}, and {LEAST} are needed."
    return f"Nothing is proposed: {closed}; no row has {LEAST} of which half were false."


def _diff(before: str, after: str, name: str) -> Iterator[str]:
    lines = before.splitlines(), after.splitlines()
    return unified_diff(*lines, name, f"{name}, proposed", n=2, lineterm="")


def _print(tuned: Tuned, text: str, name: str, out: Path | None) -> None:
    if tuned.proposals:
        table = Table(box=None, header_style="title", pad_edge=False)
        for column in ("row", "tier", "risk", "kind", "effect", "would have spared", "and kept"):
            table.add_column(column, no_wrap=True)
        for each in tuned.proposals:
            table.add_row(
                str(each.row + 1),
                each.tier.value,
                printable(each.risk),
                each.kind,
                f"{each.before:g} → {each.after:g}",
                f"{each.spared} of {each.false} false",
                f"{each.kept} of {each.kept} true",
            )
        stdout.print(table)
        line = f"{tuned.silent} of {tuned.false} false alarms would have been recorded only"
        stdout.print(line, style="dim")
        line = "counted by monitor: an alert that rests on several counts for each of them"
        stdout.print(line, style="dim")
    if tuned.budget is not None:
        line = (
            f"No effect tells {tuned.false} false alarms from what was true. With half the budget, "
            f"{tuned.budget:g} a week, monitors ask for more evidence; how many it would have "
            "spared is not known."
        )
        stdout.print(line, soft_wrap=True, markup=False)
    for line in _diff(text, tuned.text, name):
        style = {"+": "good", "-": "bad"}.get(line[:1], "dim")
        stdout.print(printable(line), style=style, markup=False, soft_wrap=True, highlight=False)
    if out is None:
        stderr.print("! nothing is written without --out FILE", style="warn")
        return
    stdout.print(f"[good]✓[/] {printable(str(out))} is written, and not in use. Next:")
    stdout.print(f"  {_NEXT.format(file=out)}", markup=False, soft_wrap=True)
    stdout.print(f"  {_THEN}", style="dim", markup=False, soft_wrap=True)


def _print_json(tuned: Tuned, text: str, records: list[MonitorRecord]) -> None:
    values = asdict(tuned)
    diff = "\n".join(_diff(text, tuned.text, "policy"))
    print_json({**values, "diff": diff, "record": [asdict(each) for each in records]})
