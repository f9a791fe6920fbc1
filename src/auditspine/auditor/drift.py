"""How the monitors of served models stand, and what of their predictions has landed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import timed_rows

_PLACES = """
    SELECT deployment, model, model_version, lower(hex(model_digest)) AS digest,
        max(appended_at) AS last_at
    FROM drift_levels
    WHERE tenant = {tenant:String}
        AND ({deployment:String} = '' OR deployment = {deployment:String})
        AND ({model:String} = '' OR model = {model:String})
        AND ({version:String} = '' OR model_version = {version:String})
    GROUP BY deployment, model, model_version, digest
    ORDER BY deployment, last_at DESC, digest
"""
_REPORTS = """
    SELECT appended_at, predictions, run_length, profiled, monitors,
        arrayMap(each -> toString(each), kinds), levels, expected, found, toString(origin)
    FROM drift_levels FINAL
    WHERE tenant = {tenant:String} AND deployment = {deployment:String}
        AND model_digest = unhex({digest:String})
        AND (origin, appended_at) IN (
            SELECT DISTINCT origin, appended_at FROM drift_levels
            WHERE tenant = {tenant:String} AND deployment = {deployment:String}
                AND model_digest = unhex({digest:String})
            ORDER BY appended_at DESC LIMIT {most:UInt32} BY origin
        )
    ORDER BY appended_at DESC, block DESC LIMIT {most:UInt32} BY origin
"""
_LANDED = """
    SELECT arrayFirst(each -> each.kind = 'deployment', artifacts).name AS deployment, count(),
        max(appended_at)
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'prediction.made'
        AND appended_at > now() - INTERVAL 7 DAY
    GROUP BY deployment ORDER BY deployment
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One exact model at one deployment.

    Attributes:
        deployment: Name of the deployment.
        model: Name of the model.
        model_version: Its version.
        model_digest: SHA-256 in hex.
        last_at: When it was last told how its monitors stand.
    """

    deployment: str
    model: str
    model_version: str
    model_digest: str
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """How monitors of a place stood; a row of ``drift_levels`` (docs/sql.md).

    The log of predictions and that of outcomes have monitors, and rows, of their own.
    """

    at: datetime
    predictions: int
    run_length: float
    profiled: bool
    monitors: Sequence[str]
    kinds: Sequence[str]
    levels: Sequence[float]
    expected: Sequence[float]
    found: Sequence[float]
    origin: str = ""


def find_places(
    client: Client, tenant: str, deployment: str = "", model: str = "", version: str = ""
) -> list[Place]:
    """Give the places that are watched, by deployment and of each the latest first.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    asked = {"tenant": tenant, "deployment": deployment, "model": model, "version": version}
    return [Place(*row) for row in timed_rows(client, _PLACES, asked)]


def read_reports(client: Client, tenant: str, place: Place, most: int) -> list[Report]:
    """Give the last reports of a place from each log, the oldest first; errors as above."""
    asked = {
        "tenant": tenant,
        "deployment": place.deployment,
        "digest": place.model_digest,
        "most": most,
    }
    return [Report(*row) for row in reversed(timed_rows(client, _REPORTS, asked))]


def landed_predictions(client: Client, tenant: str) -> list[tuple[str, int, datetime]]:
    """Give for each deployment how many predictions of the last week landed, and when the last.

    Errors as above.
    """
    rows: list[Sequence[Any]] = timed_rows(client, _LANDED, {"tenant": tenant})
    return [(str(name), int(count), last) for name, count, last in rows]
