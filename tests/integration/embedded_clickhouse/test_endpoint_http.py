"""The interface by plain HTTP: authentication, transport, limits."""

import gzip
import http.client
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditspine.embedded.clickhouse.process import ClickHouseProcess

Ask = Callable[..., Any]


def running(ask: Ask, marker: str) -> int:
    sql = f"SELECT count() FROM system.processes WHERE query LIKE '%{marker}%'"
    return int(ask(sql + " AND query NOT LIKE '%system.processes%'").text)


def await_running(ask: Ask, marker: str, expected: int) -> None:
    deadline = time.monotonic() + 20
    while running(ask, marker) != expected:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("admin", "wrong"),
        ("admin", ""),
        ("nobody", "x"),
        ("default", ""),
        ("reader", "wrong"),
        ("", ""),
    ],
)
def test_wrong_credentials_are_refused(ask: Ask, user: str, password: str) -> None:
    answer = ask("SELECT 1", user, password=password)
    assert (answer.status, answer.code) == (403, "516")
    assert "AUTHENTICATION_FAILED" in answer.text


def test_credentials_are_taken_from_headers_and_url(endpoint: ClickHouseProcess, ask: Ask) -> None:
    named = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": endpoint.admin_password}
    assert ask("SELECT 1", headers={"Authorization": "", **named}).text == "1"
    answer = ask(
        "SELECT 1",
        headers={"Authorization": ""},
        user_="x",
    )
    assert answer.code == "516"


def test_ping_needs_no_password(ask: Ask) -> None:
    answer = ask(None, "nobody", path="/ping")
    assert (answer.status, answer.body) == (200, b"Ok.\n")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_foreign_host_name_is_refused(ask: Ask, host: str) -> None:
    assert ask("SELECT 1", headers={"Host": host}).status == 403


def test_unknown_path_is_not_found(ask: Ask) -> None:
    assert ask("SELECT 1", path="/play").status == 404


def test_get_reads_and_changes_nothing(ask: Ask, table: str) -> None:
    assert ask(None, query="SELECT 1").text == "1"
    assert ask(None, query=f"INSERT INTO {table} VALUES (1, 'x')").code == "164"
    assert ask(None, query=f"INSERT INTO {table} SELECT 1, 'x'").code == "164"
    assert ask(None, query=f"TRUNCATE TABLE {table}").code == "164"


def test_statement_may_be_split_over_url_and_body(ask: Ask, table: str) -> None:
    assert ask("1 + 1", query="SELECT").text == "2"
    assert ask("1\tx\n2\ty\n", query=f"INSERT INTO {table} FORMAT TSV").status == 200
    assert ask(f"INSERT INTO {table} (n, s) VALUES (3, 'z'), (4, '\\'w')").status == 200
    assert ask(f"/* a */ INSERT INTO {table} -- b\n FORMAT CSV\n5,v\n").status == 200
    assert ask(f"SELECT sum(n) FROM {table};").text == "15"


@pytest.mark.parametrize("data", ["v;", "-- v", "/* v */", "# v", "v  ", "it's"])
def test_data_after_with_and_insert_are_taken_as_they_are(ask: Ask, table: str, data: str) -> None:
    sql = f"WITH 1 AS y INSERT INTO {table} (s) FORMAT TabSeparated\n{data}\n"
    assert ask(sql).status == 200
    assert ask(f"SELECT hex(s) FROM {table}").text == data.encode().hex().upper()


def test_a_temporary_table_that_would_not_last_is_refused(ask: Ask) -> None:
    assert ask("CREATE TEMPORARY TABLE t (a Int8)").code == "48"
    assert ask("create or replace /* x */ temporary table t (a Int8)").code == "48"


def test_urlencoded_body_is_sql_unless_it_is_a_form(ask: Ask) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask("SELECT 'a+b%20'", headers=kind).text == "a+b%20"
    assert ask("query=SELECT+%7Bx%3AString%7D&param_x=y", headers=kind).text == "y"


@pytest.mark.parametrize("sql", ["", ";", "-- nothing", "SELECT 1; SELECT 2", "NONSENSE 1"])
def test_text_that_is_not_one_statement_is_a_syntax_error(ask: Ask, sql: str) -> None:
    answer = ask(sql)
    assert (answer.status, answer.code) == (400, "62")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO OUTFILE '/tmp/x' FORMAT CSV",
        "INSERT INTO audit.granted FROM INFILE '/etc/hostname' FORMAT TSV",
    ],
)
def test_files_of_the_host_are_not_offered_to_the_admin_either(ask: Ask, sql: str) -> None:
    assert ask(sql).code == "48"


@pytest.mark.parametrize("arguments", [{"compress": "1"}, {"decompress": "1"}, {"role": "x"}])
def test_what_is_not_offered_is_said(ask: Ask, arguments: dict[str, str]) -> None:
    assert ask("SELECT 1", **arguments).status == 501


def test_a_query_id_is_a_uuid_unless_the_client_gave_one(ask: Ask) -> None:
    given = ask("SELECT 1").headers["X-ClickHouse-Query-Id"]
    assert str(uuid.UUID(given, version=4)) == given
    assert ask("SELECT 1", query_id="mine").headers["X-ClickHouse-Query-Id"] == "mine"


