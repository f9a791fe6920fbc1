"""Overlays only tighten: whatever one says that parses, no release gets easier by it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.processors.release_facts import good_facts
from tests.unit.processors.release_texts import SMALL, small, text_of

from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import ReleasePolicy, parse_policy
from auditspine.processors.release.rules import RuleSet, judge

OVER = ("overlays", "eu", "classes", "high")


def parse(said: Any) -> ReleasePolicy:
    return parse_policy(text_of(said))


def refused(said: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        parse(said)
    return str(caught.value)


def test_an_overlay_raises_parameters_and_takes_exceptions_away() -> None:
    ruleset = parse(SMALL).ruleset("high", ["eu"])
    assert ruleset.parameters["approvals"] == 3
    approved = ruleset.rules[0]
    assert (approved.waivable, approved.obligations) == (False, ("SOC 2 CC8.1", "GDPR"))
    assert ruleset.jurisdictions == ("eu",)


def test_an_overlay_adds_rules_with_parameters_of_their_own() -> None:
    ruleset = parse(SMALL).ruleset("high", ["us"])
    assert [each.id for each in ruleset.rules] == ["approved", "recent", "bias"]
    assert ruleset.parameters["groups"] == 1


def test_an_overlay_makes_a_rule_deny_and_continuous() -> None:
    said = small(*OVER, "tighten", "approved", otherwise="deny", continuous=True)
    rule = parse(said).ruleset("high", ["eu"]).rules[0]
    assert (rule.otherwise, rule.continuous) == ("deny", True)


def test_an_overlay_says_nothing_of_other_classes() -> None:
    policy = parse(SMALL)
    assert policy.ruleset("low", ["eu"]).rules == policy.ruleset("low").rules


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("approvals", 1),
        ("days", 91),
        ("share", 0.4),
        ("sandbox", "production"),
        ("sandbox", "test2"),
    ],
)
def test_a_looser_parameter_is_refused(parameter: str, value: Any) -> None:
    told = refused(small(*OVER, parameters={parameter: {"value": value}}))
    assert f"overlays/eu.toml: classes.high.parameters.{parameter}.value: it loosens" in told


@pytest.mark.parametrize(("parameter", "loose"), [("independent", False), ("lenient", True)])
def test_a_yes_or_no_moves_one_way_only(parameter: str, loose: bool) -> None:
    tight = small(*OVER, parameters={parameter: {"value": not loose}})
    assert parse(tight).ruleset("high", ["eu"]).parameters[parameter] is not loose
    kept = small("classes", "high", "parameters", parameter, value=not loose)
    kept["overlays"]["eu"]["classes"]["high"]["parameters"] = {parameter: {"value": loose}}
    assert "it loosens" in refused(kept)


@pytest.mark.parametrize(
    ("path", "values", "message"),
    [
        (("tighten", "approved"), {"waivable": True}, "tighten.approved.waivable: "),
        (("tighten", "approved"), {"otherwise": "review"}, "tighten.approved.otherwise: "),
        (("tighten", "recent"), {"continuous": False}, "tighten.recent.continuous: "),
        (("tighten", "recent"), {"expression": "model.registered"}, "recent.expression: Extra"),
        (("tighten", "recent"), {"disabled": True}, "tighten.recent.disabled: Extra"),
        (("tighten", "other"), {"waivable": False}, "tighten.other: the class has no such rule"),
        ((), {"remove": ["recent"]}, "classes.high.remove: Extra"),
        (
            (),
            {"rules": [{"id": "recent", "expression": "model.registered", "reason": "No."}]},
            "rules.0.id: the rule recent is there already",
        ),
        (
            (),
            {"rules": [{"id": "x", "expression": "model.registered", "reason": "No."}] * 2},
            "rules.1.id: the rule x is there already",
        ),
        ((), {"parameters": {"x": {"value": 1}}}, "parameters.x: the class has no such parameter"),
        (
            (),
            {"parameters": {"days": {"value": 200, "stricter": "higher"}}},
            "parameters.days.stricter: only the class says",
        ),
        (
            (),
            {"parameters": {"days": {"value": 3.0}}},
            "parameters.days.value: expected a value of",
        ),
        ((), {"parameters": {"days": {"value": True}}}, "parameters.days.value: expected a value"),
        ((), {"parameters": {"days": 3}}, "parameters.days: "),
        (
            (),
            {"rules": [{"id": "x", "expression": "parameters.y > 0 && model.registered"}]},
            "rules.0.reason: Field required",
        ),
        (
            (),
            {
                "rules": [
                    {
                        "id": "x",
                        "expression": "1 < 2 && model.registered == parameters.y",
                        "reason": "No.",
                    }
                ]
            },
            "rules.0.expression: the rule x: there is no parameter y",
        ),
    ],
)
def test_an_overlay_cannot_say_what_loosens(path, values, message) -> None:
    told = refused(small(*OVER, *path, **values))
    assert told.startswith("overlays/eu.toml: classes.high")
    assert message in told


def test_a_whole_number_may_tighten_a_number() -> None:
    ruleset = parse(small(*OVER, parameters={"share": {"value": 1}})).ruleset("high", ["eu"])
    assert (ruleset.parameters["share"], type(ruleset.parameters["share"])) == (1.0, float)


def test_of_two_overlays_the_stricter_value_counts_in_any_order() -> None:
    said = small("overlays", "us", "classes", "high", "parameters", approvals={"value": 5})
    for order in (["eu", "us"], ["us", "eu"]):
        assert parse(said).ruleset("high", order).parameters["approvals"] == 5
    assert parse(said).ruleset("high", ["eu"]).parameters["approvals"] == 3


def test_two_overlays_may_add_the_same_rule_and_the_stricter_of_each_counts() -> None:
    rule = SMALL["overlays"]["us"]["classes"]["high"]["rules"][0]
    said = small(
        *OVER,
        rules=[rule | {"waivable": True, "otherwise": "review", "obligations": ["GDPR"]}],
        parameters={"groups": {"value": 2, "stricter": "higher"}},
    )
    added = parse(said).ruleset("high", ["us", "eu"]).rules[-1]
    assert (added.waivable, added.otherwise, added.obligations) == (False, "deny", ("GDPR",))
    assert parse(said).ruleset("high", ["us", "eu"]).parameters["groups"] == 2


@pytest.mark.parametrize(
    ("rules", "parameters", "message"),
    [
        (
            [{"id": "bias", "expression": "bias.reported", "reason": "No groups."}],
            {},
            "rules.0.id: another overlay has another rule bias",
        ),
        ([], {"groups": {"value": 2, "stricter": "lower"}}, "another overlay says something else"),
        (
            [],
            {"groups": {"value": True, "stricter": "true"}},
            "another overlay says something else",
        ),
        (
            [],
            {"groups": {"value": "x", "stricter": "fixed"}},
            "another overlay says something else",
        ),
    ],
)
def test_overlays_that_contradict_each_other_are_refused(rules, parameters, message) -> None:
    said = small("overlays", "zz", "classes", "high", rules=rules, parameters=parameters)
    assert message in refused(said)


RULES = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["approved", "bias", "signed"]),
        "expression": st.sampled_from(
            ["signature.valid", "model.registered || bias.reported", "validation.passed"]
        ),
        "reason": st.just("No."),
    },
    optional={
        "otherwise": st.sampled_from(["deny", "review"]),
        "waivable": st.booleans(),
        "continuous": st.booleans(),
    },
)
VALUES = {
    "approvals": st.integers(0, 4),
    "days": st.integers(60, 120),
    "share": st.sampled_from([0.25, 0.5, 0.75, 1]),
    "independent": st.booleans(),
    "lenient": st.booleans(),
    "sandbox": st.sampled_from(["test", "production"]),
}
PARAMETERS = st.one_of(
    *(
        st.fixed_dictionaries({name: st.fixed_dictionaries({"value": values})})
        for name, values in VALUES.items()
    ),
    st.just({"own": {"value": 1, "stricter": "higher"}}),
    st.just({"days": {"value": 120, "stricter": "higher"}}),
)
TIGHTEN = st.dictionaries(
    st.sampled_from(["approved", "recent"]),
    st.one_of(
        st.fixed_dictionaries({"waivable": st.booleans()}),
        st.fixed_dictionaries({"otherwise": st.sampled_from(["deny", "review"])}),
        st.fixed_dictionaries({"continuous": st.booleans()}),
        st.just({"expression": "model.registered"}),
    ),
    max_size=2,
)
OVERLAYS = st.fixed_dictionaries(
    {},
    optional={"parameters": PARAMETERS, "rules": st.lists(RULES, max_size=2), "tighten": TIGHTEN},
)


def is_no_looser(base: RuleSet, over: RuleSet) -> bool:
    after = {each.id: each for each in over.rules}
    directions = SMALL["classes"]["high"]["parameters"]
    return all(
        (now := after.get(was.id)) is not None
        and now.expression == was.expression
        and now.waivable <= was.waivable
        and now.continuous >= was.continuous
        and (was.otherwise, now.otherwise) != ("deny", "review")
        for was in base.rules
    ) and all(
        type(over.parameters[name]) is type(value)
        and {
            "higher": over.parameters[name] >= value,
            "true": over.parameters[name] >= value,
            "lower": over.parameters[name] <= value,
            "false": over.parameters[name] <= value,
            "fixed": over.parameters[name] == value,
        }[directions[name]["stricter"] if name in directions else "higher"]
        for name, value in base.parameters.items()
    )


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    first=OVERLAYS,
    second=OVERLAYS,
    people=st.lists(st.sampled_from("abcd"), unique=True),
    age_days=st.integers(0, 200),
)
def test_whatever_overlays_say_that_parses_is_no_looser(first, second, people, age_days) -> None:
    said = small("overlays", eu={"classes": {"high": first}}, us={"classes": {"high": second}})
    try:
        policy = parse(said)
    except PolicyError:
        assume(False)
        raise
    base = policy.ruleset("high")
    facts = good_facts(approvals={"persons": people}, validation={"age_days": age_days})
    passed = {each.rule.id for each in judge(base, facts) if each.result == "passed"}
    both = policy.ruleset("high", ["us", "eu"])
    for jurisdictions in (["eu"], ["us"], ["us", "eu"]):
        assert is_no_looser(policy.ruleset("high", jurisdictions), both)
        over = policy.ruleset("high", jurisdictions)
        assert is_no_looser(base, over)
        kept = {each.rule.id for each in judge(over, facts) if each.result == "passed"}
        assert kept & {each.id for each in base.rules} <= passed


def test_the_property_would_notice_a_looser_rule() -> None:
    policy = parse(SMALL)
    assert is_no_looser(policy.ruleset("high"), policy.ruleset("high", ["eu"]))
    assert not is_no_looser(policy.ruleset("high", ["eu"]), policy.ruleset("high"))
