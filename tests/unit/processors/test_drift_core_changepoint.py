"""The interval of a change: wide for a weak shift, never after the alarm."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.processors.drift.changepoint import change_interval

ROWS, DELTAS = st.floats(-10, 1e7), st.floats(-5, 5)


@given(ROWS, DELTAS)
def test_it_begins_before_the_estimate_and_ends_by_the_alarm(rows, delta):
    before, after = change_interval(rows, delta)
    assert before >= 25
    assert 0 <= after <= max(rows, 0)
    assert math.isfinite(before)


@given(ROWS, DELTAS, st.floats(1.01, 10))
def test_a_weaker_shift_has_a_wider_one(rows, delta, factor):
    strong, weak = change_interval(rows, factor * delta), change_interval(rows, delta)
    assert weak[0] >= strong[0]
    assert weak[1] >= strong[1]


@given(ROWS, DELTAS)
def test_the_direction_does_not_matter(rows, delta):
    assert change_interval(rows, delta) == change_interval(rows, -delta)


def test_it_is_wider_than_that_of_an_estimate_from_a_fixed_number_of_rows():
    assert change_interval(1000, 0.5, block=0.0) == pytest.approx((2.5 * 11 / 0.25,) * 2)
