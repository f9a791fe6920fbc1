r"""Signs records of compacted topics for their place, and checks them there. Pure.

A header binds a record to its place, so that none can be altered or put elsewhere. Layout::

    u8 suite (1 = Ed25519) | 32 public key | 64 signature

over ``"auditspine serving v1\n" | u16 length, topic | u32 partition | u32 length, key | value``,
integers big-endian. What may be *left out* or said again is found by the sign of life, which
covers all records of its partition (:mod:`auditspine.ledger.record_table`).
"""

import struct
from collections.abc import Collection
from typing import Generic

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.batch import is_weak
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.records import Alive, R, decode
from auditspine.ledger.topics import MAX_SERVING_BYTES

SIGNATURE_HEADER = "serving-sig"  # name of the Kafka header, of every such topic

_SUITE_ED25519 = 1
_HEADER = struct.Struct(">B32s64s")
_DOMAIN = b"auditspine serving v1\n"


def sign(key: Ed25519PrivateKey, topic: str, partition: int, name: bytes, value: bytes) -> bytes:
    """Sign a record for its place.

    Args:
        key: The processor's key.
        topic: Topic.
        partition: Partition.
        name: The record's key.
        value: Its value.

    Returns:
        The header's bytes.
    """
    signature = key.sign(_message(topic, partition, name, value))
    return _HEADER.pack(_SUITE_ED25519, raw_public_key(key), signature)


class Verifier(Generic[R]):
    """Checks records of one topic against trusted keys.

    Args:
        topic: The topic.
        keys: Ed25519 public keys that are trusted, 32 bytes each.
        kind: The kind of the topic's records.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(self, topic: str, keys: Collection[bytes], kind: type[R]) -> None:
        if not keys:
            raise FormatError("expected at least one trusted key, got none")
        for key in keys:
            if len(key) != 32 or is_weak(key):
                raise FormatError("expected Ed25519 public keys of 32 bytes, got something else")
        self._topic = topic
        self._kind = kind
        self._keys = {key: Ed25519PublicKey.from_public_bytes(key) for key in keys}

    def open(
        self, partition: int, key: bytes | None, value: bytes | None, header: bytes | None
    ) -> R | Alive:
        """Check a record's signature and read it.

        Args:
            partition: Where it was found.
            key: Kafka key.
            value: Kafka value.
            header: Content of its :data:`SIGNATURE_HEADER`.

        Raises:
            FormatError: A part is missing or malformed.
            IntegrityError: No trusted key signed it, for this place.
        """
        if key is None or value is None or header is None:
            raise FormatError("a record lacks its key, value or signature")
        if len(key) > MAX_SERVING_BYTES or len(value) > MAX_SERVING_BYTES:
            raise FormatError(f"a record has at most {MAX_SERVING_BYTES} bytes")
        if len(header) != _HEADER.size or header[0] != _SUITE_ED25519:
            raise FormatError(f"expected a signature header of {_HEADER.size} bytes, suite 1")
        _, public, signature = _HEADER.unpack(header)
        trusted = self._keys.get(public)
        if trusted is None:
            raise IntegrityError("a record is signed with a key that is not trusted")
        try:
            trusted.verify(signature, _message(self._topic, partition, key, value))
        except InvalidSignature as exc:
            raise IntegrityError("a record's signature is wrong") from exc
        return decode(key, value, self._kind)


def _message(topic: str, partition: int, key: bytes, value: bytes) -> bytes:
    name = topic.encode()
    return b"".join(
        (
            _DOMAIN,
            struct.pack(">H", len(name)),
            name,
            struct.pack(">II", partition, len(key)),
            key,
            value,
        )
    )
