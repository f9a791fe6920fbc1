"""Records of the compacted topics that services follow without a database. Pure.

A topic has records of one kind, which say how things stand, and signs of life. A record's key is
canonical JSON that begins with its kind, a sign's is ``["alive",partition]``; the value is a
canonical JSON object: sorted keys, no spaces, ASCII. Tenants are placed as in the lifecycle topic.
They are signed (:mod:`auditspine.ledger.record_signing`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar
from zlib import crc32

from auditspine.ledger.errors import FormatError
from auditspine.ledger.topics import MAX_SERVING_BYTES

_VERSION = 1
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
