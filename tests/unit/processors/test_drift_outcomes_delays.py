"""Delays become scores by rank, of mean 1 whatever they are, and factors again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.processors.drift.outcome_delays import Delays, factor

ROWS = 1000


def learned(delays: np.ndarray, lag: float = 0.0) -> Delays:
    made = Delays()
    made.note(delays, delays + lag, ROWS)
    made.learn([made.judged(each) for each in delays], [(0,)] * delays.size, ROWS)
    return made


def scores(made: Delays, delays: np.ndarray) -> np.ndarray:
    return made.scores(np.array([made.judged(each) for each in delays]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda random: random.exponential(1e6, ROWS),
        lambda random: random.pareto(1.1, ROWS) * 1e9,  # a tail without a mean
        lambda random: np.round(random.exponential(3.0, ROWS)) * 86_400_000,  # whole days
        lambda random: np.full(ROWS, 5.0) + 0 * random.random(ROWS),
        lambda random: np.zeros(ROWS) + 0 * random.random(ROWS),
    ],
    ids=["exponential", "heavy", "days", "constant", "none"],
)
def test_scores_have_mean_one_in_whatever_unit_and_with_whatever_tail(draw) -> None:
    delays = draw(np.random.default_rng(1))
    made = learned(delays)
    found = scores(made, delays)
    assert found.mean() == pytest.approx(1.0, abs=0.03)
    assert found.var() <= 1.01
    assert np.all(found >= 0)
    again = draw(np.random.default_rng(2))
    assert scores(made, again).mean() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("longer", [0.3, 0.7, 1.0, 1.3, 2.0, 5.0])
def test_a_factor_is_found_again_though_what_is_late_is_not_known(longer) -> None:
    random = np.random.default_rng(3)
    made = learned(random.exponential(1000.0, ROWS))
    found = scores(made, longer * random.exponential(1000.0, 20_000)).mean()
    assert factor(float(found), made.late) == pytest.approx(longer, rel=0.12)


def test_a_prediction_is_judged_when_most_outcomes_are_handed_over() -> None:
    delays = np.random.default_rng(4).exponential(1000.0, ROWS)
    made = learned(delays, lag=500.0)
    assert made.horizon == pytest.approx(np.quantile(delays, 0.75))
    assert made.age == int(made.horizon + 500.0)
    assert made.late == pytest.approx(0.25, abs=0.01)
    assert made.judged(None) == made.judged(1e9) > made.horizon


@given(
    delays=st.lists(st.integers(0, 50), min_size=ROWS, max_size=ROWS),
    at=st.integers(1, ROWS - 1),
)
def test_what_is_learned_goes_on_from_a_state(delays, at) -> None:
    given_delays = np.array(delays, dtype=float)
    whole, cut = Delays(), Delays()
    whole.note(given_delays, given_delays, ROWS)
    for part in (given_delays[:at], given_delays[at:]):
        cut.note(part, part, ROWS)
        cut = Delays.restored(*cut.state())
    assert (cut.horizon, cut.age) == (whole.horizon, whole.age)
    who = [(0, n % 3) for n in range(ROWS)]
    judged = [whole.judged(each) for each in given_delays]
    expected = whole.learn(judged, who, ROWS)
    assert cut.learn(judged[:at], who[:at], ROWS) is None
    cut = Delays.restored(*cut.state())
    found = cut.learn(judged[at:], who[at:], ROWS)
    assert found[0].tolist() == expected[0].tolist()
    assert found[1] == expected[1]
