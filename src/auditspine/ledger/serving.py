r"""What the serving topic says, signed: whether a model may serve, and signs of life. Pure.

The topic is compacted; services follow it without a database. A record's key is canonical JSON,
``["state",tenant,deployment,model digest]`` or ``["alive",partition]``, and its value a canonical
JSON object: sorted keys, no spaces, ASCII. Tenants are placed as in the lifecycle topic.

A header binds a record to its place, so that none can be altered or put elsewhere. Layout::

    u8 suite (1 = Ed25519) | 32 public key | 64 signature

over ``"auditspine serving v1\n" | u16 length, topic | u32 partition | u32 length, key | value``,
integers big-endian. What may be *left out* or said again is found by the sign of life, which
covers all states of its partition (:mod:`auditspine.ledger.serving_table`).
"""

import json
import struct
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args
from zlib import crc32

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.batch import is_weak
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.topics import MAX_SERVING_BYTES

SIGNATURE_HEADER = "serving-sig"  # name of the Kafka header
State: TypeAlias = Literal["live", "fallback", "blocked"]

_VERSION = 1
_SUITE_ED25519 = 1
_HEADER = struct.Struct(">B32s64s")
_DOMAIN = b"auditspine serving v1\n"
_MAX_INTEGER = (1 << 63) - 1
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServingRecord:
    """Whether a model may serve at a deployment.

    Attributes:
        tenant: Tenant.
        deployment: Name of the deployment.
        model_digest: SHA-256 of the model, 32 bytes; this digest only.
        state: ``live``, ``fallback`` or ``blocked``.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        quarantined: Whether this model may not be deployed anywhere.
        alert_id: The alert that it rests on, if any.
        reason: One sentence for people.
        since: When it began, milliseconds since 1970.
        position: Version of the row; a record with a lower one is ignored.
    """

    tenant: str
    deployment: str
    model_digest: bytes
    state: State
    releases_frozen: bool
    quarantined: bool
    alert_id: str | None
    reason: str
    since: int
    position: int

    @property
    def key(self) -> bytes:
        """The record's key."""
        return _json(["state", self.tenant, self.deployment, self.model_digest.hex()])


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
        records: States in the partition.
        digest: SHA-256 over them, 32 bytes (:meth:`ServingTable.digest`).
    """

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
        return _json(["alive", self.partition])


def partition_of(tenant: str, partitions: int) -> int:
    """Give the partition of a tenant's records: CRC-32 of its name, modulo their number."""
    return crc32(tenant.encode("utf-8", "surrogatepass")) % partitions


def encode_value(record: ServingRecord | Alive) -> bytes:
    """Give a record's value.

    Raises:
        FormatError: A field is not what it must be, or the value exceeds 64 KiB.
    """
    _check(record)
    said = {name: _plain(value) for name, value in asdict(record).items()}
    value = _json({"version": _VERSION, **said})
    if len(value) > MAX_SERVING_BYTES:
        raise FormatError(f"a serving record has at most {MAX_SERVING_BYTES} bytes: {len(value)}")
    return value


def decode(key: bytes, value: bytes) -> ServingRecord | Alive:
    """Read a record whose signature was checked; what it says is not yet trusted to be whole.

    Raises:
        FormatError: Not a record of this version, or not the one that its key names.
    """
    try:
        said = json.loads(value)
        named = json.loads(key)
    except (ValueError, RecursionError) as exc:
        raise FormatError("a serving record is not JSON") from exc
    if not isinstance(said, dict) or said.pop("version", None) != _VERSION:
        raise FormatError(f"expected a serving record of version {_VERSION}, got another")
    kind = ServingRecord if isinstance(named, list) and named[:1] == ["state"] else Alive
    if said.keys() != {field.name for field in fields(kind)}:
        raise FormatError("a serving record has not the fields of its kind")
    record = kind(**_unhex(said))
    if encode_value(record) != value or record.key != key:
        raise FormatError("a serving record is not canonical, or not the one that its key names")
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


class Verifier:
    """Checks records of one topic against trusted keys.

    Args:
        topic: The topic.
        keys: Ed25519 public keys that are trusted, 32 bytes each.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(self, topic: str, keys: Collection[bytes]) -> None:
        if not keys:
            raise FormatError("expected at least one trusted key, got none")
        for key in keys:
            if len(key) != 32 or is_weak(key):
                raise FormatError("expected Ed25519 public keys of 32 bytes, got something else")
        self._topic = topic
        self._keys = {key: Ed25519PublicKey.from_public_bytes(key) for key in keys}

    def open(
        self, partition: int, key: bytes | None, value: bytes | None, header: bytes | None
    ) -> ServingRecord | Alive:
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
            raise FormatError("a serving record lacks its key, value or signature")
        if len(key) > MAX_SERVING_BYTES or len(value) > MAX_SERVING_BYTES:
            raise FormatError(f"a serving record has at most {MAX_SERVING_BYTES} bytes")
        if len(header) != _HEADER.size or header[0] != _SUITE_ED25519:
            raise FormatError(f"expected a signature header of {_HEADER.size} bytes, suite 1")
        _, public, signature = _HEADER.unpack(header)
        trusted = self._keys.get(public)
        if trusted is None:
            raise IntegrityError("a serving record is signed with a key that is not trusted")
        try:
            trusted.verify(signature, _message(self._topic, partition, key, value))
        except InvalidSignature as exc:
            raise IntegrityError("a serving record's signature is wrong") from exc
        return decode(key, value)


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


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


_DIGESTS: Final = ("model_digest", "digest")


def _unhex(said: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a record; what is not hexadecimal stays, and is refused later."""
    given = dict(said)
    for name in _DIGESTS:
        if isinstance(given.get(name), str):
            try:
                given[name] = bytes.fromhex(given[name])
            except ValueError as exc:
                raise FormatError(f"a serving record's {name} is not hexadecimal") from exc
    return given


_TEXTS: Final = ("tenant", "deployment", "reason")
_FLAGS: Final = ("releases_frozen", "quarantined")


def _check(record: ServingRecord | Alive) -> None:
    for field in fields(record):
        value = getattr(record, field.name)
        if not _fits(field.name, value):
            raise FormatError(
                f"a serving record's {field.name} is not what it must be ({type(value).__name__})"
            )


def _fits(name: str, value: object) -> bool:
    if name in _DIGESTS:
        return isinstance(value, bytes) and len(value) == _DIGEST_BYTES
    if name in _TEXTS:
        return isinstance(value, str) and bool(value)
    if name in _FLAGS:
        return isinstance(value, bool)
    if name == "alert_id":
        return value is None or (isinstance(value, str) and bool(value))
    if name == "state":
        return value in get_args(State)
    return type(value) is int and 0 <= value <= _MAX_INTEGER
