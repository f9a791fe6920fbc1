"""Encodes sealed entries for the table ``entries``, in ClickHouse's RowBinary format. Pure."""

import struct
from collections.abc import Iterable

from auditspine.ledger.batch import parse_sig
from auditspine.ledger.errors import FormatError
from auditspine.ledger.segment import Entry
from auditspine.sinks.store import quoted

_FIXED = struct.Struct("<Qqq32s32sbBQQQ")
_UNCLAIMED = bytes(3)  # three empty strings
_STRUCTURE = (
    "position UInt64, source_offset Int64, appended_at Int64, leaf FixedString(32), "
    "chain FixedString(32), verdict Int8, flags UInt8, control_size UInt64, epoch UInt64, "
    "sequence UInt64, public_key String, tenant String, producer String"
)
_READ = (
    *("position", "source_offset", "leaf", "chain", "verdict", "flags"),
    *("control_size", "epoch", "sequence", "public_key", "tenant", "producer"),
)


def entries_target(origin: str, topic: str, partition: int) -> str:
    """Give what follows ``INSERT INTO`` for entries of one log.

    Args:
        origin: The log.
        topic: Its source topic.
        partition: Its source partition.
    """
    columns = ", ".join(("origin", "topic", "partition", "appended_at", *_READ))
    values = (
        *(quoted(origin), quoted(topic), str(partition)),
        "fromUnixTimestamp64Milli(appended_at, 'UTC')",
        *_READ,
    )
    return (
        f"entries ({columns}) SELECT {', '.join(values)} "  # noqa: S608 - our own text
        f"FROM input({quoted(_STRUCTURE)})"
    )


def encode_entries(entries: Iterable[tuple[Entry, int]]) -> bytes:
    """Encode entries as rows.

    Args:
        entries: Each with the size of the control log that it was judged on.
    """
    pack = _FIXED.pack
    parts: list[bytes] = []
    add = parts.append
    names: dict[tuple[bytes, str, str], bytes] = {}
    for entry, control_size in entries:
        try:
            sig = parse_sig(entry.sig)
        except FormatError:
            epoch = sequence = 0
            claimed = _UNCLAIMED
        else:
            epoch, sequence = sig.epoch, sig.sequence
            who = (sig.public_key, sig.tenant, sig.producer)
            claimed = names.get(who) or names.setdefault(who, _strings(*who))
        add(
            pack(
                entry.position,
                entry.offset,
                entry.timestamp,
                entry.leaf,
                entry.chain,
                entry.verdict,
                entry.flags,
                control_size,
                epoch,
                sequence,
            )
        )
        add(claimed)
    return b"".join(parts)


def _strings(public_key: bytes, tenant: str, producer: str) -> bytes:
    return b"".join(_string(text) for text in (public_key, tenant.encode(), producer.encode()))


def _string(text: bytes) -> bytes:
    """Encode a string of up to 255 bytes: its length as LEB128, and its bytes."""
    length = len(text)
    head = bytes((length,)) if length < 0x80 else bytes((length & 0x7F | 0x80, length >> 7))
    return head + text
