"""The training profile that the SDK takes of columns."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.processors.drift.layout import CategoricalInput, NumericInput, profiled_inputs
from auditspine.producers.errors import EventError
from auditspine.producers.profile import training_profile
from auditspine.producers.profiled_columns import PLACES
from auditspine.schemas.models import ArtifactRef

MODEL = ArtifactRef(kind="model", name="credit", version="1", digest=bytes(32))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def test_numbers_become_quantiles_and_texts_become_shares() -> None:
    ratios = [each / 1000 for each in range(10_000)]
    columns = {"ratio": ratios, "kind": ["a", "b", "a", "a"] * 2500}
    profile = training_profile(MODEL, columns)
    [ratio], [kind] = profile.numeric, profile.categorical
    assert profile.rows == 10_000
    assert ratio.probabilities == PLACES
    assert ratio.quantiles[51] == pytest.approx(statistics.median(ratios))
    assert [(each.category, each.share) for each in kind.shares] == [("a", 0.75), ("b", 0.25)]
    assert (profile.score, profile.decision, profile.error_rate) == (None, None, None)


def test_quantiles_are_those_of_the_standard_library() -> None:
    values = [math.sin(each) for each in range(1000)]
    [numeric] = training_profile(MODEL, {"x": values}).numeric
    expected = statistics.quantiles(values, n=100, method="inclusive")
    found = dict(zip(numeric.probabilities, numeric.quantiles, strict=True))
    assert [found[each / 100] for each in range(1, 100)] == pytest.approx(expected)


def test_answers_on_other_rows_are_profiled_beside_the_columns() -> None:
    profile = training_profile(
        MODEL,
        {"x": [1.0, 2.0, 3.0]},
        scores=[0.1, 0.2],
        decisions=["reject", "accept"],
        error_rate=0.5,
    )
    assert profile.score is not None
    assert profile.score.quantiles == pytest.approx((0.125, 0.15, 0.175))
    assert profile.decision is not None
    assert {each.category for each in profile.decision.shares} == {"accept", "reject"}
    assert profile.error_rate == 0.5


def test_a_missing_value_counts_as_missing() -> None:
    profile = training_profile(MODEL, {"x": [1, None, 3, None], "kind": [None, "a", "a", "b"]})
    assert profile.numeric[0].missing == 0.5
    assert profile.categorical[0].missing == 0.25


def test_truth_values_are_numbers() -> None:
    [numeric] = training_profile(MODEL, {"x": [True, False, True, True]}).numeric
    assert set(numeric.quantiles) <= {0.0, 0.75, 1.0}


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    values = numpy.arange(40, dtype=numpy.float32)
    counts = numpy.arange(40)
    profile = training_profile(MODEL, {"x": values, "n": counts})
    assert profile.numeric[0].quantiles == profile.numeric[1].quantiles


def test_no_quantile_of_few_rows_is_a_row_s_own_extreme() -> None:
    [numeric] = training_profile(MODEL, {"x": [*range(99), 1_000_000]}).numeric
    assert max(numeric.quantiles) < 100
    assert numeric.probabilities[0] == 0.05


@given(st.lists(FLOATS, min_size=1, max_size=300))
def test_the_monitors_take_any_profile_of_numbers(values: list[float]) -> None:
    profile = training_profile(MODEL, {"x": values})
    [numeric] = profile.numeric
    assert all(min(values) <= each <= max(values) for each in numeric.quantiles)
    [given_] = profiled_inputs(profile.model_dump(), 8)
    assert isinstance(given_, NumericInput)


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1).filter(any))
def test_the_monitors_take_any_profile_of_categories(values: list[str | None]) -> None:
    profile = training_profile(MODEL, {"x": values}, most_categories=1000)
    [given_] = profiled_inputs(profile.model_dump(), 8)
    assert isinstance(given_, CategoricalInput)
    assert sum(given_.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "columns: expected a column or more"),
        ({"x": []}, r"columns\['x'\]: expected a row or more, got none"),
        ({"x": [1.0], "y": [1.0, 2.0]}, r"columns\['y'\]: expected 1 rows, as 'x' has, got 2"),
        ({"x": [None, None]}, r"columns\['x'\]: all of 2 rows are missing"),
        ({"x": [1.0, math.nan]}, r"columns\['x'\]\[1\]: .* got nan; give None for a missing value"),
        ({"x": [1.0, math.inf]}, r"columns\['x'\]\[1\]: expected a finite number, got inf"),
        ({"x": [1.0, "n/a"]}, r"columns\['x'\]\[1\]: expected a number, got a value of type str"),
        ({"x": ["a", 2.0]}, r"columns\['x'\]\[1\]: expected text, got a value of type float"),
        ({"x": ["a", math.nan]}, r"columns\['x'\]\[1\]: expected text, got NaN; give None"),
        ({"x": [1j]}, r"columns\['x'\]\[0\]: expected a number, got a value of type complex"),
        ({"x": [str(each) for each in range(201)]}, "200 categories or fewer, got 201: group"),
        ({"x": [10**400]}, r"columns\['x'\]\[0\]: expected a finite number, got inf"),
        ({"x": ["a" * 20_000]}, r"columns\['x'\]\[0\]: expected \d+ characters or fewer"),
        ({"": [1.0]}, "columns: expected names of 1 to 256 characters"),
    ],
)
def test_what_cannot_be_profiled_is_named(columns: dict[str, list], message: str) -> None:
    with pytest.raises(EventError, match=message):
        training_profile(MODEL, columns)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"scores": []}, "scores: expected a number for each"),
        ({"scores": [0.1, None]}, "scores: expected a number for each"),
        ({"scores": ["high"]}, r"scores\[0\]: expected a number, got a value of type str"),
        ({"decisions": []}, "decisions: expected a word for each"),
        ({"decisions": [1]}, r"decisions\[0\]: expected text"),
        ({"error_rate": 9.0}, "error_rate: expected a number from 0 to 1, got 9.0"),
        ({"error_rate": math.nan}, "error_rate: expected a number from 0 to 1, got nan"),
    ],
)
def test_answers_that_cannot_be_profiled_are_named(answers: dict, message: str) -> None:
    with pytest.raises(EventError, match=message):
        training_profile(MODEL, {"x": [1.0]}, **answers)


def test_a_message_never_holds_a_value() -> None:
    with pytest.raises(EventError) as caught:
        training_profile(MODEL, {"x": [1.0, "secret"]})
    assert "secret" not in str(caught.value)
