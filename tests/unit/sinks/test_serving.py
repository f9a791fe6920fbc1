"""Serving states on their way to services: what cannot be told stops nothing that can."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from auditspine.ledger.serving import ServingRecord
from auditspine.sinks.errors import BadDataError
from auditspine.sinks.serving import ServingStates

ROW: dict[str, object] = {
    "origin": "local/c/lifecycle/0",
    "tenant": "acme",
    "deployment": "risk-eu",
    "model_digest": b"m" * 32,
    "state": "blocked",
    "releases_frozen": 1,
    "quarantined": 0,
    "alert_id": "alert-1",
    "reason": "drift",
    "since": 1,
    "version": 1,
}


class Kept:
    """Keeps what is written, as a store and as a topic."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.records: list[ServingRecord] = []

    def write(self, table: str, columns: Any, rows: Any) -> None:
        self.rows += rows

    def publish(self, records: Any) -> None:
        self.records += records


def written(*rows: dict[str, object]) -> Kept:
    kept = Kept()
    states = ServingStates(kept, kept)
    states.write("serving_states", list(ROW), [list(row.values()) for row in rows])
    return kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deployment", ""),
        ("reason", "r" * 70_000),
        ("model_digest", b"short"),
        ("state", "asleep"),
        ("since", -1),
        ("version", 2**63),
    ],
)
def test_a_state_that_no_record_holds_is_left_out_and_the_others_are_told(field, value) -> None:
    with capture_logs() as logs:
        kept = written({**ROW, field: value}, {**ROW, "version": 2})
    assert [record.position for record in kept.records] == [2]
    assert len(kept.rows) == 2
    (logged,) = logs
    assert (logged["event"], logged["log_level"]) == ("state left out", "error")
    assert set(logged) == {"event", "log_level", "table", "position", "reason"}
    assert "rrr" not in logged["reason"]


def test_a_missing_column_is_refused() -> None:
    kept = Kept()
    states = ServingStates(kept, kept)
    with pytest.raises(BadDataError, match="column tenant"):
        states.write("serving_states", ("deployment",), [("x",)])
    assert kept.rows == []
