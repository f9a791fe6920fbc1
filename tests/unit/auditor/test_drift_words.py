"""Monitors in words and pictures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.auditor.drift_words import (
    against,
    bar,
    effect,
    measured,
    nearness,
    sparkline,
    what_moved,
)

levels = st.floats(0, 1, allow_nan=False)
run_lengths = st.floats(100, 1e12)


@pytest.mark.parametrize(
    ("kind", "monitor", "found", "expected", "words"),
    [
        ("location", "income.location", 0.9, 0.0, "lies +0.90 sd, expected +0.00 sd"),
        ("score", "(score).location", -0.5, -0.001, "lies -0.50 sd, expected +0.00 sd"),
        ("scale", "income.scale", 4.0, 1.0, "scatters x2.00 as much"),
        ("shape", "income.shape", 0.31, 0.5, "31.0% near its middle, expected 50.0%"),
        ("missing", "region.missing", 1.0, 0.0, "100% missing, expected 0%"),
        ("category", "region=north", 0.41, 0.6, "41.0% are north, expected 60.0%"),
        ("category", "region=x.missing", 0.41, 0.6, "41.0% are x.missing, expected 60.0%"),
        ("category", "region.other", 0.02, 0.01, "2.0% in rare categories, expected 1.0%"),
        ("decision", "(decision)=approve", 0.5, 0.6, "50.0% are approve, expected 60.0%"),
        ("proxy", "income~sex.2", 0.2, 0.001, "tells by +0.20, expected +0.00"),
        ("fairness", "sex.1-2.score", 0.3, 0.1, "lie +0.30 sd apart, expected +0.10 sd"),
        (
            "fairness",
            "sex.1-2.selection_rate",
            0.11,
            -0.02,
            "lie +11.0 pts apart, expected -2.0 pts",
        ),
        ("group", "sex.2.share", 0.2, 0.4, "20.0% of the rows, expected 40.0%"),
        ("group", "sex.2.score", -0.2, 0.1, "lies -0.20 sd, expected +0.10 sd"),
        ("group", "sex.2.selection_rate", 0.5, 0.6, "50.0% favourable, expected 60.0%"),
        (
            "group",
            "sex.2.true_positive_rate",
            0.5,
            0.6,
            "50.0% favourable where the outcome is good, expected 60.0%",
        ),
        ("protected", "sex.missing", 0.2, 0.02, "20.0% missing, expected 2.0%"),
        (
            "calibration",
            "calibration",
            0.041,
            0.0,
            "happens +4.1 pts against what was said, expected +0.0 pts",
        ),
        (
            "calibration",
            "sex.2.calibration",
            -0.041,
            0.0,
            "happens -4.1 pts against what was said, expected +0.0 pts",
        ),
        ("delay", "delay", 1.3, 1.0, "takes x1.30 as long"),
        ("coverage", "sex.2.coverage", 0.8, 0.92, "80.0% of those due are there, expected 92.0%"),
        ("threshold", "(threshold).changed", 1.0, 0.0, "told when it happens"),
        ("new_category", "region.new_category", 0.001, 0.0, "0.10% in new categories, expected 0%"),
    ],
)
def test_found_against_expected_is_said_in_the_unit_of_the_kind(
    kind, monitor, found, expected, words
) -> None:
    assert against(kind, monitor, found, expected) == words


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_mean_that_is_none_is_a_dash(value) -> None:
    assert measured("location", "income.location", value, 0.0) == "-"


@pytest.mark.parametrize(
    ("kind", "size", "words"),
    [
        ("location", 0.9, "+0.90 sd"),
        ("scale", 0.5, "x1.50"),
        ("missing", 0.9998, "+100 pts"),
        ("category", -0.153, "-15.3 pts"),
        ("rule", 0.02, "2.0%"),
        ("several", -1.5, "-1.50"),
        ("proxy", 0.2, "+0.20"),
        ("calibration", -0.05, "-5 pts"),
        ("delay", 0.3, "x1.30"),
        ("threshold", 1.0, ""),
        ("served", 1.0, ""),
        ("profile", 1.0, ""),
    ],
)
def test_an_effect_has_the_unit_of_its_kind(kind, size, words) -> None:
    assert effect(kind, size) == words


def test_what_moved_names_a_few_features() -> None:
    assert what_moved("location", ["income"]) == "income: location"
    assert what_moved("several", list("abcde")) == "a, b, c +2"
    assert what_moved("traffic", []) == "traffic"
    assert what_moved("proxy", ["income"]) == "income: tells of a group"


@given(levels, run_lengths)
def test_nearness_is_a_share_and_only_a_signal_is_one(level, run_length) -> None:
    near = nearness(level, run_length)
    assert 0 <= near <= 1
    assert nearness(1.0, run_length) == 1


@given(levels, levels, run_lengths)
def test_nearness_keeps_the_order_of_levels(one, other, run_length) -> None:
    low, high = sorted((one, other))
    assert nearness(low, run_length) <= nearness(high, run_length)


def test_nearness_grows_by_as_much_for_each_factor_of_evidence() -> None:
    near = [nearness(level, 1e6) for level in (1e-3, 1e-2, 1e-1, 1.0)]
    assert near == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert nearness(math.nan, 1e6) == 0


@given(st.lists(levels))
def test_a_sparkline_has_a_block_for_each_value(values) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert [each == "█" for each in line] == [value >= 1 for value in values]


def test_a_bar_is_as_wide_as_asked() -> None:
    assert bar(0, 4) == "░░░░"
    assert bar(0.5, 4) == "██░░"
    assert bar(1, 4) == "████"
