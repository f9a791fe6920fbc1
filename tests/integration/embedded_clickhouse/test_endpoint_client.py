"""What clickhouse-connect's HTTP client offers, through the endpoint."""

import asyncio
import datetime as dt
import decimal
import io
import threading
import uuid
from typing import Any

import clickhouse_connect
import fastavro
import lz4.frame
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from auditspine.embedded.clickhouse.process import ClickHouseProcess

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "n", "type": "long"},
            {
                "name": "body",
                "type": {
                    "type": "record",
                    "name": "Body",
                    "fields": [
                        {"name": "name", "type": "string"},
                        {"name": "score", "type": ["null", "double"]},
                        {"name": "tags", "type": {"type": "array", "items": "string"}},
                    ],
                },
            },
        ],
    }
)
AVRO_INSERT = (
    "INSERT INTO audit.scratch SELECT n, toJSONString(body) FROM input('n UInt64, "
    "body Tuple(name String, score Nullable(Float64), tags Array(String))') FORMAT Avro"
)


def avro(count: int) -> bytes:
    file = io.BytesIO()
    rows = [
        {"n": n, "body": {"name": f"n{n}", "score": None if n % 2 else 0.5, "tags": ["a"]}}
        for n in range(count)
    ]
    fastavro.writer(file, SCHEMA, rows)
    return file.getvalue()


def client_for(endpoint: ClickHouseProcess, **options: Any) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=endpoint.port,
        username="admin",
        password=endpoint.admin_password,
        **options,
    )


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_insert_and_query_round_trip(
    endpoint: ClickHouseProcess, table: str, compress: str | bool
) -> None:
    client = client_for(endpoint, compress=compress)
    rows = [(n, f"row {n}" * 10) for n in range(50_000)]
    summary = client.insert(table, rows, ["n", "s"])
    assert summary.written_rows == len(rows)
    assert client.query(f"SELECT n, s FROM {table} ORDER BY n").result_rows == rows


def test_types_round_trip(admin: Client) -> None:
    columns = (
        "u UUID, d DateTime64(6, 'UTC'), e Enum8('a' = 1, 'b' = 2), m Map(String, UInt64), "
        "t Tuple(x Nullable(String), y Array(Float64)), f FixedString(4), "
        "l LowCardinality(String), c Decimal(18, 4), i UInt256"
    )
    admin.command("DROP TABLE IF EXISTS audit.types")
    admin.command(f"CREATE TABLE audit.types ({columns}) ENGINE = MergeTree ORDER BY u")
    row = (
        uuid.uuid4(),
        dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
        "b",
        {"k": 7},
        (None, [1.5, -0.25]),
        b"\x00\xff\x01\x02",
        "low",
        decimal.Decimal("12.3400"),
        2**200,
    )
    admin.insert("audit.types", [row])
    (got,) = admin.query("SELECT * FROM audit.types", tz_mode="aware").result_rows
    assert tuple(got[4].values() if isinstance(got[4], dict) else got[4]) == row[4]
    assert (got[:4] + got[5:]) == (row[:4] + row[5:])
    admin.command("DROP TABLE audit.types")


def test_bound_parameters_reach_the_engine_as_values(admin: Client) -> None:
    sly = "it's \\ a\ttab\nand 'more'; DROP TABLE x"
    query = "SELECT {s:String}, {n:UInt64}, {a:Array(String)}, {d:DateTime}, {z:Nullable(String)}"
    parameters = {
        "s": sly,
        "n": 7,
        "a": ["x'y", "z"],
        "d": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "z": None,
    }
    (row,) = admin.query(query, parameters=parameters).result_rows
    assert row[:3] == (sly, 7, ["x'y", "z"])
    assert row[4] is None


def test_bound_parameters_work_in_an_insert(admin: Client, table: str) -> None:
    parameters = {"t": "scratch", "n": 5}
    admin.command("INSERT INTO audit.{t:Identifier} SELECT {n:UInt64}, 'x'", parameters=parameters)
    admin.command(
        "INSERT INTO audit.{t:Identifier} FORMAT TSV", data="6\ty\n", parameters=parameters
    )
    assert admin.query(f"SELECT n FROM {table} ORDER BY n").result_rows == [(5,), (6,)]


