"""Producers' signatures over blocks of entries: whole batches are rebuilt as trees. Pure.

A batch that lies whole in a block costs one leaf and one node per event and one signature.
What does not is checked event by event. Both give the same answers.
"""

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from auditspine.ledger.batch import (
    MAX_BATCH,
    SUITE_ED25519_SHA256,
    BatchVerifier,
    is_weak,
    leaf_context,
    parse_sig,
    signed_message,
)
from auditspine.ledger.errors import FormatError
from auditspine.ledger.merkle import tree_levels

Claim = tuple[bytes, str, str, int, int]
"""What a ``sig`` header claims: public key, tenant, producer, epoch, sequence."""

NO_CLAIM: Claim = (b"", "", "", 0, 0)
"""The claim of an entry without a readable header."""

# Offsets in the ``sig`` header; its layout stands in auditspine.ledger.batch.
_BATCH_END = 97  # suite, signature, public key
_COUNTERS_END = 129  # epoch, sequence, previous epoch, previous sequence
_SHAPE = Struct(">HH")  # batch size, index
NAMES_AT = 133  # u8 length, tenant; u8 length, producer
_EPOCH_SEQUENCE = Struct(">QQ")
_MAX_CACHED = 4096


class SignatureCheck:
    """Checks the signatures of one log's entries in order, in blocks of any size."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic = topic
        self._partition = partition
        self._single = BatchVerifier()
        self._streams: dict[bytes, tuple[bytes, tuple[bytes, str, str]]] = {}

    def block(
        self, values: Sequence[bytes], sigs: Sequence[bytes]
    ) -> tuple[list[Claim], list[bool]]:
        """Check a block of entries.

        Returns:
            Per entry what its header claims, and whether its signature covers it.
        """
        claims = [NO_CLAIM] * len(sigs)
        authentic = [False] * len(sigs)
        batches: dict[bytes, list[int]] = {}
        for index, sig in enumerate(sigs):
            members = batches.get(sig[:_BATCH_END])
            if members is None:
                batches[sig[:_BATCH_END]] = [index]
            else:
                members.append(index)
        for members in batches.values():
            if not self._whole_batch(members, values, sigs, claims, authentic):
                for index in members:
                    claims[index], authentic[index] = self.one(values[index], sigs[index])
        if b"" in values:  # an entry without a value is foreign, whatever its header says
            authentic = [ok and value != b"" for ok, value in zip(authentic, values, strict=True)]
        return claims, authentic

    def one(self, value: bytes, sig: bytes) -> tuple[Claim, bool]:
        """Check one entry, apart from the others."""
        try:
            header = parse_sig(sig)
        except FormatError:
            return NO_CLAIM, False
        claim = (
            header.public_key,
            header.tenant,
            header.producer,
            header.epoch,
            header.sequence,
        )
        return claim, self._single.verify(header, self._topic, self._partition, value)

    def _whole_batch(
        self,
        members: list[int],
        values: Sequence[bytes],
        sigs: Sequence[bytes],
        claims: list[Claim],
        authentic: list[bool],
    ) -> bool:
        """Check a batch as a tree; ``False`` when it is not whole or anything is unusual."""
        count = len(members)
        first = sigs[members[0]]
        if count < 2 or count > MAX_BATCH or len(first) < NAMES_AT + 2:
            return False
        names_end = _names_end(first)
        names = first[NAMES_AT:names_end]
        shapes = [_SHAPE.pack(count, index) for index in range(count)]
        headers = [sigs[index] for index in members]
        if first[0] != SUITE_ED25519_SHA256 or shapes != [
            sig[_COUNTERS_END:NAMES_AT] for sig in headers
        ]:
            return False
        stream = self._stream(first[65:_BATCH_END], names)
        if stream is None or any(sig[NAMES_AT:names_end] != names for sig in headers):
            return False
        context, claim = stream
        leaves = [
            sha256(context + sig[_BATCH_END:_COUNTERS_END] + values[index]).digest()
            for index, sig in zip(members, headers, strict=True)
        ]
        levels = tree_levels(leaves)
        if _paths(levels) != [sig[names_end:] for sig in headers]:
            return False
        if not _signed(claim[0], first[1:65], signed_message(count, levels[-1][0])):
            return False
        read = _EPOCH_SEQUENCE.unpack_from
        for index, sig in zip(members, headers, strict=True):
            claims[index] = (*claim, *read(sig, _BATCH_END))
            authentic[index] = True
        return True

    def _stream(
        self, public_key: bytes, names: bytes
    ) -> tuple[bytes, tuple[bytes, str, str]] | None:
        known = self._streams.get(public_key + names)
        if known is None:
            try:
                tenant = names[1 : 1 + names[0]].decode()
                producer = names[2 + names[0] :].decode()
            except (UnicodeDecodeError, IndexError):
                return None
            context = leaf_context(public_key, tenant, producer, self._topic, self._partition)
            known = (context, (public_key, tenant, producer))
            if len(self._streams) >= _MAX_CACHED:
                self._streams.clear()
            self._streams[public_key + names] = known
        return known


def _names_end(sig: bytes) -> int:
    tenant_end = NAMES_AT + 1 + sig[NAMES_AT]
    if tenant_end >= len(sig):
        return len(sig)
    return tenant_end + 1 + sig[tenant_end]


def _paths(levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Give the audit path of every leaf of a tree, from the root down. Source: RFC 6962 §2.1.1."""
    paths = [b""]
    for level in reversed(levels[:-1]):
        below = []
        last = len(level) - 1
        for index, _ in enumerate(level):
            if index == last and not index & 1:  # promoted: no sibling
                below.append(paths[index >> 1])
            else:
                below.append(level[index ^ 1] + paths[index >> 1])
        paths = below
    return paths


def _signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    if is_weak(public_key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
