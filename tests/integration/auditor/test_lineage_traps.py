"""What a careless reading of the log would get wrong, asked of the real engine."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lineage_story import DEPLOYMENTS, EVALUATIONS, MODELS, Story, event_id

from auditspine.auditor.lineage.prediction import find_predictions
from auditspine.auditor.lineage.releases import serving, versions


def approval(story: Story, decision: str = "approved", **more) -> str:
    return story.say(
        "approval.decided",
        by="ruth",
        subject=more.pop("subject", MODELS["1"]),
        decision=decision,
        meaning="m",
        role="r",
        validations=[EVALUATIONS["1"]],
        **more,
    )


def deployed(story: Story, approval_id: str | None) -> str:
    return story.say(
        "deployment.changed",
        deployment=DEPLOYMENTS["1"],
        model=MODELS["1"],
        environment="production",
        action="deployed",
        approval_event_id=approval_id,
    )


@pytest.fixture
def world(original):
    with original.copied(views=True) as made:
        yield made


def told(world, tools, tmp_path, story: Story, repeated=()) -> None:
    log = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
    pairs = tools.sign(tools.everything, "acme", "scorer", log.topic, story.values)
    pairs += [pairs[number] for number in repeated]  # as a producer that retries would
    world.load(log, pairs)
    world.project(log, tmp_path)


def in_time(story: Story) -> None:
    deployed(story, approval(story))


def too_late(story: Story) -> None:
    deployed(story, event_id(1))
    approval(story)


def of_another(story: Story) -> None:
    deployed(story, approval(story, subject=MODELS["2"]))


def rejected(story: Story) -> None:
    deployed(story, approval(story, "rejected"))


def expired(story: Story) -> None:
    deployed(story, approval(story, expires_at="2026-09-01T00:00:00Z"))


def withdrawn(story: Story) -> None:
    given = approval(story)
    approval(story, "withdrawn")
    deployed(story, given)


def uncited(story: Story) -> None:
    deployed(story, None)


@pytest.mark.parametrize(
    ("tell", "problem"),
    [
        (in_time, ""),
        (too_late, "it was recorded after the change"),
        (of_another, "it is for another digest"),
        (rejected, "it says rejected"),
        (expired, "it had expired"),
        (withdrawn, "it was withdrawn"),
        (uncited, "none is cited, or none that was recorded"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_approval_counts_only_where_it_holds(world, tools, tmp_path, tell, problem) -> None:
    story = Story()
    tell(story)
    told(world, tools, tmp_path, story)
    [row] = serving(world.client, "acme")
    assert row["approval_problem"] == problem


def test_what_is_delivered_twice_is_answered_once(world, tools, tmp_path) -> None:
    story = Story()
    story.release("1", "c1", [], [])
    told(world, tools, tmp_path, story, repeated=range(len(story.values)))
    assert len(serving(world.client, "acme")) == 1
    assert len(versions(world.client, "acme", "scorer")) == 1
    made = Story()
    made.say(
        "prediction.made",
        prediction_id="p1",
        deployment=DEPLOYMENTS["1"],
        model=MODELS["1"],
        features=[],
        score=0.5,
        decision="approve",
        latency_ms=1.0,
    )
    log = tools.Log("local/c/inference/0", "auditspine.inference")
    pairs = tools.sign(tools.everything, "acme", "scorer", log.topic, made.values)
    world.load(log, [*pairs, *pairs], now=tools.now + 1000)
    assert len(find_predictions(world.client, "acme", "p1")) == 1
