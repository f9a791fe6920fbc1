"""``auditspine access``: who may do what, what of it is used, and the periodic review of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from auditspine.auditor.access import HeldGrant, grants_at, held_grants
from auditspine.auditor.asking import choose_tenant
from auditspine.cli.commands.sql import table_of
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    RecordedOption,
    ServersOption,
    TenantOption,
    moment_of,
    parse_time,
)
from auditspine.cli.person import KeyOption, Make, PersonSpeaker, WorkloadOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.schemas.models import (
    AccessReviewDecided,
    AccessReviewDecidedBody,
    AccessReviewOpened,
    AccessReviewOpenedBody,
    RoleRevoked,
    RoleRevokedBody,
)

_UNUSED_DAYS = 90

app = typer.Typer(help="See who may do what, and review it.", no_args_is_help=True)

ReviewerOption = Annotated[
    str, typer.Option(help="Who decides, as the identity provider names them.")
]
DomainOption = Annotated[str, typer.Option(help="Business domain of the events.")]


class Decision(StrEnum):
    """What a reviewer decides of a grant."""

    KEEP = "keep"
    REVOKE = "revoke"


@app.command()
def grants(
    tenant: TenantOption = None,
    recorded: RecordedOption = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """List who may do what now, or could at a time of the ledger.

    **Example**: `auditspine access grants --recorded 2026-11-25T12:00Z`
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    moment = moment_of(recorded, None)
    with _asking(settings) as client:
        of = choose_tenant(client, tenant)
        if moment.recorded is not None:
            rows = grants_at(client, of, moment.recorded)
        else:
            rows = [_shown(each) for each in held_grants(client, of)]
    if as_json:
        print_json(rows)
    elif rows:
        stdout.print(table_of(list(rows[0]), [list(row.values()) for row in rows]))
    else:
        stdout.print("no role was granted")


@app.command()
def review(
    tenant: TenantOption = None,
    review_id: Annotated[
        str | None,
        typer.Option("--open", metavar="ID", help="Open a review of every active grant."),
    ] = None,
    reviewer: ReviewerOption = "",
    *,
    due: Annotated[str, typer.Option(metavar="TIME", help="By when, such as 2026-12-15.")] = "",
    workload: WorkloadOption = "reviewer",
    key: KeyOption = None,
    domain: DomainOption = "governance",
    unused_days: Annotated[
        int, typer.Option(min=1, help="After how many days without use a grant is unused.")
    ] = _UNUSED_DAYS,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show per principal what is granted, used, unused and excessive; open a review of it.

    A review is an event: the reviewer decides on each grant with `auditspine access decide`, and
    one that is not decided on in time is a finding.

    **Examples**

    `auditspine access review`

    `auditspine access review --open 2026-q4 --reviewer head.of.risk@acme.example --due 2026-12-15`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    with _asking(settings) as client:
        of = choose_tenant(client, tenant)
        active = [each for each in held_grants(client, of) if each.standing == "active"]
    rows = [_shown(each) | {"assessment": each.assessment(unused_days)} for each in active]
    if review_id is not None:
        due_at = parse_time("--due", due or None)
        if not reviewer or due_at is None:
            raise CliError("--open needs --reviewer and --due")
        if not active:
            raise CliError("there is no active grant to review")
        body = AccessReviewOpenedBody(
            review_id=review_id,
            grants=tuple(each.grant_id for each in active),
            reviewer=reviewer,
            due_at=due_at,
        )
        speaker = PersonSpeaker(settings, of, reviewer, workload, key, domain)
        opening: list[Make] = [lambda env: AccessReviewOpened(envelope=env, body=body)]
        speaker.say(opening, "review", "periodic review")
    if as_json:
        print_json({"tenant": of, "review": review_id, "grants": rows})
    elif rows:
        stdout.print(table_of(list(rows[0]), [list(row.values()) for row in rows]))
        if review_id is not None:
            stdout.print(f"[good]✓[/] review {review_id} is open: {len(rows)} grants, due {due}")
    else:
        stdout.print("no grant is active")


@app.command()
def decide(
    review_id: Annotated[str, typer.Argument(help="The review.")],
    grant_id: Annotated[str, typer.Argument(help="The grant.")],
    decision: Annotated[Decision, typer.Argument(help="keep or revoke.")],
    rationale: Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")],
    reviewer: ReviewerOption,
    tenant: TenantOption = None,
    *,
    workload: WorkloadOption = "reviewer",
    key: KeyOption = None,
    domain: DomainOption = "governance",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Decide on one grant of a review. `revoke` takes the grant back as well.

    **Example**

    `auditspine access decide 2026-q4 grant-2291 revoke --rationale "not used" --reviewer head`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    with _asking(settings) as client:
        of = choose_tenant(client, tenant)
    body = AccessReviewDecidedBody(
        review_id=review_id, grant_id=grant_id, decision=decision.value, rationale=rationale
    )
    events: list[Make] = [lambda env: AccessReviewDecided(envelope=env, body=body)]
    if decision is Decision.REVOKE:
        taken = RoleRevokedBody(grant_id=grant_id, reason=rationale)
        events.append(lambda env: RoleRevoked(envelope=env, body=taken))
    speaker = PersonSpeaker(settings, of, reviewer, workload, key, domain)
    speaker.say(events, "review", f"review {review_id}")
    if as_json:
        print_json({"review": review_id, "grant": grant_id, "decision": decision.value})
    else:
        stdout.print(f"[good]✓[/] {grant_id}: {decision.value}")


@contextmanager
def _asking(settings: Settings) -> Iterator[Client]:
    client = clickhouse_client(settings, reader=True)
    try:
        yield client
    finally:
        client.close()


def _shown(grant: HeldGrant) -> dict[str, object]:
    return {
        "principal": grant.principal,
        "grant": grant.grant_id,
        "role": grant.role,
        "standing": grant.standing,
        "reaches": ", ".join([grant.sensitivity, *(grant.environments or ["every environment"])]),
        "uses": grant.uses,
        "used for": ", ".join(sorted(grant.used_operations) + sorted(grant.used_kinds)),
        "idle days": grant.idle_days,
    }
