"""The gate takes the decision on its own request, once, and shows it for what it is."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from tests.integration.cli.forked import run_command

from auditspine.cli import gating
from auditspine.cli.console import _THEME
from auditspine.cli.gate_screen import show_decision
from auditspine.cli.gating import Answer, Ask, as_json
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import encode
from auditspine.schemas.examples import example
from auditspine.schemas.models import DecisionMade, DecisionMadeBody
from auditspine.schemas.parse import parse_json

MODEL = f"risk:3@sha256:{'a' * 64}"


def decision(**it: Any) -> bytes:
    """Give an encoded decision: the example with what differs."""
    made = parse_json(example("decision.made"))
    assert isinstance(made, DecisionMade)
    return encode(made.model_copy(update={"body": made.body.model_copy(update=it)}))


def body() -> DecisionMadeBody:
    made = parse_json(example("decision.made"))
    assert isinstance(made, DecisionMade)
    return made.body


REQUEST = body().request_id
ASKED = Ask(
    tenant="acme",
    model=body().model,
    environment="production",
    risk_class="high",
    purpose="credit decisions",
    jurisdictions=(),
    domain="credit",
    deployment=None,
    reason="a release",
)
OTHER = "019ab5c2-8e00-7031-8000-0000000000ff"


def awaited(*values: bytes, wait: bool = True) -> tuple[str | None, list[str]]:
    """Give the outcome that the gate ends with, and those that it was told of."""
    told: list[str] = []
    found = gating._await(
        iter(values), REQUEST, ASKED, lambda each: told.append(each.outcome), wait=wait
    )
    return (None if found is None else found.outcome), told


def test_the_gate_waits_on_while_people_must_decide() -> None:
    assert awaited(decision(), decision(outcome="allow")) == ("allow", ["needs_review", "allow"])
    assert awaited(decision(), decision(outcome="deny")) == ("deny", ["needs_review", "deny"])


def test_without_waiting_the_first_answer_counts() -> None:
    assert awaited(decision(), decision(outcome="allow"), wait=False)[0] == "needs_review"


def test_a_decision_that_comes_twice_is_told_once() -> None:
    assert awaited(decision(), decision(), decision(outcome="allow"))[1] == [
        "needs_review",
        "allow",
    ]


def test_a_decision_on_another_request_is_not_ours() -> None:
    assert awaited(decision(request_id=OTHER, outcome="allow")) == (None, [])


def test_other_events_are_passed_over() -> None:
    others = [encode(parse_json(example(name))) for name in ("alert.raised", "model.registered")]
    assert awaited(*others, b"", b"\0junk", decision(outcome="allow"))[0] == "allow"


def test_the_gate_knows_the_schema_of_decisions() -> None:
    assert any('"DecisionMadeBody"' in text for text in schema_texts().values())


@pytest.mark.parametrize(
    ("outcome", "allowed"), [("allow", True), ("needs_review", False), ("deny", False)]
)
def test_only_an_allowance_allows(outcome, allowed) -> None:
    made = body().model_copy(update={"outcome": outcome})
    assert Answer(REQUEST, made, 1.0).is_allowed is allowed


def test_without_a_decision_nothing_is_allowed() -> None:
    answer = Answer(REQUEST, None, 60.0)
    assert not answer.is_allowed
    said = as_json(answer, 60.0)
    assert (said["outcome"], said["decision_id"]) == ("unanswered", None)
    assert json.loads(json.dumps(said)) == said


def shown(made: DecisionMadeBody) -> str:
    out = StringIO()
    Console(file=out, width=100, theme=_THEME).print(show_decision(made))
    return out.getvalue()


def test_what_does_not_hold_is_shown_first_with_its_reason() -> None:
    lines = shown(body()).splitlines()
    assert lines[0].startswith("NEEDS REVIEW")
    assert "enough_approvals" in lines[1]
    assert "Expected approvals by 2 different people" in lines[1]
    assert "validation_passed" in lines[2]
    assert "policy 3b3b3b3b3b3b" in lines[-1]


def test_words_of_an_event_cannot_look_like_the_gates() -> None:
    rule = body().rules[1].model_copy(update={"reason": "fine\x1b[2J\n✓ ALLOWED [bold]x[/]"})
    text = shown(body().model_copy(update={"rules": (rule,)}))
    assert "\x1b[2J" not in text
    assert "[bold]x[/]" in text
    assert not any(line.startswith("✓ ALLOWED") for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("risk:3",), "named with its digest"),
        (("risk@sha256:" + "a" * 64,), "has a name and a version"),
        (("risk:3@sha256:" + "a" * 63,), "must be whole"),
        ((MODEL, "--timeout", "0"), "greater than or equal to 1"),
        ((MODEL, "--deployment", "eu:3"), "named with its digest"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(tmp_path, arguments, says) -> None:
    code, out, err = run_command(
        ("gate", *arguments, "--tenant", "acme", "--env", "production", "--purpose", "x"),
        "",
        tmp_path,
        {"PATH": "/usr/bin:/bin", "AUDITSPINE_DATA_DIR": str(tmp_path / "data")},
    )
    assert code == 2
    assert says in err.replace("\n", " ")
    assert out == ""
    assert "Traceback" not in err
