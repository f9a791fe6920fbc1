"""The tree follows RFC 6962; the head is a pure fold."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.errors import FormatError
from auditspine.ledger.merkle import (
    EMPTY_ROOT,
    Head,
    chain_values,
    extend,
    inclusion_path,
    leaf_hash,
    path_length,
    tree_levels,
)

# Test vectors of the Certificate Transparency reference implementation: data and roots.
CT_LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
] + [bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1 written as its recursion, sharing nothing with the product."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = reference_root(leaves[:split]), reference_root(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


@pytest.mark.parametrize("size", range(1, 9))
def test_root_matches_the_certificate_transparency_vectors(size: int) -> None:
    leaves = [leaf_hash(data) for data in CT_LEAVES[:size]]
    assert extend(Head(), leaves).root().hex() == CT_ROOTS[size - 1]


def test_empty_root_is_the_hash_of_nothing() -> None:
    assert Head().root() == EMPTY_ROOT == sha256(b"").digest()


@given(hashes)
def test_root_equals_the_recursive_definition(leaves: list[bytes]) -> None:
    assert extend(Head(), leaves).root() == reference_root(leaves)
    if leaves:
        assert tree_levels(leaves)[-1] == [reference_root(leaves)]


@given(hashes, st.data())
def test_head_does_not_depend_on_how_leaves_are_batched(
    leaves: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(leaves)))
    assert extend(extend(Head(), leaves[:cut]), leaves[cut:]) == extend(Head(), leaves)
    assert [*chain_values(Head().chain, leaves)][-1:] == [extend(Head(), leaves).chain][
        : bool(leaves)
    ]


@given(hashes.filter(bool), st.data())
def test_inclusion_path_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(tree_levels(leaves), index)
    assert len(path) == 32 * path_length(index, len(leaves))
    node, at, last, offset = leaves[index], index, len(leaves) - 1, 0
    while last:
        if at & 1 or at != last:
            sibling = path[offset : offset + 32]
            pair = sibling + node if at & 1 else node + sibling
            node, offset = sha256(b"\x01" + pair).digest(), offset + 32
        at, last = at >> 1, last >> 1
    assert node == reference_root(leaves)


def test_head_refuses_a_frontier_of_another_size() -> None:
    with pytest.raises(FormatError, match="frontier of size 3 has 2 nodes, got 1"):
        Head(3, bytes(32), (bytes(32),))
