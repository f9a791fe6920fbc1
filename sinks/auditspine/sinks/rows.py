"""Encodes sealed entries for the table ``entries``, in ClickHouse's RowBinary format. Pure."""

import struct
from collections.abc import Iterable

from auditspine.ledger.batch import SIGNATURE_END, parse_sig
from auditspine.ledger.errors import FormatError
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Verdict
from auditspine.sinks.quoting import quoted

_FIXED = struct.Struct("<Qqq32s32sbBQQQ")
_CLAIM = struct.Struct(">32sQQ")  # of a sig header, after its signature: key, epoch, sequence
_NAMES_AT = SIGNATURE_END + _CLAIM.size + 20  # after the former epoch, and size and index of batch
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
    pack, valid = _FIXED.pack, Verdict.VALID
    parts: list[bytes] = []
    add = parts.append
    for entry, control_size in entries:
        position, offset, timestamp, _, sig, leaf, chain, verdict, flags, _ = entry
        claimed = _claimed_by_valid(sig) if verdict is valid else None
        epoch, sequence, names = claimed or _claimed(sig)
        add(
            pack(
                position,
                offset,
                timestamp,
                leaf,
                chain,
                verdict,
                flags,
                control_size,
                epoch,
                sequence,
            )
        )
        add(names)
    return b"".join(parts)


def _claimed_by_valid(sig: bytes) -> tuple[int, int, bytes] | None:
    """Read what the sig header of a valid entry claims, without checking it again.

    Its names are stored as RowBinary stores strings, as long as they are shorter than 128.
    """
    if len(sig) < _NAMES_AT + 2:
        return None
    tenant_end = _NAMES_AT + 1 + sig[_NAMES_AT]
    if tenant_end >= len(sig) or sig[_NAMES_AT] > 0x7F or sig[tenant_end] > 0x7F:
        return None
    public_key, epoch, sequence = _CLAIM.unpack_from(sig, SIGNATURE_END)
    names = sig[_NAMES_AT : tenant_end + 1 + sig[tenant_end]]
    return epoch, sequence, b"\x20" + public_key + names


def _claimed(sig: bytes) -> tuple[int, int, bytes]:
    """Read what a sig header claims; nothing when it cannot be parsed."""
    try:
        header = parse_sig(sig)
    except FormatError:
        return 0, 0, _UNCLAIMED
    texts = (header.public_key, header.tenant.encode(), header.producer.encode())
    return header.epoch, header.sequence, b"".join(map(_string, texts))


def _string(text: bytes) -> bytes:
    """Encode a string of up to 255 bytes: its length as LEB128, and its bytes."""
    length = len(text)
    head = bytes((length,)) if length < 0x80 else bytes((length & 0x7F | 0x80, length >> 7))
    return head + text
