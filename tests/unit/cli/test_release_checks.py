"""The gate takes no decision on something else for its own; a replay passes over no second one."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditspine.cli import gating, replaying
from auditspine.cli.gating import Ask
from auditspine.cli.replaying import Replayed
from auditspine.processors.projection.port import Derived, SealedEvent
from auditspine.schemas.codec import encode
from auditspine.schemas.examples import example
from auditspine.schemas.models import DecisionMade
from auditspine.schemas.parse import parse_json

LOG = "local/c/lifecycle/0"


def made(envelope: Mapping[str, Any] | None = None, **body: Any) -> DecisionMade:
    event = parse_json(example("decision.made"))
    assert isinstance(event, DecisionMade)
    return event.model_copy(
        update={
            "envelope": event.envelope.model_copy(update=envelope or {}),
            "body": event.body.model_copy(update={"outcome": "allow", **body}),
        }
    )


def awaited(decision: DecisionMade) -> str | None:
    ours = made()
    asked = Ask(
        ours.envelope.tenant,
        ours.body.model,
        ours.body.environment,
        "high",
        "credit decisions",
        (),
        "credit",
        None,
        "release",
    )
    found = gating._await(
        iter([encode(decision)]), ours.body.request_id, lambda _: None, wait=True, asked=asked
    )
    return None if found is None else found.outcome


def test_the_gate_takes_the_decision_on_what_it_asked_for() -> None:
    assert awaited(made()) == "allow"


@pytest.mark.parametrize(
    "decision",
    [
        made({"tenant": "other"}),
        made(environment="development"),
        made(model=made().body.model.model_copy(update={"digest": b"\1" * 32})),
    ],
    ids=["tenant", "environment", "digest"],
)
def test_a_decision_with_the_same_request_id_on_something_else_is_not_the_gates(decision) -> None:
    assert awaited(decision) is None


def test_a_second_decision_under_the_id_of_a_good_one_is_told() -> None:
    good = made()
    event_id = str(good.envelope.event_id)
    envelope = {"tenant": good.envelope.tenant, "event_id": event_id}
    cause = SealedEvent(LOG, 0, 0, "deployment.requested", envelope, {})
    derived = {event_id: Derived(cause, 0, "decision.made", dict(good.body), "release")}
    found = Replayed()
    replaying._compare({event_id: [good, made(outcome="deny")]}, derived, found)
    assert (found.equal, [each.what for each in found.differences]) == (1, ["altered"])
    assert found.differences[0].fields == ("outcome",)