def test_headers_tell_of_the_statement(ask: Ask) -> None:
    answer = ask("SELECT 1 AS x FORMAT JSON", query_id="mine")
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Timezone"]
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"].isdigit()
    assert json.loads(answer.body)["data"] == [{"x": 1}]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'FORMAT JSON' AS s", "FORMAT JSON"),
        ("SELECT 'a' AS s FORMAT TSV -- FORMAT JSON", "a"),
        ("SELECT 'a' AS s FORMAT TSV SETTINGS max_threads = 1", "a"),
        ("SELECT 'a' AS s SETTINGS max_threads = 1 FORMAT CSVWithNames", '"s"\n"a"'),
        ("SELECT 'a' AS s FORMAT CSVWithNames SETTINGS max_threads = 1;;", '"s"\n"a"'),
        ("(SELECT 1 AS s) UNION ALL (SELECT 1) FORMAT TSVWithNames", "s\n1\n1"),
        ("SELECT $$;'$$ AS s FORMAT CSVWithNames", '"s"\n";\'"'),
    ],
)
def test_format_clause_is_found(ask: Ask, sql: str, expected: str) -> None:
    assert ask(sql).text == expected


def test_bytes_that_are_not_text_pass_through(ask: Ask) -> None:
    assert ask(b"SELECT '\xff\xfe'").body == b"\xff\xfe\n"


def test_response_is_compressed_where_accepted(ask: Ask) -> None:
    answer = ask("SELECT number FROM numbers(1000)", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body).count(b"\n") == 1000


def test_body_that_is_not_what_its_encoding_says_is_refused(ask: Ask) -> None:
    for encoding in ("gzip", "lz4", "zstd", "deflate"):
        answer = ask(b"plain", headers={"Content-Encoding": encoding})
        assert (answer.status, answer.code) == (400, "36")
    assert ask(b"plain", headers={"Content-Encoding": "br"}).status == 501


def test_error_after_the_first_bytes_ends_in_the_trailer(ask: Ask) -> None:
    sql = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)"
    answer = ask(sql, max_block_size="10000")
    tag = answer.headers["X-ClickHouse-Exception-Tag"]
    head, _, tail = answer.body.partition(b"\r\n__exception__\r\n" + tag.encode() + b"\r\n")
    assert head.startswith(b"0\t0\n")
    message, size_line = tail.removesuffix(b"\r\n__exception__\r\n").rsplit(b"\n", 1)
    assert size_line.decode() == f"{len(message) + 1} {tag}"
    assert message.startswith(b"Code: 395.")


def test_wait_end_of_query_gives_a_late_error_its_status(ask: Ask) -> None:
    sql = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)"
    answer = ask(sql, max_block_size="10000", wait_end_of_query="1")
    assert (answer.status, answer.code) == (500, "395")


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd", "identity"])
def test_clients_that_leave_a_stream_early_do_the_engine_no_harm(
    endpoint: ClickHouseProcess, ask: Ask, encoding: str
) -> None:
    sql = "SELECT number, randomString(100) FROM numbers(10000000) FORMAT Native"
    headers = {
        "X-ClickHouse-User": "admin",
        "X-ClickHouse-Key": endpoint.admin_password,
        "Accept-Encoding": encoding,
    }
    for _ in range(12):
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port)
        connection.request("POST", "/?max_block_size=1000", sql, headers)
        connection.getresponse().read(1000)
        connection.close()
        for _ in range(20):
            assert ask("SELECT 1").text == "1"


@pytest.mark.parametrize("output_format", ["TSV", "JSON"])  # fetched in chunks, written to a file
@pytest.mark.parametrize("wait", ["0", "1"])
def test_client_that_goes_away_cancels_its_statement(
    endpoint: ClickHouseProcess, ask: Ask, output_format: str, wait: str
) -> None:
    marker = f"marker_{output_format.lower()}{wait}"
    sql = f"SELECT number, sleepEachRow(0.01) AS {marker} FROM numbers(1000000)"
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port)
    headers = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": endpoint.admin_password}
    arguments = f"max_block_size=10&default_format={output_format}&wait_end_of_query={wait}"
    connection.request("POST", f"/?{arguments}", sql, headers)
    await_running(ask, marker, 1)
    connection.close()
    await_running(ask, marker, 0)


def test_slow_client_costs_no_memory(endpoint: ClickHouseProcess, ask: Ask) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port)
    headers = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": endpoint.admin_password}
    sql = "SELECT number, repeat('x', 1000) AS marker_slow FROM numbers(10000000) FORMAT TSV"
    connection.request("POST", "/", sql, headers)
    response = connection.getresponse()
    response.read(1000)
    before = _resident_mib(endpoint)
    for _ in range(20):
        assert ask("SELECT 1").text == "1"
        time.sleep(0.05)
    assert _resident_mib(endpoint) < before + 300
    assert running(ask, "marker_slow") == 1
    response.close()
    connection.close()
    await_running(ask, "marker_slow", 0)


def _resident_mib(endpoint: ClickHouseProcess) -> int:
    status = Path(f"/proc/{endpoint.pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def test_statement_over_the_memory_bound_fails_alone(ask: Ask) -> None:
    answer = ask("SELECT count() FROM (SELECT groupArray(number) FROM numbers(1000000000))")
    assert answer.code == "241"
    assert ask("SELECT 1").text == "1"
