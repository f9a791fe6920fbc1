"""Repeats change nothing, and no event makes later ones repeats."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.alert_events import Log, event_id

from auditspine.processors.alerts.repeats import Mark, Taken

PURE = settings(max_examples=60, deadline=None)
NOW = 1_795_600_000_000
LARGEST = 2**63 - 1
LATEST = 2**48 - 1  # of a UUID's time

passed = st.lists(
    st.tuples(st.integers(0, 600_000), st.integers(0, 1000)), min_size=1, max_size=300
)


def marks(steps: list[tuple[int, int]]) -> list[Mark]:
    """Give a monitor's events in their order: times and positions never go back."""
    made, at, last = [], NOW, 0
    for number, (later, further) in enumerate(steps):
        at, last = at + later, last + further
        made.append(Mark.of(event_id(number, at), last, at + 50))
    return made


def new(taken: Taken, mark: Mark) -> tuple[bool, Taken]:
    return (False, taken) if taken.has(mark) else (True, taken.taking(mark))


@given(passed, st.data())
@PURE
def test_what_is_repeated_later_is_known_however_long_ago_it_was(steps, data) -> None:
    taken, events = Taken(), marks([(later, further + 1) for later, further in steps])
    for each in events:
        is_new, taken = new(taken, each)
        assert is_new
    repeated = data.draw(st.lists(st.sampled_from(events)))
    assert all(taken.has(each) for each in (*events, *repeated))
    assert Taken.decode(taken.encode()) == taken
    assert len(taken.recent) <= 64


@given(passed, st.data())
@PURE
def test_what_claims_absurd_evidence_or_an_absurd_time_hides_nothing_later(steps, data) -> None:
    taken = Taken()
    for number, each in enumerate(marks([(later + 1, further) for later, further in steps])):
        for forged in range(data.draw(st.integers(0, 3))):
            time = data.draw(st.sampled_from([0, each.at, LATEST]))
            made = event_id(10_000 + 10 * number + forged, time)
            last = data.draw(st.sampled_from([0, each.last, LARGEST]))
            _, taken = new(taken, Mark.of(made, last, each.at))
        is_new, taken = new(taken, each)
        assert is_new
        assert taken.has(each)


def test_a_clock_that_steps_back_hides_nothing() -> None:
    taken = Taken()
    for each in marks([(1000, 10)] * 200):
        _, taken = new(taken, each)
    for number in range(200):
        later = Mark.of(event_id(500 + number, NOW - 86_400_000 + number), 3000 + number, NOW)
        is_new, taken = new(taken, later)
        assert is_new


@pytest.mark.parametrize("take", ["signal", "observe"])
def test_a_forged_end_of_evidence_blinds_no_monitor(take) -> None:
    log = Log()
    evidence = {"origin": "local/c/inference/3", "first": 0, "last": LARGEST}
    for minute in range(100):
        log.minute = minute
        getattr(log, take)(evidence=evidence)
    log.minute = 101
    getattr(log, take)()
    event_id = log.events[-1].envelope["event_id"]
    taken = [value for key, value in log.state.values.items() if key[:1] == b"t"]
    assert any(event_id in value.decode() for value in taken)
    log.signal("dti", effect_size=3.0)
    assert log.serving() == {"risk-eu 3": ("fallback", True, False)}


def test_a_whole_log_that_is_repeated_after_a_worker_lost_its_state_changes_nothing() -> None:
    log = Log()
    for number in range(300):
        log.minute = number
        log.signal("dti")
        log.observe("3", drifting_features=["dti"])
    alert, *_ = log.alerts()
    kept = {key: value for key, value in log.state.values.items() if key[:1] != b"n"}
    at = log.events[-1].appended_at
    assert log.fold([replace(each, appended_at=at) for each in log.events]) == []
    assert {key: value for key, value in log.state.values.items() if key[:1] != b"n"} == kept
    assert log.alerts()[0] == alert
    assert all(len(json.loads(kept[key])[0]) == 64 for key in kept if key[:1] == b"t")
