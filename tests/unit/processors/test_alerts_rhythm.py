"""Silence is told of when it is unusual, and not each evening."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.alerts.clock import NEVER
from auditspine.processors.alerts.deployments import Deployment
from auditspine.processors.alerts.places import Place
from auditspine.processors.alerts.rhythm import Rhythm

PURE = settings(max_examples=60, deadline=None)
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 2964 * WEEK + 4 * DAY  # 1970 began on a Thursday
LEAST = HOUR


class Traffic:
    """A deployment whose reports come one after another."""

    def __init__(self) -> None:
        self.rhythm = Rhythm()
        self.last: int | None = None
        self.alarms: list[int] = []

    def report(self, times: Iterable[int]) -> "Traffic":
        for at in times:
            if self.last is not None and self.due < at:
                self.alarms.append(self.due)
            self.rhythm = self.rhythm.reported(self.last, at)
            self.last = at
        return self

    @property
    def due(self) -> int:
        assert self.last is not None
        return self.rhythm.due(self.last, LEAST)


def every(minutes: int, weeks: int, when: Callable[[int, int], bool]) -> Iterator[int]:
    """Give times on days, 0 for Monday, and hours of which something is true."""
    for at in range(MONDAY, MONDAY + weeks * WEEK, minutes * MINUTE):
        day, hour = (at - MONDAY) // DAY % 7, (at - MONDAY) // HOUR % 24
        if when(day, hour):
            yield at


def in_office(day: int, hour: int) -> bool:
    return day < 5 and 8 <= hour < 18


def always(_: int, __: int) -> bool:
    return True


def after(at: int, days: int, hours: float) -> int:
    return at + days * DAY + int(hours * HOUR)


def test_on_the_first_day_silence_is_too_long_after_an_hour_or_twice_the_longest() -> None:
    traffic = Traffic().report([MONDAY])
    assert traffic.due == MONDAY + HOUR
    traffic.report([MONDAY + 10 * MINUTE])
    assert traffic.due == MONDAY + 70 * MINUTE
    traffic.report([MONDAY + 50 * MINUTE])
    assert traffic.due == MONDAY + 130 * MINUTE


def test_traffic_at_all_hours_is_missed_after_an_hour_whenever_it_ends() -> None:
    traffic = Traffic().report(every(5, 3, always))
    assert traffic.alarms == []
    assert traffic.due - (traffic.last or 0) == HOUR


def test_evenings_and_weekends_are_usual_after_the_first_week() -> None:
    traffic = Traffic().report(every(5, 6, in_office))
    assert [(at - MONDAY) // DAY for at in traffic.alarms] == [0, 5]


def test_a_morning_without_traffic_is_told_of_in_its_second_hour() -> None:
    traffic = Traffic().report(every(5, 3, in_office))
    assert traffic.due == after(MONDAY, 21, 10)  # from 9 on: the first hour may begin late


def test_traffic_that_ends_in_working_hours_is_told_of_after_an_hour() -> None:
    traffic = Traffic().report(every(5, 3, in_office))
    monday = MONDAY + 3 * WEEK
    traffic.report(range(after(monday, 0, 8), after(monday, 0, 11), 5 * MINUTE))
    assert traffic.due == after(monday, 0, 11) - 5 * MINUTE + HOUR


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_hours_that_shift_by_one_as_in_spring_and_autumn_are_no_alarm(shift) -> None:
    traffic = Traffic().report(every(5, 4, in_office))
    alarms = len(traffic.alarms)
    traffic.report(at + 4 * WEEK + shift for at in every(5, 4, in_office))
    assert len(traffic.alarms) == alarms


def test_a_nightly_batch_that_does_not_come_is_told_of_when_its_hour_is_over() -> None:
    traffic = Traffic().report(every(30, 3, lambda _, hour: hour == 2))
    assert [(at - MONDAY) // DAY for at in traffic.alarms] == [0]
    assert traffic.due == after(MONDAY, 21, 3)


def test_a_holiday_makes_no_day_unusual() -> None:
    traffic = Traffic().report(every(5, 3, in_office))
    monday = MONDAY + 3 * WEEK
    traffic.report(at + 3 * WEEK for at in every(5, 1, lambda d, h: d > 0 and in_office(d, h)))
    assert traffic.alarms[-1] == after(monday, 0, 10)
    assert traffic.due == after(monday, 7, 10)


def test_an_outage_makes_no_silence_usual() -> None:
    traffic = Traffic().report(every(5, 4, always))
    end = MONDAY + 4 * WEEK
    traffic.report(at for at in range(end + 30 * HOUR, end + 3 * DAY, 5 * MINUTE))
    assert len(traffic.alarms) == 1
    assert traffic.due - (traffic.last or 0) == HOUR
    traffic.report(at for at in range(end + 3 * DAY, end + WEEK + HOUR, 5 * MINUTE))
    assert traffic.due - (traffic.last or 0) == HOUR


def test_sparse_traffic_is_not_told_of_all_the_time() -> None:
    # A report each 20 minutes to 3 hours, at all hours.
    steps = [20, 45, 180, 30, 75, 20, 110]
    times, at = [], MONDAY
    while at < MONDAY + 6 * WEEK:
        at += steps[len(times) % len(steps)] * MINUTE
        times.append(at)
    traffic = Traffic().report(times)
    late = [each for each in traffic.alarms if each > MONDAY + WEEK + DAY]
    assert len(late) <= 1
    assert traffic.due <= at + 9 * HOUR


def test_a_time_in_which_none_is_expected_teaches_nothing() -> None:
    traffic = Traffic().report(every(5, 3, always))
    traffic.rhythm, traffic.last = traffic.rhythm.apart(), MONDAY + 3 * WEEK + 2 * DAY
    assert traffic.due == traffic.last + HOUR
    hours = traffic.rhythm.hours
    traffic.report([traffic.last + 59 * MINUTE])
    assert sum(a != b for a, b in zip(hours, traffic.rhythm.hours, strict=True)) <= 1
    assert traffic.due == (traffic.last or 0) + HOUR


def test_after_three_weeks_without_traffic_it_is_learned_anew() -> None:
    traffic = Traffic().report(every(5, 3, in_office))
    at = (traffic.last or 0) + 3 * WEEK + 2 * HOUR
    traffic.report([at])
    assert traffic.due == at + HOUR


@given(st.lists(st.tuples(st.integers(0, 30 * HOUR), st.booleans()), max_size=200))
@PURE
def test_whenever_reports_come_the_state_is_bounded_and_silence_has_time(steps) -> None:
    traffic, at = Traffic(), MONDAY
    for passed, is_apart in steps:
        at += passed
        traffic.report([at])
        if is_apart:
            traffic.rhythm = traffic.rhythm.apart()
        assert at + LEAST <= traffic.due <= NEVER
        rhythm = traffic.rhythm
        assert len(rhythm.hours) == 168
        assert set(rhythm.hours) <= set("123456789abcdef")
        assert len(rhythm.longest) <= 4
        stored = Deployment(watched=at, rhythm=rhythm)
        assert Deployment.decode(stored.encode()) == stored


def test_states_of_before_are_read() -> None:
    assert Deployment.decode(b'{"serving":[],"watched":5,"report":null}') == Deployment(watched=5)
    assert Place.decode(b'{"alerts":["a"],"moved":{},"holds":{}}') == Place(("a",))
