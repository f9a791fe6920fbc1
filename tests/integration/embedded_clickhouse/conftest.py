"""The real endpoint, started once for these tests, and clients of both accounts."""

import base64
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from auditspine.embedded.clickhouse.process import ClickHouseProcess


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()

    @property
    def code(self) -> str | None:
        return self.headers.get("X-ClickHouse-Exception-Code")


def send(
    endpoint: ClickHouseProcess,
    sql: str | bytes | None,
    user: str = "admin",
    *,
    headers: Mapping[str, str] | None = None,
    password: str | None = None,
    method: str | None = None,
    path: str = "/",
    **arguments: str,
) -> Answer:
    known = {"admin": endpoint.admin_password, "reader": endpoint.reader_password}
    secret = known.get(user, "") if password is None else password
    basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
    request = urllib.request.Request(
        f"{endpoint.url}{path}?{urllib.parse.urlencode(arguments)}",
        data=sql.encode() if isinstance(sql, str) else sql,
        headers={"Authorization": f"Basic {basic}", **(headers or {})},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


READER_TABLES = ("audit.granted", "audit.granted_view", "audit.peek")


def connect(process: ClickHouseProcess, user: str = "admin", **options: object) -> Client:
    password = process.admin_password if user == "admin" else process.reader_password
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=process.port, username=user, password=password, **options
    )


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    with ClickHouseProcess(tmp_path_factory.mktemp("clickhouse") / "ch", 0, READER_TABLES) as made:
        client = connect(made)
        client.command("CREATE DATABASE audit")
        for name in ("granted", "secret"):
            client.command(
                f"CREATE TABLE audit.{name} (n UInt64, s String) ENGINE = MergeTree ORDER BY n "
                "SETTINGS non_replicated_deduplication_window = 1000"
            )
            client.insert(f"audit.{name}", [[1, name], [2, "/etc/hostname"]], ["n", "s"])
        client.command("CREATE VIEW audit.granted_view AS SELECT n FROM audit.granted")
        client.command("CREATE VIEW audit.peek AS SELECT n FROM audit.secret")
        client.close()
        yield made


@pytest.fixture
def ask(endpoint: ClickHouseProcess) -> Callable[..., Answer]:
    """The interface by urllib alone, as curl would use it."""
    return partial(send, endpoint)


@pytest.fixture
def admin(endpoint: ClickHouseProcess) -> Iterator[Client]:
    client = connect(endpoint)
    yield client
    client.close()


@pytest.fixture
def reader(endpoint: ClickHouseProcess) -> Iterator[Client]:
    client = connect(endpoint, "reader")
    yield client
    client.close()


@pytest.fixture
def table(admin: Client) -> Iterator[str]:
    """An empty table of this test's own."""
    name = "audit.scratch"
    admin.command(f"DROP TABLE IF EXISTS {name} SYNC")
    admin.command(
        f"CREATE TABLE {name} (n UInt64, s String) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    yield name
    admin.command(f"DROP TABLE {name} SYNC")
