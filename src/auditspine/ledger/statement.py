"""What a person signs: an approval or an exception, bound to one digest and environment. Pure.

The signed bytes hold the printed name of the signer, when it was signed and what the signature
means, as 21 CFR 11.50(a) asks; the signature covers them together with the digest, so that it
cannot be cut out and put to another record (11.70). They are canonical JSON in a DSSE envelope.

The key is made at a login and used for no other: the identity provider's token of that login has
a nonce that commits to it (:func:`key_nonce`), so a key can be no one else's.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.dsse import open_envelope, sign_envelope
from auditspine.ledger.errors import FormatError

PAYLOAD_TYPE = "application/vnd.auditspine.statement.v1+json"
Kind: TypeAlias = Literal["approval", "exception"]

_VERSION = 1
_NONCE_DOMAIN = b"auditspine login v1\n"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person declares. Times are microseconds since 1970.

    Attributes:
        kind: ``approval`` or ``exception``.
        tenant: Tenant.
        principal: Who signs, as the identity provider names them.
        name: Their printed name.
        signed_at: When.
        role: In which role.
        meaning: What the signature means, in words.
        reason: Why.
        decision: As ``approval.decided`` has it; ``granted`` for an exception.
        subject_kind: Kind of what is decided on.
        subject_name: Its name.
        subject_version: Its version.
        subject_digest: SHA-256 of its content, hexadecimal.
        environment: Where it is for; empty for none in particular.
        expires_at: When it ends; None for never.
        conditions: What must be kept for it to hold; of an exception the compensating control.
        rules: Rules that an exception stands for.
        reference: Identifier of the exception; empty for an approval.
    """

    kind: Kind
    tenant: str
    principal: str
    name: str
    signed_at: int
    role: str
    meaning: str
    reason: str
    decision: str
    subject_kind: str
    subject_name: str
    subject_version: str
    subject_digest: str
    environment: str = ""
    expires_at: int | None = None
    conditions: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reference: str = ""


def sign_statement(key: Ed25519PrivateKey, statement: Statement) -> str:
    """Sign a statement; give the DSSE envelope."""
    return sign_envelope(key, PAYLOAD_TYPE, _encode(statement))


def open_statement(envelope: str, public_key: bytes) -> Statement:
    """Check a statement's signature and read it.

    Args:
        envelope: The DSSE envelope.
        public_key: The key that must have signed it, 32 bytes.

    Raises:
        FormatError: It is no statement of this version, or not canonical.
        IntegrityError: The key did not sign it.
    """
    payload = open_envelope(envelope, PAYLOAD_TYPE, public_key)
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError) as exc:
        raise FormatError("a statement is not JSON") from exc
    statement = _decode(said)
    if _encode(statement) != payload:
        raise FormatError("a statement is not canonical")
    return statement


def key_nonce(public_key: bytes) -> str:
    """Give the nonce of a login: it commits to the key that is made for it.

    Args:
        public_key: Ed25519 public key, 32 bytes.

    Returns:
        43 characters of URL-safe base64: SHA-256 of a fixed prefix and the key. The provider puts
        it into the ID token as it is. Source: OpenID Connect Core 1.0 §3.1.2.1; OpenPubkey, §2.
    """
    digest = sha256(_NONCE_DOMAIN + public_key).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _encode(statement: Statement) -> bytes:
    said = {"version": _VERSION, **asdict(statement)}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _decode(said: object) -> Statement:
    if not isinstance(said, dict) or said.pop("version", None) != _VERSION:
        raise FormatError(f"expected a statement of version {_VERSION}, got another")
    if said.keys() != {field.name for field in fields(Statement)}:
        raise FormatError("a statement has not the fields of its version")
    if not _fits(said):
        raise FormatError("a field of a statement is not what it must be")
    return Statement(**{**said, **{name: tuple(said[name]) for name in ("conditions", "rules")}})


def _fits(said: Mapping[str, Any]) -> bool:
    times = said["signed_at"], said["expires_at"]
    lists = said["conditions"], said["rules"]
    texts = [v for k, v in said.items() if k not in _NOT_TEXT]
    return (
        said["kind"] in ("approval", "exception")
        and type(times[0]) is int
        and (times[1] is None or type(times[1]) is int)
        and all(isinstance(each, list) and _are_texts(each) for each in lists)
        and _are_texts(texts)
    )


_NOT_TEXT = frozenset(("signed_at", "expires_at", "conditions", "rules"))


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)
