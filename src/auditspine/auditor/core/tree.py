"""The Merkle tree of one log, folded once, with its root at every checkpointed size. Pure.

Leaves that are not known (their row is lost) leave a hole. What comes after a hole is held
back, within bounds, because a reordered entry may turn up later and fill it.
"""

from collections.abc import Sequence
from hashlib import sha256

from auditspine.ledger.merkle import EMPTY_ROOT, node_hash

MAX_HELD_BACK = 262_144  # leaves


class Frontier:
    """Roots of the perfect subtrees of a growing tree, one per set bit of its size.

    Attributes:
        size: Leaves folded so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[bytes | None] = []

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Fold leaves in, a level at a time. Source: RFC 6962 §2.1."""
        hashing = sha256
        nodes = list(leaves)
        self.size += len(nodes)
        level = 0
        while nodes:
            if level == len(self._levels):
                self._levels.append(None)
            waiting = self._levels[level]
            if waiting is not None:
                nodes.insert(0, waiting)
            self._levels[level] = nodes.pop() if len(nodes) & 1 else None
            pairs = iter(nodes)
            nodes = [
                hashing(b"\x01" + left + right).digest()
                for left, right in zip(pairs, pairs, strict=True)
            ]
            level += 1

    def root(self) -> bytes:
        """Give the Merkle tree hash, 32 bytes. Source: RFC 6962 §2.1."""
        root: bytes | None = None
        for node in self._levels:
            if node is not None:
                root = node if root is None else node_hash(node, root)
        return EMPTY_ROOT if root is None else root

    def root_with(self, leaf: bytes) -> bytes:
        """Give the root that the tree would have after one more leaf."""
        trial = Frontier()
        trial.size, trial._levels = self.size, list(self._levels)
        trial.extend([leaf])
        return trial.root()


class HeldBack:
    """Leaves after a hole.

    Attributes:
        start: Position of the first leaf held: the first hole.
        leaves: Leaves from there; ``None`` for a hole.
        overflowed: Whether there were too many, so that the tree cannot be continued.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.leaves: list[bytes | None] = []
        self.overflowed = False
        self._holes = 0

    def append(self, leaves: Sequence[bytes]) -> None:
        """Hold more leaves; beyond the bound nothing is kept."""
        if self._has_room(len(leaves)):
            self.leaves.extend(leaves)

    def append_holes(self, count: int) -> None:
        """Hold the places of leaves that are not known."""
        self._holes += count
        if self._has_room(count):
            self.leaves.extend([None] * count)

    def _has_room(self, count: int) -> bool:
        if not self.overflowed and len(self.leaves) + count > MAX_HELD_BACK:
            self.overflowed = True
            self.leaves.clear()
        return not self.overflowed

    def fill(self, position: int, leaf: bytes) -> None:
        """Fill a hole with the leaf that was found elsewhere."""
        index = position - self.start
        if 0 <= index < len(self.leaves) and self.leaves[index] is None:
            self.leaves[index] = leaf
            self._holes -= 1

    def whole(self) -> list[bytes] | None:
        """Give all leaves when no hole is left."""
        if self.overflowed or self._holes:
            return None
        return [leaf for leaf in self.leaves if leaf is not None]
