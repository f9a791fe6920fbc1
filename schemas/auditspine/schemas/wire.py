"""Avro's binary encoding of single values, for the generated writers. Pure.

The writers read validated models attribute by attribute: for ``prediction.made`` that is
several times as fast as dumping the model and walking its schema, and a field that the
schema does not have cannot be written. Tests hold them byte for byte to fastavro.

Source: Avro 1.12 specification, *Binary encoding*.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

_Value = TypeVar("_Value")

NULL = b"\x00"  # index of null in [null, X]
SOME = b"\x02"  # index of X in [null, X]
END = b"\x00"  # the empty block that ends an array
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHARED_MAX = 4096  # records

double = struct.Struct("<d").pack
"""Write a double: IEEE 754, little-endian."""


def long(value: int) -> bytes:
    """Write an int or long: zig-zag, then seven bits a byte, lowest first.

    Raises:
        ValueError: The value needs more than 64 bits.
    """
    if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
        raise ValueError("expected an integer of 64 bits, got a larger one")
    rest = value << 1 ^ value >> 63
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_LENGTHS = tuple(long(number) for number in range(1024))


def text(value: str) -> bytes:
    """Write a string: length in bytes, then UTF-8.

    Raises:
        UnicodeEncodeError: The string holds a lone surrogate.
    """
    raw = value.encode()
    size = len(raw)
    return (_LENGTHS[size] if size < 1024 else long(size)) + raw


def blob(value: bytes) -> bytes:
    """Write bytes: length, then the bytes."""
    return long(len(value)) + value


def fixed32(value: bytes) -> bytes:
    """Write a fixed of 32 bytes.

    Raises:
        ValueError: It has another length.
    """
    if len(value) != 32:
        raise ValueError(f"expected 32 bytes, got {len(value)}")
    return value


def boolean(value: bool) -> bytes:
    """Write a boolean, one byte."""
    return b"\x01" if value else b"\x00"


def micros(value: datetime) -> bytes:
    """Write a moment as timestamp-micros."""
    since = value - _EPOCH
    return long((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def symbols(literal: Any) -> Mapping[str, bytes]:
    """Give the encoding of each symbol of an enumeration, from its ``Literal``."""
    return {symbol: long(index) for index, symbol in enumerate(get_args(literal))}


def array(items: Sequence[_Value], write: Callable[[_Value], bytes]) -> bytes:
    """Write an array as one block."""
    if not items:
        return END
    return long(len(items)) + b"".join(map(write, items)) + END


_shared: dict[int, tuple[object, bytes]] = {}


def shared(record: _Value, write: Callable[[_Value], bytes]) -> bytes:
    """Write a record that many events have in common, once.

    Sound because records are immutable. The entry holds the record itself, so its id
    cannot come to mean another one.
    """
    known = _shared.get(id(record))
    if known is not None and known[0] is record:
        return known[1]
    raw = write(record)
    if len(_shared) >= _SHARED_MAX:
        _shared.clear()
    _shared[id(record)] = (record, raw)
    return raw
