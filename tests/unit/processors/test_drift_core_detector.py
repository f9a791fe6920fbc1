"""One monitor behind river's interface."""

import math

import numpy as np
import pytest

from auditspine.processors.drift.detector import ShiftDetector
from auditspine.processors.drift.profile import NumericProfile


def _delay(detector, values):
    for row, value in enumerate(values, 1):
        detector.update(value)
        if detector.drift_detected:
            return row
    return None


@pytest.fixture
def random():
    return np.random.default_rng(21)


@pytest.fixture
def detector(random):
    return ShiftDetector(NumericProfile.of(random.standard_normal(2000)))


def test_a_shift_of_half_a_spread_is_found(detector, random):
    assert _delay(detector, random.standard_normal(2000)) is None
    assert _delay(detector, random.standard_normal(400) + 0.5) <= 300


def test_a_gradual_ramp_is_found(detector, random):
    ramp = np.minimum(np.arange(3000) / 2000, 1) * 0.5
    assert _delay(detector, random.standard_normal(3000) + ramp) <= 2000


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "n/a", None, 10**400, b"1"])
def test_what_is_no_number_is_counted_and_blinds_nothing(detector, random, bad):
    for value in random.standard_normal(500):
        detector.update(bad)
        detector.update(value)
    assert detector.ignored == 500
    assert _delay(detector, random.standard_normal(400) + 0.7) <= 300


@pytest.mark.parametrize("episode", [1000.0, 0.0, -5.0])
def test_an_episode_of_one_value_blinds_nothing(detector, random, episode):
    for value in [episode] * 1000 + random.standard_normal(1500).tolist():
        detector.update(value)
    assert _delay(detector, random.standard_normal(2000) + 0.7) <= 1000


def test_a_rescaled_feature_is_found_at_once(detector, random):
    assert _delay(detector, (random.standard_normal(500) + 3) * 1000) <= 75


def test_a_constant_that_no_longer_is_one_is_found():
    detector = ShiftDetector(NumericProfile.of(np.full(2000, 3.0)))
    assert _delay(detector, [3.0] * 2000) is None
    assert _delay(detector, [3.0, 3.1] * 100) <= 75


def test_units_do_not_matter(random):
    training, values = random.standard_normal(2000), random.standard_normal(800) + 0.4
    delays = {
        _delay(ShiftDetector(NumericProfile.of(training * unit)), values * unit)
        for unit in (1e-9, 1.0, 1e9)
    }
    assert len(delays) == 1
