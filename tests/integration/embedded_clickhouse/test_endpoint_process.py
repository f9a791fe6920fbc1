"""The endpoint as a process: ownership, ports, signals, durability."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from tests.waiting import await_true

from auditspine.embedded.clickhouse.process import ClickHouseProcess, is_ready
from auditspine.embedded.errors import StartError

Ask = Callable[..., Any]


def connect(process: ClickHouseProcess) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=process.port,
        username="admin",
        password=process.admin_password,
        query_retries=0,
        autogenerate_session_id=False,
    )


def test_second_owner_is_refused_with_the_first_ones_pid(endpoint: ClickHouseProcess) -> None:
    argv = ["0" if part == str(endpoint.port) else part for part in endpoint.argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75
    assert f"in use by process {endpoint.pid}" in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = ClickHouseProcess(tmp_path / "ch", port)
        with pytest.raises(StartError, match=str(port)):
            process.start()


@pytest.mark.parametrize("name", ["a?b", "a&b"])
def test_path_that_the_engine_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match="neither"):
        ClickHouseProcess(tmp_path / name).start()
    assert not (tmp_path / "a").exists()


def test_path_with_blanks_and_signs_works(tmp_path: Path) -> None:
    with ClickHouseProcess(tmp_path / "it's a+b%20c é") as process:
        assert connect(process).raw_query("SELECT 1 FORMAT CSVWithNames") == b'"1"\n1\n'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.chmod(0o640), "expected mode 0600, got 0640"),
        (lambda path: path.write_text("{"), "is not JSON"),
        (lambda path: path.write_text("{}"), "admin: Field required"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_unusable_accounts_file_is_explained(
    tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    process = ClickHouseProcess(tmp_path / "ch")
    change(tmp_path / "ch" / "accounts.json")
    done = subprocess.run(process.argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_stop_and_start_keep_data_port_and_passwords(tmp_path: Path) -> None:
    first = ClickHouseProcess(tmp_path / "ch").start()
    client = connect(first)
    client.command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.insert("kept", [[7]], ["n"])
    client.close()
    assert first.stop() == 0
    assert not is_ready(first.url)
    again = ClickHouseProcess(tmp_path / "ch", first.port)
    assert again.admin_password == first.admin_password
    with again:
        assert connect(again).command("SELECT n FROM kept") == 7


def test_reader_sees_tables_granted_since_after_a_restart(tmp_path: Path) -> None:
    for tables, expected in (((), "refused"), (("default.later",), 0)):
        with ClickHouseProcess(tmp_path / "ch", 0, tables) as process:
            connect(process).command(
                "CREATE TABLE IF NOT EXISTS later (n UInt64) ENGINE = MergeTree ORDER BY n"
            )
            reader = clickhouse_connect.get_client(
                host="127.0.0.1",
                port=process.port,
                username="reader",
                password=process.reader_password,
            )
            got: Any = "refused"
            with contextlib.suppress(clickhouse_connect.driver.exceptions.DatabaseError):
                got = reader.command("SELECT count() FROM later")
            assert got == expected


def test_sigterm_ends_running_statements(tmp_path: Path) -> None:
    process = ClickHouseProcess(tmp_path / "ch").start()
    client = connect(process)
    failed = threading.Event()

    def work() -> None:
        with contextlib.suppress(Exception):
            client.command(
                "SELECT sum(sleepEachRow(0.1)) FROM numbers(100000)",
                settings={"max_block_size": 10},
            )
        failed.set()

    thread = threading.Thread(target=work)
    thread.start()
    watcher = connect(process)
    while watcher.command("SELECT count() FROM system.processes") != 2:
        assert not failed.is_set()
    process.stop()
    assert failed.wait(10)
    thread.join()
    assert "Traceback" not in "\n".join(process.log.tail(100))


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_of_the_engine_ends_the_process(tmp_path: Path, crash: signal.Signals) -> None:
    process = ClickHouseProcess(tmp_path / "ch").start()
    assert connect(process).command("SELECT sum(number) FROM numbers(1000000)") == 499999500000
    assert process.pid is not None
    os.kill(process.pid, crash)
    await_true(lambda: process.pid is None, "the process has ended", 10)
    assert process.stop() == -crash
    assert "Fatal Python error" in "\n".join(process.log.tail(100))


def test_acknowledged_inserts_survive_sigkill(tmp_path: Path) -> None:
    process = ClickHouseProcess(tmp_path / "ch").start()
    connect(process).command(
        "CREATE TABLE events (n UInt64, copy UInt8) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 10000"
    )
    acknowledged = -1
    for _ in range(3):
        client, enough = connect(process), threading.Event()
        done = acknowledged

        def insert(
            client: Client = client, enough: threading.Event = enough, done: int = done
        ) -> None:
            nonlocal acknowledged
            with contextlib.suppress(Exception):
                while True:
                    n = acknowledged + 1
                    client.insert(
                        "events",
                        [[n, copy] for copy in range(100)],
                        ["n", "copy"],
                        settings={"insert_deduplication_token": f"chunk {n}"},
                    )
                    acknowledged = n
                    if n >= done + 20:
                        enough.set()

        thread = threading.Thread(target=insert)
        thread.start()
        assert enough.wait(60)
        process.kill()
        thread.join()
        process.start()
        # The next round sends the unacknowledged chunk again: its token keeps it from doubling.
        rows = connect(process).query("SELECT n, count() FROM events GROUP BY n ORDER BY n")
        found = dict(rows.result_rows)
        assert [found.get(n) for n in range(acknowledged + 1)] == [100] * (acknowledged + 1)
        assert set(found) <= set(range(acknowledged + 2))
    process.stop()
    assert acknowledged >= 50
