"""Rebuilding a projection's rows beside the live ones: what differs, and what is left alone."""

import uuid

import clickhouse_connect
import pytest

from auditspine.processors.projection.findings import FINDINGS
from auditspine.sinks.migrate import migrate
from auditspine.sinks.projections import ProjectionWriter
from auditspine.sinks.shadow import Folded, ShadowTables
from auditspine.sinks.store import Store

ORIGIN = "r/c/t/0"


@pytest.fixture
def store(sink_clickhouse):
    database = "t" + uuid.uuid4().hex[:12]
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=sink_clickhouse.port,
        username="admin",
        password=sink_clickhouse.admin_password,
        autogenerate_session_id=False,
    )
    migrate(client, database)
    yield Store(lambda: client)
    client.command(f"DROP DATABASE {database}")
    client.close()


def finding(processor: str, position: int, detail: str = "d", origin: str = ORIGIN) -> tuple:
    number = uuid.uuid5(uuid.NAMESPACE_OID, f"{processor} {position}")
    event = uuid.UUID(int=position)
    where = (origin, position, 0, event, 1000)
    about = ("subject", "kind", "name", "1", b"", detail)
    return (number, "acme", processor, 1, "k", "info", *where, *about, position)


def write(store: Store, *rows: tuple) -> None:
    ProjectionWriter(store).write("findings", FINDINGS.columns, rows)


def shadow(store: Store, processor: str) -> ShadowTables:
    made = ShadowTables(store, processor, ["findings"])
    made.prepare()
    return made


def held(store: Store) -> list[tuple]:
    rows = store.query("SELECT processor, position, detail FROM findings FINAL ORDER BY 1, 2")
    return [tuple(row) for row in rows]


def test_only_the_processors_own_rows_are_compared_and_put_right(store) -> None:
    write(store, finding("access", 1, "forged"), finding("access", 3), finding("lineage", 1))
    made = shadow(store, "access")
    made.write("findings", FINDINGS.columns, [finding("access", 1), finding("access", 2)])
    [table] = made.compare(Folded({ORIGIN: 10}))
    assert (table.missing, table.surplus, table.altered, table.rows) == (1, 1, 1, 2)
    made.put_right(Folded({ORIGIN: 10}))
    made.drop()
    assert held(store) == [("access", 1, "d"), ("access", 2, "d"), ("lineage", 1, "d")]
    assert store.query("SELECT name FROM system.tables WHERE name LIKE 'rebuild%'") == []


def test_two_rebuilds_do_not_touch_each_others_tables(store) -> None:
    write(store, finding("access", 1), finding("lineage", 1))
    one = shadow(store, "access")
    one.write("findings", FINDINGS.columns, [finding("access", 1)])
    other = shadow(store, "lineage")
    assert [table.count for table in one.compare(Folded({ORIGIN: 10}))] == [0]
    assert [table.missing + table.surplus for table in other.compare(Folded({ORIGIN: 10}))] == [1]


def test_rows_that_the_live_projection_wrote_later_are_left_alone(store) -> None:
    write(store, finding("access", 1), finding("access", 7))
    made = shadow(store, "access")
    made.write("findings", FINDINGS.columns, [finding("access", 1)])
    assert [table.count for table in made.compare(Folded({ORIGIN: 5}))] == [0]
    made.put_right(Folded({ORIGIN: 5}))
    assert [row[1] for row in held(store)] == [1, 7]


def test_rows_of_no_entry_are_counted(store) -> None:
    write(store, finding("access", 1), finding("access", 9), finding("access", 2, origin="other"))
    made = shadow(store, "access")
    assert made.beyond(Folded({ORIGIN: 5})) == {"findings": 2}
    assert made.beyond(Folded({ORIGIN: 10, "other": 3})) == {}


def test_what_an_interrupted_rebuild_left_is_removed_by_the_next(store) -> None:
    write(store, finding("access", 1, "forged"))
    made = shadow(store, "access")
    made.write("findings", FINDINGS.columns, [finding("access", 1)])
    store.command("CREATE TABLE rebuild_access_findings_keys (x UInt8) ENGINE = Memory")
    again = shadow(store, "access")
    again.write("findings", FINDINGS.columns, [finding("access", 1)])
    again.put_right(Folded({ORIGIN: 10}))
    again.drop()
    assert held(store) == [("access", 1, "d")]
