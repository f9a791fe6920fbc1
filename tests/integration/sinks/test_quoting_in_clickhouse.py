"""What is quoted comes back from ClickHouse's parser as it was."""

import json

import clickhouse_connect
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditspine.sinks.quoting import identifier, quoted

REAL = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AWKWARD = "\\'; DROP TABLE x -- /* ` \" \n\r\t\b\x00 {p:String} $$ \u2019 \U0001f600 \\x41 ?"


@pytest.fixture(scope="module")
def client(sink_clickhouse):
    connected = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=sink_clickhouse.port,
        username="admin",
        password=sink_clickhouse.admin_password,
        autogenerate_session_id=False,
    )
    yield connected
    connected.close()


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example(AWKWARD)
@REAL
def test_a_string_comes_back_as_it_was(client, text) -> None:
    found = client.raw_query(f"SELECT hex({quoted(text)})", fmt="TabSeparated").decode().strip()
    assert bytes.fromhex(found).decode() == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@example(AWKWARD.replace("\0", ""))
@REAL
def test_a_name_comes_back_as_it_was(client, name) -> None:
    named = client.raw_query(f"SELECT 1 AS {identifier(name)}", fmt="JSONCompactEachRowWithNames")
    assert json.loads(named.decode().split("\n")[0]) == [name]
