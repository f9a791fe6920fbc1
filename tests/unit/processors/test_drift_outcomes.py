"""What is found in outcomes: errors, calibration, rates of groups, delays and coverage."""

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from auditspine.processors.drift.intervals import Rate
from auditspine.schemas.catalogue import event_types

from .drift_answers import AGREEMENT, DAY, HOUR, MINUTE, Bank, policy
from .drift_events import START, outcome, prediction
from .drift_world import World

_folders = itertools.count()
OURS = ("error", "group", "fairness", "calibration", "delay", "coverage", "outcome")


@pytest.fixture
def world(tmp_path: Path):
    def make(bank: Bank, made=None, **more) -> World:
        found = World(tmp_path / str(next(_folders)), None, made or policy())
        found.files.put("local/c/inference/0", bank.waiting(), START)
        return found.take(bank.outcomes(**more), 1000)

    return make


def told(made: World) -> dict[str, tuple[int, dict]]:
    """Give the first signal of each monitor over outcomes."""
    found: dict[str, tuple[int, dict]] = {}
    for each in made.derived:
        if each.event_type == "drift.signalled" and "/outcomes/" in each.cause.origin:
            found.setdefault(each.body["monitor"], (each.cause.position, each.body))
    return found


def assessed(made: World) -> list[dict]:
    return [
        each.body
        for each in made.derived
        if each.event_type == "bias.assessed" and each.body["basis"] == "outcomes"
    ]


def test_what_stays_as_it_is_signals_nothing_and_has_all_monitors(tmp_path) -> None:
    bank = Bank(1).draw(6000)
    quiet = World(tmp_path, None, policy()).take(bank.predictions()).take(bank.outcomes())
    assert told(quiet) == {}
    rows = [row for row in quiet.levels if "/outcomes/" in row[0]]
    names, kinds, found = rows[-1][11], rows[-1][12], rows[-1][15]
    assert len(rows) == len(bank.outcomes()) // (16 * 25)
    assert [row[6] for row in rows] == [16 * (n + 1) for n in range(len(rows))]
    assert len(set(names)) == len(names) == len(kinds) == len(found)
    assert {
        *("error", "calibration", "delay", "coverage"),
        *("sex.1.calibration", "sex.2.true_positive_rate", "age.3.false_positive_rate"),
        *("sex.1-2.true_positive_rate", "age.2-3.false_positive_rate"),
        *("sex.2.delay", "age.1.coverage", "age & sex.1.calibration"),
        "age & sex.1-2.true_positive_rate",
    } <= set(names)
    assert set(kinds) == set(OURS) - {"outcome"}


def test_outcomes_that_the_score_did_not_say_are_told(world) -> None:
    found = told(world(Bank(2).draw(2000).draw(2000, odds=lambda _: 0.7)))
    position, body = found["calibration"]
    assert 1900 < position < 2700
    assert body["kind"] == "calibration"
    assert body["effect_size"] == pytest.approx(0.14, abs=0.07)
    assert body["reference"]["mean"] == 0.0
    assert "sex.1.calibration" in found  # everybody's


def test_a_model_that_is_not_calibrated_from_the_start_is_told(world) -> None:
    found = told(world(Bank(3).draw(1500, odds=lambda _: 1.0)))
    assert found["calibration"][0] < 1000


def test_a_group_that_the_score_is_wrong_about_is_told_by_its_number(world) -> None:
    bank = Bank(4).draw(2500).draw(2500, odds=lambda sex: -1.0 * (sex == "female"))
    made = world(bank)
    found = told(made)
    number = number_of(bank, "female")
    position, body = found[f"sex.{number}.calibration"]
    assert body["effect_size"] < -0.1
    assert position > 2300
    assert f"sex.{3 - number}.calibration" not in found
    assert "male" not in str(body)


def number_of(bank: Bank, token: str) -> int:
    """Give the number of a sex: that of the first prediction is 1."""
    return 1 if bank.cases[0].sex == token else 2


