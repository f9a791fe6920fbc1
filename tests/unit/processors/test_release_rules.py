"""A rule passes on the boolean true only; whatever else happens is told and is no pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.processors.release_facts import good_facts

from auditspine.processors.release.rules import Judged, Rule, RuleSet, judge
from auditspine.processors.release.vocabulary import EXAMPLE, compiled, try_out

PARAMETERS: dict[str, Any] = {"approvals": 2, "share": 0.5, "strict": True}


def came_to(expression: str, facts: Any = None, **rule: Any) -> Judged:
    ruleset = RuleSet("high", (), (Rule("r", expression, "It is not so.", **rule),), PARAMETERS)
    return judge(ruleset, good_facts() if facts is None else facts)[0]


def test_true_passes_and_false_fails_with_the_reason() -> None:
    assert came_to("size(approvals.persons) >= parameters.approvals").result == "passed"
    failed = came_to("size(approvals.persons) > parameters.approvals")
    assert (failed.result, failed.reason) == ("failed", "It is not so.")


@pytest.mark.parametrize(
    "expression",
    [
        "size(approvals.persons)",
        "request.name",
        "approvals.persons",
        "validation.age_days",
        "request.name == '' ? true : request.version",
    ],
)
def test_what_is_no_boolean_is_an_error(expression: str) -> None:
    assert came_to(expression).result == "error"
    assert "no boolean" in came_to(expression).reason


@pytest.mark.parametrize(
    "expression",
    [
        "1 / size(features.deprecated) == 0",
        "features.deprecated[0] == 'x'",
        "request.name > 1",
        "size(validation.age_days) == 1",
        "request.name.matches('(')",
    ],
)
def test_a_rule_that_raises_is_an_error(expression: str) -> None:
    judged = came_to(expression)
    assert (judged.result, "cannot be evaluated" in judged.reason) == ("error", True)


def test_a_rule_that_is_no_cel_is_an_error() -> None:
    assert came_to("request.name ==").reason == (
        "The rule cannot be read, so it is not kept: not a CEL expression."
    )


@pytest.mark.parametrize(
    "expression",
    [
        "validation.passed",
        "!validation.passed",
        "validation.passed || true",
        "request.name == 'model' || validation.passed",
        "!(validation.passed && false)",
    ],
)
@pytest.mark.parametrize("how", ["without the field", "none", "without the group", "no group"])
def test_a_fact_that_is_missing_is_an_error_even_where_cel_would_pass_over_it(
    expression: str, how: str
) -> None:
    facts: dict[str, Any] = good_facts()
    if how == "without the field":
        del facts["validation"]["passed"]
    elif how == "none":
        facts["validation"]["passed"] = None
    elif how == "without the group":
        del facts["validation"]
    else:
        facts["validation"] = "passed"
    judged = came_to(expression, facts)
    assert judged.result == "error"
    assert judged.reason.startswith("validation")


def test_a_missing_parameter_is_an_error() -> None:
    judged = came_to("request.name == 'model' || parameters.nothing")
    assert (judged.result, "parameters.nothing" in judged.reason) == ("error", True)


def test_facts_cannot_bring_parameters_of_their_own() -> None:
    facts = good_facts() | {"parameters": {"approvals": 0}}
    assert came_to("size(approvals.persons) < parameters.approvals", facts).result == "failed"
    facts["approvals"]["persons"] = ["ana"]
    assert came_to("size(approvals.persons) >= parameters.approvals", facts).result == "failed"


def test_a_field_may_be_asked_for() -> None:
    facts = good_facts()
    facts["model"] = {"registered": False}
    assert came_to("!has(model.owner)", facts).result == "passed"
    assert came_to("model.owner == ''", facts).result == "error"


def test_a_reason_shows_what_was_measured_and_not_too_much_of_it() -> None:
    facts = good_facts(approvals={"persons": [f"person-{n}" for n in range(7)]})
    shows = ("approvals.persons", "parameters.strict", "signature.problem", "validation.age_days")
    reason = came_to("approvals.rejected", facts, shows=shows).reason
    assert reason == (
        "It is not so. (approvals persons: person-0, person-1, person-2, person-3, person-4 "
        "and 2 more; strict asked for: true; signature problem: none; validation age days: 1)"
    )
    long = good_facts(signature={"problem": "x" * 10_000})
    assert len(came_to("approvals.rejected", long, shows=("signature.problem",)).reason) < 500


@given(
    facts=st.dictionaries(
        st.sampled_from([*EXAMPLE, "parameters", "other"]),
        st.one_of(
            st.none(),
            st.text(),
            st.dictionaries(
                st.sampled_from(sorted({name for group in EXAMPLE.values() for name in group})),
                st.one_of(
                    st.none(),
                    st.booleans(),
                    st.integers(),
                    st.floats(),
                    st.text(),
                    st.lists(st.one_of(st.text(), st.integers(), st.none())),
                    st.binary(),
                    st.dictionaries(st.text(), st.integers()),
                ),
            ),
        ),
    )
)
def test_nothing_that_facts_can_be_makes_judging_raise(facts: dict[str, Any]) -> None:
    expressions = (
        "model.registered",
        "size(approvals.persons) >= parameters.approvals",
        "validation.age_days * 2 < 100 && bias.attributes.all(a, a != '')",
    )
    rules = tuple(
        Rule(str(number), each, "No.", shows=("approvals.persons", "model.owner"))
        for number, each in enumerate(expressions)
    )
    results = judge(RuleSet("high", (), rules, PARAMETERS), facts)
    assert [each.rule for each in results] == list(rules)
    registered = facts.get("model")
    is_true = isinstance(registered, dict) and registered.get("registered") is True
    assert (results[0].result == "passed") == is_true


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("secrets.password == ''", "there is no fact secrets"),
        ("request.pasword == ''", "there is no fact request.pasword"),
        ("request['name'] == ''", "expected a field of request"),
        ("size(request) > 1", "expected a field of request"),
        ("parameters['x'] == 1 || request.name == ''", "expected a field of parameters"),
        ("now() > request.name", "there is no function now"),
        ("timestamp(request.name) > timestamp('')", "there is no function timestamp"),
        ("true", "reads a fact"),
        ("parameters.strict", "reads a fact"),
        ("bias.attributes.all(request, request != '')", "request is a fact"),
        ("request.name == '\\n'", "no backslash"),
        ("request.name == '''x'''", "no triple quotes"),
        ("request.name == 'secret' &&", "not a CEL expression"),
        ("(" * 900 + "request.name == ''" + ")" * 900, "not a CEL expression"),
        ("request.name == '" + "x" * 3000 + "'", "at most 2048 characters"),
    ],
)
def test_what_no_rule_can_say_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        compiled(expression)
    assert "secret'" not in str(caught.value)


def test_names_in_texts_and_remarks_are_no_names() -> None:
    found = compiled("request.name != 'parameters.x' // unlike model.owner")
    assert (found.reads, found.parameters) == (("request",), ())
    assert found.fields == (("request", "name"),)


def test_names_that_macros_bind_are_no_facts() -> None:
    assert compiled("bias.attributes.exists(a, a == request.name)").reads == ("bias", "request")


def test_a_rule_is_tried_out_on_an_example() -> None:
    assert try_out("size(bias.attributes) > parameters.share", PARAMETERS) == ""
    assert "no parameter nothing" in try_out("bias.reported && parameters.nothing", PARAMETERS)
    assert "another type" in try_out("size(bias.attributes)", PARAMETERS)
    assert "cannot be evaluated" in try_out("request.name > 1", PARAMETERS)
