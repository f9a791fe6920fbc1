"""Release decisions on their way to guards: what cannot be told becomes a denial, never silence."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from auditspine.ledger.records import encode_value
from auditspine.ledger.releases import ReleaseRecord
from auditspine.sinks.errors import BadDataError
from auditspine.sinks.releases import ReleaseStates

ROW: dict[str, object] = {
    "origin": "local/c/lifecycle/0",
    "tenant": "acme",
    "environment": "prod",
    "model": "risk",
    "model_version": "3",
    "model_digest": b"m" * 32,
    "allowed": 1,
    "decision_id": "d-1",
    "exceptions": [],
    "reason": "every rule passed",
    "since": 1,
    "until": None,
    "version": 1,
}


class Kept:
    """Keeps what is written, as a store and as a topic."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.rows: list[object] = []
        self.records: list[ReleaseRecord] = []

    def write(self, table: str, columns: Any, rows: Any) -> None:
        self.order.append(table)
        self.rows += rows

    def publish(self, records: Any) -> None:
        self.order.append("topic")
        self.records += records


def written(*rows: dict[str, object], table: str = "release_states") -> Kept:
    kept = Kept()
    states = ReleaseStates(kept, kept)
    states.write(table, list(ROW), [list(row.values()) for row in rows])
    return kept


def test_rows_become_records_before_they_are_stored() -> None:
    kept = written(ROW, {**ROW, "allowed": 0, "until": 9, "version": 2})
    assert kept.order == ["topic", "release_states"]
    first, second = kept.records
    assert first == ReleaseRecord(
        "acme", "prod", b"m" * 32, True, "d-1", "every rule passed", 1, None, 1
    )
    assert (second.allowed, second.until, second.position) == (False, 9, 2)
    assert len(kept.rows) == 2


def test_other_tables_are_passed_on_alone() -> None:
    kept = written(ROW, table="release_decisions")
    assert (kept.order, len(kept.rows)) == (["release_decisions"], 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", ""),
        ("reason", "r" * 70_000),
        ("decision_id", ""),
        ("decision_id", None),
        ("since", -1),
        ("until", "soon"),
    ],
)
def test_a_decision_that_no_record_holds_is_told_as_a_denial(field, value) -> None:
    with capture_logs() as logs:
        kept = written({**ROW, "version": 2, field: value}, {**ROW, "version": 3})
    instead, other = kept.records
    assert (instead.allowed, instead.until, instead.position) == (False, None, 2)
    assert instead.key == other.key
    encode_value(instead)
    assert other.allowed
    assert [entry["event"] for entry in logs] == ["state left out"]
    assert "rrr" not in str(logs)


def test_one_of_no_model_is_left_out_and_the_others_are_told() -> None:
    with capture_logs() as logs:
        kept = written({**ROW, "model_digest": b"short"}, {**ROW, "version": 2})
    assert [record.position for record in kept.records] == [2]
    assert len(kept.rows) == 2
    assert {entry["log_level"] for entry in logs} == {"error"}


def test_a_missing_column_is_refused() -> None:
    kept = Kept()
    with pytest.raises(BadDataError, match="column tenant"):
        ReleaseStates(kept, kept).write("release_states", ("environment",), [("x",)])
    assert kept.order == []
