"""What a person signed, held against the event that carries it. Pure.

A service publishes the event, and its key signs the batch that the event came in. That key can
assert nothing about a person: what counts is the person's own signature inside, and it counts
only for the very statement that the event makes. So it cannot be put to another digest,
environment, tenant or name, nor be used again later.

Source: 21 CFR 11.50 (what a signature shows), 11.70 (it cannot be moved to another record).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.statement import Statement, open_statement
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.identity import (
    IdentityError,
    Person,
    ProviderLike,
    verify_person,
)

EXCEPTION_MEANING = "I accept the risk of releasing this although the rules named do not hold"
"""What the signature of an exception means."""

_MOST_APART_MS = 10 * 60_000  # from the signature to the broker

_WORDS = {
    "kind": "kind of statement",
    "name": "printed name",
    "reason": "reason",
    "subject_kind": "kind of artifact",
    "subject_name": "artifact",
    "subject_version": "version",
    "subject_digest": "digest",
    "expires_at": "end",
    "reference": "exception",
    "conditions": "set of conditions",
    "rules": "set of rules",
}


class SignatureRefusedError(Exception):
    """A personal signature does not count; the message says why, and quotes no value."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A personal signature that counts.

    Attributes:
        person: Who signed.
        statement: What they declared; it is what the event says.
    """

    person: Person
    statement: Statement


def approval_of(event: SealedEvent, providers: Sequence[ProviderLike]) -> Signed:
    """Check the personal signature of an ``approval.decided``.

    Args:
        event: The event.
        providers: Identity providers to believe.

    Raises:
        SignatureRefusedError: It has none, it is not of whom the event says, it declares something
            else than the event, or it was not made when the event was.
    """
    body = event.body
    said = {
        "kind": "approval",
        "decision": body["decision"],
        "meaning": body["meaning"],
        "environment": body.get("environment") or "",
        "conditions": tuple(body["conditions"]),
        "rules": (),
        "reference": "",
    }
    return _checked(event, said, providers)


def exception_of(event: SealedEvent, providers: Sequence[ProviderLike]) -> Signed:
    """Check the personal signature of an ``exception.granted``.

    Args:
        event: The event.
        providers: Identity providers to believe.

    Raises:
        SignatureRefusedError: As for :func:`approval_of`.
    """
    body = event.body
    said = {
        "kind": "exception",
        "decision": "granted",
        "meaning": EXCEPTION_MEANING,
        "environment": body["environment"],
        "conditions": (body["compensating_control"],),
        "rules": tuple(body["rules"]),
        "reference": body["exception_id"],
    }
    return _checked(event, said, providers)


def _checked(
    event: SealedEvent, said: Mapping[str, Any], providers: Sequence[ProviderLike]
) -> Signed:
    signature = event.body.get("signature")
    if signature is None:
        raise SignatureRefusedError("nobody signed it personally")
    key = signature["public_key"]
    try:
        statement = open_statement(signature["envelope"], key)
        person = verify_person(signature["id_token"], key, providers, event.appended_at)
    except (FormatError, IntegrityError, IdentityError) as exc:
        raise SignatureRefusedError(str(exc)) from exc
    _check_actor(event, person)
    _check_same(statement, {**_common(event, person), **said})
    if abs(statement.signed_at // 1000 - event.appended_at) > _MOST_APART_MS:
        raise SignatureRefusedError(
            f"it was not signed within {_MOST_APART_MS // 60_000} minutes of being published"
        )
    return Signed(person, statement)


def _check_actor(event: SealedEvent, person: Person) -> None:
    actor = event.envelope["actor"]
    if actor["kind"] != "person":
        raise SignatureRefusedError("the event's actor is not a person")
    if actor["principal"] != person.principal:
        raise SignatureRefusedError("the identity token is of another person than the event's")


def _common(event: SealedEvent, person: Person) -> dict[str, Any]:
    """Give what every statement says beside what its kind does, as the event has it."""
    envelope, body = event.envelope, event.body
    subject = body["subject"]
    return {
        "tenant": envelope["tenant"],
        "principal": person.principal,
        "name": person.name,
        "role": body["role"],
        "reason": envelope["intent"]["reason"],
        "subject_kind": subject["kind"],
        "subject_name": subject["name"],
        "subject_version": subject["version"],
        "subject_digest": subject["digest"].hex(),
        "expires_at": body["expires_at"],
    }


def _check_same(statement: Statement, said: Mapping[str, Any]) -> None:
    """Hold every field of a statement but its time against the event."""
    for field in fields(Statement):
        if field.name != "signed_at" and getattr(statement, field.name) != said[field.name]:
            word = _WORDS.get(field.name, field.name)
            raise SignatureRefusedError(f"what was signed has another {word} than the event")
