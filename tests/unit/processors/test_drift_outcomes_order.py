"""What is found in outcomes depends on the logs alone: not on what was read when, cut where or done
twice; and an assessment not even on the order of the outcomes in its period."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.port import NotYet
from auditspine.schemas.catalogue import event_types

from .drift_answers import AGREEMENT, DAY, HOUR, MINUTE, Bank, policy
from .drift_events import START, outcome, prediction
from .drift_world import World

QUICK = policy(AGREEMENT.replace("1.0", "0.2"), least_group_rows=30, assess_minutes=600)
QUICK = QUICK.model_copy(
    update={"monitors": QUICK.monitors.model_copy(update={"warm_up_rows": 100})}
)


def said(world: World) -> list:
    found = [(e.cause.origin, e.cause.position, e.ordinal, e.body) for e in world.derived]
    return sorted(found, key=lambda each: each[:3])


@pytest.fixture(scope="module")
def bank() -> Bank:
    """One and a half days, in which a group's cases go wrong and are answered late and less."""
    worse = {
        "odds": lambda sex: 3.0 * (sex == "female"),
        "delays": lambda _: 0.3,
        "comes": lambda sex: 0.5 if sex == "male" else 0.95,
    }
    return Bank(21).draw(1100, delays=lambda _: 0.1).draw(1000, **worse)


@pytest.fixture(scope="module")
def whole(bank, tmp_path_factory) -> World:
    made = World(tmp_path_factory.mktemp("whole"), None, QUICK)
    return made.take(bank.predictions(), 10_000).take(bank.outcomes(), 10_000)


def test_there_is_something_to_find(whole) -> None:
    kinds = {body["kind"] for _, body in whole.signals()}
    assert {"error", "calibration", "delay", "coverage"} <= kinds
    assert sum(each.event_type == "bias.assessed" for each in whole.derived) > 2
    assert any("/outcomes/" in row[0] for row in whole.levels)
    places = [(e.cause.origin, e.cause.position, e.ordinal) for e in whole.derived]
    assert len(set(places)) == len(places)


STEPS = st.lists(
    st.tuples(st.integers(0, 900), st.integers(0, 900), st.sampled_from(["", "restart", "kill"])),
    min_size=1,
    max_size=8,
).filter(lambda steps: any(a for a, _, _ in steps) and any(b for _, b, _ in steps))


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_it_does_not_matter_what_is_read_when_nor_done_twice(
    bank, whole, tmp_path_factory, steps
) -> None:
    predictions, outcomes = bank.predictions(), bank.outcomes()
    cut = World(tmp_path_factory.mktemp("cut"), None, QUICK, complete=False)
    made = taken = 0
    unharmed = [(more, less, "") for more, less, _ in steps]
    for more, less, then in itertools.chain(steps, itertools.cycle(unharmed)):
        if made == len(predictions) and taken == len(outcomes):
            break
        cut.take(predictions[made : made + more], more or 1)
        made = min(made + more, len(predictions))
        cut.complete = made == len(predictions)
        before = dict(cut.state), len(cut.derived), len(cut.levels)
        try:
            cut.take(outcomes[taken : taken + less], less or 1)
        except NotYet:
            continue
        if then == "kill":  # what was noted in the file stays; the step is done again
            cut.state = type(cut.state)(before[0])
            del cut.derived[before[1] :], cut.levels[before[2] :]
        else:
            taken = min(taken + less, len(outcomes))
        if then:
            cut.restart()
    assert said(cut) == said(whole)
    assert sorted(cut.levels, key=str) == sorted(whole.levels, key=str)
    assert cut.state == whole.state


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_an_assessment_does_not_depend_on_the_order_of_its_outcomes(tmp_path_factory, seed) -> None:
    made = Bank(22).draw(300)
    settings = policy(AGREEMENT.replace("due_days = 1.0", ""), least_group_rows=30)
    order = np.random.default_rng(seed).permutation(300)
    bodies = []
    for answered in (range(300), order.tolist()):
        world = World(tmp_path_factory.mktemp("order"), None, settings)
        world.files.put("local/c/inference/0", made.waiting(), START)
        week = START - START % (7 * DAY) + 7 * DAY  # a period begins
        events = [
            outcome(
                position,
                f"p{n}",
                made.cases[n].label,
                at=week + position * MINUTE,
                observed_at=week + n * MINUTE,
            )
            for position, n in enumerate(answered)
        ]
        again = outcome(300, "p0", made.cases[0].label, at=week + 7 * DAY)
        [body] = [
            each.body
            for each in world.take([*events, again], 100).derived
            if each.event_type == "bias.assessed"
        ]
        bodies.append(body)
    first, second = bodies
    assert first["predictions"] == 300
    assert _figures(first) == pytest.approx(_figures(second), abs=1e-6)
    assert {k: v for k, v in first.items() if k not in ("groups", "gaps")} == {
        k: v for k, v in second.items() if k not in ("groups", "gaps")
    }


