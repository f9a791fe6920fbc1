"""A tenant moves to topics and a database of its own, and back, on the real stack."""

import json
import signal
import time

import pytest
from tests.integration.cli.cli_stack import Stack, event
from tests.waiting import await_true

from auditspine.auditor.core.defects import Defect, Kind
from auditspine.auditor.options import Options
from auditspine.auditor.report import Outcome, Report
from auditspine.cli import log_waits
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.errors import NotSealedError
from auditspine.cli.log_waits import require_sealing
from auditspine.cli.moving import control_state
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.residence import logs_of
from auditspine.cli.settings import Settings, load_settings
from auditspine.cli.verification import run_verification
from auditspine.embedded.lock import acquire, release

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack
ROUTING = """
[spaces.harbor]
isolation = "dedicated"
tenants = ["harbor"]

[spaces.grid]
isolation = "domain"
domains = ["energy"]

[spaces.bay]
isolation = "dedicated"
tenants = ["bay"]
"""
SCOPE = {
    "domains": [],
    "environments": [],
    "max_sensitivity": "restricted",
    "namespace": "",
    "network": "",
}
MOVE = ("tenants", "move", "harbor", "--reason", "test", "--quiet", "0", "--json")
LANDING = 3  # looks at what processors say now and then, which is sealed before it lands
TABLES = ("lineage_nodes", "lineage_edges", "lineage_marks", "access_edges", "access_verdicts")
FINDINGS = (
    "SELECT toString(kind) AS kind, artifact_kind, artifact_name, position FROM findings FINAL "
    "WHERE tenant = 'harbor' AND processor = 'lineage' ORDER BY ALL"
)


class World:
    """The stack, and the routing file that its commands are told."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.file = stack.root / "tenancy.toml"
        self.file.write_text(ROUTING)

    def run(self, *arguments: str, apart: bool = True, **more: str):
        environment = {"AUDITSPINE_TENANCY": str(self.file)} if apart else {}
        code, out, err = self.stack.run(*arguments, **environment, **more)
        return code, out, err

    def ask(self, sql: str, space: str = "shared") -> list[dict]:
        client = clickhouse_client(settings_of(self, space), reader=True)
        try:
            result = client.query(sql)
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
        finally:
            client.close()

    def publish(self, tenant: str, *events: str, apart: bool, domain: str = "credit") -> list[dict]:
        lines = [of_tenant(tenant, each, domain) for each in events]
        code, out, err = self.run(
            "publish", "--wait", "--json", stdin="\n".join(lines), apart=apart
        )
        assert code in (0, 1), out + err
        return [json.loads(line) for line in out.splitlines()]

    def move(self) -> dict:
        code, out, err = self.run(*MOVE)
        assert code == 0, err
        return json.loads(out)


def of_tenant(tenant: str, line: str, domain: str = "credit") -> str:
    content = json.loads(line)
    content["envelope"]["tenant"] = tenant
    content["envelope"]["domain"] = domain
    content["envelope"]["workload"]["name"] = f"{tenant}-scorer"
    return json.dumps(content)


def granted(grant_id: str, principal: str) -> str:
    body = {"grant_id": grant_id, "principal": principal, "role": "data_reader"}
    content = json.loads(event("role.granted", **body, scope=SCOPE, principal_kind="person"))
    return json.dumps(content)


def accessed(principal: str) -> str:
    content = json.loads(event("artifact.accessed", sensitivity="internal"))
    content["envelope"]["actor"] = {"principal": principal, "kind": "person"}
    return json.dumps(content)


HISTORY = (
    event("dataset.registered"),
    event("dataset.snapshotted"),
    event("model.registered"),
    event("deployment.changed"),
    event("prediction.made", prediction_id="before"),
    granted("g-ana", "ana"),
    granted("g-bob", "bob"),
    accessed("ana"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two tenants that share, each with some history."""
    stack = Stack(tmp_path_factory.mktemp("tenancy"), AUDITSPINE_PARTITIONS="2")
    world = World(stack)
    stack.start(AUDITSPINE_TENANCY=str(world.file))
    for tenant in ("harbor", "acme"):
        done = world.run("tenants", "register", tenant)
        assert done[0] == 0, done
        assert world.run("keys", "create", f"{tenant}-scorer")[0] == 0
        done = world.run("keys", "register", f"{tenant}-scorer", "--tenant", tenant)
        assert done[0] == 0, done
        sealed = world.publish(tenant, *HISTORY, apart=False)
        assert {each["verdict"] for each in sealed} == {"valid"}
    await_true(lambda: verdicts(world, "shared", "harbor") == ["allowed"], "access is judged")
    await_true(lambda: world.run("rebuild", "lineage", "--check")[0] == 0, "the graph is whole")
    yield world
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(60) == 0
    assert stack.left() == []
    assert list(stack.root.glob("*-data")) == []  # workers leave nothing where they run


