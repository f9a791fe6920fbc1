"""Puts raw Avro events into one Avro container, added fields before each. Pure; decodes nothing.

An Avro record is the concatenation of its fields, so an event becomes a row by prepending the
encoded fields that the sink adds. Source: Avro 1.12 specification, *Object Container Files*.
"""

import json
import struct
from collections.abc import Iterable
from io import BytesIO
from typing import Final

import fastavro

from auditspine.ledger.segment import Entry

WIRE_HEADER = 5  # bytes: 0x00 and the schema id
_SYNC: Final = b"auditspine block"  # 16 bytes; a block states its size, so any value will do
_PLACE = struct.Struct("<QqB")
PLACE_TYPE = f"FixedString({_PLACE.size})"
POSITION = "reinterpretAsUInt64(substring(place, 1, 8))"
APPENDED_AT = "fromUnixTimestamp64Milli(reinterpretAsInt64(substring(place, 9, 8)), 'UTC')"
FLAGS = "reinterpretAsUInt8(substring(place, 17, 1))"


def schema_id(value: bytes) -> int:
    """Give the schema id of a value in the wire format, ``0x00 | u32 id | Avro``."""
    return int.from_bytes(value[1:WIRE_HEADER], "big")


def container_header(text: str) -> bytes:
    """Give the head of a container whose rows are added fields and an event.

    Args:
        text: The event's schema, JSON.
    """
    row = {
        "type": "record",
        "name": "Row",
        "namespace": "auditspine.sinks",
        "fields": [
            {"name": "place", "type": {"type": "fixed", "name": "Place", "size": _PLACE.size}},
            {"name": "value", "type": "bytes"},
            {"name": "sig", "type": "bytes"},
            {"name": "event", "type": json.loads(text)},
        ],
    }
    metadata = {"avro.schema": json.dumps(row).encode(), "avro.codec": b"null"}
    out = BytesIO()
    fastavro.schemaless_writer(out, {"type": "map", "values": "bytes"}, metadata)
    return b"Obj\x01" + out.getvalue() + _SYNC


def reframe(header: bytes, entries: Iterable[Entry]) -> bytes:
    """Build a container of one block.

    Args:
        header: From :func:`container_header`, of the schema of all the entries.
        entries: At least one valid entry.
    """
    pack, short, most = _PLACE.pack, _SHORT_LENGTHS, len(_SHORT_LENGTHS)
    parts: list[bytes] = [header, b"", b""]
    add = parts.extend
    count = 0
    for count, entry in enumerate(entries, 1):  # noqa: B007 - read below
        position, _, timestamp, value, sig, _, _, _, flags, _ = entry
        size, sig_size = len(value), len(sig)
        add(
            (
                pack(position, timestamp, flags),
                short[size] if size < most else _length(size),
                value,
                short[sig_size] if sig_size < most else _length(sig_size),
                sig,
                value[WIRE_HEADER:],
            )
        )
    parts[1:3] = _length(count), _length(sum(map(len, parts)) - len(header))
    parts.append(_SYNC)
    return b"".join(parts)


def _length(number: int) -> bytes:
    """Encode an Avro long: zigzag, then 7 bits per byte, lowest first."""
    rest = number << 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_SHORT_LENGTHS = tuple(map(_length, range(4096)))
