"""Sealed logs for unit tests."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Flag, Verdict

ORIGIN = "region/cluster/topic/3"


def key(seed: bytes = b"\x01") -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed * 32)


PUBLIC = key().public_key().public_bytes_raw()


def sealed_log(sizes, origin: str = ORIGIN, key: Ed25519PrivateKey | bytes = b"\x01"):
    """Segments of so many entries each, encoded."""
    signer = Ed25519PrivateKey.from_private_bytes(key * 32)
    head, raws, offset = Head(), [], 0
    for size in sizes:
        entries = [
            Judged(offset + i, 1_000 + i, b"value %d" % (offset + i), b"", Verdict.FOREIGN, Flag(0))
            for i in range(size)
        ]
        offset += size
        context = SealingContext(7, offset, 2_000)
        segment, head = seal(Place(origin, "t", 3), head, entries, context, signer)
        raws.append(encode_segment(segment))
    return raws
