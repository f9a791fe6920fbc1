"""Merkle tree and hash chain over leaves. Pure; knows nothing of events, Kafka or storage.

Source: RFC 6962 §2.1 and RFC 9162 §2.1 for the tree. The chain beside it exists for SQL
(docs/adr/0002-chain-beside-tree.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from auditspine.ledger.errors import FormatError

HASH_SIZE = 32  # bytes
EMPTY_ROOT = sha256(b"").digest()
CHAIN_START = bytes(HASH_SIZE)


def leaf_hash(entry: bytes) -> bytes:
    """Hash one log entry to its leaf, 32 bytes. Source: RFC 6962 §2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtree roots to their parent, 32 bytes. Source: RFC 6962 §2.1."""
    return sha256(b"\x01" + left + right).digest()


def link(chain: bytes, leaf: bytes) -> bytes:
    """Advance the hash chain by one leaf: SHA-256(chain ‖ leaf), 32 bytes."""
    return sha256(chain + leaf).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """The state of one log after ``size`` entries.

    Attributes:
        size: Number of entries.
        chain: Hash chain value after the last entry, 32 bytes; zeros for an empty log.
        frontier: Roots of the perfect subtrees that make up the tree, largest first;
            one per set bit of ``size``.
    """

    size: int = 0
    chain: bytes = CHAIN_START
    frontier: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.frontier) != self.size.bit_count():
            raise FormatError(
                f"a frontier of size {self.size} has {self.size.bit_count()} nodes, "
                f"got {len(self.frontier)}"
            )

    def root(self) -> bytes:
        """Give the Merkle tree hash of the log, 32 bytes. Source: RFC 6962 §2.1."""
        if not self.frontier:
            return EMPTY_ROOT
        root = self.frontier[-1]
        for node in reversed(self.frontier[:-1]):
            root = node_hash(node, root)
        return root


def extend(head: Head, leaves: Iterable[bytes]) -> Head:
    """Fold leaves into a head.

    Args:
        head: State before the leaves.
        leaves: RFC 6962 leaf hashes in log order, 32 bytes each.

    Returns:
        The head after the last leaf.
    """
    hashing = sha256
    stack = list(head.frontier)
    size, chain = head.size, head.chain
    for leaf in leaves:
        chain = hashing(chain + leaf).digest()
        node, merges = leaf, size
        while merges & 1:
            node = hashing(b"\x01" + stack.pop() + node).digest()
            merges >>= 1
        stack.append(node)
        size += 1
    return Head(size, chain, tuple(stack))


def chain_values(chain: bytes, leaves: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chain value after each leaf, starting from ``chain``."""
    hashing = sha256
    for leaf in leaves:
        chain = hashing(chain + leaf).digest()
        yield chain


def tree_levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Build every level of the tree over ``leaves``, leaves first, root last.

    A last node without a sibling is promoted to the next level unchanged, which gives the
    tree of RFC 6962 §2.1.
    """
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = len(below) // 2
        level = [node_hash(below[2 * i], below[2 * i + 1]) for i in range(pairs)]
        if len(below) & 1:
            level.append(below[-1])
        levels.append(level)
    return levels


def inclusion_path(levels: Sequence[Sequence[bytes]], index: int) -> bytes:
    """Give the audit path of one leaf, concatenated, lowest node first.

    Args:
        levels: The tree, from :func:`tree_levels`.
        index: Position of the leaf.

    Source: RFC 6962 §2.1.1.
    """
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return b"".join(path)


def path_length(index: int, size: int) -> int:
    """Count the nodes of the audit path of leaf ``index`` in a tree of ``size`` leaves."""
    count, last = 0, size - 1
    while last:
        if index & 1 or index != last:
            count += 1
        index >>= 1
        last >>= 1
    return count