def test_good_cases_of_a_group_that_are_refused_are_told_as_a_gap(world) -> None:
    bank = Bank(5).draw(3000).draw(2500, approves=lambda sex: 0.35 if sex == "female" else 0.7)
    made = world(bank)
    found, number = told(made), number_of(bank, "female")
    position, body = found[f"sex.{number}.true_positive_rate"]
    assert (body["kind"], position > 2800) == ("group", True)
    assert body["effect_size"] == pytest.approx(-0.35, abs=0.15)
    position, body = found["sex.1-2.true_positive_rate"]
    assert (body["kind"], position > 2800) == ("fairness", True)
    assert abs(body["effect_size"]) == pytest.approx(0.35, abs=0.15)
    assert (body["effect_size"] < 0) == (number == 1)
    assert "sex.1-2.false_positive_rate" in found


def test_what_moves_all_groups_alike_opens_no_gap(world) -> None:
    found = told(world(Bank(6).draw(2500).draw(2500, approves=lambda _: 0.3)))
    assert {body["kind"] for _, body in found.values()} >= {"group"}
    assert "fairness" not in {body["kind"] for _, body in found.values()}


def test_outcomes_that_take_longer_are_told_in_whatever_unit(world) -> None:
    bank = Bank(7).draw(5000).draw(2500, delays=lambda _: 2.0)
    found = told(world(bank))
    position, body = found["delay"]
    assert 4400 < position < 5500
    assert body["effect_size"] == pytest.approx(1.0, abs=0.6)
    assert {"sex.1.delay", "sex.2.delay"} <= set(found)
    other = told(world(bank, unit=7.0))  # observed soon, and handed over as late as before
    assert position <= other["delay"][0] < 6000


def test_outcomes_that_take_shorter_for_one_group_are_told_of_it(world) -> None:
    bank = Bank(8).draw(5000).draw(2500, delays=lambda sex: 0.4 if sex == "female" else 1.0)
    found, number = told(world(bank)), number_of(bank, "female")
    assert found[f"sex.{number}.delay"][1]["effect_size"] < -0.2
    assert f"sex.{3 - number}.delay" not in found


def test_outcomes_that_do_not_come_are_told_when_they_are_due(world) -> None:
    bank = Bank(9).draw(3500).draw(4000, comes=lambda sex: 0.6 if sex == "female" else 0.95)
    found, number = told(world(bank)), number_of(bank, "female")
    _, body = found[f"sex.{number}.coverage"]
    assert (body["kind"], body["effect_size"] < -0.2) == ("coverage", True)
    assert body["evidence"]["origin"] == "local/c/outcomes/0"
    assert f"sex.{3 - number}.coverage" not in found


def test_outcomes_that_come_more_often_than_before_are_no_problem(world) -> None:
    found = told(world(Bank(10).draw(3500, comes=lambda _: 0.6).draw(3000)))
    assert not [name for name in found if "coverage" in name]


def test_where_nothing_is_ever_due_nothing_is_overdue(world) -> None:
    made = world(
        Bank(11).draw(3000).draw(2000, comes=lambda _: 0.5),
        policy(AGREEMENT.replace("due_days = 1.0", "")),
    )
    assert not [name for name in told(made) if "coverage" in name]
    assert not any("coverage" in row[11] for row in made.levels)


def test_without_a_meaning_of_the_score_calibration_is_not_looked_at(world) -> None:
    plain = AGREEMENT.replace('probability_of = ["defaulted"]', "")
    made = world(Bank(12).draw(1500, odds=lambda _: 2.0), policy(plain))
    assert "calibration" not in told(made)
    assert "calibration" not in made.levels[-1][11]


