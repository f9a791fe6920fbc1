"""Intervals against published examples, and what an assessment says."""

import json
import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.processors.drift.bias import Assessment
from auditspine.processors.drift.intervals import Mean, Rate
from auditspine.processors.drift.policy import shipped_policy
from auditspine.schemas.models import BiasAssessedBody

from .drift_events import DEPLOYMENT, MODEL, START, prediction

POLICY = shipped_policy()
MINUTE = 60_000


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_rate_has_wilsons_interval(hits, rows, low, high) -> None:
    found = Rate(hits, rows).interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe, Interval estimation for the difference …, 1998, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_a_difference_of_rates_has_newcombes_interval(first, second, low, high) -> None:
    found = Rate(*first).less(Rate(*second))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    back = Rate(*second).less(Rate(*first))
    assert (back.low, back.high) == pytest.approx((-high, -low), abs=5e-5)


def test_a_ratio_of_rates_has_katzs_interval() -> None:
    # The Physicians' Health Study as in Agresti, Categorical Data Analysis, §3.1: 1.82 (1.43, 2.31)
    found = Rate(189, 11034).against(Rate(104, 11037))
    assert 1 / found.value == pytest.approx(1.82, abs=0.005)
    assert (1 / found.high, 1 / found.low) == pytest.approx((1.43, 2.31), abs=0.005)


def test_intervals_cover_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    pairs = random.binomial([150, 120], [0.3, 0.2], (2000, 2)).tolist()
    gaps = [Rate(a, 150).less(Rate(b, 120)) for a, b in pairs]
    far = random.binomial([300, 240], [0.3, 0.15], (2000, 2)).tolist()
    ratios = [Rate(a, 300).against(Rate(b, 240)) for a, b in far]
    assert 0.935 < np.mean([low < 0.1 < high for _, low, high in gaps]) < 0.965
    assert 0.93 < np.mean([low < 0.5 < high for _, low, high in ratios]) < 0.97
    values = random.exponential(2.0, (2000, 200))
    means = [Mean(200, row.sum(), row @ row).interval() for row in values]
    assert 0.93 < np.mean([low < 2.0 < high for _, low, high in means]) < 0.96


