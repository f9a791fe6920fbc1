"""``auditspine alerts acknowledge``, ``silence``, ``escalate`` and ``disposition``.

What people do about alerts is signed events; what follows from them is the alerts processor's.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer
from rich.text import Text

from auditspine.auditor.alert_rows import Alert, Serving
from auditspine.auditor.alerts import check_deployment, find_alert, list_alerts, serving_of
from auditspine.cli.alert_checks import check_higher, investigation_of, minute, silence_span
from auditspine.cli.alert_desk import desk_of
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    ServersOption,
    TenantOption,
)
from auditspine.cli.person import KeyOption, WorkloadOption
from auditspine.cli.settings import load_settings
from auditspine.processors.drift.policy_parts import Tier
from auditspine.schemas.models import (
    AlertAcknowledged,
    AlertAcknowledgedBody,
    AlertEscalated,
    AlertEscalatedBody,
    AlertSilenced,
    AlertSilencedBody,
    InvestigationDispositioned,
    InvestigationDispositionedBody,
)

AlertArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The alert, or how its id begins.")
]
ByOption = Annotated[
    str, typer.Option("--by", metavar="PERSON", help="Who, as the identity provider names them.")
]
ReasonOption = Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")]


class Kind(StrEnum):
    """What an alert was about."""

    DATA_QUALITY = "data_quality"
    PIPELINE_BREAK = "pipeline_break"
    POPULATION_SHIFT = "population_shift"
    LABEL_DELAY = "label_delay"
    DEGRADATION = "degradation"
    POLICY_DRIFT = "policy_drift"
    EXPECTED_CHANGE = "expected_change"
    FALSE_ALARM = "false_alarm"


def acknowledge(
    alert: AlertArgument,
    by: ByOption,
    comment: Annotated[str, typer.Option(help="What you are going to do.")],
    tenant: TenantOption = None,
    *,
    workload: WorkloadOption = "on-call",
    key: KeyOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Take an alert upon yourself: nobody else is asked, until it asks for more.

    **Example**

    `auditspine alerts acknowledge 424a5d1d --by ana --comment "looking at the bureau feed"`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    with desk_of(settings, tenant, by, workload, key) as desk:
        found = desk.find(alert)
        body = AlertAcknowledgedBody(alert_id=found.alert_id, comment=comment)
        desk.say(lambda env: AlertAcknowledged(envelope=env, body=body), comment, [found])
        desk.tell(found, f"acknowledged by {by}", as_json=as_json)


def escalate(
    alert: AlertArgument,
    to: Annotated[Tier, typer.Option(help="What it must ask for.")],
    by: ByOption,
    reason: ReasonOption,
    tenant: TenantOption = None,
    *,
    workload: WorkloadOption = "on-call",
    key: KeyOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Give an alert a higher tier; what the policy does at that tier is done.

    **Example**

    `auditspine alerts escalate 424a5d1d --to stop_the_line --by ana --reason "incomes are wrong"`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    with desk_of(settings, tenant, by, workload, key) as desk:
        found = desk.find(alert)
        check_higher(found, to)
        body = AlertEscalatedBody(alert_id=found.alert_id, to_tier=to.value, reason=reason)
        desk.say(lambda env: AlertEscalated(envelope=env, body=body), reason, [found])
        desk.tell(found, f"escalated to {to} by {by}", as_json=as_json)


def silence(
    alert: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The alert, or how its id begins.")
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(help="All alerts of this deployment instead.")
    ] = None,
    *,
    span: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="How long: 30m, 2h or 1d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until when, such as 2026-12-15T06:00Z.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From when. [default: now]")
    ] = None,
    by: ByOption,
    reason: ReasonOption,
    tenant: TenantOption = None,
    workload: WorkloadOption = "on-call",
    key: KeyOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Tell nobody for a time of one alert's cause, or of anything at a deployment.

    Alerts are raised and recorded meanwhile, and what their tier does is done: a model is still
    taken out of service. Who would have been told is told when the silence ends.

    **Examples**

    `auditspine alerts silence 424a5d1d --for 2h --by ana --reason "the feed is being repaired"`

    `auditspine alerts silence --deployment mortgage-risk-eu --from 2026-12-14T22:00Z
    --until 2026-12-15T02:00Z --by ana --reason "migration, CHG-2291"`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    if (alert is None) == (deployment is None):
        raise CliError("give an alert, or a deployment with --deployment")
    starts, ends = silence_span(span, until, since, datetime.now(UTC))
    with desk_of(settings, tenant, by, workload, key) as desk:
        found = None if alert is None else desk.find(alert)
        if deployment is not None:
            check_deployment(desk.client, desk.tenant, deployment)
            concerned = list_alerts(desk.client, desk.tenant, deployment=deployment)
        else:
            concerned = [found] if found is not None else []
        body = AlertSilencedBody(
            silence_id=f"silence-{uuid4().hex[:16]}",
            alert_id=None if found is None else found.alert_id,
            deployment=deployment,
            starts_at=starts,
            ends_at=ends,
            reason=reason,
        )
        desk.say(lambda env: AlertSilenced(envelope=env, body=body), reason, concerned)
        words = f"silenced by {by} {_span_words(starts, ends)}"
        if found is not None:
            desk.tell(found, words, as_json=as_json, silence=body.silence_id)
        elif as_json:
            print_json({"deployment": deployment, "silence": body.silence_id, **desk.said})
        else:
            told = Text.assemble(("✓ ", "good"), printable(f"{deployment}: {words}"))
            stdout.print(told, soft_wrap=True)


def disposition(
    alert: AlertArgument,
    kind: Annotated[Kind, typer.Option("--as", help="What it was about.")],
    rationale: Annotated[str, typer.Option(help="Why, and what was done; it becomes evidence.")],
    by: ByOption,
    tenant: TenantOption = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Let the model serve as before from now on.")
    ] = False,
    workload: WorkloadOption = "on-call",
    key: KeyOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """End an alert's investigation, and with it the alert and its freeze of releases.

    A model that is out of service stays so unless --resume is given, now or later.

    **Example**

    `auditspine alerts disposition 9dbd5909 --as data_quality --resume --by ana
    --rationale "the bureau sent monthly incomes for six hours; those rows were scored again"`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    with desk_of(settings, tenant, by, workload, key) as desk:
        found = find_alert(desk.client, desk.tenant, alert)
        serving = serving_of(desk.client, desk.tenant, found)
        body = InvestigationDispositionedBody(
            investigation_id=investigation_of(found, serving),
            alert_id=found.alert_id,
            disposition=kind.value,
            resume=resume,
            rationale=rationale,
        )
        desk.say(
            lambda env: InvestigationDispositioned(envelope=env, body=body), rationale, [found]
        )
        desk.tell(found, f"{kind} by {by}", as_json=as_json)
        after = serving_of(desk.client, desk.tenant, found)
        if after is not None and not as_json:
            _tell_serving(found, after, resumed=resume)


def _tell_serving(alert: Alert, serving: Serving, *, resumed: bool) -> None:
    """Say whether the model serves again, and what it waits for if it does not."""
    named = f"{serving.model} {serving.model_version} at {serving.deployment}"
    if not serving.is_held:
        stdout.print(Text(printable(f"  {named} is live")), soft_wrap=True)
        return
    other = serving.alert_id not in ("", alert.alert_id)
    why = f" for {serving.alert_id}" if other else ""
    stdout.print(Text(printable(f"  {named} stays: {serving.words}{why}")), soft_wrap=True)
    if not other and not resumed:
        stderr.print("! it serves again with --resume, given now or later", style="warn")


def _span_words(starts: datetime, ends: datetime) -> str:
    begins = "" if starts <= datetime.now(UTC) else f"from {minute(starts)} "
    return f"{begins}until {minute(ends)}"
