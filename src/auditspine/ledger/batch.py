"""Producer signatures: one Ed25519 signature over a small Merkle tree of events. Pure.

A producer signs the root of a batch; each event carries the signature and its own path to
the root in a binary ``sig`` header, so any event can be checked alone and signing does not
set the rate (docs/adr/0001-entry-format.md). Source of the tree: RFC 6962 §2.1, RFC 9162 §2.1.3.2.

Layout of the ``sig`` header, integers big-endian::

    u8 suite (1 = Ed25519 over SHA-256 tree) | 64 signature | 32 public key
    u64 epoch | u64 sequence | u64 previous epoch | u64 last sequence of the previous epoch
    u16 batch size | u16 index in the batch
    u8 length, tenant UTF-8 | u8 length, producer UTF-8
    32-byte path nodes, lowest first

What a batch leaf binds, so that no event can be replayed elsewhere::

    0x00 | suite | public key | tenant | producer | u16 length, topic | u32 partition
         | epoch | sequence | previous epoch | last sequence of the previous epoch | value
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.errors import FormatError
from auditspine.ledger.merkle import inclusion_path, path_length, tree_levels

SIG_HEADER = "sig"  # name of the Kafka header
SUITE_ED25519_SHA256 = 1
MAX_BATCH = 1024  # events
SIGNATURE_END = 65  # the suite byte and the signature come first, so a segment can share them
_FIXED = struct.Struct(">B64s32sQQQQHH")
_COUNTERS = struct.Struct(">QQQQ")
_MESSAGE_PREFIX = b"auditspine batch v1\n"


@dataclass(frozen=True, slots=True)
class SigHeader:
    """A parsed ``sig`` header.

    Attributes:
        signature: Ed25519 signature over the batch root, 64 bytes.
        public_key: Ed25519 public key, 32 bytes. An identifier: trust comes from the control log.
        epoch: Start of the producer's process, nanoseconds since 1970; groups its sequence.
        sequence: 1, 2, 3 … per (producer, epoch, partition).
        previous_epoch: The producer's epoch before this one; 0 when it knows none.
            Non-zero only in the first event of an epoch.
        previous_sequence: Last sequence of that epoch in this partition, as far as known.
        batch_size: Events in the signed batch.
        batch_index: This event's index in it.
        tenant: Tenant that the event belongs to.
        producer: Name of the producing workload.
        path: Concatenated path nodes, 32 bytes each.
    """

    signature: bytes
    public_key: bytes
    epoch: int
    sequence: int
    previous_epoch: int
    previous_sequence: int
    batch_size: int
    batch_index: int
    tenant: str
    producer: str
    path: bytes

    def encode(self) -> bytes:
        """Give the header's bytes."""
        return (
            _FIXED.pack(
                SUITE_ED25519_SHA256,
                self.signature,
                self.public_key,
                self.epoch,
                self.sequence,
                self.previous_epoch,
                self.previous_sequence,
                self.batch_size,
                self.batch_index,
            )
            + _short(self.tenant)
            + _short(self.producer)
            + self.path
        )


def parse_sig(sig: bytes) -> SigHeader:
    """Parse a ``sig`` header.

    Raises:
        FormatError: Unknown suite, wrong length, index outside the batch, or bad UTF-8.
    """
    try:
        fixed = _FIXED.unpack_from(sig)
        at = _FIXED.size
        tenant_end = at + 1 + sig[at]
        producer_end = tenant_end + 1 + sig[tenant_end]
        tenant = sig[at + 1 : tenant_end].decode()
        producer = sig[tenant_end + 1 : producer_end].decode()
    except (struct.error, IndexError, UnicodeDecodeError) as exc:
        raise FormatError(f"a sig header of {len(sig)} bytes is cut short or not UTF-8") from exc
    suite, size, index = fixed[0], fixed[7], fixed[8]
    if suite != SUITE_ED25519_SHA256:
        raise FormatError(f"expected signature suite {SUITE_ED25519_SHA256}, got {suite}")
    if index >= size or size > MAX_BATCH:
        raise FormatError(f"batch index {index} of {size} is out of range")
    path = sig[producer_end:]
    expected = 32 * path_length(index, size)
    if len(path) != expected:
        raise FormatError(f"expected a path of {expected} bytes, got {len(path)}")
    signature, public_key, epoch, sequence, previous_epoch, previous_sequence = fixed[1:7]
    return SigHeader(
        signature,
        public_key,
        epoch,
        sequence,
        previous_epoch,
        previous_sequence,
        size,
        index,
        tenant,
        producer,
        path,
    )


def claimed_tenant(sig: bytes) -> str:
    """Give the tenant that a ``sig`` header claims; empty when it cannot be parsed."""
    try:
        return parse_sig(sig).tenant
    except FormatError:
        return ""


def signing_key(sig: bytes) -> bytes:
    """Give the public key, 32 bytes, of a ``sig`` header that is known to be good."""
    return sig[SIGNATURE_END : SIGNATURE_END + 32]


def leaf_context(
    public_key: bytes, tenant: str, producer: str, topic: str, partition: int
) -> bytes:
    """Give the constant part of a stream's batch leaves; compute it once per partition."""
    name = topic.encode()
    return (
        bytes((0, SUITE_ED25519_SHA256))
        + public_key
        + _short(tenant)
        + _short(producer)
        + struct.pack(">H", len(name))
        + name
        + struct.pack(">I", partition)
    )


