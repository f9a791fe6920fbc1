"""Checks signatures that events carry: a person's on an approval, a producer's on a model. Pure.

The identity token of a person's login is not verified here: only that it is for the same key. Its
provider's keys are the release policy's, and the release processor verifies it when it decides.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditspine.auditor.tabletop.entry import Entry
from auditspine.ledger.errors import LedgerError
from auditspine.ledger.intoto import covers
from auditspine.ledger.statement import Statement, key_nonce, open_statement

_MOST_APART_US = 600_000_000  # from the signature to the broker, as the release processor has it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_approval(entry: Entry) -> str:
    """Say why an ``approval.decided`` is not signed by its approver; empty when it is."""
    body = entry.body
    return _check(
        entry,
        {
            "kind": "approval",
            "meaning": body["meaning"],
            "decision": body["decision"],
            "environment": body["environment"] or "",
            "conditions": tuple(body["conditions"]),
            "rules": (),
            "reference": "",
        },
    )


def check_exception(entry: Entry) -> str:
    """Say why an ``exception.granted`` is not signed by whoever grants it; empty when it is."""
    body = entry.body
    return _check(
        entry,
        {
            "kind": "exception",
            "decision": "granted",
            "environment": body["environment"],
            "conditions": (body["compensating_control"],),
            "rules": tuple(body["rules"]),
            "reference": body["exception_id"],
        },
    )


def check_artifact(entry: Entry) -> str:
    """Say why an ``artifact.signed`` is no signature of the producer over it; empty when it is."""
    body = entry.body
    public_key = base64.b64decode(body["public_key"])
    if public_key != entry.key:
        return "the key that signs the artifact is not the one that the event is signed with"
    try:
        covers(body["envelope"], public_key, _raw(body["artifact"]["digest"]))
    except LedgerError as exc:
        return str(exc)
    return ""


def signer_name(entry: Entry) -> str:
    """Give the printed name in a statement whose signature was checked; empty when it has none."""
    signature = entry.body["signature"]
    try:
        return open_statement(signature["envelope"], base64.b64decode(signature["public_key"])).name
    except LedgerError:
        return ""


def microseconds(moment: datetime) -> int:
    """Give a time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def time_of(text: str) -> datetime:
    """Read a time of an event's JSON form."""
    return datetime.fromisoformat(text)


def _check(entry: Entry, expected: Mapping[str, Any]) -> str:
    signature = entry.body["signature"]
    public_key = base64.b64decode(signature["public_key"])
    try:
        statement = open_statement(signature["envelope"], public_key)
    except LedgerError as exc:
        return str(exc)
    other = _differs(statement, {**_common(entry), **expected})
    doubts = (
        (bool(other), f"what is signed has another {', '.join(other)} than the event"),
        (not statement.name.strip(), "what is signed has no printed name"),
        (public_key == entry.key, "the key is that of the service that published the event"),
        (not entry.is_person, "the event's actor is not a person"),
        (
            abs(statement.signed_at - microseconds(entry.at)) > _MOST_APART_US,
            "it was not signed within ten minutes of when the ledger has it",
        ),
        (
            _nonce(signature["id_token"]) != key_nonce(public_key),
            "the identity token is not of a login for the key that signs",
        ),
    )
    return next((words for holds, words in doubts if holds), "")


def _common(entry: Entry) -> dict[str, Any]:
    subject, expires = entry.body["subject"], entry.body["expires_at"]
    return {
        "tenant": entry.envelope["tenant"],
        "principal": entry.principal,
        "reason": entry.reason,
        "role": entry.body["role"],
        "subject_kind": subject["kind"],
        "subject_name": subject["name"],
        "subject_version": subject["version"],
        "subject_digest": subject["digest"].removeprefix("sha256:"),
        "expires_at": None if expires is None else microseconds(time_of(expires)),
    }


def _differs(statement: Statement, expected: Mapping[str, Any]) -> list[str]:
    return [
        name.replace("_", " ")
        for name, value in expected.items()
        if getattr(statement, name) != value
    ]


def _nonce(token: str) -> str:
    """Read the nonce of a token that nobody has verified."""
    parts = token.split(".")
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(raw)
    except (IndexError, binascii.Error, ValueError, RecursionError):
        return ""
    return str(claims.get("nonce", "")) if isinstance(claims, dict) else ""


def _raw(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))
