"""How often monitors were right, as people said when they closed alerts. Values and a query."""

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import query

_PRECISION = """
    SELECT deployment, model, monitor, toString(kind) AS kind, feature,
        toString(risk_class) AS risk_class, signals, true_alerts, false_alerts, expected_alerts,
        true_effects, false_effects
    FROM monitor_precision FINAL
    WHERE tenant = {tenant:String}
    ORDER BY deployment, model, monitor, origin
"""


@dataclass(frozen=True, slots=True)
class MonitorRecord:
    """A monitor's record; the columns of ``monitor_precision`` (docs/sql.md)."""

    deployment: str
    model: str
    monitor: str
    kind: str
    feature: str
    risk_class: str
    signals: int
    true_alerts: int
    false_alerts: int
    expected_alerts: int
    true_effects: list[float]
    false_effects: list[float]


def read_precision(client: Client, tenant: str) -> list[MonitorRecord]:
    """Give the record of each monitor that ever signalled.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    return [MonitorRecord(*row) for row in query(client, _PRECISION, {"tenant": tenant})]
