"""A personal signature counts for the event that it was made for, and for nothing else."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.oidc_provider import OidcProvider

from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.statement import Statement, key_nonce, sign_statement
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.personal import (
    EXCEPTION_MEANING,
    SignatureRefusedError,
    approval_of,
    exception_of,
)
from auditspine.processors.release.providers import Provider

NOW = int(time.time())
WORLD = OidcProvider()
PROVIDERS = [Provider(WORLD.issuer, WORLD.client_id, WORLD.jwks(), person_claim="employee_number")]
KEY = Ed25519PrivateKey.generate()
DIGEST = bytes(range(32))
SERVICE = Ed25519PrivateKey.generate()

APPROVAL = Statement(
    kind="approval",
    tenant="acme",
    principal="tom.berg@acme.example",
    name="Tom Berg",
    signed_at=NOW * 1_000_000,
    role="release_approver",
    meaning="I have read the validation report",
    reason="release of version 3",
    decision="approved_with_conditions",
    subject_kind="model",
    subject_name="mortgage-risk",
    subject_version="3",
    subject_digest=DIGEST.hex(),
    environment="production",
    expires_at=(NOW + 86_400) * 1_000_000,
    conditions=("monthly check",),
)
EXCEPTION = replace(
    APPROVAL,
    kind="exception",
    decision="granted",
    meaning=EXCEPTION_MEANING,
    role="risk_officer",
    conditions=("daily check",),
    rules=("no_deprecated_feature",),
    reference="exc-1",
)


def signature(
    statement: Statement, *, key: Ed25519PrivateKey = KEY, account: str = "tom"
) -> dict[str, Any]:
    public = public_bytes(key)
    return {
        "public_key": public,
        "envelope": sign_statement(key, statement),
        "id_token": WORLD.token(account, key_nonce(public), at=NOW - 60),
    }


def event(said: Statement, signed: Statement | None = None, **other: Any) -> SealedEvent:
    """Make the event that says ``said`` and carries the signature of ``signed``."""
    subject = {
        "kind": said.subject_kind,
        "name": said.subject_name,
        "version": said.subject_version,
        "digest": bytes.fromhex(said.subject_digest),
    }
    body: dict[str, Any] = {
        "subject": subject,
        "environment": said.environment,
        "role": said.role,
        "expires_at": said.expires_at,
        "signature": signature(signed or said),
    }
    if said.kind == "approval":
        body |= {
            "decision": said.decision,
            "meaning": said.meaning,
            "conditions": list(said.conditions),
            "validations": [],
        }
    else:
        body |= {
            "exception_id": said.reference,
            "rules": list(said.rules),
            "compensating_control": said.conditions[0],
        }
    envelope = {
        "event_id": "019ab5c2-8e00-7009-8000-000000000009",
        "tenant": said.tenant,
        "actor": {"principal": said.principal, "kind": "person"},
        "intent": {"trigger": "request", "reason": said.reason, "justification": None},
    }
    kind = "approval.decided" if said.kind == "approval" else "exception.granted"
    made = SealedEvent("local/acme/lifecycle/0", 7, NOW * 1000, kind, envelope, body)
    return replace(made, **other)


def check(of: SealedEvent) -> Any:
    return (approval_of if of.event_type == "approval.decided" else exception_of)(of, PROVIDERS)


@pytest.mark.parametrize("statement", [APPROVAL, EXCEPTION], ids=["approval", "exception"])
def test_what_a_person_signed_counts_with_who_they_are(statement: Statement) -> None:
    signed = check(event(statement))
    assert signed.statement == statement
    assert (signed.person.person, signed.person.name) == ("1002", "Tom Berg")


def test_an_approval_for_no_environment_and_for_ever_counts_as_such() -> None:
    statement = replace(APPROVAL, environment="", expires_at=None)
    made = event(statement)
    made = replace(made, body={**made.body, "environment": None})
    assert check(made).statement.environment == ""


def test_an_approval_of_an_older_schema_was_signed_by_nobody() -> None:
    made = event(APPROVAL)
    for body in (
        {k: v for k, v in made.body.items() if k not in ("signature", "environment")},
        {**made.body, "signature": None},
    ):
        with pytest.raises(SignatureRefusedError, match="nobody signed it personally"):
            check(replace(made, body=body))


OTHER: dict[str, Any] = {
    "tenant": "globex",
    "principal": "ana@acme.example",
    "name": "Thomas Berg",
    "role": "head_of_risk",
    "reason": "another",
    "subject_kind": "dataset",
    "subject_name": "credit-line",
    "subject_version": "4",
    "subject_digest": bytes(32).hex(),
    "environment": "staging",
    "expires_at": None,
    "conditions": ("weekly check",),
}


@pytest.mark.parametrize("field", [*OTHER, "meaning", "decision"])
def test_an_approval_cannot_be_put_to_an_event_that_says_something_else(field: str) -> None:
    value = OTHER.get(field, "approved" if field == "decision" else "I agree")
    message = "another person" if field == "principal" else "what was signed has another"
    signed = replace(APPROVAL, **{field: value})
    with pytest.raises(SignatureRefusedError, match="what was signed has another"):
        check(event(APPROVAL, signed))
    if field != "name":  # the event holds no name
        with pytest.raises(SignatureRefusedError, match=message):
            check(event(signed, APPROVAL))


@pytest.mark.parametrize("field", [*OTHER, "rules", "reference", "meaning", "decision"])
def test_an_exception_cannot_be_put_to_an_event_that_says_something_else(field: str) -> None:
    more = {"rules": ("everything",), "reference": "exc-2", "decision": "approved"}
    value = {**OTHER, **more}.get(field, "I agree")
    with pytest.raises(SignatureRefusedError, match="what was signed has another"):
        check(event(EXCEPTION, replace(EXCEPTION, **{field: value})))


def test_a_rule_cannot_be_added_to_an_exception() -> None:
    more = replace(EXCEPTION, rules=(*EXCEPTION.rules, "artifact_signed"))
    with pytest.raises(SignatureRefusedError, match="another set of rules than the event"):
        check(event(more, EXCEPTION))


def test_an_approval_is_no_exception() -> None:
    made = event(EXCEPTION)
    as_approval = replace(EXCEPTION, kind="approval")
    with pytest.raises(SignatureRefusedError, match="kind of statement"):
        exception_of(
            replace(made, body={**made.body, "signature": signature(as_approval)}), PROVIDERS
        )


@pytest.mark.parametrize("minutes", [-11, 11])
def test_what_was_signed_at_another_time_does_not_count(minutes: int) -> None:
    signed = replace(APPROVAL, signed_at=(NOW + 60 * minutes) * 1_000_000)
    with pytest.raises(SignatureRefusedError, match="not signed within 10 minutes"):
        check(event(signed))
    check(event(replace(APPROVAL, signed_at=(NOW + 60 * minutes // 2) * 1_000_000)))


def test_an_approval_that_is_published_again_later_does_not_count() -> None:
    with pytest.raises(SignatureRefusedError, match="had expired"):
        check(event(APPROVAL, appended_at=(NOW + 3600) * 1000))


def changed(how: Callable[[dict[str, Any]], None]) -> SealedEvent:
    made = event(APPROVAL)
    body = deepcopy(dict(made.body))
    how(body["signature"])
    return replace(made, body=body)


def test_a_service_cannot_sign_for_a_person() -> None:
    """It has the person's token, as every reader of the log has, but not their key."""

    def forge(found: dict[str, Any]) -> None:
        found["envelope"] = sign_statement(SERVICE, APPROVAL)

    def forge_with_key(found: dict[str, Any]) -> None:
        forge(found)
        found["public_key"] = public_bytes(SERVICE)

    with pytest.raises(SignatureRefusedError, match="not signed with the key that it names"):
        check(changed(forge))
    with pytest.raises(SignatureRefusedError, match="login for another key"):
        check(changed(forge_with_key))


def test_another_person_s_login_does_not_do() -> None:
    with pytest.raises(SignatureRefusedError, match="of another person than the event"):
        check(changed(lambda found: found.update(signature(APPROVAL, account="ana"))))


def test_a_service_as_actor_does_not_do() -> None:
    made = event(APPROVAL)
    actor = {**made.envelope["actor"], "kind": "workload"}
    with pytest.raises(SignatureRefusedError, match="actor is not a person"):
        check(replace(made, envelope={**made.envelope, "actor": actor}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("envelope", "{}"),
        ("envelope", "not JSON"),
        ("id_token", "x"),
        ("public_key", bytes(32)),
        ("public_key", b""),
    ],
)
def test_what_is_no_signature_is_refused(field: str, value: object) -> None:
    with pytest.raises(SignatureRefusedError):
        check(changed(lambda found: found.update({field: value})))


def test_whom_the_policy_does_not_name_is_not_believed() -> None:
    with pytest.raises(SignatureRefusedError, match="issuer that the policy does not name"):
        approval_of(event(APPROVAL), [])