def test_settings_hold_for_one_request_only(admin: Client) -> None:
    sql = "SELECT getSetting('max_block_size')"
    default = admin.command(sql)
    assert admin.command(sql, settings={"max_block_size": 77}) == 77
    assert admin.command(sql) == default


def test_unknown_setting_is_named(endpoint: ClickHouseProcess, ask: Any) -> None:
    answer = ask("SELECT 1", no_such_setting="1")
    assert (answer.code, answer.status) == ("115", 404)
    assert "no_such_setting" in answer.text


def test_session_keeps_settings_and_database(endpoint: ClickHouseProcess) -> None:
    client = client_for(endpoint, session_id="kept")
    client.command("SET max_block_size = 99")
    client.command("USE audit")
    assert client.command("SELECT getSetting('max_block_size')") == 99
    assert client.command("SELECT count() FROM granted") == 2


def test_session_is_locked_while_a_request_runs(endpoint: ClickHouseProcess, ask: Any) -> None:
    slow = threading.Thread(
        target=ask, args=("SELECT sleep(2) AS busy",), kwargs={"session_id": "busy"}
    )
    slow.start()
    while ask("SELECT count() FROM system.processes WHERE query LIKE '%AS busy'").text != "1":
        assert slow.is_alive()
    assert ask("SELECT 1", session_id="busy").code == "373"
    slow.join()
    assert ask("SELECT 1", session_id="busy").text == "1"
    assert ask("SELECT 1", session_id="nobody", session_check="1").code == "372"


@pytest.mark.parametrize("fmt", ["TSV", "CSV", "JSONEachRow", "Values"])
def test_raw_insert_takes_text_formats(admin: Client, table: str, fmt: str) -> None:
    data = {
        "TSV": b"1\ta\n2\tb\n",
        "CSV": b'1,"a"\n2,"b"\n',
        "JSONEachRow": b'{"n": 1, "s": "a"}\n{"n": 2, "s": "b"}\n',
        "Values": b"(1, 'a'), (2, 'b')",
    }
    admin.raw_insert(table, ["n", "s"], data[fmt], fmt=fmt)
    assert admin.query(f"SELECT n, s FROM {table} ORDER BY n").result_rows == [(1, "a"), (2, "b")]


def test_raw_insert_takes_frames_that_follow_each_other(admin: Client, table: str) -> None:
    frames = b"".join(lz4.frame.compress(f"{n}\tx\n".encode()) for n in range(50))
    admin.raw_insert(table, ["n", "s"], frames, fmt="TSV", compression="lz4")
    assert admin.command(f"SELECT count() FROM {table}") == 50


def test_arrow_goes_in_and_out(admin: Client, table: str) -> None:
    data = pa.table({"n": pa.array([1, 2, 3], pa.uint64()), "s": ["a", "b", "c"]})
    admin.insert_arrow(table, data)
    got = admin.query_arrow(f"SELECT n, s FROM {table} ORDER BY n", use_strings=True)
    assert got.to_pydict() == data.to_pydict()
    with admin.query_arrow_stream(f"SELECT n FROM {table}") as stream:
        assert sum(part.num_rows for part in stream) == 3


@pytest.mark.parametrize(
    "fmt", ["JSON", "JSONCompact", "CSVWithNames", "TSVWithNamesAndTypes", "Pretty", "Parquet"]
)
def test_formats_with_headers_come_as_one_document(admin: Client, fmt: str) -> None:
    data = admin.raw_query("SELECT number AS name FROM numbers(200000)", fmt=fmt)
    assert data.count(b"name") >= 1
    if fmt == "CSVWithNames":
        assert data.count(b"name") == 1
        assert data.count(b"\n") == 200_001
    if fmt == "Parquet":
        assert (data[:4], data[-4:]) == (b"PAR1", b"PAR1")


def test_stream_of_rows_is_complete(admin: Client) -> None:
    with admin.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
        assert sum(len(block) for block in stream) == 1_000_000


