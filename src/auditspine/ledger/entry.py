"""Log entries: how a Kafka message becomes the bytes that are hashed. Pure.

The entry commits to the value exactly as it was on the wire and to the signature header
beside it, so a signature cannot be stripped (docs/adr/0001-entry-format.md).
"""

import struct

from auditspine.ledger.errors import FormatError

_LENGTH = struct.Struct(">I")


def encode_entry(value: bytes, sig: bytes) -> bytes:
    """Give the entry ``len32‖value‖len32‖sig``, lengths big-endian.

    Args:
        value: Kafka message value; empty for a null value.
        sig: The ``sig`` header's bytes; empty when there is none.
    """
    return _LENGTH.pack(len(value)) + value + _LENGTH.pack(len(sig)) + sig


def decode_entry(entry: bytes) -> tuple[bytes, bytes]:
    """Split an entry into value and signature header.

    Raises:
        FormatError: The lengths do not add up to the entry.
    """
    try:
        (value_length,) = _LENGTH.unpack_from(entry)
        sig_start = 8 + value_length
        (sig_length,) = _LENGTH.unpack_from(entry, 4 + value_length)
    except struct.error as exc:
        raise FormatError(f"an entry has two lengths, got {len(entry)} bytes") from exc
    if sig_start + sig_length != len(entry):
        raise FormatError(f"expected {sig_start + sig_length} bytes of entry, got {len(entry)}")
    return entry[4 : 4 + value_length], entry[sig_start:]
