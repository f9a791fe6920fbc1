"""What a replay of decisions calls a difference; the stack's replay is tested with the gate."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.processors.release_events import World

from auditspine.cli.replaying import Difference, Replayed, _compare
from auditspine.processors.projection.port import Derived
from auditspine.schemas.examples import example
from auditspine.schemas.models import DecisionMade


@pytest.fixture(scope="module")
def derived() -> Derived:
    """A decision that a log gives."""
    world = World().grant("ana").grant("tom").train()
    world.request()
    [made] = [each for each in world.derived if each.event_type == "decision.made"]
    return made


def said(derived: Derived, **otherwise: Any) -> DecisionMade:
    """Give the decision as a log has it."""
    known = DecisionMade.model_validate_json(example("decision.made"))
    envelope = known.envelope.model_copy(update={"tenant": "acme"})
    body = {**derived.body, **otherwise}
    return DecisionMade.model_validate({"envelope": envelope, "body": body})


def compared(said: Mapping[str, DecisionMade], made: Mapping[str, Derived]) -> Replayed:
    found = Replayed()
    _compare({event_id: [event] for event_id, event in said.items()}, made, found)
    return found


def test_what_the_log_gives_is_equal(derived) -> None:
    found = compared({"1": said(derived)}, {"1": derived})
    assert (found.equal, found.differences) == (1, [])


def test_a_decision_that_says_something_else_is_altered(derived) -> None:
    altered = said(derived, outcome="allow", reason="it may be deployed")
    found = compared({"1": altered}, {"1": derived})
    [difference] = found.differences
    assert (difference.what, difference.fields) == ("altered", ("outcome", "reason"))
    assert found.equal == 0


def test_a_decision_that_the_log_does_not_give_is_unfounded(derived) -> None:
    found = compared({"1": said(derived, decision_id="decision-stolen")}, {})
    assert found.differences == [Difference("acme", "decision-stolen", "unfounded")]


def test_a_decision_that_was_never_said_is_told(derived) -> None:
    found = compared({}, {"1": derived})
    decision_id = derived.body["decision_id"]
    assert found.differences == [Difference("acme", decision_id, "unsaid")]


def test_a_decision_said_of_another_tenant_is_altered(derived) -> None:
    other = said(derived)
    other = other.model_copy(
        update={"envelope": other.envelope.model_copy(update={"tenant": "globex"})}
    )
    found = compared({"1": other}, {"1": derived})
    assert [(each.tenant, each.what) for each in found.differences] == [("globex", "altered")]
