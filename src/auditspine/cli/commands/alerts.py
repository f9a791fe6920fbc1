"""``auditspine alerts``: what is wrong with served models, and what people do about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client

from auditspine.auditor.alert_rows import OPEN, STATES, TIERS
from auditspine.auditor.alerts import check_deployment, find_alert, list_alerts, read_story
from auditspine.auditor.asking import choose_tenant
from auditspine.cli.alert_screen import steps_lines, story_screen
from auditspine.cli.alert_steps import next_steps
from auditspine.cli.alert_table import alerts_table
from auditspine.cli.commands import alerts_say
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, TenantOption
from auditspine.cli.settings import load_settings
from auditspine.processors.drift.policy_parts import Tier

_LIMIT = 50

app = typer.Typer(
    help="See what is wrong with served models, and say what is done about it.",
    no_args_is_help=True,
)


class State(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@app.command("list")
def list_(
    tenant: TenantOption = None,
    tier: Annotated[
        list[Tier] | None, typer.Option(help="Only alerts of this tier; repeat for more.")
    ] = None,
    deployment: Annotated[str, typer.Option(help="Only alerts of this deployment.")] = "",
    state: Annotated[
        list[State] | None, typer.Option(help="Only alerts in this state; repeat for more.")
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those that are over, too.", show_default=False)
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Alerts to show.")] = _LIMIT,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """List alerts: what is open, the worst tier first.

    An id may be given to the other commands by its beginning.

    **Examples**

    `auditspine alerts list`

    `auditspine alerts list --tier review --tier stop_the_line --deployment mortgage-risk-eu`

    `auditspine alerts list --all --json | jq '.[] | select(.state == "resolved")'`
    """
    if every and state:
        raise CliError("give --state or --all")
    states = [each.value for each in state] if state else STATES if every else OPEN
    with _asking(data_dir, clickhouse_url, tenant) as (client, of):
        if deployment:
            check_deployment(client, of, deployment)
        tiers = [each.value for each in tier] if tier else TIERS
        found = list_alerts(
            client, of, states=states, tiers=tiers, deployment=deployment, most=limit + 1
        )
    shown = found[:limit]
    if as_json:
        print_json([asdict(each) for each in shown])
    elif shown:
        stdout.print(alerts_table(shown, stdout.width, datetime.now(UTC)))
    else:
        which = "" if every or state else "open "
        at = f" at {deployment}" if deployment else ""
        stdout.print(f"[good]✓[/] no {which}alert{at}{' of these' if tier or state else ''}")
    if len(found) > limit:
        stderr.print(f"! there are more than {limit}: --limit shows them", style="warn")


@app.command()
def show(
    alert: Annotated[str, typer.Argument(metavar="ID", help="The alert, or how its id begins.")],
    tenant: TenantOption = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show on one screen what moved, since when, how sure that is, what was done, what to do next.

    **Example**: `auditspine alerts show 424a5d1d`
    """
    with _asking(data_dir, clickhouse_url, tenant) as (client, of):
        story = read_story(client, of, find_alert(client, of, alert))
    if as_json:
        steps = next_steps(story.alert, story.serving, of)
        print_json(asdict(story) | {"next": [step._asdict() for step in steps]})
        return
    stdout.print(story_screen(story, datetime.now(UTC)))
    for line in steps_lines(story, of):
        stdout.print(line, soft_wrap=True)


@contextmanager
def _asking(data_dir: Any, clickhouse_url: Any, tenant: str | None) -> Iterator[tuple[Client, str]]:
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        yield client, choose_tenant(client, tenant)
    finally:
        client.close()


app.command()(alerts_say.acknowledge)
app.command()(alerts_say.silence)
app.command()(alerts_say.escalate)
app.command()(alerts_say.disposition)
