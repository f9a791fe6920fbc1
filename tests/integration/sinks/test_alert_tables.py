"""What the alerts projection writes is what its tables take, and reads back as it was."""

import clickhouse_connect
from tests.unit.processors.alert_events import Log

from auditspine.processors.alerts.tables import ALERTS, HISTORY, SERVING_STATES
from auditspine.sinks.migrate import migrate
from auditspine.sinks.projections import ProjectionWriter
from auditspine.sinks.store import Store


def rows(log, table):
    return [tuple(row.values()) for row in log.rows[table].values()]


def connect(process):
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=process.port,
        username="admin",
        password=process.admin_password,
        autogenerate_session_id=False,
    )


def test_rows_of_alerts_are_written_and_read_back(sink_clickhouse) -> None:
    log = Log()
    for name in ("a, b", "c'd", "é"):
        log.signal(name, effect_size=3.0)
    log.silence(0, 60, deployment="risk-eu")
    log.acknowledge(log.alerts()[-1]["alert_id"])
    with connect(sink_clickhouse) as client:
        migrate(client, "alert_tables")
        writer = ProjectionWriter(Store(lambda: client))
        for table in (ALERTS, HISTORY, SERVING_STATES):
            for _ in range(2):
                writer.write(table.name, table.columns, rows(log, table))
            sql = f"SELECT {', '.join(table.columns)} FROM {table.name} FINAL"
            found = client.query(sql).result_rows
            assert len(found) == len(rows(log, table)) > 0
        sql = "SELECT features, effect_size, silenced_until > raised_at FROM alerts FINAL"
        got = client.query(f"{sql} WHERE kind = 'several'").result_rows
        assert got == [(["a, b", "c'd", "é"], 3.0, 1)]
        state = client.query("SELECT state, releases_frozen FROM serving_states FINAL").result_rows
        assert state == [("fallback", True)]