def verdicts(world: World, space: str, tenant: str) -> list[str]:
    rows = world.ask(
        f"SELECT toString(verdict) AS v FROM access_verdicts FINAL WHERE tenant = '{tenant}' "
        "ORDER BY appended_at, position",
        space,
    )
    return [row["v"] for row in rows]


def nodes(world: World, space: str) -> int:
    rows = world.ask(
        "SELECT toInt32(count()) AS n FROM lineage_nodes FINAL WHERE tenant = 'harbor'", space
    )
    return rows[0]["n"] if rows else 0


def table(world: World, space: str, name: str) -> list[dict]:
    return world.ask(f"SELECT * FROM {name} FINAL WHERE tenant = 'harbor' ORDER BY ALL", space)


def verify(world: World, space: str, *, sealed: bool = True, signatures: bool = True) -> Report:
    """Verify without any patience; but again while something seems cut off that may be landing."""
    for _ in range(LANDING):
        options = Options(now_ms=time.time_ns() // 1_000_000, lag_ms=0, signatures=signatures)
        report = run_verification(settings_of(world, space), options, sealed=sealed, quiet=True)
        if not any(defect.kind is Kind.TRUNCATED for defect in report.defects):
            break
    return report


def verified(world: World, space: str) -> None:
    report = verify(world, space)
    assert report.outcome is Outcome.VERIFIED, (report.defects, report.not_checked)


def routes(world: World) -> dict[str, dict]:
    _, out, _ = world.run("tenants", "routes", "--json")
    return {each["subject"]: each for each in json.loads(out)}


def settings_of(world: World, space: str = "shared") -> Settings:
    where = {"data_dir": world.stack.data, "tenancy": world.file}
    return load_settings(**where, partitions=2).in_space(space)


def decided(world: World) -> None:
    """Decide to move harbor, as the command does first."""
    settings = settings_of(world)
    space = settings.routing.spaces["harbor"]
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.decide_tenancy(
            space, settings.routing.digest, "test", "test", tenant="harbor"
        )
        await_sealed(watch, [said], 30)


def tampered(world: World, *statements: str, space: str = "harbor") -> tuple[Defect, ...]:
    """Change a database as its administrator could; give what is found without Kafka."""
    client = clickhouse_client(settings_of(world, space))
    try:
        for statement in statements:
            client.command(statement, settings={"mutations_sync": "1"})
    finally:
        client.close()
    return verify(world, space, sealed=False).defects


def test_a_domains_events_belong_in_its_space_from_the_decision_on(world) -> None:
    prediction = event("prediction.made", prediction_id="kwh")
    [before] = world.publish("acme", prediction, apart=False, domain="energy")
    assert (before["verdict"], before["topic"]) == ("valid", "auditspine.inference")
    why = ("--reason", "grid data stays with grid operators", "--quiet", "0")
    assert world.run("tenants", "move", "--domain", "energy", *why)[0] == 0
    assert routes(world)["domain energy"]["counts_in"] == "grid"
    [stray] = world.publish("acme", prediction, apart=False, domain="energy")
    assert stray["verdict"] == "wrong_tenant"
    assert "another space" in stray["reason"]
    [after] = world.publish("acme", prediction, apart=True, domain="energy")
    assert (after["verdict"], after["topic"]) == ("valid", "auditspine.grid.inference")
    sql = (
        "SELECT toInt32(count()) AS n FROM committed_evidence "
        "WHERE domain = 'energy' AND event_type = 'prediction.made'"
    )
    await_true(lambda: world.ask(sql, "grid") == [{"n": 1}], "it is in the domain's database")
    assert world.ask(sql) == [{"n": 1}]
    verified(world, "grid")
    code, _, err = world.run("tenants", "move", "--domain", "energy", *why)
    assert (code, "already" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tenants", "move", "--reason", "x"), "name a tenant, or a domain"),
        (("tenants", "move", "acme", "--domain", "energy", "--reason", "x"), "name a tenant, or"),
        (("tenants", "move", "nobody", "--reason", "x"), "no tenant nobody is registered"),
        (("tenants", "move", "acme", "--reason", "x", "--tenancy", "gone.toml"), "gone.toml"),
        (("--space", "moon", "status"), "no space moon"),
        (("--space", "harbor", "up"), "the stack runs every space"),
        (
            ("keys", "register", "acme-scorer", "--tenant", "acme", "--tenant", "harbor"),
            "harbor has a space of its own",
        ),
    ],
)
def test_what_cannot_be_done_is_said(world, arguments, said) -> None:
    code, _, err = world.run(*arguments)
    assert code == 2
    assert said in err


