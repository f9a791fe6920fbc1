import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy import parse_policy, shipped_policy
from auditspine.processors.drift.port import FoundProfile, NotYet
from auditspine.processors.projection.errors import StateError
from auditspine.schemas.catalogue import event_types

from .drift_events import (
    START,
    case,
    outcome,
    prediction,
    profile,
)
from .drift_world import World

EVENT_ID = "01900000-0000-7000-8000-0000000000ff"
_folders = itertools.count()


@pytest.fixture
def world(tmp_path: Path):
    return lambda *args, **more: World(tmp_path / str(next(_folders)), *args, **more)


def known(random: np.random.Generator, **more) -> FoundProfile:
    return FoundProfile(EVENT_ID, profile(random, **more))


def test_a_moved_feature_is_signalled_with_where_it_began_and_how_far(world) -> None:
    random = np.random.default_rng(1)
    stream = [case(random, n) for n in range(3000)]
    stream += [case(random, 3000 + n, income=lambda f: f["income"] + 8) for n in range(300)]
    told = world(known(random)).take(stream).signals()
    position, body = next((p, b) for p, b in told if b["monitor"] == "income.location")
    assert 3000 < position < 3150
    assert body["effect_size"] == pytest.approx(0.8, abs=0.3)
    assert body["evidence"]["origin"] == "local/c/inference/0"
    assert 2900 <= body["evidence"]["first"] <= 3025
    assert body["evidence"]["last"] == position
    assert body["profile_event_id"] == EVENT_ID
    assert body["policy"] == shipped_policy().digest
    assert 0 < body["false_alarms_per_week"] < 1 / 10
    assert "50" not in body["detail"]  # how far, not which values
    assert not [p for p, _ in told if p < 3000]


def test_what_does_not_move_signals_nothing_and_is_reported(world) -> None:
    random = np.random.default_rng(2)
    quiet = world(known(random)).take([case(random, n) for n in range(6000)])
    assert quiet.signals() == []
    reports = [each.body for each in quiet.derived]
    assert len(reports) in (20, 21)  # every five minutes, at a prediction a second
    assert sum(each["predictions"] for each in reports) + 299 >= 6000
    assert reports[1]["features"] == ("income", "ratio", "region")
    assert reports[1]["profiled"]
    assert reports[1]["sensitivity"] == "confidential"


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=12),
    restarts=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_it_does_not_matter_how_the_log_is_cut_or_where_a_worker_restarts(
    tmp_path_factory, sizes, restarts
) -> None:
    random = np.random.default_rng(3)
    found = known(random)
    stream = [case(random, n) for n in range(1200)]
    stream += [
        case(random, 1200 + n, income=lambda f: f["income"] + 9, zeta=lambda _: 1.0)
        for n in range(3)
    ]
    stream += [
        case(
            random,
            1203 + n,
            income=lambda f: f["income"] + 9,
            zeta=lambda _: 1.0,
            alpha=lambda _: "x",
            beta=lambda _: None,
        )
        for n in range(1197)
    ]
    whole = World(tmp_path_factory.mktemp("whole"), found).take(stream, len(stream))
    cut = World(tmp_path_factory.mktemp("cut"), found)
    start = 0
    for size, restart in zip(itertools.cycle(sizes), itertools.cycle(restarts), strict=False):
        if start >= len(stream):
            break
        cut.take(stream[start : start + size], size)
        start += size
        if restart:
            cut.restart()
    assert _said(cut) == _said(whole)
    assert len(whole.signals()) > 1
    assert cut.levels == whole.levels
    assert cut.state == whole.state


def _said(world: World) -> list:
    return [(e.cause.position, e.ordinal, e.event_type, e.body) for e in world.derived]


def test_ordinals_of_one_event_differ(world) -> None:
    random = np.random.default_rng(4)
    stream = [case(random, n) for n in range(100)]
    stream += [
        case(
            random,
            100 + n,
            income=lambda _: "much",
            ratio=lambda _: None,
            region=lambda _: "moon",
            one=lambda _: 1.0,
            two=lambda _: "x",
        )
        for n in range(300)
    ]
    told = world(known(random)).take(stream).derived
    places = [(each.cause.position, each.ordinal) for each in told]
    assert len(set(places)) == len(places)
    kinds = {each.body.get("kind") for each in told}
    assert {"schema", "missing", "new_category"} <= kinds


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, "n/a", None])
def test_values_that_are_no_numbers_blind_nothing(world, poison) -> None:
    random = np.random.default_rng(5)
    stream = [
        case(random, n, income=lambda f: poison if random.random() < 0.3 else f["income"])
        for n in range(1500)
    ]
    stream += [case(random, 1500 + n, ratio=lambda _: 0.9) for n in range(200)]
    stream += [case(random, 1700 + n, income=lambda f: f["income"] + 30) for n in range(400)]
    told = world(known(random)).take(stream).signals()
    assert [p for p, b in told if b["feature"] == "income" and p < 1500]  # that itself is told
    assert [p for p, b in told if b["feature"] == "ratio" and 1500 <= p < 1600]
    assert [p for p, b in told if b["monitor"] == "income.location" and p >= 1700]


