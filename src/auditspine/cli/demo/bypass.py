"""Somebody deploys past the gate: what the release processor finds, and who is told.

Everything that it prints was read back from ClickHouse, the receiver or a guard; what does not come
in time is an error.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from auditspine.auditor.decisions import list_releases
from auditspine.cli.commands.sql import table_of
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo.artifacts import ref
from auditspine.cli.demo.deployment import Keys, make_client
from auditspine.cli.demo.found import awaited
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.receiver import Receiver
from auditspine.cli.demo.rules import ENVIRONMENT
from auditspine.cli.demo.stage import guard_of, verdict_of
from auditspine.cli.demo.telling import done, step
from auditspine.cli.demo.told import show_told
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.producers.client import AuditClient
from auditspine.schemas.models import (
    Actor,
    ArtifactRef,
    DeploymentAction,
    DeploymentChanged,
    DeploymentChangedBody,
)

_FOUND_S = 60.0
_DELIVERED_S = 60.0
_MOST_ROWS = 100
_KIND, _TIER = "release_bypassed", "stop_the_line"
_FINDING = """
    SELECT f.body, toUnixTimestamp64Milli(f.appended_at), toUnixTimestamp64Milli(d.appended_at)
    FROM (
        SELECT body, appended_at FROM committed_evidence
        WHERE tenant = {tenant:String} AND event_type = 'finding.raised'
            AND JSONExtractString(body, 'deployment', 'name') = {deployment:String}
    ) AS f, (
        SELECT min(appended_at) AS appended_at FROM committed_evidence
        WHERE tenant = {tenant:String} AND event_type = 'deployment.changed'
            AND JSONExtractString(body, 'deployment', 'name') = {deployment:String}
    ) AS d
"""


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the release processor found; times in seconds since 1970."""

    kind: str
    tier: str
    found_at: float
    deployed_at: float


def bypass(settings: Settings, keys: Keys, lender: Lender, receiver: Receiver | None) -> None:
    """Deploy the version that failed its validation under the other's decision; show what comes.

    Args:
        settings: The settings.
        keys: The demo's keys.
        lender: A lender whose rules are published, with a version that was rejected.
        receiver: Who is told; ``None`` when nobody is.

    Raises:
        CliError: It is not found, not told or not held back in time.
    """
    model = lender.rejected
    assert model is not None
    assert lender.live is not None
    by = lender.live.ref.version
    step(f"Past the gate: rejected version {model.version} is deployed by version {by}'s decision")
    name = f"mortgage-hotfix-{lender.run.rpartition('-')[2]}"
    deployment = ref("deployment", name, model.version, model.digest)
    with _deployed(settings, keys, lender, deployment, model):
        found = _await_finding(settings, lender.tenant, name)
        if (found.kind, found.tier) != (_KIND, _TIER):
            raise CliError(f"expected {_KIND}, {_TIER}; got {found.kind}, {found.tier}")
        _show_deployments(settings, lender, name)
        after_s = found.found_at - found.deployed_at
        done(f"found {after_s:.2f} s after the deployment: {found.kind}, {found.tier}")
        _show_guard(settings, lender.tenant, name, model)
        step("What whoever is on call received of that")
        message = show_told(settings, receiver, name)
        if message is not None:
            done(f"received {message.at - found.deployed_at:.2f} s after the deployment")


@contextmanager
def _deployed(
    settings: Settings, keys: Keys, lender: Lender, deployment: ArtifactRef, model: ArtifactRef
) -> Iterator[None]:
    """Have it deployed for the length of a block."""
    workload = f"{lender.tenant}-release-desk"
    with make_client(settings, lender.tenant, workload, keys.workloads[workload]) as desk:
        change = DeploymentChangedBody(
            deployment=deployment,
            model=model,
            environment=ENVIRONMENT,
            action="deployed",
            decision_id=lender.decision_id,
        )
        actor = Actor(principal=f"rik.smit@{lender.tenant}.example", kind="person")
        _say(desk, change, actor, "a quick fix on a Friday")
        try:
            yield
        finally:
            ended: DeploymentAction = "retired"
            over = {"action": ended, "traffic_share": 0.0, "decision_id": None}
            _say(desk, change.model_copy(update=over), actor, "taken out again")


def _say(desk: AuditClient, body: DeploymentChangedBody, actor: Actor, reason: str) -> None:
    envelope = desk.envelope("manual", reason, actor=actor)
    desk.publish(DeploymentChanged(envelope=envelope, body=body)).result(_DELIVERED_S)


def _await_finding(settings: Settings, tenant: str, deployment: str) -> _Finding:
    client = clickhouse_client(settings, reader=True)
    try:
        with stdout.status("waiting for the release processor"):
            return awaited(
                lambda: _finding(client, tenant, deployment),
                f"a finding on {deployment}",
                _FOUND_S,
            )
    finally:
        client.close()


def _finding(client: Client, tenant: str, deployment: str) -> _Finding | None:
    asked = {"tenant": tenant, "deployment": deployment}
    rows = client.query(_FINDING, parameters=asked).result_rows
    if not rows:
        return None
    body = json.loads(rows[0][0])
    return _Finding(body["kind"], body["tier"], rows[0][1] / 1000, rows[0][2] / 1000)


def _show_deployments(settings: Settings, lender: Lender, name: str) -> None:
    """Print what was deployed by the run's decision, as the release processor holds it."""
    client = clickhouse_client(settings, reader=True)
    try:
        rows = awaited(lambda: _judged(client, lender, name), f"the verdict on {name}", _FOUND_S)
    finally:
        client.close()
    stdout.print(table_of(("deployment", "version", "verdict", "by"), rows))


def _judged(client: Client, lender: Lender, name: str) -> list[tuple[str, ...]] | None:
    """Give what was deployed by a decision with what it was found to be, once that is known."""
    known = list_releases(
        client, lender.tenant, "deployments", environment=ENVIRONMENT, most=_MOST_ROWS
    )
    own = [each for each in reversed(known) if each["decision_id"] == lender.decision_id]
    if not any((each["deployment"], each["verdict"]) == (name, "bypassed") for each in own):
        return None
    columns = ("deployment", "model_version", "verdict", "decision_id")
    return [tuple(each[column] for column in columns) for each in own]


def _show_guard(settings: Settings, tenant: str, name: str, model: ArtifactRef) -> None:
    with guard_of(settings, tenant, name) as guard:
        verdict = verdict_of(guard, name, model.digest)
    if verdict.action != "block":
        raise CliError(f"the guard of {name} says {verdict.action}, expected block")
    done(f"its serving guard says {verdict.action}: {verdict.reason}")
