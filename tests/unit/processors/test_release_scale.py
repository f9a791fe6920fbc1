"""What an event costs does not grow with what it cannot change; counted in reads of the state."""

import pytest
from tests.unit.processors.alert_events import ref
from tests.unit.processors.memory_state import Memory
from tests.unit.processors.release_events import World, policy_text, validation

from auditspine.processors.release.policy import parse_policy

DEPLOYMENT = ref("deployment", "risk-eu")


class Counted(Memory):
    """Counts what is read, and the bytes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.size = 0

    def get(self, key: bytes) -> bytes | None:
        value = super().get(key)
        self.reads += 1
        self.size += len(value or b"")
        return value


def counted() -> World:
    world = World()
    world.state = Counted()
    return world


def cost(world: World, kind: str, body: dict) -> tuple[int, int]:
    """Give reads of the state, and bytes read, that an event takes."""
    state = world.state
    assert isinstance(state, Counted)
    before = state.reads, state.size
    world.take(kind, body)
    return state.reads - before[0], state.size - before[1]


def alert(model: str, alert_id: str = "alert-1") -> dict:
    return {
        "alert_id": alert_id,
        "tier": "review",
        "model": ref("model", "risk", model),
        "deployment": DEPLOYMENT,
    }


def waiting(requests: int) -> World:
    """So many requests of as many models wait until an alert of their deployment is over."""
    world = counted()
    world.take("alert.raised", alert("none"))
    for number in range(requests):
        world.train(str(number))
        made = world.request("development", str(number), deployment=DEPLOYMENT)
        assert made.outcome == "needs_review", made.reason
    return world


def standing(releases: int) -> World:
    """So many models are released for development."""
    world = counted()
    for number in range(releases):
        world.train(str(number))
        assert world.request("development", str(number)).outcome == "allow"
    return world


@pytest.mark.parametrize("kind", ["validation.reported", "artifact.signed"])
def test_news_of_a_model_reads_no_request_of_another(kind: str) -> None:
    few, many = waiting(2), waiting(40)
    for world in (few, many):
        world.train("other", without="signature")
    body = validation("other")
    if kind == "artifact.signed":
        said = few.sign("spare")
        assert said == []
        body = {**few.events[-1].body, "artifact": ref("model", "risk", "other")}
    assert cost(many, kind, body)[0] == cost(few, kind, body)[0]


@pytest.mark.parametrize("kind", ["serving_state.changed", "artifact.retired"])
def test_what_stops_one_model_looks_at_no_other(kind: str) -> None:
    few, many = standing(2), standing(30)
    model = ref("model", "risk", "1")
    body = {"artifact": model, "model": model, "deployment": DEPLOYMENT, "quarantined": True}
    assert cost(many, kind, body)[0] == cost(few, kind, body)[0]
    for world in (few, many):
        assert [world.standing("development", each) for each in ("0", "1")] == [True, False]


def test_a_request_that_waits_is_still_judged_when_news_of_its_model_come() -> None:
    world = waiting(3)
    [(kind, made)] = world.take("alert.resolved", {"alert_id": "alert-1"})[:1]
    assert (kind, made.outcome, made.cause) == ("decision.made", "allow", "evidence")
    assert all(world.standing("development", str(number)) for number in range(3))


def test_a_release_that_stands_costs_the_same_whatever_its_model_is_made_of() -> None:
    features = tuple(ref("feature", f"f-{number}") for number in range(30))
    small, large = standing(5), standing(5)
    for number in range(5):
        name = str(100 + number)
        for feature in features:
            large.take("feature.defined", {"feature": feature, "inputs": ()})
        small.train(name)
        large.train(name, features=features)
        for world in (small, large):
            assert world.request("development", name).outcome == "allow"
    assert cost(large, "alert.raised", alert("x"))[0] == cost(small, "alert.raised", alert("x"))[0]


def test_a_release_is_taken_back_whatever_the_number_of_others() -> None:
    world = standing(20)
    body = {"artifact": ref("model", "risk", "7"), "action": "quarantined"}
    said = [made for kind, made in world.take("artifact.quarantined", body)]
    assert [(made.outcome, made.cause) for made in said] == [("deny", "revoked")]
    assert [n for n in range(20) if not world.standing("development", str(n))] == [7]


def test_what_stands_is_noted_in_parts() -> None:
    """So that each new release does not write the names of all others again."""
    few, many = standing(2), standing(200)
    one = sum(len(value) for key, value in few.state.values.items() if key[:1] == b"o") // 2
    body = validation("1")
    more = cost(many, "validation.reported", body)[1] - cost(few, "validation.reported", body)[1]
    assert one > 60
    assert more < 198 * one / 4


def test_time_that_passes_reads_the_clock_alone() -> None:
    world = waiting(20)
    world.beat(1)
    assert cost(world, "producer.heartbeat", {"epoch": 1, "streams": []})[0] == 1


def test_rules_are_put_together_once_for_each_class_and_its_overlays() -> None:
    policy = parse_policy(policy_text())
    assert policy.ruleset("high", ["us", "eu"]) is policy.ruleset("high", ("eu", "us", "eu"))
    assert policy.ruleset("high") is not policy.ruleset("high", ["eu"])
    assert policy.ruleset("high").risk_class != policy.ruleset("minimal").risk_class
