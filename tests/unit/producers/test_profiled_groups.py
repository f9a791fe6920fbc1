"""The groups of people in a training profile."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.producers.envelopes import defaults
from auditspine.producers.errors import EventError
from auditspine.producers.prepare import encode_event
from auditspine.producers.profile import training_profile
from auditspine.producers.profiled_groups import FEW_PLACES, PLACES
from auditspine.producers.protected import Tokens
from auditspine.schemas.codec import encode
from auditspine.schemas.models import (
    ArtifactRef,
    NumericProfile,
    RunCompleted,
    RunCompletedBody,
    TrainingProfile,
)

MODEL = ArtifactRef(kind="model", name="credit", version="1", digest=bytes(32))
TOKENS = Tokens(bytes(range(32)))
F, M, X = (TOKENS.token("sex", each) for each in "fmx")


def quantiles(profile: NumericProfile | None) -> dict[float, float]:
    assert profile is not None
    return dict(zip(profile.probabilities, profile.quantiles, strict=True))


def grouped(columns: dict, protected: dict, **others) -> TrainingProfile:
    return training_profile(MODEL, columns, protected=protected, **others)


def test_a_group_has_the_quantiles_and_shares_of_its_own_rows() -> None:
    columns = {
        "income": [*map(float, range(1000)), *(5000.0 + each for each in range(2001))],
        "purpose": ["car"] * 1000 + ["home", "car", "car"] * 667,
    }
    profile = grouped(columns, {"sex": [F] * 1000 + [M] * 2001})
    more, fewer = profile.groups
    assert [(each.attribute, each.token, each.rows) for each in profile.groups] == [
        ("sex", M, 2001),
        ("sex", F, 1000),
    ]
    assert more.numeric[0].probabilities == PLACES
    assert len(PLACES) == 21
    assert quantiles(more.numeric[0])[0.5] == 6000.0
    assert quantiles(fewer.numeric[0])[0.5] == 499.5
    assert [(each.category, each.share) for each in more.categorical[0].shares] == [
        ("car", pytest.approx(2 / 3)),
        ("home", pytest.approx(1 / 3)),
    ]
    assert [each.category for each in fewer.categorical[0].shares] == ["car"]
    assert (more.score, more.decision) == (None, None)


def test_answers_of_a_group_are_those_on_its_own_answered_rows() -> None:
    profile = grouped(
        {"x": [1.0] * 100},
        {"sex": [F, M] * 50},
        scores=[0.1] * 60 + [0.9] * 40,
        decisions=["accept"] * 50 + ["reject"] * 50,
        answered_protected={"sex": [F] * 60 + [M] * 40},
    )
    by_token = {each.token: each for each in profile.groups}
    assert quantiles(by_token[F].score)[0.5] == 0.1
    assert quantiles(by_token[M].score)[0.5] == 0.9
    decision = by_token[F].decision
    assert decision is not None
    assert {each.category: each.share for each in decision.shares} == pytest.approx(
        {"accept": 5 / 6, "reject": 1 / 6}
    )


def test_a_group_of_fewer_than_thirty_rows_is_left_out() -> None:
    profile = grouped({"x": [1.0] * 59}, {"sex": [F] * 30 + [M] * 29})
    assert [(each.token, each.rows) for each in profile.groups] == [(F, 30)]


def test_what_fewer_than_thirty_rows_of_a_group_have_is_left_out() -> None:
    values = [float(each) if each < 29 else None for each in range(40)]
    profile = grouped(
        {"x": values + [1.0] * 40, "y": [1.0] * 80},
        {"sex": [F] * 40 + [M] * 40},
        scores=[0.5] * 59,
        answered_protected={"sex": [F] * 29 + [M] * 30},
    )
    of_f, of_m = sorted(profile.groups, key=lambda each: each.token != F)
    assert [each.name for each in of_f.numeric] == ["y"]
    assert [each.name for each in of_m.numeric] == ["x", "y"]
    assert of_f.score is None
    assert of_m.score is not None


def test_no_quantile_of_a_group_is_a_row_s_own_extreme() -> None:
    values = [*map(float, range(39)), 1e9]
    [group] = grouped({"x": values}, {"sex": [F] * 40}).groups
    assert max(group.numeric[0].quantiles) < 40
    assert group.numeric[0].probabilities[0] == 0.15


def test_of_many_features_and_groups_fewer_quantiles_are_taken_so_that_they_fit_an_event() -> None:
    values = [float(row) for row in range(5000)]
    tokens = [TOKENS.token("band", row % 8) for row in range(5000)]
    columns = {f"feature_{each}": values for each in range(200)}
    profile = grouped(columns, {"band": tokens})
    assert len(profile.groups) == 8
    assert profile.groups[0].numeric[0].probabilities == FEW_PLACES
    body = RunCompletedBody(
        run_id="r", status="succeeded", outputs=(MODEL,), duration_seconds=1.0, profile=profile
    )
    envelope = defaults("svc", "acme", "credit", "prod", {}).envelope("request", "why", {})
    encode_event(RunCompleted(envelope=envelope, body=body), encode)


def test_a_missing_token_is_in_no_group() -> None:
    profile = grouped({"x": [1.0] * 100}, {"sex": [F, None] * 50})
    assert [each.rows for each in profile.groups] == [50]


def test_groups_are_by_attribute_then_the_largest_then_by_token() -> None:
    columns = {"x": [1.0] * 120}
    a, b = sorted((F, M))
    protected = {"sex": [b, a] * 45 + [X] * 30, "age": [F] * 60 + [M] * 60}
    profile = grouped(columns, protected)
    assert [(each.attribute, each.token) for each in profile.groups] == [
        ("age", a),
        ("age", b),
        ("sex", a),
        ("sex", b),
        ("sex", X),
    ]


@given(st.integers(0, 2**32))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rows = [(float(each % 13), "ab"[each % 2], (F, M, None)[each % 3]) for each in range(120)]
    shuffled = random.Random(seed).sample(rows, len(rows))

    def profile(given_: list) -> TrainingProfile:
        numbers, words, tokens = zip(*given_, strict=True)
        return grouped({"x": numbers, "kind": words}, {"sex": tokens})

    assert profile(shuffled) == profile(rows)


def test_a_profile_without_protected_attributes_has_no_groups() -> None:
    assert training_profile(MODEL, {"x": [1.0] * 100}).groups == ()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"protected": {"sex": [F]}}, r"protected\['sex'\]: expected 40 rows, got 1"),
        ({"protected": {"": [F] * 40}}, "protected: expected names of 1 to 256 characters"),
        ({"protected": {"sex": ["female"] * 40}}, r"protected\['sex'\]\[0\]: expected a token, as"),
        ({"protected": {"sex": [F] * 39 + [7]}}, r"protected\['sex'\]\[39\]: expected a token"),
        (
            {"protected": {"sex": [F[:-2] + f"{each:02}" for each in range(40)]}},
            r"protected\['sex'\]: expected 20 groups or fewer, got 40: take wider ones",
        ),
        (
            {"protected": {"sex": [F] * 40}, "answered_protected": {"sex": [F]}},
            "answered_protected: expected scores or decisions beside it, got neither",
        ),
        (
            {"scores": [0.1], "answered_protected": {"sex": [F]}},
            r"answered_protected\['sex'\]: expected an attribute that protected has",
        ),
        (
            {
                "protected": {"sex": [F] * 40},
                "scores": [0.1],
                "answered_protected": {"sex": [F, F]},
            },
            r"answered_protected\['sex'\]: expected 1 rows, got 2",
        ),
        (
            {
                "protected": {"sex": [F] * 40},
                "scores": [0.1],
                "decisions": ["a", "b"],
                "answered_protected": {"sex": [F]},
            },
            "answered_protected: expected as many scores as decisions",
        ),
    ],
)
def test_tokens_that_cannot_be_taken_are_named(given_: dict, message: str) -> None:
    with pytest.raises(EventError, match=message) as caught:
        training_profile(MODEL, {"x": [1.0] * 40}, most_categories=20, **given_)
    assert "female" not in str(caught.value)
