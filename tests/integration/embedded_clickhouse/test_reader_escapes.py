"""What a reader tried, or could try, to get beyond its grants: each is refused or harmless."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from auditspine.embedded.clickhouse.config import HIDDEN_SYSTEM_TABLES
from auditspine.embedded.clickhouse.process import ClickHouseProcess

Ask = Callable[..., Any]

ONLY_READS = "497"
DENIED = "497"
READONLY = "164"

FILES = [
    "SELECT file('/etc/hostname')",
    "SELECT `file`('/etc/hostname')",
    "SELECT \"file\"('/etc/hostname')",
    "SELECT \"f\\x69le\"('/etc/hostname')",
    "SELECT `\\x66ile`('/etc/hostname')",
    "SELECT \u201cfile\u201d('/etc/hostname')",
    "SELECT $$'$$, file('/etc/hostname'), $$'$$",
    "SELECT $a$'$a$, file('/etc/hostname') -- '",
    "SELECT file /* x */ ('/etc/hostname')",
    "SELECT file -- x\n('/etc/hostname')",
    "SELECT file # x\n('/etc/hostname')",
    "SELECT file('/etc/hostname', 'fallback')",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname' AS s)",
    "SELECT COLUMNS('s') APPLY file FROM audit.granted",
    "SELECT * REPLACE(file(s) AS s) FROM audit.granted",
    "EXPLAIN SELECT file('/etc/hostname')",
    "WITH file('/etc/hostname') AS x SELECT x",
    "DESCRIBE (SELECT file('/etc/hostname'))",
    "SELECT 1 IN (SELECT file('/etc/hostname'))",
    "SELECT 1 WHERE file('/etc/hostname') != ''",
    "VALUES (file('/etc/hostname'))",
    "(SELECT file('/etc/hostname')) UNION ALL (SELECT 'x')",
    "SELECT * FROM view(SELECT file('/etc/hostname'))",
    "SELECT * FROM values('s String', file('/etc/hostname'))",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM FILE('/etc/passwd', LineAsString)",
    "DESCRIBE file('/etc/passwd', LineAsString)",
    "EXPLAIN SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM fileCluster('default', '/etc/passwd', 'LineAsString')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM `/etc/hostname`",
    "SELECT * FROM default.`/etc/hostname`",
    "SELECT * FROM sqlite('./x', 't')",
    "SELECT * FROM icebergLocal('/tmp')",
    "SELECT * FROM deltaLakeLocal('/tmp')",
    "SELECT * FROM executable('id', 'TSV', 'x String')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM loop('audit', 'granted') LIMIT 1",
    "SELECT * FROM input('a UInt8')",
    "SELECT * FROM audit.granted INTO OUTFILE './stolen'",
    "SELECT 1 INTO OUTFILE '/tmp/stolen' TRUNCATE FORMAT CSV",
]

RUNS_TEXT = [
    "SELECT * FROM eval('SELECT file(''/etc/hostname'')')",
    (
        "SELECT * FROM (SELECT * FROM eval('SELECT 1')"
        " SETTINGS allow_experimental_eval_table_function = 1)"
    ),
    "SELECT * FROM fuzzQuery('SELECT 1')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM audit.secret))",
    "SELECT * FROM python('x')",
    "SELECT * FROM Python(accounts)",
    "SELECT * FROM python(os)",
    "SELECT * FROM accounts",
    "SELECT aiGenerate('c', 'x')",
    "SELECT catboostEvaluate('/etc/hostname', 1)",
    "SELECT addressToLine(1)",
    "SELECT evalMLMethod(1, 2)",
]

UNGRANTED = [
    "SELECT * FROM audit.secret",
    "SELECT * FROM audit.peek",
    "SELECT * FROM view(SELECT * FROM audit.secret)",
    "SELECT * FROM merge('audit', 'secret')",
    "SELECT * FROM remote('127.0.0.1', 'audit', 'secret')",
    "SELECT * FROM cluster('default', audit.secret)",
    "SELECT * FROM mergeTreeIndex('audit', 'secret')",
    "SELECT * FROM mergeTreeIndex('audit', 'granted')",
    "SELECT * FROM mergeTreeProjection('audit', 'secret', 'p')",
    "SELECT * FROM audit.granted WHERE n IN (SELECT n FROM audit.secret)",
    "SELECT * FROM audit.granted WHERE n IN audit.secret",
    "SELECT joinGet('audit.secret', 's', 1)",
    "SELECT dictGet('audit.secret', 's', 1)",
    "SELECT hasColumnInTable('audit', 'secret', 'n')",
    "SHOW CREATE TABLE audit.secret",
    "DESCRIBE audit.secret",
    "EXISTS audit.secret",
    "CHECK TABLE audit.secret",
    "EXPLAIN SELECT * FROM audit.secret",
    "EXPLAIN ESTIMATE SELECT * FROM audit.secret",
]

CHANGES = [
    "INSERT INTO audit.granted VALUES (9, 'x')",
    "INSERT INTO audit.granted SELECT 9, 'x'",
    "INSERT INTO audit.granted FORMAT TSV\n9\tx\n",
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a UInt8') VALUES (1)",
    "WITH 1 AS x INSERT INTO audit.granted SELECT 9, 'x'",
    "CREATE TABLE audit.mine (n UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (n UInt8)",
    "CREATE VIEW audit.mine AS SELECT file('/etc/hostname')",
    "CREATE FUNCTION mine AS x -> file(x)",
    "DROP TABLE audit.granted",
    "TRUNCATE TABLE audit.granted",
    "ALTER TABLE audit.granted DELETE WHERE 1",
    "DELETE FROM audit.granted WHERE 1",
    "OPTIMIZE TABLE audit.granted",
    "RENAME TABLE audit.granted TO audit.x",
    "ATTACH TABLE mine",
    "DETACH TABLE audit.granted",
    "BACKUP TABLE audit.granted TO File('/tmp/backup')",
    "RESTORE TABLE audit.granted FROM File('/tmp/backup')",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "SYSTEM STOP MERGES",
    "KILL QUERY WHERE 1",
    "SET ROLE ALL",
    "SET ROLE auditspine_owner",
    "SET DEFAULT ROLE ALL TO default",
    "SET readonly = 0",
    "SET query_cache_tag = ''",
    "SET profile = 'default'",
    "USE system",
    "GRANT ALL ON *.* TO default",
    "REVOKE ALL ON *.* FROM default",
    "CREATE USER x",
    "CREATE ROLE x",
    "EXECUTE AS default SELECT 1",
    "BEGIN TRANSACTION",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE audit.granted",
    "SELECT 1;; DROP TABLE audit.granted",
    "SELECT 1 PARALLEL WITH SELECT 2",
]

SETTINGS = [
    "SELECT * FROM audit.granted SETTINGS max_threads = 1",
    "SELECT * FROM audit.granted SETTINGS readonly = 0",
    "SELECT * FROM audit.granted SETTINGS query_cache_tag = ''",
    "SELECT * FROM (SELECT * FROM system.processes SETTINGS query_cache_tag = '')",
    "SELECT * FROM (SELECT * FROM audit.granted SETTINGS readonly = 0)",
    "SELECT * FROM (SELECT addressToLine(1) SETTINGS allow_introspection_functions = 1)",
    (
        "SELECT * FROM (SELECT * FROM audit.granted"
        " SETTINGS additional_table_filters = {'audit.granted': 'file(''/x'') = '''''})"
    ),
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 FORMAT JSON SETTINGS max_execution_time = 0",
    "WITH x AS (SELECT 1 SETTINGS max_memory_usage = 0) SELECT * FROM x",
]


def _rows(ask: Ask) -> str:
    sql = "SELECT count(), sum(n) FROM audit.granted UNION ALL SELECT count(), 0 FROM audit.secret"
    return ask(sql).text


@pytest.mark.parametrize("sql", FILES + RUNS_TEXT + UNGRANTED)
def test_statement_that_reads_beyond_the_grants_is_refused(ask: Ask, sql: str) -> None:
    secret = Path("/etc/hostname").read_text().strip()
    for output_format in ("TabSeparated", "JSON"):
        answer = ask(sql, "reader", default_format=output_format)
        assert answer.status != 200, answer.text
        assert answer.code
        assert secret not in answer.text.split()
        assert "root:" not in answer.text


@pytest.mark.parametrize("sql", CHANGES)
def test_statement_that_is_not_one_read_is_refused(ask: Ask, sql: str) -> None:
    before = _rows(ask)
    for arguments in ({}, {"session_id": "sly"}, {"readonly": "1"}):
        answer = ask(sql, "reader", **arguments)
        assert answer.code in (ONLY_READS, "62"), answer.text
    assert _rows(ask) == before


@pytest.mark.parametrize("sql", SETTINGS)
def test_settings_in_a_statement_are_refused(ask: Ask, sql: str) -> None:
    assert ask(sql, "reader").code == READONLY


@pytest.mark.parametrize(
    "arguments",
    [
        {"query_cache_tag": ""},
        {"readonly": "0", "max_threads": "1"},
        {"profile": "default"},
        {"max_execution_time": "0"},
        {"additional_table_filters": "{'audit.granted':'1'}"},
        {"log_comment": "x"},
        {"allow_ddl": "1"},
        {"dialect": "kusto"},
        {"allow_experimental_eval_table_function": "1"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_settings_in_the_url_are_refused(ask: Ask, arguments: dict[str, str]) -> None:
    assert ask("SELECT 1", "reader", **arguments).code == READONLY


@pytest.mark.parametrize("readonly", ["0", "1", "2"])
def test_reader_cannot_choose_its_own_readonly(ask: Ask, readonly: str) -> None:
    answer = ask("SELECT getSetting('readonly')", "reader", readonly=readonly)
    assert answer.text == "1"


@pytest.mark.parametrize("where", ["argument", "header"])
@pytest.mark.parametrize(
    "name", ["JSON SETTINGS readonly = 0", "JSON' x", "JSON UNION ALL SELECT file('/etc/hostname')"]
)
def test_default_format_cannot_carry_sql(ask: Ask, where: str, name: str) -> None:
    arguments = {"default_format": name} if where == "argument" else {}
    headers = {"X-ClickHouse-Format": name} if where == "header" else {}
    assert ask("SELECT 1", "reader", headers=headers, **arguments).code == "73"


def test_reader_cannot_fill_the_disk(endpoint: ClickHouseProcess, ask: Ask) -> None:
    sql = "SELECT repeat('x', 1000) FROM numbers(100000000)"
    for output_format in ("JSON", "TSV"):
        answer = ask(sql, "reader", default_format=output_format, wait_end_of_query="1")
        assert answer.code == "396"
    assert list((endpoint.data_dir / "spool").iterdir()) == []


def test_readers_leave_room_for_the_admin(ask: Ask) -> None:
    threads = [threading.Thread(target=ask, args=("SELECT sleep(1)", "reader")) for _ in range(40)]
    for thread in threads:
        thread.start()
    while "sleep" not in ask("SELECT query FROM system.processes").text:
        assert any(thread.is_alive() for thread in threads)
    assert sum(thread.is_alive() for thread in threads) > 20
    for thread in threads:
        thread.join()


def test_reader_cannot_name_a_role(ask: Ask) -> None:
    assert ask("SELECT 1", "reader", role="auditspine_owner").code == "48"


def test_reader_holds_the_reader_role_alone(ask: Ask) -> None:
    assert ask("SELECT currentRoles()", "reader").text == "['auditspine_reader']"


def test_reader_does_not_enter_the_session_of_the_admin(ask: Ask) -> None:
    assert ask("SET max_threads = 7", session_id="shared").status == 200
    sql = "SELECT getSetting('max_threads')"
    assert ask(sql, session_id="shared").text == "7"
    assert ask(sql, "reader", session_id="shared").text != "7"


def test_reader_cannot_send_external_data(ask: Ask) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="x"; filename="x"\r\n\r\n1\r\n--b--\r\n'
    answer = ask(
        body,
        "reader",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        query="SELECT * FROM x",
        x_structure="a UInt8) ENGINE = Memory AS (SELECT 1",
    )
    assert answer.code == DENIED


def test_bound_parameter_cannot_become_a_function(ask: Ask) -> None:
    assert ask("SELECT {f:Identifier}('/x')", "reader", param_f="file").status != 200
    answer = ask("SELECT * FROM {t:Identifier}", "reader", param_t="audit.secret")
    assert answer.status != 200
    answer = ask("SELECT {v:String}", "reader", param_v="', file('/etc/hostname'), '")
    assert answer.text == "\\', file(\\'/etc/hostname\\'), \\'"


def test_merge_shows_granted_tables_only(ask: Ask) -> None:
    answer = ask("SELECT DISTINCT _table FROM merge('audit', 'granted$|secret')", "reader")
    assert answer.text == "granted"


@pytest.mark.parametrize("sql", ["SHOW PROCESSLIST", "SELECT * FROM merge('system', 'processes')"])
def test_other_callers_statements_are_hidden(ask: Ask, sql: str) -> None:
    answer = ask(sql, "reader")
    assert answer.text == "" or answer.code == "636"  # no such table, as far as they can see
    assert "SELECT" in ask("SELECT query FROM system.processes").text


def test_metadata_shows_granted_tables_only(ask: Ask) -> None:
    for sql in (
        "SHOW TABLES FROM audit",
        "SELECT name FROM system.tables WHERE database = 'audit' ORDER BY name",
        "SELECT DISTINCT table FROM system.columns WHERE database = 'audit' ORDER BY table",
    ):
        assert ask(sql, "reader").text.split() == ["granted", "granted_view", "peek"]


HARMLESS_SYSTEM_TABLES = frozenset(
    {
        "aggregate_function_combinators",
        "asynchronous_loader",
        "azure_queue_settings",
        "build_options",
        "codecs",
        "collations",
        "columns",
        "completions",
        "constraints",
        "contributors",
        "current_roles",
        "dashboards",
        "data_skipping_index_types",
        "data_skipping_indices",
        "data_type_families",
        "database_engines",
        "databases",
        "dictionaries",
        "dictionary_layouts",
        "dictionary_sources",
        "disk_types",
        "documentation",
        "enabled_roles",
        "formats",
        "functions",
        "graphite_retentions",
        "jemalloc_arena_bins",
        "jemalloc_bins",
        "jemalloc_stats",
        "keywords",
        "licenses",
        "merge_tree_settings",
        "numbers",
        "numbers_mt",
        "one",
        "primes",
        "privileges",
        "projections",
        "replicated_merge_tree_settings",
        "s3_queue_settings",
        "settings",
        "settings_changes",
        "statements",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "tokenizers",
        "unicode",
        "user_defined_functions",
        "zeros",
        "zeros_mt",
    }
)


def test_every_system_table_is_hidden_refused_or_known_to_be_harmless(
    ask: Ask,
) -> None:
    names = ask("SELECT name FROM system.tables WHERE database = 'system'").text.split()
    assert len(names) > 100
    shown = set()
    for name in names:
        answer = ask(f"SELECT * FROM system.{name} LIMIT 1", "reader")
        if answer.status == 200 and name not in HIDDEN_SYSTEM_TABLES:
            shown.add(name)
        assert answer.status != 200 or name not in HIDDEN_SYSTEM_TABLES or not answer.body
    assert shown - HARMLESS_SYSTEM_TABLES == set()


@pytest.fixture
def trap() -> Iterator[tuple[int, list[bytes]]]:
    """A listener that must never be reached."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                heard.append(b"connection")
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "source",
    [
        "url('http://127.0.0.1:PORT/a.csv', 'LineAsString', 's String')",
        "url('http://127.0.0.1:PORT/a.csv')",
        "urlCluster('default', 'http://127.0.0.1:PORT/a.csv')",
        "s3('http://127.0.0.1:PORT/bucket/key', 'CSV', 's String')",
        "s3('http://127.0.0.1:PORT/bucket/key')",
        "gcs('http://127.0.0.1:PORT/bucket/key')",
        "iceberg('http://127.0.0.1:PORT/bucket/key/')",
        "deltaLake('http://127.0.0.1:PORT/bucket/key/')",
        "hudi('http://127.0.0.1:PORT/bucket/key/')",
        "azureBlobStorage('http://127.0.0.1:PORT', 'c', 'p')",
        "hdfs('hdfs://127.0.0.1:PORT/a', 'TSV', 'x String')",
        "remote('127.0.0.1:PORT', 'a', 'b')",
        "remoteSecure('127.0.0.1:PORT', 'a', 'b')",
        "mysql('127.0.0.1:PORT', 'd', 't', 'u', 'p')",
        "postgresql('127.0.0.1:PORT', 'd', 't', 'u', 'p')",
        "mongodb('127.0.0.1:PORT', 'd', 't', 'u', 'p', 'x String')",
        "redis('127.0.0.1:PORT', 'k', 'k String, v String')",
        "odbc('DSN=127.0.0.1:PORT', 'a', 'b')",
        "jdbc('jdbc:127.0.0.1:PORT', 'a', 'b')",
        "arrowFlight('127.0.0.1:PORT', 'd')",
        "ytsaurus('http://127.0.0.1:PORT', 'p', 't', 'x String')",
        "bigquery('http://127.0.0.1:PORT', 'p', 't')",
        "`http://127.0.0.1:PORT/a.csv`",
    ],
)
def test_nothing_reaches_out_over_the_network(
    ask: Ask, trap: tuple[int, list[bytes]], source: str
) -> None:
    port, heard = trap
    for verb in ("SELECT * FROM", "DESCRIBE", "EXPLAIN SELECT * FROM", "SELECT 1 IN"):
        sql = f"{verb} {source.replace('PORT', str(port))}"
        assert ask(sql, "reader").status != 200
    assert heard == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM audit.granted ORDER BY n",
        "SELECT count() FROM audit.granted_view",
        "SELECT 'file', 'SETTINGS', '-- eval(1)' -- file('/x')",
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9)"
            " SELECT max(n) FROM r"
        ),
        "SELECT hex(SHA256(s)) FROM audit.granted",
        "SELECT format('{}-{}', 'a', 'b'), number FROM numbers(3)",
        "SELECT value FROM system.settings WHERE name = 'max_threads'",
        "EXPLAIN SELECT * FROM audit.granted",
        "SHOW CREATE TABLE audit.granted",
        "SELECT profile, files, settings FROM (SELECT 1 AS profile, 2 AS files, 3 AS settings)",
        "SELECT $$it's$$, 'a\\tb', '\\\\', 'ü'",
    ],
)
def test_honest_reading_works_as_for_the_admin(ask: Ask, sql: str) -> None:
    for output_format in ("TabSeparated", "JSONCompactEachRow", "CSVWithNames"):
        answer = ask(sql, "reader", default_format=output_format)
        assert answer.status == 200, answer.text
        if "system.settings" not in sql:
            assert answer.body == ask(sql, default_format=output_format).body


def test_reader_works_through_the_client(reader: Client) -> None:
    sql = "SELECT n, s FROM audit.granted WHERE n < {top:UInt64} ORDER BY n"
    rows = reader.query(sql, parameters={"top": 2}).result_rows
    assert rows == [(1, "granted")]
    assert reader.query_arrow("SELECT n FROM audit.granted ORDER BY n").to_pydict() == {"n": [1, 2]}
