"""What assessments of bias do to a release."""

import math
from typing import Any

import pytest
from tests.unit.processors.alert_events import ref
from tests.unit.processors.release_events import World, decision, result

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.release.book import Book
from auditspine.processors.release.fairness import fairness
from auditspine.processors.release.values import Request
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

RULE = "fair_in_service"
DAYS = 24 * 60  # minutes
TOKEN = "5b1e0c7f9a3d4e2f8c6b7a1d0e9f3c2b"


def gap(ratio_high: float | None, **it: Any) -> dict[str, Any]:
    """A gap in selection rates; the ratio is a tenth below its upper end."""
    return {
        "attribute": "sex",
        "first": 1,
        "second": 2,
        "measure": "selection_rate",
        "gap": -0.2,
        "low": -0.3,
        "high": -0.1,
        "ratio": None if ratio_high is None else ratio_high - 0.1,
        "ratio_low": None,
        "ratio_high": ratio_high,
        **it,
    }


def assessment(*gaps: dict[str, Any], version: str = "3", **it: Any) -> dict[str, Any]:
    groups = [{"attribute": "sex", "number": 1, "token": TOKEN, "rows": 500, "share": 1.0}]
    return {
        "deployment": ref("deployment", "risk-eu"),
        "model": ref("model", "risk", version),
        "basis": "decisions",
        "gaps": gaps,
        "groups": groups,
        **it,
    }


def ready(version: str = "3") -> World:
    """A model that production may be asked for, approved."""
    world = World().grant("ana").grant("tom").train(version).staged(version)
    world.approve("ana", version=version)
    world.approve("tom", version=version)
    return world


def reason(made: Any) -> str:
    return next(each.reason for each in made.rules if each.rule == RULE)


def facts(world: World, deployment: str = "") -> dict[str, Any]:
    """Give what is known of fairness for a request of version 3."""
    model = Ref.of(ref("model", "risk", "3"))
    request = Request(
        "r", model, "production", "high", "credit", (), deployment, "credit", "ci", due=0
    )
    return fairness(Book(world.state), "acme", request, world.now, {})


def test_before_the_first_assessment_the_rule_is_kept_and_says_so() -> None:
    made = ready().request()
    assert made.outcome == "allow"
    assert reason(made) == (
        "The rule is kept: nothing was assessed yet, neither of this model nor of what serves in "
        "its place."
    )


@pytest.mark.parametrize(("high", "outcome"), [(0.79, "needs_review"), (0.8, "allow")])
def test_a_ratio_below_four_fifths_even_at_its_upper_end_is_for_people(high, outcome) -> None:
    world = ready()
    world.take("bias.assessed", assessment(gap(1.0), gap(high, first=3)))
    made = world.request()
    assert made.outcome == outcome
    said = f"risk 3 at risk-eu selects groups sex 3 and 2 at rates of ratio {high - 0.1:.3f}, "
    assert said + f"at most {high:.3f}; last assessed 0 days ago" in reason(made)


def test_the_result_cites_the_assessment_and_no_token() -> None:
    world = ready()
    world.take("bias.assessed", assessment(gap(0.5)))
    made = world.request()
    [found] = [each for each in made.rules if each.rule == RULE]
    assert world.events[-2].envelope["event_id"] in found.evidence
    assert TOKEN not in made.model_dump_json()
    assert not any(TOKEN.encode() in each for each in world.state.values.values())


def test_a_later_assessment_takes_the_place_of_an_earlier_and_lets_what_waits_go_on() -> None:
    world = ready()
    world.take("bias.assessed", assessment(gap(0.5)))
    assert world.request().outcome == "needs_review"
    after = decision(world.take("bias.assessed", assessment(gap(0.9))))
    assert (after.outcome, after.cause) == ("allow", "evidence")


def test_assessments_of_another_deployment_or_basis_stay_and_the_worst_counts() -> None:
    world = ready()
    world.take("bias.assessed", assessment(gap(0.5)))
    world.take("bias.assessed", assessment(gap(0.9), basis="outcomes"))
    world.take("bias.assessed", assessment(gap(0.9), deployment=ref("deployment", "risk-us")))
    assert world.request().outcome == "needs_review"


def test_an_exception_stands_for_it() -> None:
    world = ready().grant("eve")
    world.take("bias.assessed", assessment(gap(0.5)))
    assert world.request().outcome == "needs_review"
    after = decision(world.exception("eve", (RULE,), 30 * DAYS))
    assert (after.outcome, result(after, RULE)) == ("allow", "waived")


