"""The shipped release policy: each rule passes on good facts and fails on its own bad one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.processors.release_facts import SPOILT, good_facts, spoilt

from auditspine.processors.release.bundle import shipped_policy
from auditspine.processors.release.rules import RuleSet, judge

DOC = Path(__file__).parents[3] / "docs" / "release-rules.md"
EVERY_SET = [
    (risk_class, jurisdictions)
    for risk_class in ("high", "limited", "minimal")
    for jurisdictions in ((), ("eu",), ("us",), ("eu", "us"))
]
CASES = [
    (risk_class, jurisdictions, rule.id)
    for risk_class, jurisdictions in EVERY_SET
    for rule in shipped_policy().ruleset(risk_class, jurisdictions).rules
]
PEOPLE_LATER = {
    "enough_approvals",
    "validation_passed",
    "bias_reported",
    "fair_in_service",
    "explained",
}


def results(ruleset: RuleSet, facts: dict) -> dict[str, str]:
    return {each.rule.id: each.result for each in judge(ruleset, facts)}


@pytest.mark.parametrize(("risk_class", "jurisdictions"), EVERY_SET)
def test_good_facts_pass_every_rule(risk_class: str, jurisdictions: tuple[str, ...]) -> None:
    ruleset = shipped_policy().ruleset(risk_class, jurisdictions)
    assert set(results(ruleset, good_facts()).values()) == {"passed"}


@pytest.mark.parametrize(("risk_class", "jurisdictions", "rule_id"), CASES)
def test_a_spoilt_fact_fails_its_rule(risk_class, jurisdictions, rule_id) -> None:
    ruleset = shipped_policy().ruleset(risk_class, jurisdictions)
    came_to = results(ruleset, spoilt(good_facts(), SPOILT[rule_id]))
    needs_nobody = rule_id == "enough_approvals" and risk_class == "minimal"
    assert came_to[rule_id] == ("passed" if needs_nobody else "failed")


def test_the_shipped_rules_are_those_that_are_tested() -> None:
    assert {rule_id for _, _, rule_id in CASES} == set(SPOILT)


@pytest.mark.parametrize(
    ("rule_id", "changes"),
    [
        ("artifact_signed", {"signature.present": False}),
        ("not_quarantined", {"quarantine.retired": True}),
        ("no_flagged_source", {"sources.unknown": ["dataset x 1"]}),
        ("environment_order", {"environments.known": False}),
        ("validation_passed", {"validation.reported": False}),
        ("validation_passed", {"validation.newer": False}),
        ("validation_passed", {"validation.independent": False}),
        ("validation_passed", {"validation.critical": 1}),
        ("validation_passed", {"validation.age_days": 366}),
        ("bias_reported", {"bias.attributes": []}),
        ("explained", {"model.limitations": ""}),
        ("explained", {"model.intended_use": ""}),
        ("enough_approvals", {"approvals.persons": ["ana"]}),
    ],
)
def test_each_part_of_a_high_risk_rule_counts(rule_id: str, changes: dict) -> None:
    ruleset = shipped_policy().ruleset("high")
    assert results(ruleset, spoilt(good_facts(), changes))[rule_id] == "failed"


def test_approving_these_bytes_mends_a_tag_that_moved() -> None:
    changes = {"approvals.other_digests": ["ab" * 32], "approvals.persons": ["ana", "tom"]}
    came_to = results(shipped_policy().ruleset("high"), spoilt(good_facts(), changes))
    assert came_to["artifact_digest_approved"] == "passed"


def test_nobody_approved_yet_is_for_review_and_not_a_moved_tag() -> None:
    ruleset = shipped_policy().ruleset("high")
    facts = spoilt(good_facts(), {"approvals.persons": []})
    failed = [each.rule for each in judge(ruleset, facts) if each.result != "passed"]
    assert [(rule.id, rule.otherwise) for rule in failed] == [("enough_approvals", "review")]


@pytest.mark.parametrize(
    ("risk_class", "enough"),
    [("high", {"high", "limited", "minimal"}), ("limited", {"limited", "minimal"})],
)
def test_a_class_stands_for_the_weaker_ones_only(risk_class: str, enough: set[str]) -> None:
    ruleset = shipped_policy().ruleset(risk_class)
    passed = {
        each
        for each in ("high", "limited", "minimal", "other")
        if results(ruleset, good_facts(request={"assigned_class": each}))["risk_class_assigned"]
        == "passed"
    }
    assert passed == enough


def test_where_models_are_made_people_need_not_approve_yet_but_bytes_count() -> None:
    facts = good_facts(request={"environment": "development"})
    for changes in SPOILT.values():
        facts = spoilt(facts, changes)
    came_to = results(shipped_policy().ruleset("high", ("eu",)), facts)
    assert {name for name, result in came_to.items() if result == "passed"} == PEOPLE_LATER


def test_people_mend_by_deciding_and_what_is_given_up_later_is_taken_back() -> None:
    rules = shipped_policy().ruleset("high", ("eu", "us")).rules
    for_people = {"enough_approvals", "no_open_alert", "fair_in_service"}
    assert {r.id for r in rules if r.otherwise == "review"} == for_people
    continuous = {"not_quarantined", "enough_approvals", "no_rejection", "artifact_digest_approved"}
    assert {r.id for r in rules if r.continuous} == continuous
    assert not any(r.waivable for r in rules if r.continuous)


def test_overlays_take_exceptions_away() -> None:
    policy = shipped_policy()
    waivable = {r.id for r in policy.ruleset("high").rules if r.waivable}
    assert {"bias_reported", "explained"} <= waivable
    over = {r.id for r in policy.ruleset("high", ("eu",)).rules if r.waivable}
    assert waivable - over == {"bias_reported", "explained"}


def test_the_reasons_of_a_denial_must_be_told_for_credit_only() -> None:
    ruleset = shipped_policy().ruleset("high", ("us",))
    facts = good_facts(explanation={"attached": False}, request={"domain": "health"})
    assert results(ruleset, facts)["adverse_action_explained"] == "passed"
    facts["request"]["domain"] = "credit"
    assert results(ruleset, facts)["adverse_action_explained"] == "failed"


def test_every_domain_has_a_class_and_an_unknown_one_the_strictest() -> None:
    policy = shipped_policy()
    assert policy.domain("credit").risk_class == "high"
    assert policy.domain("marketing").risk_class == "limited"
    unknown = policy.domain("never heard of")
    assert (unknown.risk_class, unknown.jurisdictions) == ("high", ("eu", "us"))
    assert policy.environments == ("development", "staging", "production")
    assert (policy.grace_minutes, policy.request_hours, policy.warn_days) == (5, 72, 14)
    assert (policy.owner, policy.approver_roles) == ("model-risk", ("release_approver",))
    assert policy.providers == ()


@given(
    facts=st.fixed_dictionaries(
        {
            "approvals": st.fixed_dictionaries(
                {"persons": st.lists(st.sampled_from("abc"), unique=True)}
            ),
            "validation": st.fixed_dictionaries(
                {
                    "critical": st.integers(0, 2),
                    "age_days": st.integers(0, 900),
                    "independent": st.booleans(),
                }
            ),
            "bias": st.fixed_dictionaries({"attributes": st.lists(st.sampled_from(["sex"]))}),
            "fairness": st.fixed_dictionaries({"selection_ratio_high": st.floats(0, 1)}),
        }
    ),
    tighter=st.fixed_dictionaries(
        {
            "approvals": st.integers(2, 4),
            "validation_days": st.integers(0, 365),
            "bias_attributes": st.integers(1, 3),
            "selection_ratio": st.one_of(st.floats(0.8, 1), st.just(1)),
        }
    ),
)
def test_a_stricter_parameter_never_makes_a_failing_rule_pass(facts, tighter) -> None:
    ruleset = shipped_policy().ruleset("high")
    parameters = {**ruleset.parameters, **tighter}
    stricter = RuleSet("high", (), ruleset.rules, parameters)
    before, after = (results(each, good_facts(**facts)) for each in (ruleset, stricter))
    assert not {name for name in before if before[name] != "passed" and after[name] == "passed"}


@pytest.mark.parametrize("rule_id", sorted(SPOILT))
def test_the_doc_explains_every_shipped_rule(rule_id: str) -> None:
    assert f"### `{rule_id}`\n" in DOC.read_text("utf-8")


@pytest.mark.parametrize("rule_id", sorted(SPOILT))
def test_the_doc_names_every_obligation_that_a_rule_serves(rule_id: str) -> None:
    text = " ".join(DOC.read_text("utf-8").split(f"### `{rule_id}`\n")[1].split("\n###")[0].split())
    served = {
        obligation
        for risk_class, jurisdictions in EVERY_SET
        for rule in shipped_policy().ruleset(risk_class, jurisdictions).rules
        if rule.id == rule_id
        for obligation in rule.obligations
    }
    assert [each for each in served if each not in text] == []
