"""A batch signature binds each event to its value and place, and each can be checked alone."""

import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.batch import (
    MAX_BATCH,
    BatchVerifier,
    SigHeader,
    batch_leaf,
    is_weak,
    leaf_context,
    parse_sig,
    sign_batch,
)
from auditspine.ledger.errors import FormatError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
PLACE = ("auditspine.lifecycle", 2)


def signed(values: list[bytes], epoch: int = 7) -> list[SigHeader]:
    context = leaf_context(PUBLIC, "acme", "trainer", *PLACE)
    leaves = [batch_leaf(context, epoch, i + 1, 0, 0, value) for i, value in enumerate(values)]
    signature, paths = sign_batch(KEY, leaves)
    return [
        SigHeader(signature, PUBLIC, epoch, i + 1, 0, 0, len(values), i, "acme", "trainer", path)
        for i, path in enumerate(paths)
    ]


values_of_a_batch = st.lists(st.binary(max_size=20), min_size=1, max_size=70)


@given(values_of_a_batch, st.randoms(use_true_random=False))
def test_every_event_verifies_alone_and_in_any_order(values: list[bytes], random) -> None:
    pairs = list(zip(signed(values), values, strict=True))
    random.shuffle(pairs)
    together = BatchVerifier()
    for header, value in pairs:
        assert parse_sig(header.encode()) == header
        assert together.verify(header, *PLACE, value)
        assert BatchVerifier().verify(header, *PLACE, value)


@given(values_of_a_batch, st.data())
def test_any_changed_bit_of_header_or_value_is_refused(
    values: list[bytes], data: st.DataObject
) -> None:
    headers = signed(values)
    warm = BatchVerifier()
    for header, value in zip(headers, values, strict=True):
        warm.verify(header, *PLACE, value)
    index = data.draw(st.integers(0, len(values) - 1))
    raw = bytearray(headers[index].encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        changed = parse_sig(bytes(raw))
    except FormatError:
        return
    for verifier in (warm, BatchVerifier()):
        assert not verifier.verify(changed, *PLACE, values[index])
        assert not verifier.verify(headers[index], *PLACE, values[index] + b"!")


def test_event_cannot_be_replayed_elsewhere() -> None:
    (header,) = signed([b"value"])
    verifier = BatchVerifier()
    assert verifier.verify(header, *PLACE, b"value")
    assert not verifier.verify(header, "auditspine.access", 2, b"value")
    assert not verifier.verify(header, "auditspine.lifecycle", 3, b"value")
    for field, other in {
        "epoch": 8,
        "sequence": 2,
        "previous_epoch": 1,
        "previous_sequence": 1,
        "tenant": "other",
        "producer": "other",
    }.items():
        assert not verifier.verify(replace(header, **{field: other}), *PLACE, b"value")


def test_forgotten_batches_still_verify() -> None:
    verifier = BatchVerifier(max_batches=2)
    batches = [(signed([b"a", b"b"], epoch), [b"a", b"b"]) for epoch in range(1, 6)]
    for _ in range(2):
        for headers, values in batches:
            assert all(verifier.verify(h, *PLACE, v) for h, v in zip(headers, values, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:50], "cut short"),
        (lambda raw: b"\x02" + raw[1:], "expected signature suite 1, got 2"),
        (lambda raw: raw + b"x", "expected a path of 0 bytes, got 1"),
        (lambda raw: raw[:129] + struct.pack(">HH", 1, 1) + raw[133:], "batch index 1 of 1"),
        (lambda raw: raw[:129] + struct.pack(">HH", 2000, 1) + raw[133:], "out of range"),
        (lambda raw: raw[:134] + b"\xff\xff" + raw[136:], "not UTF-8"),
    ],
)
def test_malformed_headers_are_refused(change, message: str) -> None:
    raw = signed([b"value"])[0].encode()
    with pytest.raises(FormatError, match=message):
        parse_sig(change(raw))


@given(st.binary(max_size=400))
def test_parsing_never_fails_otherwise(raw: bytes) -> None:
    try:
        header = parse_sig(raw)
    except FormatError:
        return
    assert header.encode() == raw


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
def test_batches_have_a_size_limit(count: int) -> None:
    with pytest.raises(FormatError, match=f"got {count}"):
        sign_batch(KEY, [bytes(32)] * count)


def test_a_key_of_small_order_signs_nothing() -> None:
    """With the identity as public key, one signature holds for every message."""
    identity = b"\1" + bytes(31)
    signature = identity + bytes(32)  # R is the identity, S is 0
    Ed25519PublicKey.from_public_bytes(identity).verify(signature, b"anything at all")
    header = SigHeader(signature, identity, 1, 1, 0, 0, 1, 0, "acme", "p", b"")
    assert is_weak(identity)
    assert not BatchVerifier().verify(header, "topic", 0, b"value")
    assert not is_weak(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