def test_a_feature_that_vanishes_is_told(world) -> None:
    random = np.random.default_rng(6)
    stream = [case(random, n) for n in range(500)]
    for n in range(100):
        made = case(random, 500 + n)
        made.body["features"] = [f for f in made.body["features"] if f["name"] != "region"]
        stream.append(made)
    [(position, body)] = world(known(random)).take(stream).signals()
    assert (body["kind"], body["feature"]) == ("schema", "region")
    assert position < 550


def test_without_a_profile_the_first_predictions_are_the_reference(world) -> None:
    random = np.random.default_rng(7)
    stream = [case(random, n) for n in range(1800)]
    stream += [case(random, 1800 + n, income=lambda f: f["income"] + 10) for n in range(300)]
    told = world().take(stream).signals()
    assert told[0][0] == 0
    assert told[0][1]["kind"] == "profile"
    assert told[0][1]["profile_event_id"] is None
    assert [p for p, b in told if b["monitor"] == "income.location" and 1800 <= p < 1950]


def test_a_profile_that_comes_later_is_taken_at_the_next_report(world) -> None:
    random = np.random.default_rng(8)
    late = world().take([case(random, n) for n in range(700)])
    late.profiles._known = (known(random),)
    late.take([case(random, n) for n in range(700, 1400)])
    reports = [each.body for each in late.derived if each.event_type == "serving.observed"]
    assert [each["profiled"] for each in reports] == [False] * 3 + [True] * (len(reports) - 3)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"rows": 0}, "profile.rows"),
        (
            {
                "numeric": [
                    {"name": "income", "probabilities": [0.5], "quantiles": [1.0], "missing": 0}
                ]
            },
            "income",
        ),
        ({"categorical": [{"name": "region", "shares": [], "missing": 0.0}]}, "region"),
        ({"numeric": [], "categorical": [], "score": None, "decision": None}, "no inputs"),
    ],
)
def test_a_profile_that_cannot_be_used_is_told_and_its_field_named(world, more, problem) -> None:
    random = np.random.default_rng(9)
    found = FoundProfile(EVENT_ID, {**profile(random), **more})
    [(position, body)] = world(found).take([case(random, n) for n in range(50)]).signals()
    assert position == 0
    assert body["kind"] == "profile"
    assert problem in body["detail"]


def test_a_feature_that_training_did_not_know_is_told_once_and_then_watched(world) -> None:
    random = np.random.default_rng(10)
    stream = [case(random, n) for n in range(100)]
    stream += [
        case(random, 100 + n, age=lambda _: float(random.normal(40, 5))) for n in range(1500)
    ]
    stream += [
        case(random, 1600 + n, age=lambda _: float(random.normal(60, 5))) for n in range(100)
    ]
    told = world(known(random)).take(stream).signals()
    assert [(p, b["monitor"]) for p, b in told][:1] == [(100, "age.new")]
    assert [p for p, b in told if b["monitor"] == "age.location" and 1600 <= p < 1700]
    assert len([b for _, b in told if b["monitor"] == "age.new"]) == 1


def test_a_feature_that_few_predictions_name_is_no_change_of_the_schema(world) -> None:
    random = np.random.default_rng(20)
    stream = [case(random, n) for n in range(3000)]
    for made in stream:
        if random.random() < 0.05:
            made.body["features"].append({"name": "promo", "number": None, "text": "spring"})
    told = world(known(random)).take(stream).signals()
    assert [body["monitor"] for _, body in told] == ["promo.new"]
    assert told[0][1]["effect_size"] == 0.0


def test_what_a_profile_lets_be_missing_may_be_left_out(world) -> None:
    random = np.random.default_rng(21)
    stream = [case(random, n) for n in range(2000)]
    for made in stream:
        body = made.body
        body["features"] = [f for f in body["features"] if f["number"] or f["text"]]
    assert world(known(random)).take(stream).signals() == []


