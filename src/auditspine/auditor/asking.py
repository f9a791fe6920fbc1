"""Asks ClickHouse for a few rows, and finds out whose they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.query import QueryResult

from auditspine.auditor.errors import SourceError, UnknownTenantError

_TENANTS = """
    SELECT DISTINCT toString(tenant) AS name FROM (
        SELECT tenant FROM lineage_nodes UNION ALL SELECT tenant FROM access_verdicts
        UNION ALL SELECT tenant FROM access_grants UNION ALL SELECT tenant FROM alerts
        UNION ALL SELECT tenant FROM drift_levels UNION ALL SELECT tenant FROM release_decisions
    ) ORDER BY name
"""


def query(client: Client, sql: str, parameters: Mapping[str, object]) -> list[Sequence[Any]]:
    """Run a query and give its rows.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    return list(_ask(client, sql, parameters).result_rows)


def named_rows(client: Client, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run a query and give each row by the names of its columns; errors as above."""
    result = _ask(client, sql, parameters)
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def timed_rows(client: Client, sql: str, parameters: Mapping[str, object]) -> list[Sequence[Any]]:
    """Run a query and give its rows with times that know that they are UTC; errors as above."""
    return [
        [each.replace(tzinfo=UTC) if isinstance(each, datetime) else each for each in row]
        for row in query(client, sql, parameters)
    ]


def choose_tenant(client: Client, named: str | None) -> str:
    """Give the tenant that was named, or the only one.

    Raises:
        UnknownTenantError: It is not known here, or several are and none was named.
        SourceError: ClickHouse refuses or is away.
    """
    found = [str(row[0]) for row in query(client, _TENANTS, {})]
    if named is None and len(found) == 1:
        return found[0]
    known = f"; known here: {', '.join(found)}" if found else "; no event of any is folded yet"
    if named is None:
        raise UnknownTenantError(f"name the tenant with --tenant{known}")
    if named not in found:
        raise UnknownTenantError(f"tenant {named} is not known here{known}")
    return named


def _ask(client: Client, sql: str, parameters: Mapping[str, object]) -> QueryResult:
    try:
        return client.query(sql, parameters=dict(parameters))
    except (ClickHouseError, OSError) as exc:
        line = str(exc).strip().split("\n", 1)[0][:300]
        raise SourceError(f"ClickHouse could not answer: {line}") from exc
