r"""Signed records of the compacted topics that services follow without a database. Pure.

A topic has records of one kind, which say how things stand, and signs of life. A record's key is
canonical JSON that begins with its kind, a sign's is ``["alive",partition]``; the value is a
canonical JSON object: sorted keys, no spaces, ASCII. Tenants are placed as in the lifecycle topic.

A header binds a record to its place, so that none can be altered or put elsewhere. Layout::

    u8 suite (1 = Ed25519) | 32 public key | 64 signature

over ``"auditspine serving v1\n" | u16 length, topic | u32 partition | u32 length, key | value``,
integers big-endian. What may be *left out* or said again is found by the sign of life, which
covers all records of its partition (:mod:`auditspine.ledger.record_table`).
"""

import json
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar
from zlib import crc32

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.batch import is_weak
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.topics import MAX_SERVING_BYTES

SIGNATURE_HEADER = "serving-sig"  # name of the Kafka header

_VERSION = 1
_SUITE_ED25519 = 1
_HEADER = struct.Struct(">B32s64s")
_DOMAIN = b"auditspine serving v1\n"
_MAX_INTEGER = (1 << 63) - 1
_DIGEST_BYTES = 32

Fit: TypeAlias = Callable[[object], bool]


def is_text(value: object) -> bool:
    """Tell whether it is a text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_flag(value: object) -> bool:
    """Tell whether it is true or false."""
    return isinstance(value, bool)


def is_count(value: object) -> bool:
    """Tell whether it is an integer from 0 that 63 bits hold."""
    return type(value) is int and 0 <= value <= _MAX_INTEGER


def is_digest(value: object) -> bool:
    """Tell whether it is a digest of 32 bytes; in JSON it is hexadecimal."""
    return isinstance(value, bytes) and len(value) == _DIGEST_BYTES


def or_none(fit: Fit) -> Fit:
    """Give a test that ``None`` passes as well."""
    return lambda value: value is None or fit(value)


class Signable(Protocol):
    """What is signed.

    Attributes:
        KIND: The first word of its keys.
        FITS: Its fields, in order, each with what a value must be.
    """

    KIND: ClassVar[str]
    FITS: ClassVar[Mapping[str, Fit]]

    @property
    def key(self) -> bytes:
        """The record's key."""
        ...


class Record(Signable, Protocol):
    """How something of a tenant stands; the newest record of a key counts."""

    @property
    def tenant(self) -> str:
        """Tenant."""
        ...

    @property
    def position(self) -> int:
        """Version of the row that it comes from; a record with a lower one is ignored."""
        ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life: the processor has followed a partition's log, and said all that follows.

    Attributes:
        partition: The partition, of the log as of this topic.
        partitions: How many there are: tenants are placed by it.
        said_at: When it was said, by the processor's clock, milliseconds since 1970. Each is
            later than the one before, so that an old one said again is known.
        behind_ms: How far the processor was behind the log's end; 0 when it had folded all.
        position: Entries of the log that it had folded.
        records: Records in the partition.
        digest: SHA-256 over them, 32 bytes (:meth:`RecordTable.digest`).
    """

    KIND: ClassVar[str] = "alive"
    FITS: ClassVar[Mapping[str, Fit]] = {
        "partition": is_count,
        "partitions": is_count,
        "said_at": is_count,
        "behind_ms": is_count,
        "position": is_count,
        "records": is_count,
        "digest": is_digest,
    }

    partition: int
    partitions: int
    said_at: int
    behind_ms: int
    position: int
    records: int
    digest: bytes

    @property
    def key(self) -> bytes:
        """The record's key."""
        return canonical([self.KIND, self.partition])


def partition_of(tenant: str, partitions: int) -> int:
    """Give the partition of a tenant's records: CRC-32 of its name, modulo their number."""
    return crc32(tenant.encode("utf-8", "surrogatepass")) % partitions


def canonical(value: object) -> bytes:
    """Give canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def encode_value(record: Signable) -> bytes:
    """Give a record's value.

    Raises:
        FormatError: A field is not what it must be, or the value exceeds 64 KiB.
    """
    said: dict[str, object] = {"version": _VERSION}
    for name, fit in record.FITS.items():
        value = getattr(record, name)
        if not fit(value):
            raise FormatError(
                f"a {record.KIND} record's {name} is not what it must be ({type(value).__name__})"
            )
        said[name] = value.hex() if isinstance(value, bytes) else value
    encoded = canonical(said)
    if len(encoded) > MAX_SERVING_BYTES:
        raise FormatError(f"a record has at most {MAX_SERVING_BYTES} bytes: {len(encoded)}")
    return encoded


def decode(key: bytes, value: bytes, kind: type[R]) -> R | Alive:
    """Read a record whose signature was checked; what it says is not yet trusted to be whole.

    Args:
        key: Kafka key.
        value: Kafka value.
        kind: The kind of the topic's records.

    Raises:
        FormatError: Not a record of this version and kind, or not the one that its key names.
    """
    try:
        said = json.loads(value)
        named = json.loads(key)
    except (ValueError, RecursionError) as exc:
        raise FormatError("a record is not JSON") from exc
    if not isinstance(said, dict) or said.pop("version", None) != _VERSION:
        raise FormatError(f"expected a record of version {_VERSION}, got another")
    is_state = isinstance(named, list) and named[:1] == [kind.KIND]
    fits = kind.FITS if is_state else Alive.FITS
    make: Callable[..., R | Alive] = kind if is_state else Alive
    if said.keys() != fits.keys():
        raise FormatError("a record has not the fields of its kind")
    record = make(**_unhex(said, fits))
    if encode_value(record) != value or record.key != key:
        raise FormatError("a record is not canonical, or not the one that its key names")
    return record


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


def _unhex(said: Mapping[str, Any], fits: Mapping[str, Fit]) -> dict[str, Any]:
    """Give the fields of a record; what is not hexadecimal is refused, now or later."""
    given = dict(said)
    for name, fit in fits.items():
        if fit is is_digest and isinstance(given[name], str):
            try:
                given[name] = bytes.fromhex(given[name])
            except ValueError as exc:
                raise FormatError(f"a record's {name} is not hexadecimal") from exc
    return given
