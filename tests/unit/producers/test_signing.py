import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.batch import (
    BatchVerifier,
    SigHeader,
    batch_leaf,
    leaf_context,
    parse_sig,
    sign_batch,
)
from auditspine.ledger.errors import FormatError
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.merkle import inclusion_path, tree_levels
from auditspine.producers.signing import Identity, LogSigner, inclusion_paths

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
COUNTER = st.integers(0, 2**63 - 1)
NAME = st.text(min_size=0, max_size=40)


def reference(
    identity: Identity,
    place: tuple[str, int],
    epoch: int,
    values: list[bytes],
    sequence: int,
    previous: tuple[int, int],
) -> list[bytes]:
    public_key = public_bytes(identity.key)
    context = leaf_context(public_key, identity.tenant, identity.producer, *place)
    cited = [previous] + [(0, 0)] * (len(values) - 1)
    leaves = [
        batch_leaf(context, epoch, sequence + i, *cited[i], value) for i, value in enumerate(values)
    ]
    signature, paths = sign_batch(identity.key, leaves)
    return [
        SigHeader(
            signature,
            public_key,
            epoch,
            sequence + i,
            *cited[i],
            len(values),
            i,
            identity.tenant,
            identity.producer,
            path,
        ).encode()
        for i, path in enumerate(paths)
    ]


@settings(max_examples=60, deadline=None)
@given(
    tenant=NAME,
    producer=NAME,
    topic=st.text(min_size=1, max_size=40),
    partition=st.integers(0, 2**31),
    epoch=COUNTER,
    sequence=st.integers(1, 2**62),
    previous=st.one_of(st.just((0, 0)), st.tuples(COUNTER, COUNTER)),
    values=st.lists(st.binary(max_size=60), min_size=1, max_size=70),
)
def test_headers_are_byte_identical_to_the_reference_encoding(
    *, tenant, producer, topic, partition, epoch, sequence, previous, values
):
    identity = Identity(KEY, tenant, producer)
    signer = LogSigner(identity, epoch, topic, partition)
    headers = signer.sign(values, sequence, previous)
    assert headers == reference(identity, (topic, partition), epoch, values, sequence, previous)


@pytest.mark.parametrize("size", [1, 2, 3, 63, 64, 65, 1024])
def test_every_event_of_a_batch_verifies_alone(size: int) -> None:
    values = [b"event %d" % i for i in range(size)]
    headers = LogSigner(Identity(KEY, "acme", "svc"), 7, "t", 3).sign(values, 11, (5, 9))
    for header, value in zip(headers, values, strict=True):
        assert BatchVerifier().verify(parse_sig(header), "t", 3, value)
        assert not BatchVerifier().verify(parse_sig(header), "t", 2, value)
    assert [parse_sig(header).sequence for header in headers] == list(range(11, 11 + size))
    assert [parse_sig(header).previous_sequence for header in headers] == [9] + [0] * (size - 1)


@given(st.integers(1, 200))
def test_paths_equal_those_of_the_tree(size: int) -> None:
    levels = tree_levels([bytes([i]) * 32 for i in range(size)])
    assert inclusion_paths(levels) == [inclusion_path(levels, i) for i in range(size)]


def test_empty_and_oversized_batches_are_refused() -> None:
    signer = LogSigner(Identity(KEY, "acme", "svc"), 7, "t", 3)
    for size in (0, 1025):
        with pytest.raises(FormatError, match=f"got {size}"):
            signer.sign([b""] * size, 1, (0, 0))


def test_names_beyond_255_bytes_are_refused() -> None:
    with pytest.raises(FormatError, match="at most 255 bytes"):
        LogSigner(Identity(KEY, "a" * 256, "svc"), 7, "t", 3)