@given(
    rows=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_every_interval_holds_its_figure_and_fits_the_contract(rows, parts) -> None:
    first, second = (Rate(round(part * n), n) for part, n in zip(parts, rows, strict=True))
    for found in (first.interval(), first.less(second), first.against(second)):
        if found is not None:
            assert found.low <= found.value <= found.high
            assert all(map(math.isfinite, found))
    ratio = first.against(second)
    assert (ratio is None) == (first.hits == second.hits == 0)
    if ratio is not None:
        assert 0 <= ratio.low <= ratio.high <= 1
        assert ratio.low < 1


def _add(made: Assessment, rows: list[tuple[int, bool, float]]) -> Assessment:
    for number, hit, score in rows:
        made.predictions += 1
        made.known("sex", 1)
        made.group("sex", number, f"t{number}", 1)
        made.rate("sex", number, "selection_rate", int(hit), 1)
        made.mean("sex", number, "score_mean", 1, score, score**2)
    return made


def _body(made: Assessment, policy=POLICY, **more) -> dict | None:
    cause = prediction(99, {})
    given = (DEPLOYMENT, MODEL, more.pop("basis", "decisions"), cause, policy)
    body = made.body(*given, **more)
    if body is not None:
        BiasAssessedBody.model_validate(body)
    return body


def test_an_assessment_says_figures_and_gaps_of_groups_that_are_large_enough() -> None:
    rows = [(1, n < 90, n / 150) for n in range(150)] + [(2, n < 40, 0.5) for n in range(100)]
    rows += [(3, True, 1.0)] * 99 + [(0, True, 1.0)] * 500
    made = _add(Assessment.begin(START, 7, 60), rows)
    made.missing("sex", 12)
    body = _body(made)
    [attribute] = body["attributes"]
    assert attribute == {"attribute": "sex", "rows": 849, "missing": 12, "small_groups": 2}
    assert [(each["number"], each["token"], each["rows"]) for each in body["groups"]] == [
        (1, "t1", 150),
        (2, "t2", 100),
    ]
    measures = {each["measure"]: each for each in body["groups"][0]["measures"]}
    assert measures["selection_rate"]["value"] == 0.6
    assert measures["score_mean"]["value"] == pytest.approx(149 / 300)
    gaps = {each["measure"]: each for each in body["gaps"]}
    assert gaps["selection_rate"]["gap"] == pytest.approx(0.2)
    assert gaps["selection_rate"]["ratio"] == pytest.approx(2 / 3)
    assert gaps["score_mean"]["ratio"] is None
    assert body["evidence"] == {"origin": "local/c/inference/0", "first": 7, "last": 98}
    assert body["predictions"] == 849
    assert (body["overdue"], body["error_rate"]) == (0, None)


def test_sums_do_not_depend_on_the_order_of_rows_nor_on_where_they_are_kept() -> None:
    rows = [(1, True, 0.25), (2, False, 0.5), (1, False, 0.75), (3, True, 1.0)]
    policy = POLICY.model_copy(
        update={"fairness": POLICY.fairness.model_copy(update={"least_group_rows": 1})}
    )
    said = []
    for order in permutations(rows):
        made = _add(Assessment.begin(START, 0, 60), list(order[:2]))
        made = Assessment.decode(json.loads(json.dumps(made.encode())))
        said.append(_body(_add(made, list(order[2:])), policy))
    assert all(each == said[0] for each in said)
    assert len(said[0]["groups"]) == 3


def test_what_is_overdue_bounds_the_error_rate() -> None:
    made = _add(Assessment.begin(START, 0, 60), [(1, True, 0.5)] * 100)
    body = _body(made, basis="outcomes", errors=(10, 100), overdue=25)
    rates = [body[name] for name in ("error_rate_low", "error_rate", "error_rate_high")]
    assert rates == [0.08, 0.1, 0.28]
    assert body["overdue"] == 25


EXCLUDED = {
    "exclusions": [
        {"jurisdiction": "FR", "reason": "loi 78-17", "attributes": ["ethnic*", "faith"]},
        {"jurisdiction": "DE", "reason": "none", "attributes": ["*"], "deployments": ["other"]},
    ]
}


def test_what_is_excluded_is_listed_also_where_nothing_carried_it() -> None:
    policy = type(POLICY).model_validate({**POLICY.model_dump(), **EXCLUDED})
    policy = policy.model_copy(update={"digest": POLICY.digest})
    made = Assessment.begin(START, 0, 60)
    made.excluded("ethnic_origin", 5)
    made.excluded("ethnic_group", 1)
    body = _body(made, policy)
    listed = [(each["attribute"], each["predictions"]) for each in body["exclusions"]]
    assert listed == [("ethnic_group", 1), ("ethnic_origin", 5), ("faith", 0)]
    assert {each["jurisdiction"] for each in body["exclusions"]} == {"FR"}
    assert _body(made, policy, basis="outcomes")["exclusions"] == ()  # an outcome carries none


def test_nothing_is_said_without_an_attribute_or_an_exclusion() -> None:
    assert _body(Assessment.begin(START, 0, 60)) is None


def test_a_period_begins_at_a_multiple_of_its_length() -> None:
    made = Assessment.begin(START + 5 * MINUTE, 0, 60)
    assert made.started % (60 * MINUTE) == 0
    assert not made.is_over(made.started + 60 * MINUTE - 1)
    assert made.is_over(made.started + 60 * MINUTE)
    assert not made.is_over(made.started - 1)  # a clock that steps back a little
    assert made.is_over(made.started - 61 * MINUTE)


def test_as_many_groups_as_there_may_be_fit_into_an_event() -> None:
    made = Assessment.begin(START, 0, 60)
    for attribute in [f"a{n}" * 20 for n in range(20)]:
        for number in range(1, 33):
            made.group(attribute, number, "t" * 250, 1000)
            for measure in ("selection_rate", "error_rate", "coverage"):
                made.rate(attribute, number, measure, 1, 1000)
    made.mean("a0" * 20, 1, "score_mean", 5, math.inf, math.nan)  # is no figure
    body = _body(made)
    assert len(body["groups"]) == 500
    assert len(body["gaps"]) == 2000
    assert len(json.dumps([body["groups"], body["gaps"]])) < 1_000_000