def test_a_move_waits_for_a_space_for_silent_services_and_for_keys_of_its_own(world) -> None:
    assert world.run("tenants", "register", "bay")[0] == 0
    for producer, more in (("bay-scorer", ()), ("both", ("--tenant", "acme"))):
        assert world.run("keys", "create", producer)[0] == 0
        register = ("keys", "register", producer, "--tenant", "bay", *more)
        assert world.run(*register, apart=False)[0] == 0
    world.publish("bay", event("prediction.made", prediction_id="bay"), apart=False)
    move = ("tenants", "move", "bay", "--reason", "test")
    code, _, err = world.run(*move)
    assert (code, "keys of both speak for bay and for others" in err) == (2, True)
    assert world.run("keys", "register", "both", "--tenant", "acme")[0] == 0
    sql = "SELECT toInt32(count()) AS n FROM committed_evidence WHERE tenant = 'bay'"
    await_true(lambda: world.ask(sql) not in ([], [{"n": 0}]), "the event landed")
    code, _, err = world.run(*move)
    assert (code, "services of bay still publish (bay-scorer" in err) == (2, True)
    unprepared = world.file.with_name("unprepared.toml")
    unprepared.write_text('[spaces.cove]\nisolation = "dedicated"\ntenants = ["bay"]\n')
    code, _, err = world.run(*move, "--tenancy", str(unprepared))
    assert (code, "the space cove is not prepared" in err) == (2, True)
    assert routes(world)["bay"]["counts_in"] == "shared"


def test_a_move_waits_for_ledger_workers_and_for_another_move(world, monkeypatch) -> None:
    settings = settings_of(world)
    logs = logs_of(control_state(settings), "auditspine.grid.")
    require_sealing(settings, logs)
    monkeypatch.setattr(log_waits, "_FRESH_S", 0.0)  # as if they had been silent for minutes
    with pytest.raises(NotSealedError, match=r"auditspine\.grid\..*start the ledger worker"):
        require_sealing(settings, logs)
    lock = acquire(settings.data_dir / "tenants-move.lock")
    try:
        code, _, err = world.run("tenants", "move", "acme", "--reason", "test")
    finally:
        release(lock)
    assert (code, "in use" in err) == (2, True)


