"""What the log says of a replay: which monitor signalled at which row, and which alerts it made."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from auditspine.cli.demo.replay import Place, row_of
from auditspine.cli.errors import CliError

_POLL_S = 0.1
_SIGNALS = """
    SELECT body FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'drift.signalled'
        AND JSONExtractString(body, 'deployment', 'name') = {deployment:String}
    ORDER BY position
"""
_PREDICTION = """
    SELECT JSONExtractString(body, 'prediction_id'), toUnixTimestamp64Milli(appended_at)
    FROM committed_evidence
    WHERE origin = {origin:String} AND position = {position:UInt64}
"""
_ALERTS = """
    SELECT alert_id, toString(kind), toString(tier), toString(state), toString(risk_class),
        features, title, investigation_id, investigating
    FROM alerts FINAL
    WHERE tenant = {tenant:String} AND deployment = {deployment:String}
    ORDER BY raised_at, alert_id
"""
_ANALYSIS = """
    SELECT body FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'investigation.analysed'
        AND JSONExtractString(body, 'deployment', 'name') = {deployment:String}
    ORDER BY position LIMIT 1
"""
_CAME = """
    SELECT toUnixTimestamp64Milli(appended_at) FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'prediction.made'
        AND JSONExtractString(body, 'prediction_id') = {prediction:String}
"""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Signal:
    """A monitor's signal.

    Attributes:
        monitor: The monitor.
        feature: Of which feature; empty for the score and the decision.
        row: Row with which it was found.
        at: When the broker took that row, seconds since 1970.
        detail: One sentence.
    """

    monitor: str
    feature: str
    row: int
    at: float
    detail: str


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert as it is; see docs/sql.md, ``alerts``."""

    alert_id: str
    kind: str
    tier: str
    state: str
    risk_class: str
    features: list[str]
    title: str
    investigation_id: str
    investigating: bool


class Log:
    """Asks ClickHouse about one tenant's replay.

    Args:
        client: A client that may read.
        tenant: The tenant.
    """

    def __init__(self, client: Client, tenant: str) -> None:
        self._client = client
        self._tenant = tenant

    def signals(self, place: Place) -> list[Signal]:
        """Give the signals of a deployment whose rows have landed, in the order of the log."""
        found = []
        for (text,) in self._ask(_SIGNALS, place):
            body = json.loads(text)
            evidence = body["evidence"]
            rows = self._client.query(
                _PREDICTION,
                parameters={"origin": evidence["origin"], "position": evidence["last"]},
            ).result_rows
            if rows:
                name, at = rows[0]
                words = (body["monitor"], body["feature"])
                found.append(Signal(*words, row_of(name), at / 1000, body["detail"]))
        return found

    def alerts(self, place: Place) -> list[Raised]:
        """Give the alerts of a deployment, in the order in which they were raised."""
        return [Raised(*row) for row in self._ask(_ALERTS, place)]

    def first(self, place: Place, feature: str, row: int) -> Signal | None:
        """Give the first signal of a feature that was found with a row or later, or ``None``."""
        signals = self.signals(place)
        return next((each for each in signals if each.feature == feature and each.row >= row), None)

    def alert(self, place: Place, feature: str) -> Raised | None:
        """Give the alert of a feature, or ``None``."""
        return next((each for each in self.alerts(place) if feature in each.features), None)

    def analysis(self, place: Place) -> str | None:
        """Give the body of the first analysis at a deployment as JSON, or ``None``."""
        rows = self._ask(_ANALYSIS, place)
        return rows[0][0] if rows else None

    def came(self, place: Place, row: int) -> float | None:
        """Give when the broker took a row, seconds since 1970; ``None`` before it has landed."""
        asked = {"tenant": self._tenant, "prediction": f"{place.ref.name}-{row}"}
        rows = self._client.query(_CAME, parameters=asked).result_rows
        return rows[0][0] / 1000 if rows else None

    def _ask(self, sql: str, place: Place) -> Sequence[Sequence[Any]]:
        asked = {"tenant": self._tenant, "deployment": place.ref.name}
        return self._client.query(sql, parameters=asked).result_rows


def awaited(ask: Callable[[], _T | None], what: str, timeout_s: float) -> _T:
    """Ask until there is an answer.

    Raises:
        CliError: There is none in time; the message says for what.
    """
    deadline = time.monotonic() + timeout_s
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise CliError(f"{what} did not come within {timeout_s:.0f} s")
        time.sleep(_POLL_S)
    return answer