def test_a_period_is_assessed_when_the_first_outcome_after_it_comes(world) -> None:
    bank = Bank(13).draw(4000)
    bodies = assessed(world(bank, policy(assess_minutes=1440)))
    model = event_types()["bias.assessed"].model.model_fields["body"].annotation
    assert bodies
    for each in bodies:
        model.model_validate(each)
    body = bodies[1]  # a whole day
    began, ended = (int(body[name].timestamp() * 1000) for name in ("started_at", "ended_at"))
    assert (began % DAY, ended - began) == (0, DAY)
    events = bank.outcomes()
    events = [each for each in events if began <= each.appended_at < ended]
    own = [bank.cases[int(each.body["prediction_id"][1:])] for each in events]
    assert body["predictions"] == len(own)
    assert body["evidence"] == {
        "origin": "local/c/outcomes/0",
        "first": events[0].position,
        "last": events[-1].position,
    }
    wrong = [each.approved != (each.label == "repaid") for each in own]
    assert body["error_rate"] == pytest.approx(np.mean(wrong))
    for group in (each for each in body["groups"] if each["attribute"] == "sex"):
        people = [each for each in own if each.sex == group["token"]]
        good = [each for each in people if each.label == "repaid"]
        figures = {each["measure"]: each for each in group["measures"]}
        assert group["rows"] == figures["error_rate"]["rows"] == len(people)
        found = figures["true_positive_rate"]
        expected = Rate(sum(each.approved for each in good), len(good)).interval()
        assert (found["value"], found["low"], found["high"]) == pytest.approx(tuple(expected))
        off = [(each.label == "defaulted") - each.score for each in people]
        assert figures["calibration"]["value"] == pytest.approx(np.mean(off))
        assert figures["delay_days"]["value"] == pytest.approx(
            np.mean([each.delay / 1440 for each in people]), rel=1e-3
        )
        assert 0.85 < figures["coverage"]["value"] <= 1.0


def test_what_is_overdue_bounds_the_error_rate_of_a_period(world) -> None:
    bank = Bank(14).draw(5000, comes=lambda _: 0.7)
    body = assessed(world(bank, policy(assess_minutes=1440)))[2]
    assert 0.2 < body["overdue"] / 1440 < 0.4
    wrong = body["error_rate"] * body["predictions"]
    everyone = body["predictions"] + body["overdue"]
    assert body["error_rate_low"] == pytest.approx(wrong / everyone)
    assert body["error_rate_high"] == pytest.approx((wrong + body["overdue"]) / everyone)


def test_small_groups_are_counted_and_not_listed(world) -> None:
    body = assessed(world(Bank(15).draw(3000), policy(assess_minutes=1440, least_group_rows=500)))[
        1
    ]
    assert {each["attribute"]: each["small_groups"] for each in body["attributes"]} == {
        "age": 3,
        "age & sex": 6,
        "sex": 0,
    } or body["groups"]
    assert all(each["rows"] >= 500 for each in body["groups"])


ODD = [
    ({"score": 1.5}, {}, "outcome.no_probability"),
    ({"score": -0.1}, {}, "outcome.no_probability"),
    ({"score": math.nan}, {}, "outcome.no_probability"),
    ({"score": math.inf}, {}, "outcome.no_probability"),
    ({}, {"observed_at": START - HOUR}, "outcome.negative_delay"),
    ({"occurred_at": START + DAY}, {}, "outcome.negative_delay"),
]


@pytest.mark.parametrize(("made", "answered", "monitor"), ODD)
def test_what_cannot_count_wholly_is_told_and_left_out(tmp_path, made, answered, monitor) -> None:
    odd = World(tmp_path, None, policy(assess_minutes=60, least_group_rows=30))
    odd.take([prediction(n, {}, at=START, protected={"sex": "f"}, **made) for n in range(40)])
    odd.take([outcome(n, f"p{n}", "repaid", at=START + MINUTE, **answered) for n in range(40)])
    assert list(told(odd)) == [monitor]
    odd.take([prediction(40, {}, at=START + 2 * HOUR, protected={"sex": "f"})])
    odd.take([outcome(40, "p40", "repaid", at=START + 3 * HOUR)])
    [body] = assessed(odd)
    measures = {each["measure"] for each in body["groups"][0]["measures"]}
    left_out = {"outcome.no_probability": "calibration", "outcome.negative_delay": "delay_days"}
    assert left_out[monitor] not in measures
    assert len(measures) == 3  # one other, and how often it was wrong, also where it was good


def test_clocks_that_differ_a_little_are_no_problem(tmp_path) -> None:
    odd = World(tmp_path, None, policy())
    odd.take([prediction(0, {}, at=START, protected={"sex": "f"})])
    odd.take([outcome(0, "p0", "repaid", at=START + MINUTE, observed_at=START - 59_000)])
    assert told(odd) == {}


