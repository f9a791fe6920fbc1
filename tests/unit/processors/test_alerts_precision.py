"""How often a monitor was right is counted when people close its alerts."""

import pytest
from tests.unit.processors.alert_events import Log

from auditspine.processors.alerts.precision import Precision
from auditspine.processors.alerts.tables import PRECISION


@pytest.fixture
def log() -> Log:
    return Log()


def close(log: Log, alert_id: str, disposition: str) -> None:
    body = {
        "investigation_id": alert_id.replace("alert-", "inv-"),
        "alert_id": alert_id,
        "disposition": disposition,
        "resume": True,
        "rationale": "x",
    }
    log.take("investigation.dispositioned", body)


def record(log: Log, monitor: str = "dti.location") -> dict[str, object]:
    [row] = [each for each in log.rows[PRECISION].values() if each["monitor"] == monitor]
    return row


@pytest.mark.parametrize(
    ("disposition", "counts"),
    [
        ("data_quality", (1, 0, 0)),
        ("population_shift", (1, 0, 0)),
        ("policy_drift", (1, 0, 0)),
        ("false_alarm", (0, 1, 0)),
        ("expected_change", (0, 0, 1)),
    ],
)
def test_an_alert_counts_as_what_a_person_says(log, disposition, counts) -> None:
    alert_id = log.signal(effect_size=0.7)[0][1].alert_id
    log.minute = 31
    log.signal(effect_size=-0.9)
    close(log, alert_id, disposition)
    row = record(log)
    assert (row["true_alerts"], row["false_alerts"], row["expected_alerts"]) == counts
    assert (row["kind"], row["feature"], row["risk_class"]) == ("location", "dti", "high")
    assert row["signals"] == 2
    assert row["true_effects"] == ([-0.9] if counts[0] else [])
    assert row["false_effects"] == ([-0.9] if counts[1] else [])


def test_an_alert_counts_once_for_each_of_its_monitors(log) -> None:
    alert_id = log.signal(effect_size=0.7)[0][1].alert_id
    log.signal(kind="scale", effect_size=0.4)
    close(log, alert_id, "false_alarm")
    close(log, alert_id, "false_alarm")  # it is over
    assert record(log)["false_effects"] == [0.7]
    assert record(log, "dti.scale")["false_effects"] == [0.4]


def test_what_is_back_counts_anew_by_its_own_effect(log) -> None:
    alert_id = log.signal(effect_size=3.0)[0][1].alert_id
    close(log, alert_id, "data_quality")
    log.minute = 10
    log.signal(effect_size=0.6)
    log.minute = 100
    again = log.signal(effect_size=0.7)
    body = next(body for name, body in again if name == "investigation.opened")
    log.take(
        "investigation.dispositioned",
        {
            "investigation_id": body.investigation_id,
            "alert_id": body.alert_id,
            "disposition": "false_alarm",
            "resume": True,
            "rationale": "x",
        },
    )
    assert (record(log)["true_effects"], record(log)["false_effects"]) == ([3.0], [0.7])


def test_features_that_became_one_alert_count_each(log) -> None:
    for feature in ("a", "b"):
        log.signal(feature)
    alert_id = log.signal("c", effect_size=0.7)[0][1].alert_id
    close(log, alert_id, "population_shift")
    effects = [record(log, f"{feature}.location")["true_effects"] for feature in "abc"]
    assert effects == [[0.3], [0.3], [0.7]]


def test_effects_that_are_kept_are_bounded() -> None:
    known = Precision()
    for number in range(100):
        known = known.judged("false_alarm", float(number))
    assert (known.false, len(known.false_effects), known.false_effects[-1]) == (100, 32, 99.0)
    assert Precision.decode(known.encode()) == known
    assert known.judged("something else", 1.0) == known
