"""``auditspine exceptions``: a model is released although a rule does not hold; who answers for it.

An exception names its rules, its end and what keeps the risk down instead, and is signed by a
person. It is for one digest in one environment.
"""

from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table
from rich.text import Text

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.decisions import list_releases
from auditspine.cli.commands.approve import (
    DomainOption,
    EnvironmentOption,
    ReasonOption,
    TenantOption,
)
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.model_ref import ModelArgument, parse_model
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.options import TenantOption as AnyTenantOption
from auditspine.cli.person import KeyOption, PersonSpeaker, WorkloadOption
from auditspine.cli.personal_signing import Declared, exception, future_time, signer_of
from auditspine.cli.settings import load_settings

app = typer.Typer(help="Grant exceptions from release rules, and list them.", no_args_is_help=True)


@app.command()
def grant(
    model: ModelArgument,
    tenant: TenantOption,
    env: EnvironmentOption,
    rule: Annotated[
        list[str],
        typer.Option(help="Waivable rule that it stands for; repeat for more."),
    ],
    control: Annotated[str, typer.Option(help="The compensating control: what is done instead.")],
    reason: ReasonOption,
    expires: Annotated[str, typer.Option(metavar="TIME", help="When it ends.")],
    *,
    exception_id: Annotated[
        str | None, typer.Option("--id", help="Its identifier. [default: a new one]")
    ] = None,
    role: Annotated[
        str, typer.Option(help="In which role; it must be granted to you.")
    ] = "release_approver",
    workload: WorkloadOption = "approver",
    key: KeyOption = None,
    domain: DomainOption = "governance",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Let one exact model be released although rules do not hold, signed with your login's key.

    A deployment that rests on it says so for ever. What nears its end or is over is a finding.

    **Example**

    `auditspine exceptions grant mortgage-risk:3@sha256:556c… --tenant acme --env production
    --rule no_deprecated_feature --control "daily check of the feature's distribution"
    --reason "the feature is replaced in version 4" --expires 2026-12-31`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    subject, rules = parse_model(model), tuple(dict.fromkeys(rule))
    named = exception_id or f"exc-{uuid4().hex[:12]}"
    ends = future_time("--expires", expires)
    assert ends is not None
    signer = signer_of(settings)
    declared = Declared(
        tenant=tenant,
        subject=subject,
        environment=env,
        role=role,
        reason=reason,
        expires_at=ends,
        conditions=(control,),
        rules=rules,
        reference=named,
    )
    make = exception(signer, declared)
    principal = signer.credential.principal
    speaker = PersonSpeaker(settings, tenant, principal, workload, key, domain)
    [event_id] = speaker.say([make], "request", reason)
    if as_json:
        print_json({"exception": named, "event": event_id, "expires_at": ends.isoformat()})
        return
    words = f"{subject.name} {subject.version} for {env}: {', '.join(rules)} until {ends:%Y-%m-%d}"
    stdout.print(Text.assemble(("✓ ", "good"), printable(words)), soft_wrap=True)
    stdout.print(
        Text(printable(f"  exception {named}, granted by {signer.credential.name}")),
        style="dim",
        soft_wrap=True,
    )


_STYLES = {"in_force": "good", "expiring": "warn", "expired": "bad", "refused": "bad"}


@app.command("list")
def list_(
    *,
    tenant: AnyTenantOption = None,
    env: Annotated[str, typer.Option(help="Only of this environment.")] = "",
    model: Annotated[str, typer.Option(help="Only of models of this name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows to show.")] = 50,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """List exceptions, the next to end first: who granted them, for what, and what rests on them.

    **Example**

    `auditspine exceptions list --env production`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        of = choose_tenant(client, tenant)
        rows = list_releases(client, of, "exceptions", environment=env, model=model, most=limit)
    finally:
        client.close()
    if as_json:
        print_json(rows)
        return
    if not rows:
        stdout.print(f"no exceptions of {of}", markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("exception", "state", "model", "for", "rules", "ends", "granted by", "decisions"):
        table.add_column(name, overflow="fold")
    for row in rows:
        words = (
            row["exception_id"],
            row["state"],
            f"{row['model']} {row['model_version']}",
            row["environment"],
            ", ".join(row["rules"]),
            f"{row['expires_at']:%Y-%m-%d %H:%M}",
            row["granted_by"],
            ", ".join(row["decisions"]),
        )
        table.add_row(*(Text(printable(each), _STYLES.get(each, "")) for each in words))
    stdout.print(table)