def test_external_data_can_be_selected_from(admin: Client) -> None:
    external = ExternalData(
        file_name="wanted.csv",
        data=b"1,one\r\n\r\n2,two\n".replace(b"\r\n\r\n", b"\n"),
        fmt="CSV",
        structure=["n UInt64", "label String"],
    )
    external.add_file(file_name="more", data="7\n8\n", fmt="TSV", types="UInt64")
    rows = admin.query(
        "SELECT n, label FROM wanted WHERE n NOT IN (SELECT _1 FROM more) ORDER BY n",
        external_data=external,
    ).result_rows
    assert rows == [(1, "one"), (2, "two")]


def test_error_carries_code_and_name(admin: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as caught:
        admin.query("SELECT * FROM audit.no_such_table")
    assert caught.value.code == 60


def test_error_in_mid_stream_reaches_the_client(admin: Client) -> None:
    sql = "SELECT number, throwIf(number = 900000, 'boom') FROM numbers(1000000)"

    def read() -> None:
        with admin.query_row_block_stream(sql, settings={"max_block_size": 10000}) as stream:
            for _ in stream:
                pass

    with pytest.raises((StreamFailureError, DatabaseError), match="boom"):
        read()


def test_corrupt_insert_writes_nothing(admin: Client, table: str) -> None:
    with pytest.raises(DatabaseError):
        admin.raw_insert(table, ["n", "s"], b"1\ta\nnot a number\tb\n", fmt="TSV")
    assert admin.command(f"SELECT count() FROM {table}") == 0


def test_repeated_token_is_dropped(admin: Client, table: str) -> None:
    for token, expected in (("a", 1), ("a", 1), ("b", 2)):
        admin.insert(table, [[1, "x"]], ["n", "s"], settings={"insert_deduplication_token": token})
        assert admin.command(f"SELECT count() FROM {table}") == expected


def test_input_function_reads_avro(admin: Client, table: str) -> None:
    for token, expected in (("a", 1000), ("a", 1000), ("b", 2000)):
        settings = {"insert_deduplication_token": token}
        admin.command(AVRO_INSERT, data=avro(1000), settings=settings)
        assert admin.command(f"SELECT count() FROM {table}") == expected
    got = admin.query(f"SELECT s FROM {table} WHERE n IN (0, 1) GROUP BY s ORDER BY s").result_rows
    assert got == [
        ('{"name":"n0","score":0.5,"tags":["a"]}',),
        ('{"name":"n1","score":null,"tags":["a"]}',),
    ]


def test_cut_avro_writes_nothing_and_leaves_no_file(
    admin: Client, endpoint: ClickHouseProcess, table: str
) -> None:
    with pytest.raises(DatabaseError, match="AVRO_EXCEPTION"):
        admin.command(AVRO_INSERT, data=avro(1000)[:-400])
    assert admin.command(f"SELECT count() FROM {table}") == 0
    assert list((endpoint.data_dir / "spool").iterdir()) == []


def test_threads_share_one_client(endpoint: ClickHouseProcess) -> None:
    client = client_for(endpoint, autogenerate_session_id=False)
    results: list[int] = []

    def work(n: int) -> None:
        results.extend(int(client.command(f"SELECT {n} + {i}")) for i in range(10))  # type: ignore[call-overload]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(n + i for n in range(8) for i in range(10))


def test_async_client_works(endpoint: ClickHouseProcess) -> None:
    async def work() -> list[Any]:
        client = await clickhouse_connect.get_async_client(
            host="127.0.0.1",
            port=endpoint.port,
            username="admin",
            password=endpoint.admin_password,
            autogenerate_session_id=False,
        )
        try:
            return await asyncio.gather(*(client.command(f"SELECT {n}") for n in range(5)))
        finally:
            await client.close()

    pytest.importorskip("aiohttp")
    assert asyncio.run(work()) == list(range(5))


def test_form_encoded_parameters_work(endpoint: ClickHouseProcess) -> None:
    client = client_for(endpoint, form_encode_query_params=True)
    assert client.query("SELECT {s:String}", parameters={"s": "x" * 100}).first_row == ("x" * 100,)
