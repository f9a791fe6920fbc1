"""``auditspine approve``: a person decides on one exact model for one environment, and signs it."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.credential import Credential
from auditspine.cli.errors import CliError
from auditspine.cli.model_ref import ModelArgument, parse_model
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.person import KeyOption, PersonSpeaker, WorkloadOption
from auditspine.cli.personal_signing import Declared, approval, future_time, signer_of
from auditspine.cli.settings import load_settings

TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant.")]
EnvironmentOption = Annotated[
    str, typer.Option("--env", help="The environment that it is for; this one only.")
]
ReasonOption = Annotated[str, typer.Option(help="Why; it becomes part of what you sign.")]
DomainOption = Annotated[
    str, typer.Option(help="The model's business domain; your role must reach it.")
]


class Decision(StrEnum):
    """What an approver decides."""

    APPROVED = "approved"
    APPROVED_WITH_CONDITIONS = "approved_with_conditions"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


def approve(
    model: ModelArgument,
    tenant: TenantOption,
    env: EnvironmentOption,
    meaning: Annotated[
        str, typer.Option(help="What your signature means; it becomes part of what you sign.")
    ],
    reason: ReasonOption,
    *,
    justification: Annotated[
        str | None, typer.Option(help="The authority that it rests on: a ticket, a policy clause.")
    ] = None,
    decision: Annotated[Decision, typer.Option(help="What you decide.")] = Decision.APPROVED,
    role: Annotated[
        str, typer.Option(help="In which role; it must be granted to you.")
    ] = "release_approver",
    condition: Annotated[
        list[str] | None,
        typer.Option(help="What must be kept for it to hold; repeat for more."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends. [default: never]")
    ] = None,
    workload: WorkloadOption = "approver",
    key: KeyOption = None,
    domain: DomainOption = "governance",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Approve, reject or withdraw an exact model, signed with the key of your login.

    Your name, the time and the meaning are in what you sign (21 CFR 11.50), with the model's
    digest and the environment: it counts for nothing else. Log in first: `auditspine login`.

    **Example**

    `auditspine approve mortgage-risk:3@sha256:556c… --tenant acme --env production
    --meaning "I have read the validation report and accept the remaining risk"
    --reason "release of version 3" --justification "model risk policy 4.2"`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    subject, conditions = parse_model(model), tuple(condition or ())
    if bool(conditions) != (decision is Decision.APPROVED_WITH_CONDITIONS):
        raise CliError(
            "conditions belong to --decision approved_with_conditions, and to no other; name each "
            "with --condition"
        )
    ends = future_time("--expires", expires)
    signer = signer_of(settings)
    declared = Declared(
        kind="approval",
        tenant=tenant,
        subject=subject,
        environment=env,
        role=role,
        decision=decision.value,
        meaning=meaning,
        reason=reason,
        expires_at=ends,
        conditions=conditions,
    )
    make = approval(signer, declared, justification)
    speaker = PersonSpeaker(settings, tenant, signer.credential.principal, workload, key, domain)
    [event_id] = speaker.say([make], "request", reason)
    _tell(event_id, declared, signer.credential, as_json=as_json)


def _tell(event_id: str, declared: Declared, by: Credential, *, as_json: bool) -> None:
    subject, env = declared.subject, declared.environment
    if as_json:
        print_json(
            {
                "event": event_id,
                "decision": declared.decision,
                "principal": by.principal,
                "name": by.name,
                "digest": subject.digest.hex(),
                "environment": env,
            }
        )
        return
    words = declared.decision.replace("_", " ")
    named = f"{subject.name} {subject.version} for {env}: {words} by {by.name}"
    stdout.print(Text.assemble(("✓ ", "good"), printable(named)), soft_wrap=True)
    stdout.print(Text(f"  sealed as event {event_id}"), style="dim", soft_wrap=True)
