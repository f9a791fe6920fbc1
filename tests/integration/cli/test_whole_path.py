"""Everything at once: two ledger workers, four partitions, two tenants, several producers and
every kind of invalid event among theirs, from the SDK to evidence, projection and verdict."""

import json
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.schemas.codec import encode

sys.path.insert(0, str(Path(__file__).parents[3]))
sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import Signer, public
from tests.chaos.independent import ClickHouse, check_log, has_landed, source_messages
from tests.chaos.rounds import COMMAND, Stack, differences, event, wait_for

from auditspine.ledger.keyfile import create_key
from auditspine.producers.client import AuditClient

EVENTS = 300
PRODUCERS = {"north-one": "north", "north-two": "north", "south-one": "south"}
TOPIC, PARTITION = "auditspine.inference", 2


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    running = Stack(tmp_path_factory.mktemp("path"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def keys(stack) -> dict[str, Ed25519PrivateKey]:
    made = {name: create_key(stack.data / "keys" / f"{name}.pem") for name in PRODUCERS}
    made["scorer"], made["gone"] = (Ed25519PrivateKey.generate() for _ in range(2))
    with watch_control(stack.settings) as watch:
        with speaking(stack.settings) as operator:
            said = [operator.register_tenant(tenant, tenant) for tenant in ("north", "south")]
            for name, tenant in PRODUCERS.items():
                said.append(operator.register_key(public(made[name]), name, (tenant,), ("*",)))
            for name in ("scorer", "gone"):
                types = ("prediction.made",)
                said.append(operator.register_key(public(made[name]), name, ("north",), types))
            said.append(operator.revoke_key(public(made["gone"]), "it left the company"))
        await_sealed(watch, said, 60)  # it counts for what is published from now on
    return made


def publish_valid(stack, name: str, accesses: Counter) -> None:
    tenant = PRODUCERS[name]
    with AuditClient(
        {"log_level": "0", "bootstrap.servers": stack.described()["endpoints"]["kafka"]},
        tenant=tenant,
        producer=name,
        key=stack.data / "keys" / f"{name}.pem",
        domain="credit",
        environment="test",
    ) as client:
        for number in range(EVENTS):
            kind = ("artifact.accessed", "prediction.made", "run.started")[number % 3]
            client.publish(event(kind, tenant, name, f"snapshot-{number % 5}"))
            if kind == "artifact.accessed":
                accesses[tenant, f"snapshot-{number % 5}"] += 1


def prediction(tenant: str = "north", producer: str = "scorer", **envelope) -> bytes:
    made = event("prediction.made", tenant, producer, "")
    changed = made.envelope.model_copy(update=envelope)
    return encode(made.model_copy(update={"envelope": changed}))


def invalid(keys) -> list[tuple[str, str, bytes, bytes]]:
    """Give verdict, reason, value and signature of one event for every reason."""

    def signer(key=keys["scorer"], partition=PARTITION, **who) -> Signer:
        names = {"tenant": "north", "producer": "scorer", **who}
        return Signer(key, TOPIC, partition, **names)

    def signed(value: bytes, by: Signer | None = None) -> tuple[bytes, bytes]:
        return (by or one).sign(value)[0]

    one, good = signer(epoch=1), prediction()
    stranger = Ed25519PrivateKey.generate()
    other_stream = encode(event("run.started", "north", "north-one", ""))
    return [
        ("foreign", "the message has no value", b"", b""),
        ("foreign", "not in the wire format and not signed", b"hello from another team", b""),
        ("bad_signature", "no sig header", good, b""),
        ("bad_signature", "the sig header cannot be parsed", good, b"\1\2\3"),
        (
            "bad_signature",
            "the signature does not cover this value here",
            *(good[:-1] + b"\1", signed(good)[1]),
        ),
        (
            "bad_signature",
            "the signature does not cover this value here",
            *signed(prediction(), signer(partition=PARTITION + 1)),  # replayed elsewhere
        ),
        ("unknown_key", "the key is not in the control log", *signed(good, signer(stranger))),
        (
            "revoked_key",
            "the key is revoked",
            *signed(prediction(producer="gone"), signer(keys["gone"], producer="gone")),
        ),
        (
            "wrong_tenant",
            "the tenant is not registered",
            *signed(prediction("nobody"), signer(tenant="nobody")),
        ),
        (
            "wrong_tenant",
            "the key may not speak for this tenant",
            *signed(prediction("south"), signer(tenant="south")),
        ),
        (
            "wrong_tenant",
            "envelope and signature name different tenants",
            *signed(prediction("south")),
        ),
        ("undecodable", "not in the wire format", *signed(b"\7")),
        (
            "undecodable",
            "the schema id is not in the control log",
            *signed(b"\0\0\0\0\7" + good[5:]),
        ),
        ("undecodable", "the bytes are not those of the schema", *signed(prediction()[:-2])),
        (
            "not_permitted",
            "envelope.workload.name and signature name different producers",
            *signed(prediction(producer="north-one")),
        ),
        (
            "not_permitted",
            "the key belongs to another producer",
            *signed(prediction(producer="alias"), signer(producer="alias")),
        ),
        (
            "not_permitted",
            "the event type does not belong on this topic",
            *signed(other_stream, signer(keys["north-one"], producer="north-one", epoch=5)),
        ),
        (
            "not_permitted",
            "the key may not publish this event type",
            *signed(
                encode(event("outcome.observed", "north", "scorer", "")),
                Signer(keys["scorer"], "auditspine.outcomes", PARTITION, "north", "scorer", 1),
            ),
        ),
    ]


def flagged(keys) -> list[tuple[int, bytes, bytes]]:
    """Give the flag, value and signature of valid events that the ledger remarks on."""
    one = Signer(keys["scorer"], TOPIC, PARTITION, "north", "scorer", 77)
    first = one.sign(prediction())[0]
    one.sequence += 3
    ahead = datetime.now(UTC) + timedelta(hours=2)
    return [
        (0, *first),
        (2, *first),
        (1, *one.sign(prediction())[0]),
        (4, *one.sign(prediction(occurred_at=ahead))[0]),
    ]


@pytest.mark.timeout(400)
def test_each_valid_event_is_evidence_once_and_each_other_is_quarantined_for_its_reason(
    stack, keys
) -> None:
    counts = {name: Counter() for name in PRODUCERS}
    threads = [
        threading.Thread(target=publish_valid, args=(stack, name, counts[name]))
        for name in PRODUCERS
    ]
    for thread in threads:
        thread.start()
    raw = Producer({"bootstrap.servers": stack.described()["endpoints"]["kafka"], "log_level": "0"})
    bad, remarked = invalid(keys), flagged(keys)
    for verdict, _, value, sig in (*bad, *((str(f), "", v, s) for f, v, s in remarked)):
        outcome = verdict == "not_permitted" and value == bad[-1][2]
        raw.produce(
            "auditspine.outcomes" if outcome else TOPIC,
            value or None,
            headers={"sig": sig} if sig else None,
            partition=PARTITION,
        )
        raw.flush(10)
    for thread in threads:
        thread.join(120)
    accesses = sum(counts.values(), Counter())

    assert differences(stack, accesses) == []  # independent fold, and the projection's rebuild

    store = stack.store()
    found = Counter(
        (verdict, reason, value)
        for verdict, reason, value in store.rows(
            "SELECT toString(verdict), reason, lower(hex(value)) FROM quarantine"
        )
    )
    assert found == Counter((verdict, reason, value.hex()) for verdict, reason, value, _ in bad)
    flags = store.rows(
        "SELECT flags, lower(hex(value)) FROM evidence WHERE workload_name = 'scorer' "
        "ORDER BY position"
    )
    assert flags == [[flag, value.hex()] for flag, value, _ in remarked]
    ours = store.rows(
        "SELECT workload_name, toUInt32(count()), toUInt32(uniqExact(event_id)) FROM evidence "
        "WHERE event_type != 'producer.heartbeat' AND tenant IN ('north', 'south') "
        "AND workload_name != 'scorer' AND NOT startsWith(workload_name, 'auditspine-') "
        "GROUP BY workload_name ORDER BY workload_name"
    )
    assert ours == [[name, EVENTS, EVENTS] for name in sorted(PRODUCERS)]

    done = subprocess.run(
        [*COMMAND, "verify", "--json", "--data-dir", str(stack.data)],
        capture_output=True,
        check=False,
        text=True,
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["outcome"]) == (0, "verified"), report
    for name in ("ledger-1", "ledger-2"):
        assert "took over auditspine." in (stack.data / "logs" / f"{name}.log").read_text()


WHERE = "WHERE position = 3"


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        (f"ALTER TABLE entries UPDATE leaf = toFixedString('', 32) {WHERE}", "another hash"),
        (f"ALTER TABLE entries UPDATE chain = toFixedString('', 32) {WHERE}", "another hash"),
        (f"ALTER TABLE entries UPDATE source_offset = 77 {WHERE}", "got [3, 77]"),
        (f"ALTER TABLE entries DELETE {WHERE}", "entries"),
        (f"INSERT INTO entries SELECT * FROM entries {WHERE}", "entries"),
        (f"ALTER TABLE entries UPDATE verdict = 'foreign' {WHERE}", "3 stands in evidence"),
        (f"ALTER TABLE evidence UPDATE value = 'x' {WHERE}", "has other bytes"),
        (f"ALTER TABLE evidence UPDATE sig = 'x' {WHERE}", "has other bytes"),
        (f"ALTER TABLE evidence DELETE {WHERE}", "content of"),
        (f"INSERT INTO evidence SELECT * FROM evidence {WHERE}", "or repeated"),
        (
            "ALTER TABLE checkpoints UPDATE note = replaceRegexpOne(note, '[A-Z]', '_') WHERE 1",
            "another root",
        ),
        (
            (
                "ALTER TABLE checkpoints UPDATE "
                "note = concat(substring(note, 1, length(note) - 6), 'AAA==\n') WHERE size > 0"
            ),
            "not signed by the log key",
        ),
    ],
)
def test_the_independent_check_sees_what_was_changed(stack, keys, tampering, said) -> None:
    """A check that cannot fail proves nothing: this one fails on a copy that was tampered with."""
    admin = clickhouse_client(stack.settings)
    key = json.loads((stack.data / "trust.json").read_text())["log_keys"][0]["public_key"]
    accounts = json.loads((stack.data / "clickhouse" / "accounts.json").read_text())
    url = stack.described()["endpoints"]["clickhouse"]
    source = source_messages(stack.described()["endpoints"]["kafka"])["auditspine.control", 0]
    wait_for(lambda: has_landed(stack.store(), {("auditspine.control", 0): source}, Counter()), "")
    try:
        admin.command("CREATE DATABASE copy")
        for table in ("entries", "evidence", "quarantine", "checkpoints"):
            admin.command(f"CREATE TABLE copy.{table} AS auditspine.{table}")
            admin.command(
                f"INSERT INTO copy.{table} SELECT * FROM auditspine.{table} WHERE origin IN "
                "(SELECT origin FROM auditspine.commits WHERE topic = 'auditspine.control.sealed')"
            )
        copy = ClickHouse(url, "admin", accounts["admin"]["password"], "copy")
        arguments = (bytes.fromhex(key), "auditspine.control", 0, source)
        assert check_log(copy, *arguments) == []
        admin.database = "copy"
        admin.command(tampering, settings={"mutations_sync": 2})
        found = check_log(copy, *arguments)
        assert any(said in problem for problem in found), found
    finally:
        admin.command("DROP DATABASE IF EXISTS copy SYNC")
        admin.close()