def batch_leaf(
    context: bytes,
    epoch: int,
    sequence: int,
    previous_epoch: int,
    previous_sequence: int,
    value: bytes,
) -> bytes:
    """Give the leaf that binds one event to its place, 32 bytes.

    Args:
        context: From :func:`leaf_context`.
        epoch: See :class:`SigHeader`, as the next three.
        sequence: Sequence in the epoch.
        previous_epoch: Epoch before.
        previous_sequence: Last sequence of the epoch before.
        value: Kafka message value.
    """
    counters = _COUNTERS.pack(epoch, sequence, previous_epoch, previous_sequence)
    return sha256(context + counters + value).digest()


def signed_message(batch_size: int, root: bytes) -> bytes:
    """Give the bytes that the producer's key signs."""
    return _MESSAGE_PREFIX + struct.pack(">H", batch_size) + root


def sign_batch(key: Ed25519PrivateKey, leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Sign a batch of leaves.

    Args:
        key: The producer's private key.
        leaves: 1 to 1,024 batch leaves, from :func:`batch_leaf`.

    Returns:
        The signature, 64 bytes, and the path of each leaf.

    Raises:
        FormatError: No leaves, or more than 1,024.
    """
    if not 0 < len(leaves) <= MAX_BATCH:
        raise FormatError(f"a batch has 1 to {MAX_BATCH} events, got {len(leaves)}")
    levels = tree_levels(leaves)
    signature = key.sign(signed_message(len(leaves), levels[-1][0]))
    return signature, [inclusion_path(levels, index) for index in range(len(leaves))]


class BatchVerifier:
    """Checks events against their batch signatures, each signature once.

    The answer depends on the event alone. Nodes that a checked signature already covers are
    remembered, so a whole batch costs about one hash per event beyond its leaf.
    """

    def __init__(self, max_batches: int = 2048) -> None:
        self._max_batches = max_batches
        self._batches: dict[tuple[bytes, bytes, int], dict[int, tuple[bytes, bytes]]] = {}
        self._keys: dict[bytes, Ed25519PublicKey] = {}
        self._contexts: dict[tuple[bytes, str, str, str, int], bytes] = {}

    def verify(self, header: SigHeader, topic: str, partition: int, value: bytes) -> bool:
        """Tell whether the header's signature covers this value at this place."""
        place = (header.public_key, header.tenant, header.producer, topic, partition)
        context = self._contexts.get(place)
        if context is None:
            if len(self._contexts) >= self._max_batches:
                self._contexts.clear()
            context = self._contexts[place] = leaf_context(*place)
        leaf = batch_leaf(
            context,
            header.epoch,
            header.sequence,
            header.previous_epoch,
            header.previous_sequence,
            value,
        )
        return self._verify_path(header, leaf)

    def _verify_path(self, header: SigHeader, leaf: bytes) -> bool:
        batch = (header.signature, header.public_key, header.batch_size)
        known = self._batches.get(batch)
        nodes: dict[int, tuple[bytes, bytes]] = {} if known is None else known
        path, node, offset, level = header.path, leaf, 0, 0
        index, last = header.batch_index, header.batch_size - 1
        trail: list[tuple[int, bytes, int]] = []
        while last:
            while index == last and not index & 1:  # promoted: no sibling at this level
                index, last, level = index >> 1, last >> 1, level + 1
            place = level << 16 | index
            seen = nodes.get(place)
            if seen is not None:
                if seen[0] != node or seen[1] != path[offset:]:
                    return False
                break
            trail.append((place, node, offset))
            sibling = path[offset : offset + 32]
            pair = sibling + node if index & 1 else node + sibling
            node = sha256(b"\x01" + pair).digest()
            index, last, level, offset = index >> 1, last >> 1, level + 1, offset + 32
        else:
            if known is not None:  # the root of this batch is known and was not met
                return header.batch_size == 1 and nodes[0][0] == leaf
            if not self._verify_signature(header, node):
                return False
            self._remember(batch, nodes)
            if header.batch_size == 1:
                nodes[0] = (leaf, b"")
        for place, at, start in trail:
            nodes[place] = (at, path[start:])
            nodes[place ^ 1] = (path[start : start + 32], at + path[start + 32 :])
        return True

    def _verify_signature(self, header: SigHeader, root: bytes) -> bool:
        key = self._keys.get(header.public_key)
        try:
            if key is None and is_weak(header.public_key):
                return False
            if key is None:
                if len(self._keys) >= self._max_batches:
                    self._keys.clear()
                key = Ed25519PublicKey.from_public_bytes(header.public_key)
                self._keys[header.public_key] = key
            key.verify(header.signature, signed_message(header.batch_size, root))
        except (InvalidSignature, ValueError):
            return False
        return True

    def _remember(
        self, batch: tuple[bytes, bytes, int], nodes: dict[int, tuple[bytes, bytes]]
    ) -> None:
        if len(self._batches) >= self._max_batches:
            del self._batches[next(iter(self._batches))]
        self._batches[batch] = nodes


_WEAK_KEYS = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Encodings of the points of small order, without their sign bit. With such a public key one
signature holds for many messages. Source: Cremers and Jackson, "Prime, Order Please!", 2019."""


def is_weak(public_key: bytes) -> bool:
    """Tell whether an Ed25519 public key, 32 bytes, is a point of small order."""
    return public_key[:31] + bytes((public_key[31] & 0x7F,)) in _WEAK_KEYS


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise FormatError(f"a name has at most 255 bytes of UTF-8, got {len(raw)}")
    return bytes((len(raw),)) + raw
