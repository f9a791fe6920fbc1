"""Where the drift story is played: two deployments of one model, and their serving guards."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from auditspine.cli.connections import clickhouse_client, kafka_properties
from auditspine.cli.demo.deployment import Keys
from auditspine.cli.demo.found import Log
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.replay import Place, deployed
from auditspine.cli.demo.rules import ENVIRONMENT
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import read_key
from auditspine.ledger.note import raw_public_key
from auditspine.producers.guard import ServingGuard, Verdict

GUARD_S = 30.0
"""How long a guard may take to know, and a stop to reach it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story is played with.

    Attributes:
        settings: The settings.
        tenant: The lender.
        places: The deployment that decides, and the one that screens before.
        guards: Their guards, in this process.
        log: What is asked of ClickHouse.
    """

    settings: Settings
    tenant: str
    places: tuple[Place, Place]
    guards: tuple[ServingGuard, ServingGuard]
    log: Log


@contextmanager
def staged(settings: Settings, keys: Keys, lender: Lender) -> Iterator[Stage]:
    """Deploy a lender's model at both places for the length of a block."""
    assert lender.live is not None
    with ExitStack() as stack:
        places = stack.enter_context(deployed(settings, keys, lender, lender.live))
        first, second = (
            stack.enter_context(guard_of(settings, lender.tenant, place.ref.name))
            for place in places
        )
        client = clickhouse_client(settings, reader=True)
        stack.callback(client.close)
        log = Log(client, lender.tenant)
        yield Stage(settings, lender.tenant, places, (first, second), log)


def guard_of(settings: Settings, tenant: str, deployment: str) -> ServingGuard:
    """Make the guard of a deployment: it obeys alerts and release decisions. Close it."""
    alerts, releases = (
        raw_public_key(read_key(settings.processor_key_path(each)))
        for each in ("alerts", "release")
    )
    return ServingGuard(
        {"log_level": "0", **kafka_properties(settings)},
        tenant=tenant,
        deployment=deployment,
        keys=[alerts],
        topics=settings.topics,
        environment=ENVIRONMENT,
        release_keys=[releases],
    )


def verdict_of(guard: ServingGuard, deployment: str, digest: bytes) -> Verdict:
    """Ask a guard, which must know."""
    verdict = guard.check(digest)
    if verdict.state == "unknown":
        if not guard.wait_ready(GUARD_S):
            raise CliError(f"the guard of {deployment} does not know: {verdict.reason}")
        verdict = guard.check(digest)
    return verdict


def check(guard: ServingGuard, place: Place) -> Verdict:
    """Ask the guard of a place, which must know."""
    return verdict_of(guard, place.ref.name, place.live.ref.digest)
