"""``auditspine drift``: how the monitors of served models stand."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from auditspine.auditor.alert_rows import TIERS
from auditspine.auditor.alerts import (
    check_deployment,
    list_alerts,
    serving_states,
    signalled_monitors,
)
from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.drift import Place, find_places, landed_predictions, read_reports
from auditspine.cli.commands.drift_report import report
from auditspine.cli.commands.drift_tune import publish_policy, tune_policy
from auditspine.cli.connections import clickhouse_client, has_kafka
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.drift_screen import REPORTS, Watched, watched, watched_screen, watched_value
from auditspine.cli.errors import EXPECTED, CliError
from auditspine.cli.flow import StreamFlow, measure
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, TenantOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.embedded import identity
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running

_REPORTED = 500  # predictions after which there is a report of all monitors
_TOGETHER = timedelta(days=1)  # models that served so shortly one after the other are all shown

app = typer.Typer(help="See how the monitors of served models stand.", no_args_is_help=True)


app.command()(report)
app.command("tune")(tune_policy)
app.command("publish")(publish_policy)


@app.command()
def show(
    deployment: Annotated[
        str, typer.Argument(help="A deployment by its name; every one if none.")
    ] = "",
    model: Annotated[
        str, typer.Option(metavar="NAME[@VERSION]", help="Only this model, or one version.")
    ] = "",
    tenant: TenantOption = None,
    *,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Quiet monitors, and models that served before.", show_default=False
        ),
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show the monitors of each model at each deployment, the nearest to a signal first.

    How near one is counts evidence: each row that speaks for a change takes it on by as much. 0%
    is what an unchanged stream reaches every thousand rows; at 100% it signals. A line of blocks
    shows how near it was in the last reports, of which there is one every few hundred predictions.

    **Examples**

    `auditspine drift show`

    `auditspine drift show mortgage-risk-eu --all`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        of = choose_tenant(client, tenant)
        name, _, version = model.partition("@")
        found = find_places(client, of, deployment, name, version)
        if not found and deployment:
            check_deployment(client, of, deployment)
        if not found and model and find_places(client, of, deployment):
            raise CliError(
                f"no model {model} is watched{f' at {deployment}' if deployment else ''}"
            )
        shown = found if every or model else _current(found)
        seen = sorted((_look(client, of, place) for place in shown), key=_worst_first)
        unseen = _unseen(client, of, deployment, found) if not model else []
    finally:
        client.close()
    if as_json:
        print_json([watched_value(each) for each in seen])
    else:
        _print(seen, len(found) - len(shown), every=every)
    if not found:
        for line in _missing(settings, [count for _, count in unseen]):
            stderr.print(f"! {line}", style="warn", markup=False, soft_wrap=True)
    for name, count in unseen:
        why = "the first report comes after a few hundred" if count < _REPORTED else "no report yet"
        line = f"! {printable(name)}: {count:,} predictions landed, {why}"
        stderr.print(line, style="dim", markup=False, soft_wrap=True)


def _look(client: Client, tenant: str, place: Place) -> Watched:
    reports = read_reports(client, tenant, place, REPORTS)
    alerts = [
        each
        for each in list_alerts(client, tenant, deployment=place.deployment)
        if each.model_digest == place.model_digest
    ]
    states = serving_states(client, tenant, place.deployment)
    serving = next((each for each in states if each.model_digest == place.model_digest), None)
    told = signalled_monitors(client, tenant, alerts)
    return watched(place, reports, alerts, serving, told)


def _worst_first(seen: Watched) -> tuple[int, str]:
    worst = max((TIERS.index(each.tier) for each in seen.alerts), default=-1)
    return -worst, seen.place.deployment


def _current(places: Sequence[Place]) -> list[Place]:
    """Give of each deployment the model that served last, and others that did shortly before."""
    newest: dict[str, datetime] = {}
    for each in places:
        newest[each.deployment] = max(each.last_at, newest.get(each.deployment, each.last_at))
    return [each for each in places if newest[each.deployment] - each.last_at <= _TOGETHER]


def _unseen(
    client: Client, tenant: str, deployment: str, found: Sequence[Place]
) -> list[tuple[str, int]]:
    """Give deployments whose predictions landed and of which there is no report yet."""
    known = {each.deployment for each in found}
    if deployment in known:
        return []
    return [
        (name, count)
        for name, count, _ in landed_predictions(client, tenant)
        if name not in known and deployment in ("", name)
    ]


def _print(seen: Sequence[Watched], earlier: int, *, every: bool) -> None:
    now = datetime.now(UTC)
    for number, each in enumerate(seen):
        if number:
            stdout.print()
        stdout.print(watched_screen(each, now, stdout.width, every=every))
    if earlier:
        stderr.print(f"{earlier} models that served before are not shown: --all", style="dim")


def _missing(settings: Settings, landed: Sequence[int]) -> Iterator[str]:
    """Say why there is nothing to see yet."""
    stopped = list(_stopped(settings))
    if stopped:
        yield f"not running: {', '.join(stopped)}; see `auditspine status`"
    flow = _inference(settings)
    if flow is not None and not flow.published:
        yield "no prediction.made was published yet"
    elif flow is not None and flow.sealed < flow.published:
        yield f"{flow.published - flow.sealed:,} predictions wait to be sealed: does a ledger run?"
    elif flow is not None and flow.landed is not None and flow.landed < flow.sealed:
        yield f"{flow.sealed - flow.landed:,} predictions have not landed yet: does a sink run?"
    elif not landed:
        yield "no prediction.made of this tenant landed of late"
    elif not stopped and max(landed) >= _REPORTED:
        yield "no monitor has reported yet: does `auditspine worker drift` run, or is it behind?"


def _stopped(settings: Settings) -> Iterator[str]:
    """Name the parts of the embedded stack that drift needs and that do not run."""
    stack = find_running(DataDir(settings.data_dir.absolute()))
    if stack is None:
        return
    running = {part.name for part in stack.parts if identity.is_running(part)}
    for name in ("ledger-1", "drift-1", "alerts-1", "sink-1"):
        if name not in running:
            yield name


def _inference(settings: Settings) -> StreamFlow | None:
    """Give how far predictions are; None where Kafka is not named or does not answer."""
    if not has_kafka(settings):
        return None
    try:
        return next(each for each in measure(settings) if each.stream == "inference")
    except EXPECTED:
        return None
