"""``auditspine gate``: asks whether an exact model may be deployed, for pipelines to obey."""

from pathlib import Path
from typing import Annotated

import typer

from auditspine.cli.commands.approve import TenantOption
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.gate_screen import show_decision
from auditspine.cli.gating import Answer, Ask, as_json, ask, unanswered
from auditspine.cli.model_ref import ModelArgument, parse_model
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings

_ANSWER_S = 60.0
_REVIEW_S = 900.0


def gate(
    model: ModelArgument,
    tenant: TenantOption,
    env: Annotated[str, typer.Option(help="Where it is to be deployed, e.g. production.")],
    purpose: Annotated[str, typer.Option(help="What it is to be used for, as datasets permit it.")],
    *,
    risk_class: Annotated[
        str, typer.Option(help="Risk class of its decisions; the policy says which its domain has.")
    ] = "high",
    jurisdiction: Annotated[
        list[str] | None,
        typer.Option(help="Beside those that the policy sets for the domain; repeat for more."),
    ] = None,
    domain: Annotated[str, typer.Option(help="Business domain.")] = "governance",
    deployment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:VERSION@DIGEST",
            help="The deployment that is to serve it: open alerts there count as well.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while people must decide.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Seconds to wait altogether. [default: 60, with --wait 900]",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it is asked for.")] = "a pipeline's release",
    workload: Annotated[
        str, typer.Option(help="Workload that asks; its key must be registered for the tenant.")
    ] = "gate",
    key: Annotated[
        Path | None, typer.Option("--key", help="Key file. [default: DATA_DIR/keys/WORKLOAD.pem]")
    ] = None,
    as_json_option: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Ask for a release of one exact model and print the decision, each rule with its reason.

    The request and the decision are events in the sealed log. The deployment must name the
    decision's id. Without a decision in time nothing is allowed.

    Exits with **0** when it is allowed, with **1** when it is denied, waits for people, or was not
    decided in time, with **2** when it could not be asked.

    **Examples**

    `auditspine gate mortgage-risk:3@sha256:556c… --tenant acme --env production
    --purpose "credit decisions" --wait`

    `auditspine gate … --json | jq -r .decision_id`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    asked = Ask(
        tenant=tenant,
        model=parse_model(model),
        environment=env,
        risk_class=risk_class,
        purpose=purpose,
        jurisdictions=tuple(dict.fromkeys(jurisdiction or ())),
        domain=domain,
        deployment=None
        if deployment is None
        else parse_model(deployment).model_copy(update={"kind": "deployment"}),
        reason=reason,
    )
    timeout_s = timeout or (_REVIEW_S if wait else _ANSWER_S)
    answer = ask(
        settings,
        asked,
        workload,
        key or settings.data_dir / "keys" / f"{workload}.pem",
        wait=wait,
        timeout_s=timeout_s,
        on_decision=lambda each: None if as_json_option else stdout.print(show_decision(each)),
    )
    if as_json_option:
        print_json(as_json(answer, timeout_s))
    _end(answer, wait=wait, timeout_s=timeout_s, quiet=as_json_option)


def _end(answer: Answer, *, wait: bool, timeout_s: float, quiet: bool) -> None:
    if answer.is_allowed:
        return
    if answer.decision is None:
        stderr.print(f"error: {unanswered(timeout_s)}", style="bad", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    if answer.decision.outcome == "needs_review" and not quiet:
        hint = (
            f"not decided within {timeout_s:.0f} s; a later decision answers the same request"
            if wait
            else "people must decide: `auditspine approve`, or ask again with --wait"
        )
        stderr.print(hint, markup=False, soft_wrap=True)
    raise typer.Exit(1)
