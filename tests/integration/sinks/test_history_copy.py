"""A log lands whole and free of content, with the content of those that it lands for."""

import sys
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.sinks.errors import RefusedError
from auditspine.sinks.history_copy import Landing, land_history

sys.path.insert(0, str(Path(__file__).parent))
from control_world import key_registered, tenant_registered
from sink_world import LOG_KEY, Signer, encode, prediction, public

GLOBEX = Ed25519PrivateKey.from_private_bytes(b"\x31" * 32)


@pytest.fixture
def shared(world):
    """A log of two tenants, with what one of them may not say among it."""
    world.begin(tenant_registered("globex"), key_registered(GLOBEX, tenants=["globex"]))
    topic = world.topics.source("inference")
    signers = {
        "acme": world.signer("inference"),
        "globex": Signer(GLOBEX, topic, tenant="globex"),
        "posing": Signer(GLOBEX, topic, tenant="acme", epoch=8),
    }
    for who in ("acme", "globex", "posing", "acme", "globex"):
        tenant = "acme" if who == "posing" else who
        values = [
            encode(prediction(n, now_ms=world.now_ms, event_id=str(uuid.uuid4()), tenant=tenant))
            for n in range(30)
        ]
        world.seal("inference", 0, signers[who].sign(*values), segment=20)
    world.seal("inference", 0, [(b"nobody's", b"")])
    return world


def land(world, tenant: str | None, stream: str = "inference", **more) -> None:
    size = len(world.log(stream).sealed)
    topic = world.topics.sealed(stream)
    log = Landing(topic, 0, more.pop("size", size), tenant)
    land_history(world.kafka, world.store(), [public(LOG_KEY)], log)


def content(world) -> dict[tuple[str, str], int]:
    rows = world.client.query(
        "SELECT toString(e.tenant), toString(e.verdict), count() FROM entries AS e "
        "WHERE e.topic LIKE '%inference' AND (e.origin, e.position) IN ("
        "SELECT origin, position FROM evidence UNION ALL SELECT origin, position FROM quarantine) "
        "GROUP BY ALL"
    ).result_rows
    return {(tenant, verdict): count for tenant, verdict, count in rows}


def entries(world) -> int:
    query = "SELECT count(), uniqExact(position) FROM entries WHERE topic LIKE '%inference'"
    [(count, positions)] = world.client.query(query).result_rows
    assert count == positions
    return count


def test_of_a_log_all_entries_land_and_the_content_of_one_tenant(shared) -> None:
    land(shared, None, "control")
    land(shared, "acme")
    assert entries(shared) == 151
    assert content(shared) == {("acme", "valid"): 60}
    land(shared, "acme")  # again
    assert (entries(shared), content(shared)) == (151, {("acme", "valid"): 60})


def test_the_content_of_a_second_tenant_lands_in_a_log_that_is_there_already(shared) -> None:
    land(shared, None, "control")
    land(shared, "acme", size=40)
    land(shared, "acme")
    land(shared, "globex")
    assert entries(shared) == 151
    assert content(shared) == {("acme", "valid"): 60, ("globex", "valid"): 60}
    land(shared, "globex")
    duplicates = "SELECT count() - uniqExact(origin, position) FROM evidence"
    assert shared.client.query(duplicates).result_rows == [(0,)]


def test_a_database_without_tables_is_said_to_be_one(shared) -> None:
    shared.client.command("DROP TABLE claims SYNC")
    with pytest.raises(RefusedError):
        land(shared, "acme")
