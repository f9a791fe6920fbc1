"""Accounts, the guard, sessions, configuration, disk bounds."""

import asyncio
import json
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from auditspine.embedded.clickhouse import spool
from auditspine.embedded.clickhouse.accounts import (
    AccountsError,
    create_accounts,
    ensure_accounts,
    read_accounts,
)
from auditspine.embedded.clickhouse.config import HIDDEN_SYSTEM_TABLES, write_config
from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.guard import Guard, check_class
from auditspine.embedded.clickhouse.sessions import Sessions

GUARD = Guard.over(["file", "aiGenerate", "airport", "sum"], ["file", "url", "numbers", "eval"])


def test_accounts_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "accounts.json"
    made = create_accounts(path, ["a.b"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_accounts(path) == made
    assert made.admin.password != made.reader.password
    assert made.admin.password not in repr(made)
    with pytest.raises(FileExistsError):
        create_accounts(path, [])


def test_tables_change_and_passwords_stay(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    first = ensure_accounts(path, ["a.b"])
    second = ensure_accounts(path, ["a.c", "a.b"])
    assert second.reader.tables == ("a.b", "a.c")
    assert second.reader.password == first.reader.password
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_accounts_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "accounts.json"
    create_accounts(path, [])
    path.chmod(mode)
    with pytest.raises(AccountsError, match=f"expected mode 0600, got 0{mode:o}"):
        read_accounts(path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "version"),
        ({"reader": {"password": "p" * 12, "tables": ["a.b; DROP"]}}, "reader.tables.0"),
        ({"reader": {"password": "secret", "tables": []}}, "reader.password"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_malformed_accounts_are_named_without_their_passwords(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    path = tmp_path / "accounts.json"
    create_accounts(path, [])
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(AccountsError, match=field) as caught:
        read_accounts(path)
    assert "secret" not in str(caught.value)


def test_only_the_right_password_is_accepted(tmp_path: Path) -> None:
    accounts = create_accounts(tmp_path / "accounts.json", [])
    assert not accounts.authenticate("admin", accounts.admin.password).limited
    assert accounts.authenticate("reader", accounts.reader.password).limited
    for user, password in (
        ("admin", accounts.reader.password),
        ("reader", ""),
        ("default", ""),
        ("", ""),
        ("admin", "\udcff"),
    ):
        with pytest.raises(ClickHouseError) as caught:
            accounts.authenticate(user, password)
        assert caught.value.code == 516


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT file('/x')",
        b"SELECT `file`('/x')",
        b"SELECT * APPLY file FROM t",
        b"SELECT arrayMap(file, ['/x'])",
        b"SELECT aiGenerate('x')",
        b"SELECT AIGENERATE('x')",
        b"SELECT * FROM url('x')",
        b"SELECT * FROM `url`('x')",
        b"SELECT * FROM eval('x')",
        b"SELECT * FROM (SELECT 1 SETTINGS a = 1)",
    ],
)
def test_guard_refuses(sql: bytes) -> None:
    with pytest.raises(ClickHouseError):
        GUARD.check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 'file', 'url(1)' FROM numbers(3)",
        b"SELECT url, eval FROM t WHERE files = 1",
        b"SELECT * FROM system.settings",
        b"SELECT sum(profile)",
    ],
)
def test_guard_lets_honest_names_pass(sql: bytes) -> None:
    GUARD.check(sql)


def test_new_table_functions_are_refused_until_they_are_listed() -> None:
    with pytest.raises(ClickHouseError):
        Guard.over([], ["brandNew"]).check(b"SELECT * FROM brandNew('x')")


@pytest.mark.parametrize(
    ("name", "count"), [("READ_ONLY", 2), ("READ_ONLY", 0), ("CONTROL", 1), ("UNKNOWN", 0)]
)
def test_anything_but_one_read_is_refused(name: str, count: int) -> None:
    check_class("READ_ONLY", 1)
    with pytest.raises(ClickHouseError):
        check_class(name, count)


def test_configuration_is_well_formed_and_grants_each_table(tmp_path: Path) -> None:
    folder = tmp_path / "a<b&c"
    folder.mkdir()
    main = ET.parse(write_config(folder, ["a.b", "a.c"], 1_000_000_000)).getroot()
    assert main.findtext("users_config") == str(folder / "users.xml")
    assert main.findtext("max_server_memory_usage") == "1000000000"
    users = ET.parse(folder / "users.xml").getroot()
    grants = [query.text for query in users.iterfind("roles/auditspine_reader/grants/query")]
    assert grants == ["GRANT SELECT ON a.b", "GRANT SELECT ON a.c"]
    hidden = users.find("users/default/databases/system")
    assert hidden is not None
    assert [table.tag for table in hidden] == list(HIDDEN_SYSTEM_TABLES)


def test_session_is_forgotten_after_its_time() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])

    async def use(*, must_exist: bool) -> list[bytes]:
        async with sessions.use("a", "s", must_exist=must_exist, timeout_s=10) as session:
            session.statements.append(b"SET x = 1")
            return session.statements

    assert len(asyncio.run(use(must_exist=False))) == 1
    now[0] = 5
    assert len(asyncio.run(use(must_exist=True))) == 2
    now[0] = 16
    with pytest.raises(ClickHouseError) as caught:
        asyncio.run(use(must_exist=True))
    assert caught.value.code == 372


def test_number_of_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditspine.embedded.clickhouse.sessions._MAX_SESSIONS", 3)
    sessions = Sessions()

    async def use() -> list[bool]:
        for name in ("a", "b", "c", "a", "d", "e"):
            async with sessions.use("u", name, must_exist=False, timeout_s=None):
                pass
        return [("u", name) in sessions._known for name in "abcde"]

    assert sum(asyncio.run(use())) <= 4
    assert ("u", "b") not in sessions._known


def test_file_that_grows_too_large_cancels_its_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOLED_BYTES", 10)
    path = tmp_path / "result"
    cancelled = threading.Event()

    def write() -> None:
        path.write_bytes(b"x" * 11)
        assert cancelled.wait(10)
        raise RuntimeError("cancelled")

    with (
        pytest.raises(ClickHouseError, match="Limit"),
        spool.bounded(path, cancelled.set),
    ):
        write()


def test_statement_within_the_bound_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), spool.bounded(tmp_path / "result", lambda: None):
        raise KeyError("its own")
