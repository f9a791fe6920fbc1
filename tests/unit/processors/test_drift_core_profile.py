"""Training profiles: normal scores of whatever was in training and whatever comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.profile import PROBABILITIES, NumericProfile

RANDOM = np.random.default_rng(5)
SHAPES = {
    "normal": RANDOM.standard_normal(20_000),
    "heavy tails": RANDOM.standard_t(3, 20_000),
    "skewed": np.exp(1.5 * RANDOM.standard_normal(20_000)),
    "zero-inflated": np.where(RANDOM.random(20_000) < 0.4, 0.0, RANDOM.exponential(size=20_000)),
    "counts": RANDOM.poisson(2, 20_000).astype(float),
    "two peaks": np.where(RANDOM.random(20_000) < 0.5, -3, 3) + RANDOM.standard_normal(20_000),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_of_training_have_the_moments_that_the_profile_gives(shape):
    profile = NumericProfile.of(SHAPES[shape])
    scores = profile.normal_scores(SHAPES[shape])
    assert abs(scores.mean() - profile.mean) < 0.02
    assert abs(scores.var() - profile.variance) < 0.05


@pytest.mark.parametrize("count", [3, 5, 11, 101])
@pytest.mark.parametrize("ends", [0.0, 0.01, 0.05])
def test_a_profile_of_another_tool_has_any_quantiles(count, ends):
    places = np.linspace(ends, 1 - ends, count)
    pairs = [(float(p), float(np.quantile(SHAPES["skewed"], p))) for p in places]
    profile = NumericProfile.from_pairs(reversed(pairs), 2000)
    scores = profile.normal_scores(SHAPES["skewed"])
    assert np.isfinite(scores).all()
    assert profile.known_rows <= 2000
    assert (np.diff(profile.normal_scores(np.sort(SHAPES["skewed"]))) >= 0).all()


def test_few_quantiles_count_as_few_rows():
    few = NumericProfile.from_pairs([(0.25, 0.0), (0.5, 1.0), (0.75, 3.0)], 1_000_000)
    assert few.known_rows < 100
    assert NumericProfile.of(SHAPES["normal"]).known_rows == pytest.approx(20_000)


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60),
    st.lists(st.floats(), max_size=20),
)
def test_any_value_has_a_bounded_score_or_none(training, values):
    profile = NumericProfile.of(np.array(training))
    given_ = np.array(values, dtype=float)
    scores = profile.normal_scores(given_)
    assert (np.isnan(scores) == ~np.isfinite(given_)).all()
    assert (np.abs(scores[np.isfinite(given_)]) <= 4).all()
    assert np.isnan(profile.differs(given_)).sum() == (~np.isfinite(given_)).sum()
    assert 0 <= profile.variance <= 1.01


def test_a_value_that_many_share_gets_the_mean_of_the_scores_it_spans():
    profile = NumericProfile.of(SHAPES["zero-inflated"])
    assert profile.mode == 0.0
    assert profile.mode_share == pytest.approx(0.4, abs=0.02)
    assert profile.normal_scores(np.zeros(1))[0] == pytest.approx(-0.966, abs=0.03)


def test_a_constant_has_a_mode_and_no_place():
    profile = NumericProfile.of(np.full(500, 7.0))
    assert profile.constant
    assert (profile.mode, profile.mode_share) == (7.0, 1.0)
    np.testing.assert_array_equal(profile.differs(np.array([7.0, 7.1, np.nan])), [0, 1, np.nan])
    assert profile.normal_scores(np.array([7.0]))[0] == 0
    assert not NumericProfile.of(SHAPES["normal"]).constant


@pytest.mark.parametrize(
    ("quantiles", "probabilities", "rows", "said"),
    [
        ([0, 1, 2], [0.1, 0.5, 0.9], 0, "at least one row"),
        ([0, 1], [0.1, 0.9], 5, "3 quantiles"),
        ([0, 2, 1], [0.1, 0.5, 0.9], 5, "do not fall"),
        ([0, 1, np.nan], [0.1, 0.5, 0.9], 5, "finite"),
        ([0, 1, 2], [0.1, 0.5, 1.5], 5, "between 0 and 1"),
        ([0, 1, 2], [0.1, 0.1, 0.9], 5, "rise"),
    ],
)
def test_what_is_no_profile_is_refused(quantiles, probabilities, rows, said):
    with pytest.raises(ValueError, match=said):
        NumericProfile(np.array(quantiles, float), rows, np.array(probabilities, float))


def test_no_finite_value_gives_no_profile():
    with pytest.raises(ValueError, match="finite value"):
        NumericProfile.of(np.array([np.nan, np.inf]))


def test_probabilities_rise():
    assert (np.diff(PROBABILITIES) > 0).all()
