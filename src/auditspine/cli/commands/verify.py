"""``auditspine verify``: prove that the stored evidence is complete and unaltered."""

import time
from pathlib import Path
from typing import Annotated

import typer

from auditspine.auditor.options import Options
from auditspine.auditor.report import report_to_json
from auditspine.cli.console import print_json, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings
from auditspine.cli.verdict_screen import print_report
from auditspine.cli.verification import run_verification


def verify(
    trust: Annotated[
        Path | None,
        typer.Option(help="Trust file, obtained apart from the evidence. [default: DATA_DIR's]"),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A signed checkpoint that you kept; repeat for more."),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Only this log; repeat for more. [default: all]"),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            help="Only this tenant's content and the control log must be there; entries of others "
            "without content are checked by their hashes. [default: everybody's]"
        ),
    ] = None,
    *,
    no_trust: Annotated[
        bool,
        typer.Option("--no-trust", help="Check that the evidence agrees with itself, no more."),
    ] = False,
    sealed: Annotated[
        bool | None,
        typer.Option(
            "--sealed/--no-sealed",
            help="Compare with every entry of the sealed topics. [default: where Kafka is known]",
        ),
    ] = None,
    heads_only: Annotated[
        bool,
        typer.Option("--heads-only", help="Compare with the heads of the sealed topics alone."),
    ] = False,
    lag: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds after sealing in which an entry may not have landed yet."
        ),
    ] = 60.0,
    signatures: Annotated[
        bool, typer.Option(help="Check producers' signatures, sequences and verdicts.")
    ] = True,
    columns: Annotated[
        bool, typer.Option(help="Compare the typed columns with the raw bytes.")
    ] = True,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute everything from the raw bytes and name each defect exactly.

    Leaves, chain and Merkle root against every signed checkpoint; producers' signatures, sequences
    and verdicts; the typed columns; and the last size against the sealed topics or a checkpoint
    that you kept, because only those can show that the newest rows were cut off.

    **Exit codes**: 0 verified · 1 defects · 2 could not check everything · 3 self-consistent, not
    authenticated (no trust file).

    **Examples**

    `auditspine verify`

    `auditspine verify --trust trust.json --checkpoint kept.note`

    `auditspine verify --tenant acme`

    `auditspine verify --no-trust --json | jq .outcome`
    """
    settings = load_settings(
        data_dir=data_dir,
        bootstrap_servers=bootstrap_servers,
        clickhouse_url=clickhouse_url,
        trust=trust,
    )
    report = run_verification(
        settings,
        Options(
            int(time.time() * 1000),
            signatures=signatures,
            columns=columns,
            origins=frozenset(log or ()),
            checkpoints=tuple(map(_read_note, checkpoint or ())),
            sealed_entries=not heads_only,
            lag_ms=int(lag * 1000),
            tenant=tenant,
        ),
        trusting=not no_trust,
        sealed=sealed,
        quiet=as_json,
    )
    if as_json:
        print_json(report_to_json(report))
    else:
        print_report(stdout, report)
    raise typer.Exit(int(report.outcome))


def _read_note(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"--checkpoint {path}: cannot be read: {exc}") from exc
