r"""What a checkpoint signs beside the tree: the rest of what its segment says. Pure.

The tree holds what producers sent. When it was appended, at which offset, and what the ledger
says of it are the segment's; two extension lines of the segment's checkpoint bind them::

    rows BASE64      SHA-256 of "auditspine rows v1\n" | u64 first | u64 control size
                     | i64 sealed at | per entry: i64 offset | i64 timestamp | u8 verdict | u8 flags
    resume BASE64    SHA-256 of "auditspine resume v1\n" | i64 next offset | the producer table:
                     u8 0, or u8 1 and per row: 32 public key | u8 length, tenant
                     | u8 length, producer | u64 epoch | u64 last sequence

Integers are big-endian. The first can be recomputed from what ClickHouse holds, the second is for
whoever goes on from a segment (docs/adr/0001-entry-format.md).
"""

import base64
import struct
from collections.abc import Iterable
from hashlib import sha256

from auditspine.ledger.sequences import Row

ROWS, RESUME = "rows", "resume"
_ROWS_START = struct.Struct(">QQq")
_ROW = struct.Struct(">qqBB")
_NEXT = struct.Struct(">q")
_COUNTERS = struct.Struct(">QQ")

pack_row = _ROW.pack
"""Give an entry's bytes: offset, timestamp, verdict, flags."""


def rows_start(first: int, control_size: int, sealed_at: int) -> bytes:
    """Give what is hashed before the entries."""
    return b"auditspine rows v1\n" + _ROWS_START.pack(first, control_size, sealed_at)


def rows_line(digest: bytes) -> str:
    """Give the extension line of a digest over :func:`rows_start` and the entries."""
    return f"{ROWS} {base64.b64encode(digest).decode()}"


def resume_line(next_offset: int, producers: Iterable[Row] | None) -> str:
    """Give the extension line over what a ledger goes on from."""
    hashed = sha256(b"auditspine resume v1\n" + _NEXT.pack(next_offset))
    hashed.update(b"\0" if producers is None else b"\1")
    for public_key, tenant, producer, epoch, last in producers or ():
        names = b"".join(bytes((len(n),)) + n for n in (tenant.encode(), producer.encode()))
        hashed.update(public_key + names + _COUNTERS.pack(epoch, last))
    return f"{RESUME} {base64.b64encode(hashed.digest()).decode()}"
