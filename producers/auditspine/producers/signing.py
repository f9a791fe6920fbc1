"""Signs the batches of one log: builds ``sig`` headers as bytes. Pure.

The format and its meaning are those of :mod:`auditspine.ledger.batch`; this is its fast
writer. Constant parts are laid out once per log and once per batch, and no object is made
per event; a property test holds the bytes equal to ``SigHeader.encode``.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.batch import (
    MAX_BATCH,
    SUITE_ED25519_SHA256,
    SigHeader,
    leaf_context,
    signed_message,
)
from auditspine.ledger.errors import FormatError
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.merkle import tree_levels

_U64 = struct.Struct(">Q")
_COUNTERS = struct.Struct(">QQQ")
_COUNTERS_AND_PLACE = struct.Struct(">QQQHH")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs.

    Attributes:
        key: The workload's private key.
        tenant: Tenant that its events belong to, at most 255 bytes of UTF-8.
        producer: The workload's name, at most 255 bytes of UTF-8.
    """

    key: Ed25519PrivateKey
    tenant: str
    producer: str


class LogSigner:
    """Signs batches of events for one partition, within one epoch.

    Args:
        identity: Who signs.
        epoch: Start of the producer's process, nanoseconds since 1970.
        topic: Kafka topic.
        partition: Kafka partition.

    Raises:
        FormatError: The tenant's or the producer's name is too long.
    """

    def __init__(self, identity: Identity, epoch: int, topic: str, partition: int) -> None:
        public_key = public_bytes(identity.key)
        self._key = identity.key
        self._leaf_context = leaf_context(
            public_key, identity.tenant, identity.producer, topic, partition
        ) + _U64.pack(epoch)
        self._after_signature = public_key + _U64.pack(epoch)
        self._names = _encoded_names(identity)

    def sign(
        self, values: Sequence[bytes], sequence: int, previous: tuple[int, int]
    ) -> list[bytes]:
        """Sign events that follow each other in the log.

        Args:
            values: Kafka message values, 1 to 1,024.
            sequence: Sequence of the first; the others count on.
            previous: Epoch before this one and its last acknowledged sequence, for the first
                event of the epoch; zeros for all others.

        Returns:
            The ``sig`` header of each event.

        Raises:
            FormatError: No values, or more than 1,024.
        """
        size = len(values)
        if not 0 < size <= MAX_BATCH:
            raise FormatError(f"a batch has 1 to {MAX_BATCH} events, got {size}")
        hashing, context, pack = sha256, self._leaf_context, _COUNTERS.pack
        leaves = [
            hashing(context + pack(sequence + i, 0, 0) + value).digest()
            for i, value in enumerate(values)
        ]
        if previous != (0, 0):
            leaves[0] = hashing(context + pack(sequence, *previous) + values[0]).digest()
        levels = tree_levels(leaves)
        signature = self._key.sign(signed_message(size, levels[-1][0]))
        head = bytes((SUITE_ED25519_SHA256,)) + signature + self._after_signature
        names, place, paths = self._names, _COUNTERS_AND_PLACE.pack, inclusion_paths(levels)
        headers = [
            head + place(sequence + i, 0, 0, size, i) + names + path for i, path in enumerate(paths)
        ]
        if previous != (0, 0):
            headers[0] = head + place(sequence, *previous, size, 0) + names + paths[0]
        return headers


def inclusion_paths(levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Give the audit paths of all leaves, each concatenated, lowest node first.

    Works from the root down, so that a path is its sibling and its parent's path.

    Args:
        levels: The tree, from :func:`auditspine.ledger.merkle.tree_levels`.

    Source: RFC 6962 §2.1.1.
    """
    paths = [b""]
    for level in reversed(levels[:-1]):
        paths = [
            (level[i ^ 1] if i ^ 1 < len(level) else b"") + paths[i >> 1] for i in range(len(level))
        ]
    return paths


def _encoded_names(identity: Identity) -> bytes:
    empty = SigHeader(
        bytes(64), bytes(32), 0, 0, 0, 0, 1, 0, identity.tenant, identity.producer, b""
    ).encode()
    nameless = SigHeader(bytes(64), bytes(32), 0, 0, 0, 0, 1, 0, "", "", b"").encode()
    return empty[len(nameless) - 2 :]
