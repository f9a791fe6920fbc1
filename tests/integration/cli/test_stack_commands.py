"""The command line as a user has it: one embedded stack, and the commands on it."""

import json
import os
import signal

import pytest
from tests.integration.cli.cli_stack import Stack, event
from tests.waiting import await_true

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.settings import load_settings

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    running = Stack(tmp_path_factory.mktemp("cli")).start()
    assert running.run("tenants", "register", "acme", "--name", "Acme Bank")[0] == 0
    assert running.run("keys", "create", "scorer")[0] == 0
    code, out, err = running.run("keys", "register", "scorer", "--tenant", "acme")
    assert code == 0, out + err
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def test_events_with_a_registrys_schema_ids_become_evidence(stack, registry) -> None:
    url, known = registry
    there = {"AUDITSPINE_SCHEMA_REGISTRY_URL": url}
    assert stack.run("init", **there)[0] == 0
    code, out, err = stack.run("publish", "--wait", "--json", stdin=event(), **there)
    assert code == 0, out + err
    sealed = json.loads(out)
    query = (
        "SELECT toInt32(reinterpretAsUInt32(reverse(substring(value, 2, 4)))) AS id FROM evidence "
        f"WHERE origin = '{sealed['origin']}' AND position = {sealed['position']}"
    )
    number = known.ids["auditspine.events.PredictionMade"]

    def landed() -> bool:
        code, out, err = stack.run("sql", query, "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()] == [{"id": number}]

    await_true(landed, "landed", 60)


def test_publish_waits_until_an_event_is_sealed_and_verify_finds_it_sound(stack) -> None:
    code, out, err = stack.run("publish", "--wait", "--json", stdin=event() + "\n" + event())
    assert code == 0, err
    sealed = [json.loads(line) for line in out.splitlines()]
    assert [each["verdict"] for each in sealed] == ["valid", "valid"]
    assert sealed[1]["position"] == sealed[0]["position"] + 1

    def landed() -> bool:
        streams = json.loads(stack.run("status", "--json")[1])["streams"]
        return all(each["landed"] == each["published"] for each in streams)

    await_true(landed, "all landed", 60)
    code, out, _ = stack.run(
        "sql",
        "--json",
        "SELECT count() AS n FROM evidence WHERE origin = {o:String}",
        "-p",
        f"o={sealed[0]['origin']}",
    )
    assert code == 0
    assert json.loads(out)["n"] >= 2
    code, out, err = stack.run("verify")
    assert code == 0, out + err
    assert "VERIFIED" in out
    assert stack.run("verify", "--no-trust")[0] == 3


def test_a_log_removed_with_its_commits_shows_against_the_sealed_topics(stack) -> None:
    code, out, err = stack.run(
        "publish", "--wait", "--json", stdin=event("outcome.observed") + "\n"
    )
    assert code == 0, err
    origin = json.loads(out)["origin"]
    client = clickhouse_client(load_settings(data_dir=stack.data))
    await_true(
        lambda: client.query(
            "SELECT count() FROM commits WHERE origin = {o:String} AND last >= 0",
            parameters={"o": origin},
        ).result_rows[0][0],
        "the event has landed",
        60,
    )
    tables = ("entries", "evidence", "checkpoints", "commits")
    try:
        for table in tables:
            client.command(f"CREATE TABLE kept_{table} ENGINE = Memory AS SELECT * FROM {table}")
            client.command(
                f"ALTER TABLE {table} DELETE WHERE origin = {{o:String}}",
                parameters={"o": origin},
                settings={"mutations_sync": 1},
            )
        # What other parts say meanwhile is cut off too, until it has landed.
        await_true(lambda: found(stack, "--lag", "0") == (1, [("truncated", origin, 0)]), "found")
        assert stack.run("verify", "--no-sealed")[0] == 2  # opened, and nothing of it is stored
    finally:
        for table in tables:
            client.command(
                f"INSERT INTO {table} SELECT * FROM kept_{table} WHERE origin = {{o:String}}",
                parameters={"o": origin},
            )
            client.command(f"DROP TABLE kept_{table}")
        client.close()
    assert stack.run("verify")[0] == 0


def found(stack, *options: str) -> tuple[int, list[tuple[str, str, int]]]:
    """Verify; give the exit code, and of each defect its kind, log and first position."""
    code, out, _ = stack.run("verify", "--json", *options)
    defects = json.loads(out)["defects"]
    return code, [(each["kind"], each["origin"], each["first"]) for each in defects]


def test_changed_metadata_shows_against_the_sealed_topics(stack) -> None:
    code, out, err = stack.run("publish", "--wait", "--json", stdin=event(prediction_id="when"))
    assert code == 0, err
    sealed = json.loads(out)
    await_true(lambda: stack.count("when") == 1, "landed", 60)
    client = clickhouse_client(load_settings(data_dir=stack.data))
    place = {"o": sealed["origin"], "p": sealed["position"]}

    def shift(offsets: int) -> None:
        client.command(
            f"ALTER TABLE entries UPDATE source_offset = source_offset + {offsets} "
            "WHERE origin = {o:String} AND position = {p:UInt64}",
            parameters=place,
            settings={"mutations_sync": 2},
        )

    try:
        shift(1)
        altered = [("altered_column", sealed["origin"], sealed["position"])]
        assert found(stack) == (1, altered)
    finally:
        shift(-1)
        client.close()
    assert stack.run("verify")[0] == 0


def test_an_entry_passed_off_as_anothers_shows_against_the_sealed_topics(stack) -> None:
    code, out, err = stack.run("publish", "--wait", "--json", stdin=event(prediction_id="whose"))
    assert code == 0, err
    sealed = json.loads(out)
    await_true(lambda: stack.count("whose") == 1, "landed", 60)
    client = clickhouse_client(load_settings(data_dir=stack.data))
    place = {"o": sealed["origin"], "p": sealed["position"]}
    where = "WHERE origin = {o:String} AND position = {p:UInt64}"
    now = {"mutations_sync": 2}
    for table in ("entries", "evidence"):
        client.command(
            f"CREATE TABLE kept_{table} ENGINE = Memory AS SELECT * FROM {table} {where}",
            parameters=place,
        )
    try:
        assert stack.run("verify", "--tenant", "acme")[0] == 0
        relabelled = "tenant = 'globex', producer = 'new'"
        client.command(f"ALTER TABLE entries UPDATE {relabelled} {where}", place, settings=now)
        client.command(f"ALTER TABLE evidence DELETE {where}", place, settings=now)
        code, out, _ = stack.run("verify", "--tenant", "acme", "--json")
        defects = {(d["origin"], d["first"], d["column"]) for d in json.loads(out)["defects"]}
        assert code == 1
        assert (sealed["origin"], sealed["position"], "tenant") in defects
    finally:
        client.command(f"ALTER TABLE entries DELETE {where}", place, settings=now)
        for table in ("entries", "evidence"):
            client.command(f"INSERT INTO {table} SELECT * FROM kept_{table}")
            client.command(f"DROP TABLE kept_{table}")
        client.close()
    assert stack.run("verify")[0] == 0


def test_a_topic_prefix_that_is_wrong_is_no_verdict(stack) -> None:
    code, out, err = stack.run("verify", AUDITSPINE_TOPIC_PREFIX="other.")
    assert code == 2
    assert "sealed topics" in out + err


@pytest.mark.parametrize(
    "command",
    [
        ("publish", "/etc/passwd/x"),
        ("up", "--data-dir", "/etc/passwd"),
        ("init", "--data-dir", "/etc/passwd"),
    ],
)
def test_a_path_that_cannot_be_is_named(stack, command) -> None:
    code, _, err = stack.run(*command, data_dir="--data-dir" not in command)
    assert code == 2
    assert "/etc/passwd" in err


def test_an_empty_tenant_is_refused(stack) -> None:
    code, _, err = stack.run("tenants", "register", "")
    assert code == 2
    assert "tenant" in err


def test_publish_reports_each_bad_line_and_loses_no_good_one(stack) -> None:
    secret = "4929-1234"
    lines = [
        event(prediction_id="good-1"),
        '{"envelope": ',
        event().replace("prediction.made", "prediction.mode"),
        event(surplus=secret),
        event(model={"kind": "model", "name": "m", "version": "1", "digest": "sha256:ab"}),
        event(prediction_id="good-2"),
    ]
    code, out, err = stack.run("publish", "--wait", "--json", stdin="\n".join(lines))
    assert code == 2
    assert len(out.splitlines()) == 2
    for line, word in ((2, "JSON"), (3, "event_type"), (4, "surplus"), (5, "digest")):
        assert any(text.startswith(f"line {line}:") and word in text for text in err.splitlines())
    assert secret not in err


def test_publish_takes_one_pretty_printed_event(stack) -> None:
    pretty = json.dumps(json.loads(event()), indent=2)
    (stack.root / "event.json").write_text(pretty)
    assert stack.run("publish", "event.json")[0] == 0


def test_an_unregistered_key_is_quarantined_and_publish_says_so(stack) -> None:
    assert stack.run("keys", "create", "stranger")[0] == 0
    code, out, _ = stack.run("publish", "--wait", "--json", stdin=event(producer="stranger"))
    assert code == 1
    assert json.loads(out)["verdict"] == "unknown_key"


def test_a_revoked_key_counts_no_more(stack) -> None:
    assert stack.run("keys", "create", "leaver")[0] == 0
    _, out, _ = stack.run("keys", "register", "leaver", "--tenant", "acme", "--json")
    public = json.loads(out)["public_key"]
    code, _, _ = stack.run("keys", "revoke", public[:12], "--reason", "left the company")
    assert code == 0
    code, out, _ = stack.run("publish", "--wait", "--json", stdin=event(producer="leaver"))
    assert (code, json.loads(out)["verdict"]) == (1, "revoked_key")

    def listed() -> bool:
        keys = json.loads(stack.run("keys", "list", "--json")[1])
        return any(key["public_key"] == public and key["revoked_at"] for key in keys)

    await_true(listed, "the revocation is listed", 60)


def test_a_key_file_that_others_can_read_is_refused(stack) -> None:
    path = stack.data / "keys" / "loose.pem"
    assert stack.run("keys", "create", "loose")[0] == 0
    path.chmod(0o644)
    code, _, err = stack.run("publish", stdin=event(producer="loose"))
    assert code == 2
    assert "loose.pem" in err
    assert "chmod" in err


def test_an_unknown_tenant_is_named(stack) -> None:
    code, _, err = stack.run("keys", "register", "scorer", "--tenant", "nobody")
    assert code == 2
    assert "nobody is not registered" in err


@pytest.mark.parametrize(
    ("glob", "said"),
    [("prediction.mode", "did you mean prediction.made?"), ("nosuch.*", "model.registered")],
)
def test_an_event_type_that_nobody_knows_is_named(stack, glob: str, said: str) -> None:
    code, _, err = stack.run("keys", "register", "scorer", "--tenant", "acme", "--event-type", glob)
    assert code == 2
    assert f"{glob} matches no event type" in err
    assert said in err


def test_sql_reads_and_never_writes(stack) -> None:
    code, _, err = stack.run("sql", "ALTER TABLE evidence DELETE WHERE 1")
    assert code == 2
    assert "error:" in err
    code, _, err = stack.run("sql", "--ask", "model-life")
    assert code == 2
    assert "-p tenant" in err


def test_topics_are_all_as_the_logs_need(stack) -> None:
    code, out, _ = stack.run("topics", "--json")
    assert code == 0
    assert {topic["name"] for topic in json.loads(out)} >= {"auditspine.control"}


def test_a_second_stack_on_the_directory_is_refused(stack) -> None:
    code, _, err = stack.run("up")
    assert code == 2
    assert "in use by process" in err


def test_an_unreachable_broker_is_named(stack) -> None:
    code, _, err = stack.run("publish", "--bootstrap-servers", "127.0.0.1:1", stdin=event())
    assert code == 2
    assert "127.0.0.1:1" in err


def test_an_event_that_is_too_large_is_refused_by_its_line(stack) -> None:
    code, out, err = stack.run(
        "publish", "--json", stdin=event(reason_codes=["q" * 250] * 2500) + "\n" + event()
    )
    assert code == 2
    assert len(out.splitlines()) == 1  # the other one was published
    assert err.startswith("line 1:")
    assert "524288" in err.replace(",", "")
    assert "qqqq" not in err


def test_a_clock_far_in_the_future_is_refused_by_its_field(stack) -> None:
    ahead = json.loads(event())
    ahead["envelope"]["occurred_at"] = "2199-01-01T00:00:00Z"
    code, out, err = stack.run("publish", stdin=json.dumps(ahead))
    assert (code, out.strip()) == (2, "")
    assert "line 1: envelope.occurred_at" in err


def test_another_number_of_partitions_is_named(stack) -> None:
    other = {"AUDITSPINE_PARTITIONS": "5"}
    code, _, err = stack.run("publish", stdin=event(), **other)
    assert code == 2
    assert "auditspine.inference" in err
    assert "4" in err
    assert "5" in err
    assert stack.run("topics", **other)[0] == 1
    code, _, err = stack.run("init", **other)
    assert code == 2
    assert "partitions" in err


@pytest.mark.parametrize("command", [("sql", "SELECT 1"), ("verify",), ("status",)])
def test_an_unreachable_clickhouse_is_named(stack, command) -> None:
    code, _, err = stack.run(*command, "--clickhouse-url", "http://127.0.0.1:1")
    assert code == 2
    assert "ClickHouse is away" in err


def test_a_refusing_clickhouse_is_named_and_the_password_is_not(stack) -> None:
    wrong = {
        "AUDITSPINE_CLICKHOUSE_URL": stack.endpoint("clickhouse"),
        "AUDITSPINE_CLICKHOUSE_USER": "admin",
        "AUDITSPINE_CLICKHOUSE_PASSWORD": "not-the-password",
    }
    code, out, err = stack.run("sql", "SELECT 1", **wrong)
    assert code == 2
    assert "Authentication failed" in err
    assert "not-the-password" not in out + err


@pytest.mark.parametrize("part", ["kafka", "clickhouse"])
def test_a_port_that_is_taken_is_named(stack, part, tmp_path) -> None:
    port = stack.endpoint(part).rpartition(":")[2]
    code, _, err = stack.run(
        "up", f"--{part}-port", port, "--data-dir", str(tmp_path / "other"), data_dir=False
    )
    assert code == 2
    assert port in err


def test_ctrl_c_while_publishing_delivers_what_was_taken(stack) -> None:
    marked = event(prediction_id="before-ctrl-c")
    with stack.open("publish", "--json") as publishing:
        publishing.stdin.write(marked + "\n")
        publishing.stdin.flush()
        await_true(lambda: stack.count("before-ctrl-c") == 1, "published", 60)
        publishing.send_signal(signal.SIGINT)
        _, err = publishing.communicate(timeout=60)
    assert publishing.returncode == 130
    assert "Traceback" not in err


def test_a_broker_lost_midway_costs_time_only(stack) -> None:
    with stack.open("publish", "--json") as publishing:
        for number in range(40):
            publishing.stdin.write(event(prediction_id=f"midway-{number}") + "\n")
            publishing.stdin.flush()
            if number == 20:
                await_true(lambda: stack.count("midway-") > 0, "on its way", 60)
                os.kill(stack.part("kafka")["pid"], signal.SIGKILL)
        _, err = publishing.communicate(timeout=120)
    assert publishing.returncode == 0, err
    assert "Traceback" not in err
    await_true(lambda: stack.count("midway-") == 40, "each is evidence once", 120)


def test_a_worker_that_dies_is_started_again(stack) -> None:
    parts = {
        part["name"]: part["pid"] for part in json.loads(stack.run("status", "--json")[1])["parts"]
    }
    os.kill(parts["access-1"], signal.SIGKILL)

    def restarted() -> bool:
        now = {p["name"]: p for p in json.loads(stack.run("status", "--json")[1])["parts"]}
        part = now.get("access-1")
        return part is not None and part["running"] and part["pid"] != parts["access-1"]

    await_true(restarted, "access-1 runs again", 60)


def test_killing_the_supervisor_leaves_no_orphan_and_no_loss(stack) -> None:
    before = json.loads(stack.run("status", "--json")[1])["streams"]
    stack.process.kill()
    stack.process.wait(30)
    await_true(lambda: stack.left() == [], "no process is left", 60)
    stack.start()
    after = json.loads(stack.run("status", "--json")[1])["streams"]
    for old, new in zip(before, after, strict=True):
        assert new["published"] >= old["published"]
    code, out, _ = stack.run("publish", "--wait", "--json", stdin=event())
    assert code == 0, out