EXPECTED = ["allowed", "allowed", "lapsed_grant_used", "allowed"]
"""Verdicts on harbor's accesses: a grant of before holds elsewhere, and is revoked there."""


def test_a_tenant_moves_out_goes_on_comes_back_and_moves_to_a_third_space(world) -> None:
    before = {name: table(world, "shared", name) for name in TABLES}
    known = world.ask(FINDINGS)
    moved = out_with_interruptions(world)
    has_its_history_alone(world, before)
    counts_there_alone(world)
    goes_on(world, before, known)
    comes_back(world)
    goes_to_a_third_space(world)
    [part] = [p for p in moved["history"] if "inference" in p["topic"] and p["entries"]]
    tampering_with_history_shows(world, part["origin"])
    what_a_stale_ledger_seals_shows(world, part)


def out_with_interruptions(world: World) -> dict:
    """After the decision it counts nowhere; after the move its history is not there yet."""
    assert world.run("tenants", "routes")[0] == 1
    assert routes(world)["harbor"] == {
        "subject": "harbor",
        "counts_in": "shared",
        "by_file": "harbor",
    }
    decided(world)
    assert routes(world)["harbor"]["counts_in"] == "nowhere: being moved"
    interrupted = world.run(*MOVE, AUDITSPINE_CLICKHOUSE_URL="http://127.0.0.1:9")
    assert interrupted[0] == 2
    assert "ClickHouse is away" in interrupted[2]
    assert routes(world)["harbor"]["counts_in"] == "harbor"
    report = verify(world, "harbor")
    assert {defect.kind for defect in report.defects} == {Kind.TRUNCATED}
    moved = world.move()
    assert (moved["space"], moved["was_there"], moved["late"]) == ("harbor", True, 0)
    assert sum(part["entries"] for part in moved["history"]) >= len(HISTORY)
    assert routes(world)["harbor"]["counts_in"] == routes(world)["harbor"]["by_file"]
    return moved


def has_its_history_alone(world: World, before: dict[str, list[dict]]) -> None:
    """Row for row, and nobody else's content."""
    await_true(lambda: verdicts(world, "harbor", "harbor") == ["allowed"], "its accesses are there")
    for name in TABLES:  # a table is written in several steps, and one after the other
        await_true(lambda of=name: table(world, "harbor", of) == before[of], f"{name} is there")
    content = world.ask("SELECT DISTINCT toString(tenant) AS t FROM evidence ORDER BY t", "harbor")
    assert [row["t"] for row in content] == ["-", "harbor"]
    verified(world, "harbor")
    unsigned = verify(world, "harbor", signatures=False)
    assert (unsigned.defects, unsigned.outcome) == ((), Outcome.NOT_CHECKED)
    assert any("of another space" in line for line in unsigned.not_checked)


def counts_there_alone(world: World) -> None:
    [late] = world.publish("harbor", event("prediction.made", prediction_id="late"), apart=False)
    assert (late["verdict"], late["topic"]) == ("wrong_tenant", "auditspine.inference")
    [other] = world.publish("acme", event("prediction.made", prediction_id="other"), apart=True)
    assert (other["verdict"], other["topic"]) == ("valid", "auditspine.inference")
    there = world.publish(
        "harbor",
        event("prediction.made", prediction_id="after"),
        accessed("ana"),
        event("role.revoked", grant_id="g-ana"),
        accessed("ana"),
        accessed("bob"),
        event("deployment.changed"),
        apart=True,
    )
    assert {each["verdict"] for each in there} == {"valid"}
    assert {each["topic"].rpartition(".")[0] for each in there} == {"auditspine.harbor"}