class TestAnotherVersionThatServes:
    def replaced(self, *gaps: dict[str, Any], **it: Any) -> World:
        """Version 2 serves in production and was assessed; version 3 may be asked for."""
        world = ready()
        world.deploy(version="2")
        world.take("bias.assessed", assessment(*gaps, version="2", **it))
        return world

    def test_its_assessment_counts_for_the_next(self) -> None:
        made = self.replaced(gap(0.5)).request()
        assert made.outcome == "needs_review"
        assert "risk 2 at risk-eu selects groups sex 1 and 2" in reason(made)

    def test_at_the_deployment_that_is_asked_for(self) -> None:
        world = self.replaced(gap(0.5))
        assert facts(world, "risk-eu")["assessed"]
        assert not facts(world, "risk-us")["assessed"]

    def test_not_where_it_served_before(self) -> None:
        world = self.replaced(gap(0.5), deployment=ref("deployment", "risk-us"))
        assert world.request().outcome == "allow"

    def test_not_once_it_serves_no_more(self) -> None:
        world = self.replaced(gap(0.5))
        world.deploy(version="2", action="stopped")
        assert world.request().outcome == "allow"

    def test_not_a_model_of_another_name(self) -> None:
        other = ref("model", "fraud", "2")
        world = self.replaced(gap(0.5), model=other)
        world.take("deployment.changed", {**world.events[-2].body, "model": other})
        assert world.request().outcome == "allow"

    def test_a_request_that_waits_is_judged_again_when_it_is_assessed_anew(self) -> None:
        world = self.replaced(gap(0.5))
        assert world.request().outcome == "needs_review"
        after = decision(world.take("bias.assessed", assessment(gap(0.9), version="2")))
        assert after.outcome == "allow"


class TestFacts:
    def test_the_gap_that_is_surest_is_told_with_how_wide_it_is_at_least(self) -> None:
        world = ready()
        wide = gap(None, gap=0.5, low=-0.1, high=0.9, second=3)  # may be none
        sure = gap(None, gap=-0.2, low=-0.3, high=-0.1)
        rates = gap(None, measure="true_positive_rate", gap=0.2, low=0.15, high=0.25, first=4)
        world.take("bias.assessed", assessment(wide, sure, rates))
        found = facts(world)
        assert (found["selection_gap"], found["selection_gap_least"]) == (0.2, 0.1)
        assert found["selection_gap_groups"] == "sex 1 and 2"
        assert (found["true_positive_gap"], found["true_positive_gap_least"]) == (0.2, 0.15)
        assert found["true_positive_gap_groups"] == "sex 4 and 2"
        assert (found["selection_ratio"], found["selection_ratio_high"]) == (1.0, 1.0)

    def test_the_age_is_that_of_the_latest(self) -> None:
        world = ready()
        assert facts(world)["age_days"] == -1
        world.take("bias.assessed", assessment(gap(0.9), basis="outcomes"))
        world.minute += 10 * DAYS
        world.take("bias.assessed", assessment(gap(0.9)))
        world.minute += 3 * DAYS
        assert facts(world)["age_days"] == 3

    def test_groups_that_were_too_small_to_compare_leave_nothing_to_fail(self) -> None:
        world = ready()
        world.take("bias.assessed", assessment())
        made = world.request()
        assert made.outcome == "allow"
        assert "no two groups were large enough to compare" in reason(made)

    def test_what_is_no_number_is_not_taken(self) -> None:
        world = ready()
        hostile = gap(math.nan, gap=math.inf, attribute="a\nb")
        world.take("bias.assessed", assessment(hostile, gap(0.9)))
        found = facts(world)
        assert (found["selection_ratio_high"], found["selection_gap"]) == (0.9, 0.2)

    def test_of_a_model_that_is_assessed_at_many_deployments_the_latest_are_kept(self) -> None:
        world = ready()
        for number in range(40):
            high = 0.5 if number == 0 else 0.9
            deployment = ref("deployment", f"risk-{number}")
            world.take("bias.assessed", assessment(gap(high), deployment=deployment))
        assert facts(world)["selection_ratio_high"] == 0.9
        digest = ref("model", "risk", "3")["digest"].hex()
        assert len(Book(world.state).read("f", "acme", digest)) == 32


def test_the_contract_s_example_is_taken_as_it_is_decoded() -> None:
    value = encode(parse_json(example("bias.assessed")))
    body = Decoder(schema_texts()).decode(value).body
    world = ready()
    world.take("bias.assessed", {**body, "model": ref("model", "risk", "3")})
    found = facts(world)
    assert (found["selection_gap"], found["selection_gap_least"]) == (0.025, 0.0161)
    assert (found["selection_ratio"], found["selection_ratio_high"]) == (0.965, 0.977)
    assert found["summary"].startswith("risk 3 at mortgage-risk-eu selects groups sex 1 and 2 at")
