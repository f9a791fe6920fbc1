"""What the drift processor finds of groups of people, in predictions."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from auditspine.processors.drift.policy import shipped_policy
from auditspine.processors.drift.policy_parts import Excluded, Fairness
from auditspine.processors.drift.port import FoundProfile
from auditspine.schemas.catalogue import event_types

from .drift_people import TOKENS, Applicants, profiled
from .drift_world import World

EVENT_ID = "01900000-0000-7000-8000-0000000000ff"
_folders = itertools.count()
OLD, YOUNG = "0" * 32, "1" * 32
PEOPLE = ("proxy", "fairness", "group", "protected")


@pytest.fixture
def world(tmp_path: Path):
    return lambda *args, **more: World(tmp_path / str(next(_folders)), *args, **more)


def known(**more) -> FoundProfile:
    return FoundProfile(EVENT_ID, profiled(**more))


def told(made: World, *kinds: str) -> list[tuple[int, str, float]]:
    return [
        (position, body["monitor"], body["effect_size"])
        for position, body in made.signals()
        if body["kind"] in kinds
    ]


@pytest.mark.parametrize("profile", [True, False], ids=["profile", "learned"])
def test_a_feature_that_becomes_predictive_of_a_group_is_a_proxy(world, profile) -> None:
    people = Applicants(1)
    stream = people.draw(5000) + people.draw(1500, income=(-0.15, 0.35))
    made = world(known(groups=profile)).take(stream)
    found = told(made, "proxy", "fairness")
    assert {name for _, name, _ in found} == {"income~sex.2"}
    position, _, effect = found[0]
    assert 5000 < position < 5500
    assert effect == pytest.approx(0.22, abs=0.2)  # .5 standard deviations between 70% and 30%
    body = next(b for _, b in made.signals("proxy"))
    assert body["feature"] == "income"
    assert body["change_earliest"] <= body["started_at"] <= body["change_latest"]
    first, last = (body[f"change_{which}"].timestamp() for which in ("earliest", "latest"))
    changed = stream[5000].appended_at / 1000
    assert first - 100 <= changed <= last  # seconds, and rows


def test_a_category_that_becomes_predictive_of_a_group_is_a_proxy(world) -> None:
    people = Applicants(2)
    stream = people.draw(4000) + people.draw(1500, north=(0.4, 0.7))
    found = told(world(known()).take(stream), "proxy")
    assert {name for _, name, _ in found} == {"region=south~sex.2"}
    assert 4000 < found[0][0] < 5000


@pytest.mark.parametrize("profile", [True, False], ids=["profile", "learned"])
def test_lowered_approvals_of_a_group_are_told_as_its_own_and_as_a_gap(world, profile) -> None:
    people = Applicants(3)
    stream = people.draw(5000) + people.draw(2000, rates=(0.6, 0.3))
    made = world(known(groups=profile)).take(stream)
    found = told(made, *PEOPLE)
    first = {name: (position, effect) for position, name, effect in reversed(found)}
    assert set(first) == {"sex.2.selection_rate", "sex.1-2.selection_rate"}
    assert 5000 < first["sex.2.selection_rate"][0] < 5600
    assert 5000 < first["sex.1-2.selection_rate"][0] < 5900
    assert first["sex.2.selection_rate"][1] == pytest.approx(-0.2, abs=0.2)
    assert first["sex.1-2.selection_rate"][1] == pytest.approx(0.2, abs=0.2)


def test_scores_of_a_group_that_fall_are_found_before_decisions_change(world) -> None:
    people = Applicants(4)
    stream = people.draw(4000) + people.draw(1500, score=(0.0, -0.5))
    found = {name for _, name, _ in told(world(known()).take(stream), *PEOPLE)}
    assert found == {"sex.2.score", "sex.1-2.score", "(score)~sex.2"}


@pytest.mark.parametrize("seed", range(4))
def test_what_moves_all_groups_alike_is_no_matter_of_fairness(world, seed) -> None:
    people = Applicants(10 + seed)
    moved = {"income": (1.0, 1.0), "score": (-1.0, -1.0), "north": (0.2, 0.2), "rates": (0.3, 0.22)}
    stream = people.draw(3000) + people.draw(3000, **moved)
    made = world(known()).take(stream)
    assert told(made, "proxy", "fairness") == []
    assert told(made, "location", "score", "decision")  # it is told as what it is


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_are_drawn_by_lot_raise_nothing(world, seed) -> None:
    people = Applicants(20 + seed)
    stream = people.draw(8000, rates=(0.57, 0.57))
    lots = np.random.default_rng(seed).permutation(len(stream))
    tokens = [stream[n].body["protected"] for n in lots]
    for event, protected in zip(stream, tokens, strict=True):
        event.body["protected"] = protected
    assert told(world(known(groups=False)).take(stream), *PEOPLE) == []


def test_an_attribute_that_is_missing_ever_more_is_told(world) -> None:
    people = Applicants(5)
    stream = people.draw(3000, missing=0.02) + people.draw(1000, missing=0.3)
    found = told(world(known(groups=False)).take(stream), *PEOPLE)
    assert {name for _, name, _ in found} == {"sex.missing"}
    assert 3000 < found[0][0] < 3200


def test_a_group_that_appears_and_one_that_vanishes_are_told(world) -> None:
    people = Applicants(6, (0.6, 0.3, 0.1))
    before = [each for each in people.draw(4000) if TOKENS[2] not in str(each.body["protected"])]
    people = Applicants(7, (0.5, 0.0, 0.5))
    people.position = before[-1].position + 1
    found = told(world(known(groups=False)).take(before + people.draw(1000)), "group")
    names = [name for _, name, _ in found]
    assert "sex.new" in names
    assert "sex.2.share" in names


def test_what_is_excluded_is_not_read_and_that_is_evidence(world) -> None:
    rule = Excluded(
        jurisdiction="fr", reason="article 6", attributes=("ethnic*",), deployments=("*-eu",)
    )
    fairness = Fairness(assess_minutes=5)
    policy = shipped_policy().model_copy(update={"exclusions": (rule,), "fairness": fairness})
    people = Applicants(8)
    secret = {"protected": lambda _group, _random: {"ethnicity": "e" * 32}}
    made = world(known(), policy).take(people.draw(2000, **secret))
    assert "eeee" not in str(made.state) + str([each.body for each in made.derived])
    assert {name for _, name, _ in told(made, "protected")} == {"ethnicity.excluded"}
    said = next(each.body for each in made.derived if each.event_type == "bias.assessed")
    assert [each["attribute"] for each in said["attributes"]] == ["sex"]
    (excluded,) = said["exclusions"]
    assert (excluded["attribute"], excluded["jurisdiction"]) == ("ethnicity", "fr")
    assert excluded["predictions"] == said["predictions"]


def test_an_assessment_holds_gaps_of_groups_that_are_large_enough(world) -> None:
    fairness = Fairness(assess_minutes=30)
    policy = shipped_policy().model_copy(update={"fairness": fairness})
    people = Applicants(9, (0.6, 0.38, 0.02))
    stream = people.draw(4000, rates=(0.6, 0.3, 0.5))
    made = world(known(), policy).take(stream)
    said = [each.body for each in made.derived if each.event_type == "bias.assessed"]
    assert len(said) == 2  # 4,000 s are two periods and a part
    gap = next(e for e in said[1]["gaps"] if e["measure"] == "selection_rate")
    assert (gap["first"], gap["second"]) == (1, 2)
    assert gap["low"] < 0.3 < gap["high"]
    assert gap["ratio_high"] < 0.8
    (attribute,) = said[1]["attributes"]
    assert attribute["small_groups"] == 1
    assert said[1]["predictions"] == 1800
    model = event_types()["bias.assessed"].model
    for each in said:
        model.model_fields["body"].annotation.model_validate(each)


def test_two_attributes_together_are_compared_where_each_alone_shows_nothing(world) -> None:
    people = Applicants(30, (0.5, 0.5))
    young = {"protected": lambda _g, random: {"age": str(random.choice([OLD, YOUNG]))}}
    stream = people.draw(6000, rates=(0.5, 0.5), **young)
    swap = np.random.default_rng(1)
    for event in people.draw(3000, rates=(0.5, 0.5), **young):
        tokens = {each["attribute"]: each["token"] for each in event.body["protected"]}
        alike = (tokens["sex"] == TOKENS[0]) == (tokens["age"] == OLD)
        decision = "approve" if swap.random() < (0.7 if alike else 0.3) else "decline"
        event.body["decision"] = decision
        stream.append(event)
    found = told(world(known(groups=False)).take(stream), "fairness")
    assert found
    assert {name.rpartition(".")[0].rpartition(".")[0] for _, name, _ in found} == {"age & sex"}


@pytest.mark.parametrize("shares", [(1.0,), (0.999, 0.001)], ids=["one group", "one of size 1"])
def test_groups_of_nobody_and_of_one_are_no_trouble(world, shares) -> None:
    people = Applicants(31, shares)
    made = world(known(groups=False)).take(people.draw(3000, rates=(0.6, 0.6)))
    assert told(made, "proxy", "fairness") == []


def test_no_token_leaves_in_a_signal(world) -> None:
    people = Applicants(32)
    stream = people.draw(3000) + people.draw(1500, rates=(0.9, 0.1), income=(-1.0, 1.0))
    made = world(known()).take(stream)
    assert len(told(made, *PEOPLE)) > 3
    said = str([body for _, body in made.signals()])
    assert not any(f"'{token}" in said or f"{token}'" in said for token in TOKENS)


def test_where_segments_and_restarts_cut_changes_nothing(world) -> None:
    def drawn() -> list:
        people = Applicants(33)
        return people.draw(2500, missing=0.05) + people.draw(1500, rates=(0.6, 0.3), missing=0.05)

    policy = shipped_policy().model_copy(update={"fairness": Fairness(assess_minutes=10)})
    whole = world(known(groups=False), policy).take(drawn(), 500)
    cut, at, sizes = world(known(groups=False), policy), 0, np.random.default_rng(5)
    stream = drawn()
    while at < len(stream):
        size = int(sizes.integers(1, 300))
        cut.take(stream[at : at + size], 500)
        at += size
        if sizes.random() < 0.2:
            cut.restart()
    assert [e.body for e in whole.derived] == [e.body for e in cut.derived]
    assert [(e.cause.position, e.ordinal) for e in whole.derived] == [
        (e.cause.position, e.ordinal) for e in cut.derived
    ]
    assert whole.levels == cut.levels
    assert whole.state == cut.state
    assert told(whole, *PEOPLE)


def test_another_threshold_is_told_once(world) -> None:
    people = Applicants(34)
    stream = people.draw(400)
    for event in stream[200:]:
        event.body["threshold"] = 0.6
    (found,) = told(world(known()).take(stream), "threshold")
    assert found[:2] == (200, "(threshold).changed")
    assert found[2] == pytest.approx(0.1)


def test_a_group_in_the_profile_that_cannot_be_used_is_a_problem_of_the_profile(world) -> None:
    profile = profiled()
    profile["groups"].append(profile["groups"][0])
    made = world(FoundProfile(EVENT_ID, json.loads(json.dumps(profile, default=_plain))))
    made.take(Applicants(35).draw(100))
    assert "sex: a group is given twice" in made.signals("profile")[0][1]["detail"]


def _plain(value: bytes) -> str:
    return value.hex()


def test_what_is_no_token_is_never_kept_as_it_came_and_that_is_told(world) -> None:
    clear = {"protected": lambda group, _random: {"religion": ("Quaker", "Shaker")[group]}}
    made = world(known()).take(Applicants(36).draw(2500, rates=(0.6, 0.6), **clear))
    said = [each.body for each in made.derived]
    assert not re.search("Quaker|Shaker", f"{dict(made.state)}{said}{made.levels}")
    names = {name for _, name, _ in told(made, "protected")}
    assert names == {"religion.not_a_token"}
    assert "is it in clear" in made.signals("protected")[0][1]["detail"]
    assert "religion.2.share" in str(made.levels[-1])  # groups are told apart all the same