@pytest.mark.parametrize(
    "make",
    [lambda n: f"customer-{n}", lambda n: f"note {n % 900}", lambda _: None, lambda n: str(n % 7)],
    ids=["identifiers", "many values", "never a value", "few values"],
)
def test_a_text_that_training_did_not_know_is_quiet_as_long_as_it_goes_on(world, make) -> None:
    random = np.random.default_rng(22)
    stream = [case(random, n, note=lambda _, n=n: make(n)) for n in range(4000)]
    told = world(known(random)).take(stream).signals()
    assert [body["monitor"] for _, body in told] == ["note.new"]


def test_a_feature_without_values_gets_some(world) -> None:
    random = np.random.default_rng(23)
    stream = [case(random, n, later=lambda _: None) for n in range(1500)]
    stream += [case(random, 1500 + n, later=lambda _: 3.0) for n in range(100)]
    told = world(known(random)).take(stream).signals()
    assert [body["monitor"] for _, body in told] == ["later.new", "later.missing"]


def test_more_features_than_can_be_watched_are_told_of_once(world) -> None:
    random = np.random.default_rng(24)
    stream = [
        prediction(n, {f"f{n}-{j}": 1.0 for j in range(40)}, score=float(random.random()))
        for n in range(100)
    ]
    crowded = world(known(random)).take(stream)
    monitors = [body["monitor"] for _, body in crowded.signals()]
    assert monitors.count("features.too_many") == 1
    assert len([name for name in monitors if name.endswith(".new")]) < 512
    assert sum(map(len, crowded.state.values())) < 1_000_000


ANY_TEXT = st.text(max_size=300) | st.sampled_from(["", "\0", "x" * 5000, "a\nb", "(score)"])


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(ANY_TEXT, max_size=6),
    texts=st.lists(ANY_TEXT, min_size=6, max_size=6),
    number=st.floats(allow_nan=True, allow_infinity=True),
    refs=st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT),
    has_profile=st.booleans(),
)
def test_whatever_a_prediction_says_what_follows_fits_the_contract(
    tmp_path_factory, names, texts, number, refs, has_profile
) -> None:
    random = np.random.default_rng(25)
    kind, name, version = refs
    odd = {"kind": kind, "name": name, "version": version, "digest": b"d" * 32}
    stream = []
    for n in range(300):
        made = prediction(
            n,
            {},
            deployment=odd,
            model=odd,
            score=number,
            decision=texts[n % 6] if n > 150 else "a",
        )
        made.body["features"] = [
            {"name": each, "number": number if n % 3 else None, "text": texts[n % 6]}
            for each in names
        ]
        stream.append(made)
    policy = _policy("").model_copy(
        update={"monitors": shipped_policy().monitors.model_copy(update={"warm_up_rows": 100})}
    )
    world = World(tmp_path_factory.mktemp("odd"), known(random) if has_profile else None, policy)
    world.take(stream)
    world.take(
        [outcome(n, f"p{n}", texts[n % 6], deployment=odd, at=START + 10**6) for n in range(9)]
    )
    assert world.derived
    for each in world.derived:
        model = event_types()[each.event_type].model
        model.model_fields["body"].annotation.model_validate(dict(each.body))


RULE = """
[[rules]]
name = "refer-above"
conflict = "decision == 'approve' && score >= threshold + 0.35"
"""


def _policy(more: str):
    text = (Path(__file__).parents[3] / "policies/auditspine/policies/drift.toml").read_text()
    return parse_policy(text + more)


def test_a_broken_business_rule_is_told_and_one_that_cannot_be_evaluated_as_well(world) -> None:
    random = np.random.default_rng(11)
    stream = [case(random, n) for n in range(100)]
    stream.append(prediction(100, {"income": 50.0}, score=0.9, decision="approve"))
    broken = world(known(random), _policy(RULE)).take(stream).signals("rule")
    assert [(p, b["monitor"]) for p, b in broken] == [(100, "rule.refer-above")]
    missing = _policy(RULE.replace("score >= threshold + 0.35", "features.nothing > 1.0"))
    [(_, body)] = world(known(random), missing).take(stream[:100]).signals("rule")
    assert "cannot be evaluated" in body["detail"]
    with pytest.raises(PolicyError, match="refer-above is not CEL"):
        world(None, _policy(RULE.replace(">= threshold + 0.35", ">=")))


def test_a_burst_of_traffic_is_told(world) -> None:
    random = np.random.default_rng(12)
    stream = [case(random, n) for n in range(300 * 20)]
    at = START + 6000 * 1000
    for n in range(6000):
        made = case(random, 6000 + n)
        stream.append(
            type(made)(
                **{f: getattr(made, f) for f in made.__slots__} | {"appended_at": at + n * 20}
            )
        )
    stream.append(prediction(12_000, {"income": 50.0}, at=at + 600_000))
    [(position, body)] = world(known(random)).take(stream).signals("traffic")
    assert (position, body["monitor"]) == (12_000, "traffic.burst")