@settings(max_examples=6, deadline=None)
@given(
    path=st.lists(st.floats(0.05, 0.95), min_size=4, max_size=8),
    seed=st.integers(0, 2**16),
)
def test_whatever_path_all_groups_take_together_opens_no_gap(tmp_path_factory, path, seed) -> None:
    together = Bank(seed)
    for rate in path:
        together.draw(700, approves=lambda _, rate=rate: rate)
    world = World(tmp_path_factory.mktemp("path"), None, policy())
    world.files.put("local/c/inference/0", together.waiting(), START)
    world.take(together.outcomes(), 1000)
    assert any("-" in name for name in world.levels[-1][11])
    assert world.signals("fairness") == []


def _figures(body: dict) -> dict:
    found = {
        (group["attribute"], group["token"], measure["measure"], name): measure[name]
        for group in body["groups"]
        for measure in group["measures"]
        for name in ("rows", "value", "low", "high")
    }
    tokens = {(each["attribute"], each["number"]): each["token"] for each in body["groups"]}
    for gap in body["gaps"]:
        pair = [tokens[gap["attribute"], gap[name]] for name in ("first", "second")]
        sign = 1 if pair == sorted(pair) else -1
        found[gap["attribute"], *sorted(pair), gap["measure"]] = sign * gap["gap"]
    return found


ANY_SCORE = st.sampled_from([0.0, 0.3, 1.0]) | st.floats(allow_nan=True, allow_infinity=True)
TOKENS = st.sampled_from([None, "a", "b", "c" * 300, "", "é\n"])
CASES = st.lists(
    st.tuples(
        ANY_SCORE,
        st.none() | st.dictionaries(st.sampled_from(["sex", "age", "a & b", "x" * 300]), TOKENS),
        st.sampled_from(["repaid", "defaulted", "", None, "?" * 400]),
        st.integers(-(10**15), 10**15) | st.just(0),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(cases=CASES, twice=st.booleans(), orphans=st.booleans())
def test_whatever_comes_is_told_or_counted_and_fits_the_contract(
    tmp_path_factory, cases, twice, orphans
) -> None:
    rows = [cases[n % len(cases)] for n in range(400)]
    predictions = [
        prediction(n, {}, score=score, **({} if people is None else {"protected": people}))
        for n, (score, people, _, _) in enumerate(rows)
    ]
    events, position = [], 0
    for n, (_, _, label, delay) in enumerate(rows):
        known = "nobody" if orphans and n % 5 == 0 else f"p{n}"
        for answer in [label, "else"] if twice and n % 3 == 0 else [label]:
            at = START + HOUR + position * MINUTE
            observed = START + n * 1000 + delay
            events.append(outcome(position, known, answer, at=at, observed_at=observed))
            position += 1
    world = World(tmp_path_factory.mktemp("odd"), None, QUICK).take(predictions).take(events)
    for each in world.derived:
        model = event_types()[each.event_type].model
        model.model_fields["body"].annotation.model_validate(dict(each.body))
    told = {body["monitor"] for _, body in world.signals("outcome")}
    usable = [n for n in range(400) if rows[n][2] is not None and not (orphans and n % 5 == 0)]
    assert ("outcome.orphan" in told) == orphans
    assert ("outcome.contradiction" in told) == twice
    if any(not 0 <= rows[n][0] <= 1 for n in usable):
        assert "outcome.no_probability" in told
    if any(rows[n][3] < -MINUTE for n in usable):
        assert "outcome.negative_delay" in told
    if any(math.isnan(score) for score, *_ in cases):
        assert world.levels == [] or all(map(math.isfinite, world.levels[-1][15]))
