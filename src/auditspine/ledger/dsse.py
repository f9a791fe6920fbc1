"""DSSE envelopes: a payload with its type, signed so that neither can be read as another. Pure.

Other tools read them: securesystemslib, in-toto, cosign. Only Ed25519 is written and read here,
one signature an envelope. Source: https://github.com/secure-systems-lab/dsse, protocol.md and
envelope.md, version 1.0.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.batch import is_weak
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key

_SIGNATURE_BYTES = 64
_MAX_ENVELOPE = 256 * 1024  # characters


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope; its signature is not yet checked.

    Attributes:
        payload_type: Media type of the payload.
        payload: What is signed.
        signature: Ed25519 signature, 64 bytes.
    """

    payload_type: str
    payload: bytes
    signature: bytes


def sign_envelope(key: Ed25519PrivateKey, payload_type: str, payload: bytes) -> str:
    """Sign a payload.

    Args:
        key: Whose signature it is.
        payload_type: Media type of the payload.
        payload: What is signed.

    Returns:
        The envelope as JSON: sorted keys, no spaces. ``keyid`` is a hint, the SHA-256 of the
        public key, hexadecimal.
    """
    signature = key.sign(pre_authentication(payload_type, payload))
    return json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [
                {
                    "keyid": sha256(raw_public_key(key)).hexdigest(),
                    "sig": base64.b64encode(signature).decode(),
                }
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def open_envelope(text: str, payload_type: str, public_key: bytes) -> bytes:
    """Check an envelope's signature and give what it signs.

    Args:
        text: The envelope as JSON.
        payload_type: Media type that the payload must have.
        public_key: The Ed25519 key that must have signed it, 32 bytes.

    Raises:
        FormatError: It is no such envelope, or the key is none.
        IntegrityError: The key did not sign it.
    """
    envelope = parse_envelope(text)
    if envelope.payload_type != payload_type:
        raise FormatError(f"expected an envelope of {payload_type}, got another type")
    if len(public_key) != 32 or is_weak(public_key):
        raise FormatError("expected an Ed25519 public key of 32 bytes, got something else")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            envelope.signature, pre_authentication(payload_type, envelope.payload)
        )
    except (InvalidSignature, ValueError) as exc:
        raise IntegrityError("the envelope is not signed with the key that it names") from exc
    return envelope.payload


def parse_envelope(text: str) -> Envelope:
    """Read an envelope without checking its signature.

    Raises:
        FormatError: It is not an envelope with one signature.
    """
    if len(text) > _MAX_ENVELOPE:
        raise FormatError(f"an envelope has at most {_MAX_ENVELOPE} characters, got {len(text)}")
    try:
        fields = json.loads(text)
        [signature] = fields["signatures"]
        payload_type = fields["payloadType"]
        payload, raw = _base64(fields["payload"]), _base64(signature["sig"])
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise FormatError(
            "expected a DSSE envelope with one signature, got something else"
        ) from exc
    if not isinstance(payload_type, str) or len(raw) != _SIGNATURE_BYTES:
        raise FormatError("expected a DSSE envelope with an Ed25519 signature, got another")
    return Envelope(payload_type, payload, raw)


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Give the bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _base64(text: str) -> bytes:
    """Read standard or URL-safe base64, as the specification asks of readers."""
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except (binascii.Error, AttributeError) as exc:
        raise ValueError("not base64") from exc


_STANDARD = str.maketrans("-_", "+/")