def goes_on(world: World, before: dict[str, list[dict]], known: list[dict]) -> None:
    """Grants that were given before hold; what was revoked there is; nothing is cited unknown."""
    await_true(lambda: verdicts(world, "harbor", "harbor") == EXPECTED, "judged on its history")
    grants = world.ask(
        "SELECT grant_id, uses, revoked_position IS NULL AS stands, origin, revoked_origin "
        "FROM access_grants FINAL ORDER BY grant_id",
        "harbor",
    )
    assert [(g["grant_id"], int(g["uses"]), bool(g["stands"])) for g in grants] == [
        ("g-ana", 2, False),
        ("g-bob", 1, True),
    ]
    assert grants[0]["origin"] == before["access_edges"][0]["origin"]
    assert grants[0]["revoked_origin"] not in ("", grants[0]["origin"])
    assert world.ask(FINDINGS, "harbor") == known
    is_what_the_log_says(world, "harbor")
    verified(world, "harbor")
    verified(world, "shared")


def comes_back(world: World) -> None:
    world.file.write_text(ROUTING.replace('tenants = ["harbor"]', "tenants = []"))
    back = world.move()
    assert (back["space"], back["late"]) == ("shared", 0)
    await_true(lambda: verdicts(world, "shared", "harbor") == EXPECTED, "judged there as well")
    assert table(world, "shared", "access_grants") == table(world, "harbor", "access_grants")
    [again] = world.publish("harbor", event("prediction.made", prediction_id="again"), apart=True)
    assert (again["verdict"], again["topic"]) == ("valid", "auditspine.inference")
    is_what_the_log_says(world, "shared")
    assert world.move()["was_there"]


def goes_to_a_third_space(world: World) -> None:
    """Each stay in its order, and nothing that seems to have escaped."""
    elsewhere = ROUTING.replace('tenants = ["harbor"]', "tenants = []")
    world.file.write_text(elsewhere.replace('tenants = ["bay"]', 'tenants = ["harbor"]'))
    third = world.move()
    assert third["space"] == "bay"
    assert third["late"] >= 1  # what was published on shared topics while it was elsewhere
    await_true(lambda: verdicts(world, "bay", "harbor") == EXPECTED, "judged in the third as well")
    assert table(world, "bay", "access_grants") == table(world, "shared", "access_grants")
    for space in ("shared", "harbor", "bay"):
        verified(world, space)
    world.file.write_text(ROUTING)


def tampering_with_history_shows(world: World, log: str) -> None:
    """Without Kafka as well."""
    place = f"origin = '{log}' AND tenant = 'harbor'"
    defects = tampered(world, f"ALTER TABLE evidence DELETE WHERE {place}")
    assert [(d.kind, d.table) for d in defects] == [(Kind.MISSING, "evidence")]
    defects = tampered(world, f"ALTER TABLE entries UPDATE tenant = 'acme' WHERE {place}")
    for found in (defects, verify(world, "harbor").defects):
        [moved_with] = [d for d in found if "was moved with" in d.detail]
        assert (moved_with.kind, moved_with.expected[0], moved_with.got[0]) == (
            Kind.ALTERED_COLUMN,
            "1",
            "0",
        )
    tables = ("entries", "evidence", "quarantine", "checkpoints", "commits")
    defects = tampered(world, *(f"ALTER TABLE {t} DELETE WHERE origin = '{log}'" for t in tables))
    assert {d.kind for d in defects if d.origin == log} == {Kind.TRUNCATED}


def what_a_stale_ledger_seals_shows(world: World, part: dict) -> None:
    """An entry that counts where the tenant was, on a control log without the decision."""
    log = part["origin"]
    escaped = f"origin = '{log}' AND tenant = 'harbor' AND position >= {part['size']}"
    update = f"ALTER TABLE entries UPDATE control_size = 1 WHERE {escaped} AND verdict = 'valid'"
    defects = tampered(world, update, space="shared")
    assert Kind.ESCAPED in {d.kind for d in defects if d.origin == log}


def is_what_the_log_says(world: World, space: str) -> None:
    for projection in ("lineage", "access"):
        done = world.run("--space", space, "rebuild", projection, "--check")
        assert done[0] == 0, done
