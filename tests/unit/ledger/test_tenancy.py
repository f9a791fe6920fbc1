"""Where a tenant's events count is a fold of the control log, and a verdict on them."""

import sys
from pathlib import Path

import pytest

from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.tenancy import LogRange, Move
from auditspine.ledger.verdict import Verdict

sys.path.insert(0, str(Path(__file__).parent))
from control_world import (
    NOW_MS,
    Signer,
    control_event,
    control_state,
    encode,
    prediction,
    root_registered,
    tenant_registered,
)

SHARED, OWN = "auditspine.", "auditspine.acme."
DECISION = "0199a0b0-0000-7000-8000-0000000000dd"


def opened(state, topic: str = "auditspine.control") -> None:
    body = {
        "origin": f"o/{topic}",
        "topic": topic,
        "partition": 0,
        "public_key": bytes(32),
        "format": 1,
    }
    state.apply(state.size, control_event("log.opened", body))


def decided(state, prefix: str = OWN, **subject) -> None:
    body = {
        "isolation": "dedicated",
        "routing": bytes(32),
        "rationale": "r",
        "reversal_plan": "r",
        "tenant": None,
        "domain": None,
        "space": "acme",
        "topic_prefix": prefix,
        **(subject or {"tenant": "acme"}),
    }
    state.apply(state.size, control_event("tenancy.decided", body, event_id=DECISION))


HISTORY = LogRange("o/auditspine.access", "auditspine.access", 0, 0, 9, 3, bytes(32))


def moved(state, prefix: str = OWN, decision: str = DECISION, history: LogRange = HISTORY) -> None:
    body = {
        "tenant": "acme",
        "space": "acme",
        "topic_prefix": prefix,
        "decision_id": decision,
        "history": [] if prefix == SHARED else [history._asdict()],
    }
    state.apply(state.size, control_event("tenant.moved", body))


def of_log(topic: str) -> LogRange:
    return HISTORY._replace(origin=f"o/{topic}", topic=topic)


@pytest.fixture
def state():
    made = control_state()
    opened(made)
    opened(made, "auditspine.access")
    opened(made, f"{OWN}access")
    return made


def verdict(state, prefix: str) -> tuple[Verdict, str]:
    topic = f"{prefix}inference"
    value, sig = Signer(topic=topic).sign(encode(prediction()))[0]
    judge = Judge("inference", topic, 0)
    judged = judge.rule(judge.admit(Message(5, NOW_MS, value, sig)), state)
    return judged.verdict, judged.reason


def counts(state) -> list[str]:
    """Name the prefixes at which the tenant's event of the domain credit counts."""
    prefixes = (SHARED, OWN, "auditspine.grid.")
    found = {prefix: verdict(state, prefix) for prefix in prefixes}
    for judged, reason in found.values():
        assert judged is Verdict.VALID or (
            judged is Verdict.WRONG_TENANT and "another space" in reason
        )
    return [prefix for prefix, (judged, _) in found.items() if judged is Verdict.VALID]


def test_until_it_is_decided_otherwise_a_tenant_counts_in_the_shared_space(state) -> None:
    assert counts(state) == [SHARED]
    assert state.tenancy.place_of("acme") == SHARED


def test_before_the_control_log_opened_itself_nothing_is_refused() -> None:
    assert len(counts(control_state())) == 3


def test_from_the_decision_to_the_move_it_counts_nowhere_and_then_there_alone(state) -> None:
    decided(state)
    assert counts(state) == []
    assert state.tenancy.decisions["acme"].event_id == DECISION
    moved(state)
    assert counts(state) == [OWN]
    assert state.tenancy.moves == [
        Move(state.size - 1, "acme", "acme", OWN, (HISTORY,), state.size - 2)
    ]
    assert (state.tenancy.decisions, state.tenancy.position) == ({}, state.size)


def test_it_comes_back(state) -> None:
    decided(state)
    moved(state)
    decided(state, SHARED)
    assert counts(state) == []
    moved(state, SHARED)
    assert counts(state) == [SHARED]


def test_a_domains_events_belong_in_its_space_but_for_tenants_with_their_own(state) -> None:
    decided(state, "auditspine.grid.", domain="credit")
    assert counts(state) == ["auditspine.grid."]
    decided(state)
    moved(state)
    assert counts(state) == [OWN]
    decided(state, SHARED)
    moved(state, SHARED)
    assert counts(state) == ["auditspine.grid."]
    decided(state, SHARED, domain="credit")
    assert counts(state) == [SHARED]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: decided(s, tenant="nobody"), "not registered"),
        (lambda s: decided(s, tenant="acme", domain="credit"), "a tenant or on a domain"),
        (lambda s: decided(s, tenant=None, domain=None), "a tenant or on a domain"),
        (moved, "not being moved"),
        (lambda s: (decided(s), moved(s, decision="another")), "not being moved"),
        (lambda s: (decided(s), moved(s, SHARED)), "on another space"),
        (
            lambda s: (decided(s), moved(s, history=HISTORY._replace(origin="o/x"))),
            "a log that is not opened",
        ),
        (
            lambda s: (decided(s), moved(s, history=HISTORY._replace(partition=1))),
            "a log that is not opened",
        ),
        (lambda s: (decided(s), moved(s, history=of_log(f"{OWN}access"))), "of the space itself"),
        (lambda s: (decided(s), moved(s, history=of_log("auditspine.control"))), "the control log"),
        (lambda s: (decided(s), moved(s), moved(s)), "not being moved"),
    ],
)
def test_what_makes_no_sense_changes_nothing_and_is_a_finding(state, change, why) -> None:
    change(state)
    assert why in state.findings[-1].text


def test_what_one_deployment_says_counts_in_no_other() -> None:
    """Development and production: each its own control log, on topics or clusters of its own."""
    production = control_state([root_registered(), tenant_registered()])
    value, sig = Signer(topic="dev.inference").sign(encode(prediction()))[0]  # valid there
    captured = Judge("inference", "auditspine.inference", 0)
    message = Message(5, NOW_MS, value, sig)
    assert captured.rule(captured.admit(message), production).verdict is Verdict.BAD_SIGNATURE
    assert verdict(production, SHARED)[0] is Verdict.UNKNOWN_KEY