@pytest.mark.parametrize("token", ["f", None])
def test_one_group_or_none_is_no_gap(tmp_path, token) -> None:
    bank = World(tmp_path, None, policy(assess_minutes=60))
    bank.take([prediction(n, {}, at=START, protected={"sex": token}) for n in range(2000)])
    bank.take([outcome(n, f"p{n}", "repaid", at=START + HOUR + n) for n in range(2000)])
    names = bank.levels[-1][11]
    assert {name.count("-") for name in names} == {0}
    assert ("sex.1.true_positive_rate" in names) == (token is not None)


def test_predictions_without_protected_attributes_have_the_monitors_of_all(tmp_path) -> None:
    bank = World(tmp_path, None, policy(assess_minutes=60))
    bank.take([prediction(n, {}, at=START) for n in range(2000)])
    bank.take([outcome(n, f"p{n}", "repaid", at=START + HOUR + n) for n in range(2000)])
    assert Counter(bank.levels[-1][11]) == Counter(["error", "calibration"])
    bank.take([outcome(0, "p0", "repaid", at=START + 3 * HOUR)])
    (whole,) = assessed(bank)
    assert (whole["predictions"], whole["attributes"], whole["groups"]) == (2000, (), ())
    assert whole["error_rate"] is not None


def test_outcomes_that_come_once_a_day_are_not_overdue_when_their_batch_comes(tmp_path) -> None:
    bank = Bank(16).draw(4 * 1440, comes=lambda _: 1.0)
    batches = World(tmp_path, None, policy(AGREEMENT.replace("1.0", "0.5"), assess_minutes=1440))
    batches.files.put("local/c/inference/0", bank.waiting(), START)
    answers = [
        outcome(n, f"p{n}", each.label, at=START + (n // 1440 + 1) * DAY + n % 1440)
        for n, each in enumerate(bank.cases)
    ]
    batches.take(answers)
    assert [body["overdue"] for body in assessed(batches)] == [0, 0, 0]


def test_what_a_policy_excludes_by_now_is_not_read_of_what_waited(tmp_path) -> None:
    excluded = """
[[exclusions]]
jurisdiction = "FR"
reason = "by law"
attributes = ["sex"]
"""
    bank = Bank(17).draw(3000)
    later = World(tmp_path, None, policy(AGREEMENT + excluded, assess_minutes=1440))
    later.files.put("local/c/inference/0", bank.waiting(), START)
    later.take(bank.outcomes())
    assert not [name for name in later.levels[-1][11] if "sex" in name]
    for body in assessed(later):
        assert {each["attribute"] for each in body["attributes"]} == {"age"}
        assert body["exclusions"] == ()
    assert not [value for key, value in later.state.items() if b"female" in value]


def test_batches_cycles_and_growth_are_no_delays(tmp_path) -> None:
    """Whatever the order is in which outcomes come, delays are of predictions as they were made."""
    bank = Bank(18).draw(9000)
    for n, each in enumerate(bank.cases):  # traffic that varies by day and grows
        each.made = n * (1 - n / 40_000) + 200 * np.sin(n / 230)
    bank.cases.sort(key=lambda each: each.made)
    come = [(n, each) for n, each in enumerate(bank.cases) if each.delay is not None]
    come.sort(key=lambda pair: ((pair[1].made + pair[1].delay) // 1440, pair[0]))
    answers = []
    for position, (n, each) in enumerate(come):
        observed = START + int((each.made + each.delay) * MINUTE)
        batch = START + int((each.made + each.delay) // 1440 + 1) * DAY + position
        answers.append(outcome(position, f"p{n}", each.label, at=batch, observed_at=observed))
    daily = World(tmp_path, None, policy())
    daily.files.put("local/c/inference/0", bank.waiting(), START)
    daily.take([each for each in answers if each.appended_at < START + 5 * DAY])
    assert "sex.2.delay" in daily.levels[-1][11]
    assert not [name for name in told(daily) if "delay" in name]
