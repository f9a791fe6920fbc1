"""Two lenders' models, each from its data to its outcomes; one of them through the gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from clickhouse_connect.driver.client import Client
from rich.status import Status

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo.applications import (
    Application,
    Split,
    dataset_bytes,
    of_lender,
    read_applications,
    split,
)
from auditspine.cli.demo.artifacts import MODEL
from auditspine.cli.demo.credit_model import PASSES, CreditModel, disparate_impact
from auditspine.cli.demo.deployment import GATED, TENANTS, Keys, clients, tokens_of
from auditspine.cli.demo.gate import release
from auditspine.cli.demo.identity import IdentityProvider
from auditspine.cli.demo.lender import LEAST_IMPACT, Lender, Validated
from auditspine.cli.demo.people import grant_roles, read_without_leave
from auditspine.cli.demo.receiver import Receiver
from auditspine.cli.demo.telling import done, remark, step
from auditspine.cli.demo.vouching import commit_code, keep
from auditspine.cli.settings import Settings

_VERSIONS = """
    SELECT max(toUInt32OrZero(JSONExtractString(body, 'model', 'version'))) FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'model.registered'
        AND JSONExtractString(body, 'model', 'name') = {model:String}
"""


@dataclass(frozen=True, slots=True)
class World:
    """What the lenders live in.

    Attributes:
        settings: The settings.
        keys: The demo's keys.
        provider: Where people log in.
        receiver: Who is told; ``None`` when nobody is.
    """

    settings: Settings
    keys: Keys
    provider: IdentityProvider
    receiver: Receiver | None


def live(world: World) -> list[Lender]:
    """Let both lenders train, validate, approve and serve; the one with a gate comes last.

    Returns:
        The lenders, in the order of ``TENANTS``.

    Raises:
        CliError: Something did not come in time.
    """
    raw = dataset_bytes()
    applications, incomplete = read_applications(raw)
    step(f"Two lenders use {len(applications):,} real mortgage applications")
    remark(
        f"hmda_boston.csv, sha256 {sha256(raw).hexdigest()[:16]}…, "
        f"{incomplete} row with missing values left out"
    )
    lenders = {
        tenant: _live(world, tenant, raw, of_lender(applications, index, len(TENANTS)))
        for index, tenant in sorted(enumerate(TENANTS), key=lambda each: each[1] == GATED)
    }
    return [lenders[tenant] for tenant in TENANTS]


def _live(world: World, tenant: str, raw: bytes, own: Sequence[Application]) -> Lender:
    splits = split(own, tenant)
    run = f"{tenant}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with clients(world.settings, world.keys, tenant) as speaking:
        versions = _next_versions(world.settings, tenant)
        lender = Lender(tenant, speaking, run, versions, tokens_of(world.settings, tenant))
        grant_roles(lender)
        lender.register_data(raw, splits)
        commit_code(lender)
        reader = read_without_leave(lender, splits["train"])
        model, found = _make(world, lender, splits)
        if found.passed and tenant == GATED:
            release(world.settings, lender, found, world.provider, world.receiver)
        elif found.passed:
            lender.deploy(found)
        if found.passed:
            with stdout.status(f"{tenant}: serving"):
                lender.serve(model, found, splits)
        lender.delivered()
    served = f", {len(lender.predictions)} predictions and their outcomes"
    said = f"{tenant}: {len(lender.deliveries)} signed events"
    done(f"{said}{served if lender.predictions else ''}")
    remark(f"{reader} reads the training data; nobody gave them a role")
    return lender


def _make(world: World, lender: Lender, splits: dict[str, Split]) -> tuple[CreditModel, Validated]:
    """Train a version, and a fairer one when it does not pass; give the last."""
    tenant = lender.tenant
    key, folder = world.keys.workloads[f"{tenant}-trainer"], world.settings.data_dir / "models"
    with stdout.status(f"{tenant}: training") as status:
        model = lender.train_first(splits, partial(_show_pass, status, tenant))
        keep(lender, model, key, folder / tenant)
        lender.delivered()  # a validation counts for what was registered before it
        found = lender.validate(model, splits)
        _decide(lender, found)
        if not found.passed:
            model = lender.retune(model, splits)
            keep(lender, model, key, folder / tenant)
            lender.delivered()
            found = lender.validate(model, splits)
            _decide(lender, found)
    return model, found


def _decide(lender: Lender, found: Validated) -> None:
    """Decide as its validation says, and tell; where there is a gate, it decides what passed."""
    if lender.tenant == GATED and found.passed:
        verdict = "[good]passed; the gate decides[/]"
    elif lender.decide(found):
        verdict = "[good]approved and deployed[/]"
    else:
        verdict = "[warn]rejected[/]"
    stdout.print(
        f"  {lender.tenant} v{found.ref.version}: accuracy {found.measured[0].accuracy:.3f}, "
        f"disparate impact {disparate_impact(found.measured):.3f} (at least {LEAST_IMPACT}) "
        f"→ {verdict}",
        soft_wrap=True,
    )


def _show_pass(status: Status, tenant: str, number: int) -> None:
    status.update(f"{tenant}: training, pass {number} of {PASSES}")


def _next_versions(settings: Settings, tenant: str) -> tuple[str, str]:
    """Number a run's versions: after those of runs before, whose bytes were approved or not."""
    client = clickhouse_client(settings, reader=True)
    try:
        last = _last_version(client, tenant)
    finally:
        client.close()
    return str(last + 1), str(last + 2)


def _last_version(client: Client, tenant: str) -> int:
    rows = client.query(_VERSIONS, parameters={"tenant": tenant, "model": MODEL}).result_rows
    return int(rows[0][0])
