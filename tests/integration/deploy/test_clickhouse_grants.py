"""The accounts of ``deploy/clickhouse-users.xml``, as roles in ClickHouse's engine."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from auditspine.schemas.catalogue import event_types
from auditspine.sinks.migrate import _HISTORY, PARAMETERISED, TABLES, VIEWS, migrations
from auditspine.sinks.stored_schemas import _prepare

ROOT = Path(__file__).parents[3]
USERS = ET.parse(ROOT / "deploy" / "clickhouse-users.xml").getroot().find("users")
PROCESS = Path(__file__).with_name("grants_process.py")


READABLE = [name for name in (*TABLES, *VIEWS) if name not in PARAMETERISED]


def grants(user: str) -> list[str]:
    return [query.text for query in USERS.find(user).iter("query")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("grants")
    roles = "".join(
        f"<{user}><grants>{''.join(f'<query>{q}</query>' for q in grants(user))}</grants></{user}>"
        for user in ("auditspine", "auditor")
    )
    users = home / "users.xml"
    users.write_text(
        f"<clickhouse><profiles><default/></profiles><roles>{roles}</roles><users><default>"
        "<password></password><networks><ip>::/0</ip></networks><profile>default</profile>"
        "<quota>default</quota><grants><query>GRANT auditspine, auditor</query></grants>"
        "</default></users><quotas><default></default></quotas></clickhouse>"
    )
    config = home / "config.xml"
    config.write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>")

    def execute(*statements: tuple[str, str]) -> list[list[str]]:
        given = {"path": str(home / "db"), "config": str(config), "statements": statements}
        done = subprocess.run(
            [sys.executable, str(PROCESS)],
            input=json.dumps(given),
            capture_output=True,
            check=True,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    made = execute(
        ("auditspine", "CREATE DATABASE IF NOT EXISTS `auditspine`"),
        ("auditspine", "USE auditspine"),
        ("auditspine", _HISTORY),
        *(("auditspine", s) for m in migrations() for s in m.statements),
        *(("auditspine", s) for m in migrations() for s in m.statements),  # as after a crash
    )
    assert [found for found in made if found[0] != "ok"] == []
    return execute


def test_the_products_account_can_do_what_the_sink_does(run) -> None:
    prepared = _prepare(event_types()["prediction.made"].text)
    statements = [
        "USE auditspine",
        (
            "INSERT INTO commits (topic, partition, origin, first, last, next_sealed_offset) "
            "VALUES ('t', 0, 'o', 0, 0, 1)"
        ),
        (
            "INSERT INTO entries (origin, position) SELECT 'o', p FROM input('p UInt64') "
            "FORMAT Values (1)"
        ),
        (
            "INSERT INTO FUNCTION null('hash UInt64') SELECT cityHash64(p) FROM input('p UInt64') "
            "FORMAT Values (1)"
        ),
        (
            f"EXPLAIN SELECT {', '.join(prepared.columns.values())} "
            f"FROM null('{prepared.structure.replace(chr(39), chr(92) + chr(39))}')"
        ),
        "SELECT count() FROM system.parts",
        *(f"SELECT count() FROM {name}" for name in READABLE),
    ]
    found = run(*(("auditspine", each) for each in statements))
    assert [
        (statement, said)
        for statement, (how, said) in zip(statements, found, strict=True)
        if how != "ok"
    ] == []


def test_the_products_account_can_rebuild_a_projection(run) -> None:
    statements = [
        "USE auditspine",
        "CREATE TABLE rebuild_findings AS findings",
        "INSERT INTO rebuild_findings (tenant) VALUES ('t')",
        "CREATE TABLE rebuild_findings_keys ENGINE = Memory AS SELECT tenant FROM findings",
        "DELETE FROM findings WHERE tenant IN (SELECT * FROM rebuild_findings_keys)",
        "INSERT INTO findings SELECT * FROM rebuild_findings FINAL",
        "DROP TABLE IF EXISTS rebuild_findings_keys SYNC",
        "DROP TABLE IF EXISTS rebuild_findings SYNC",
    ]
    found = run(*(("auditspine", each) for each in statements))
    assert [said for how, said in found if how != "ok"] == []


def test_the_products_account_can_delete_and_alter_no_evidence(run) -> None:
    statements = [
        "DROP DATABASE auditspine",
        "DROP TABLE auditspine.entries",
        "TRUNCATE TABLE auditspine.entries",
        "ALTER TABLE auditspine.evidence DELETE WHERE 1",
        "ALTER TABLE auditspine.evidence UPDATE body = '' WHERE 1",
        "ALTER TABLE auditspine.evidence DROP PARTITION tuple('standard', 202611)",
        "CREATE DATABASE other",
        "CREATE USER eve",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    ]
    found = run(*(("auditspine", each) for each in statements))
    assert [how for how, _ in found] == ["error"] * len(statements)
    assert all("ACCESS_DENIED" in said or "privileges" in said for _, said in found)


def test_an_auditor_reads_every_table_and_view_and_writes_nothing(run) -> None:
    reads = [f"SELECT count() FROM auditspine.{name}" for name in READABLE]
    found = run(*(("auditor", each) for each in reads))
    assert [said for how, said in found if how != "ok"] == []
    writes = [
        "INSERT INTO auditspine.commits (topic) VALUES ('t')",
        "DROP TABLE auditspine.entries",
        "ALTER TABLE auditspine.entries DELETE WHERE 1",
        "CREATE TABLE auditspine.x (a UInt8) ENGINE = Memory",
        "SELECT * FROM url('http://127.0.0.1:1/')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    ]
    found = run(*(("auditor", each) for each in writes))
    assert [how for how, _ in found] == ["error"] * len(writes)
