"""Tuning spares false alarms, keeps what was true, and edits no more than that."""

import tomllib
from difflib import ndiff
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.auditor.precision import MonitorRecord
from auditspine.cli.errors import CliError
from auditspine.cli.tier_text import with_effects
from auditspine.cli.tuning import Alarm, alarms_of, tune
from auditspine.processors.drift.policy import parse_policy
from auditspine.processors.drift.policy_parts import KINDS, Tier

TEXT = (files("auditspine.policies") / "drift.toml").read_text("utf-8")
PURE = settings(max_examples=60, deadline=None)


def alarms(kind: str, true: list[float], false: list[float], risk: str = "high") -> list[Alarm]:
    return [
        *(Alarm(risk, kind, "income", effect, is_true=True) for effect in true),
        *(Alarm(risk, kind, "income", effect, is_true=False) for effect in false),
    ]


def record(deployment: str, true: list[float], false: list[float]) -> MonitorRecord:
    names = (deployment, "risk", "income.scale", "scale", "income", "high")
    return MonitorRecord(*names, 9, len(true), len(false), 0, true, false)


def test_a_row_is_raised_above_the_false_alarms_below_what_was_true() -> None:
    found = tune(TEXT, alarms("scale", [0.9, 0.5], [0.2, 0.3]))
    [each] = found.proposals
    assert (each.tier, each.before, each.after) == (Tier.CAUTION, 0.0, 0.33)
    assert (each.spared, each.false, each.kept) == (2, 2, 2)
    policy = parse_policy(found.text)
    assert policy.tier("high", "scale", 0.32, 0) is Tier.INFORMATIONAL
    assert policy.tier("high", "scale", 0.5, 0) is Tier.CAUTION
    assert policy.tier("high", "scale", 0.1, 1440) is Tier.REVIEW  # what goes on is raised
    assert policy.tier("limited", "scale", 0.1, 0) is Tier.CAUTION
    assert policy.tier("high", "location", 0.1, 0) is Tier.CAUTION
    assert (found.silent, found.false, found.true) == (2, 2, 2)


def test_comments_stay_and_nothing_else_is_written_anew() -> None:
    found = tune(TEXT, alarms("scale", [0.9], [0.2, 0.3]))
    lines = list(ndiff(TEXT.splitlines(), found.text.splitlines()))
    gone = [line[2:] for line in lines if line.startswith("- ")]
    assert len(gone) <= 2  # risk and kinds of one row
    assert all(line.startswith(("risk", "kinds")) for line in gone)


def test_every_row_that_raised_it_is_raised() -> None:
    found = tune(TEXT, alarms("location", [3.0], [0.7, 0.6]))
    assert {(each.tier, each.after) for each in found.proposals} == {
        (Tier.CAUTION, 0.77),
        (Tier.REVIEW, 0.77),
    }
    assert found.silent == 2


def test_what_was_true_is_kept_though_false_alarms_lie_above_it() -> None:
    found = tune(TEXT, alarms("scale", [0.25], [0.2, 0.3, 0.24]))
    [each] = found.proposals
    assert 0.24 < each.after <= 0.25
    assert (each.spared, each.kept) == (2, 1)


def test_no_effect_that_tells_them_apart_leaves_the_budget() -> None:
    found = tune(TEXT, alarms("scale", [0.1], [0.2, 0.3]))
    assert (found.proposals, found.budget) == ((), 0.5)
    assert parse_policy(found.text).budget.false_alarms_per_week == 0.5


@pytest.mark.parametrize(
    ("true", "false"), [([], []), ([], [0.1, 0.1]), ([0.3, 0.4, 0.5], [0.1, 0.1])]
)
def test_nothing_is_proposed_of_few_or_mostly_true(true, false) -> None:
    found = tune(TEXT, alarms("scale", true, false))
    assert (found.text, found.proposals, found.budget) == (TEXT, (), None)


def test_what_was_true_elsewhere_is_kept_too() -> None:
    records = [record("here", [], [0.2, 0.3, 0.4]), record("there", [0.35], [0.1])]
    [each] = tune(TEXT, alarms_of(records, "here")).proposals
    assert (each.spared, each.false, each.kept) == (2, 3, 1)
    assert 0.3 < each.after <= 0.35
    assert tune(TEXT, alarms_of(records, "there")).proposals == ()


def test_features_of_a_row_stay_its_own() -> None:
    row = '[[tiers]]\nrisk = ["high"]\nkinds = ["scale"]\nfeatures = ["inc*"]\ntier = "review"\n\n'
    text = TEXT.replace("# What each tier does", f"{row}# What each tier does")
    found = tune(text, alarms("scale", [], [0.2, 0.3, 0.25]))
    assert {each.tier for each in found.proposals} == {Tier.CAUTION, Tier.REVIEW}
    policy = parse_policy(found.text)
    assert policy.tier("high", "scale", 0.2, 0, "income") is Tier.INFORMATIONAL
    assert policy.tier("high", "scale", 0.4, 0, "income") is Tier.REVIEW
    assert policy.tiers[-1].features == ("inc*",)


def test_arrays_of_several_lines_with_comments_are_edited() -> None:
    old = 'kinds = ["location", "score"]\neffect = 0.5\n'
    new = 'kinds = [\n  "location", # a "]" in words\n  "score",\n]\neffect = 0.5 # sd\n'
    text = TEXT.replace(old, new)
    assert text != TEXT
    policy = parse_policy(tune(text, alarms("location", [3.0], [0.7, 0.6])).text)
    assert policy.tier("high", "score", 0.5, 0) is Tier.REVIEW
    assert policy.tier("high", "location", 0.7, 0) is Tier.INFORMATIONAL


def test_a_policy_in_another_form_is_refused() -> None:
    policy = parse_policy(TEXT)
    with pytest.raises(CliError, match=r"expected \d+ times"):
        with_effects(TEXT.replace("[[tiers]]", "[[others]]", 1), policy, {})


effects = st.floats(0.001, 5, allow_nan=False).map(lambda each: round(each, 3))
many = st.lists(
    st.builds(
        Alarm,
        st.sampled_from(["high", "limited"]),
        st.sampled_from(KINDS),
        st.sampled_from(["", "income"]),
        effects,
        st.booleans(),
    ),
    max_size=60,
)


@given(many)
@PURE
def test_whatever_the_record_what_was_true_keeps_its_tier(found) -> None:
    tuned = tune(TEXT, found)
    before, after = parse_policy(TEXT), parse_policy(tuned.text)
    for each in found:
        asked = (each.risk, each.kind, each.effect, 0, each.feature)
        if each.is_true:
            assert before.tier(*asked) is after.tier(*asked)
        assert after.tier(*asked).rank <= before.tier(*asked).rank
    assert tomllib.loads(tuned.text)["owners"] == tomllib.loads(TEXT)["owners"]
    assert (tuned.text == TEXT) == (not tuned.proposals and tuned.budget is None)