def test_a_clock_that_steps_back_stops_nothing(world) -> None:
    random = np.random.default_rng(13)
    stream = [case(random, n) for n in range(2000)]
    stream += [prediction(2000 + n, {"income": 90.0}, at=START - n * 1000) for n in range(200)]
    assert world(known(random)).take(stream).signals("location")


def test_a_state_of_another_format_says_so(world) -> None:
    random = np.random.default_rng(14)
    made = world(known(random)).take([case(random, n) for n in range(50)])
    key = next(key for key in made.state if key.startswith(b"w"))
    made.state[key] = made.state[key].replace(b'"format": 2', b'"format": 9')
    made.restart()
    with pytest.raises(StateError, match="expected format 2, got 9; move the state away"):
        made.take([case(random, 60)])


# Outcomes


def _answered(world, wrong, start=0, count=3000, seed=15):
    random = np.random.default_rng(seed)
    cases = [case(random, start + n) for n in range(count)]
    world.take(cases)
    answers = [
        outcome(
            each.position,
            each.body["prediction_id"],
            each.body["decision"] if random.random() >= wrong(n) else "defaulted",
            at=START + 10_000_000 + each.position * 1000,
        )
        for n, each in enumerate(cases)
    ]
    world.take(answers)
    return world


def test_decisions_that_turn_out_wrong_more_often_are_told(world) -> None:
    random = np.random.default_rng(16)
    told = _answered(world(known(random)), lambda n: 0.1 if n < 1500 else 0.25, count=2500).signals(
        "error"
    )
    assert told
    position, body = told[0]
    assert 1500 < position < 2000
    assert body["evidence"]["origin"] == "local/c/outcomes/0"
    assert body["effect_size"] == pytest.approx(0.15, abs=0.07)
    assert body["model"]["name"] == "risk"


def test_decisions_that_turn_out_right_more_often_are_no_error(world) -> None:
    random = np.random.default_rng(17)
    assert not _answered(world(known(random)), lambda n: 0.1 if n < 1000 else 0.01).signals("error")


def test_without_a_profile_the_first_answers_are_the_reference(world) -> None:
    told = _answered(world(), lambda n: 0.1 if n < 2000 else 0.3).signals("error")
    assert [p for p, _ in told if 2000 < p < 2400]


@pytest.mark.parametrize(
    ("events", "monitor"),
    [
        ([outcome(0, "nobody", "approve")], "outcome.orphan"),
        ([outcome(0, "p1", "approve", at=START)], "outcome.orphan"),  # before it was made
        ([outcome(n, "p1", "approve", at=START + 5000) for n in (0, 1)], "outcome.repeated"),
        (
            [outcome(n, "p1", label, at=START + 5000) for n, label in enumerate(("a", "b"))],
            "outcome.contradiction",
        ),
        ([outcome(0, "p1", None, at=START + 5000)], "outcome.unusable"),
        ([outcome(0, "p1", "approve", at=START + 91 * 86_400_000)], "outcome.late"),
    ],
)
def test_an_outcome_that_cannot_count_is_told(world, events, monitor) -> None:
    random = np.random.default_rng(18)
    made = world(known(random)).take([case(random, n) for n in range(4)])
    before = len(made.signals())
    made.take(events, 1)
    assert [body["monitor"] for _, body in made.signals()[before:]] == [monitor]
    made.restart()
    for _ in range(2):  # the same log, read again after a kill, says the same
        again = World(made.folder, known(random)).take(events, 1)
        assert [body["monitor"] for _, body in again.signals()] == [monitor]


def test_an_outcome_waits_for_the_inference_log_for_a_while(world) -> None:
    random = np.random.default_rng(19)
    made = world(known(random), complete=False).take([case(random, n) for n in range(4)])
    early = outcome(0, "p9", "approve", at=START + 60_000)
    with pytest.raises(NotYet, match="inference partition 0"):
        made.take([early])
    made.take([case(random, n) for n in range(4, 10)])
    made.take([early])
    assert not made.signals("outcome")
    later = outcome(1, "p70", "approve", at=START + 80_000)
    with pytest.raises(NotYet):
        made.take([later])
    made.clock = 11.0
    made.take([later])
    assert [body["monitor"] for _, body in made.signals("outcome")] == ["outcome.orphan"]
