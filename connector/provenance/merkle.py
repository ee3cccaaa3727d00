"""The Merkle tree of RFC 6962 section 2.1 (unchanged in RFC 9162): hashes, appending, proofs and their verification.

Nodes are complete subtrees named `(level, position)`: level 0 holds the leaf hashes, node `(l, i)` covers the leaves
`i * 2**l` up to `(i + 1) * 2**l - 1`. A complete node never changes, so nodes can be stored once and for all.
All hashes are 32 bytes of SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of the complete node at (level, position); raises LookupError for one that is not stored."""


class TreeNode(NamedTuple):
    """The hash of a complete subtree: `position` counts the nodes of its `level` from the left, from 0."""

    level: int
    position: int
    hash: bytes


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf holding `data`."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def _peaks(start: int, end: int) -> list[tuple[int, int]]:
    # The complete nodes that tile [start, end), largest first; `start` is aligned to the largest of them.
    nodes = []
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            nodes.append((level, start >> level))
            start += 1 << level
    return nodes


def _fold(peaks: Sequence[bytes]) -> bytes:
    # A tree of any size is its complete subtrees, joined from the right.
    joined = peaks[-1]
    for peak in reversed(peaks[:-1]):
        joined = node_hash(peak, joined)
    return joined


class CompactRange:
    """The right edge of a growing tree: enough to append and to know the root, in log2(size) hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def load(cls, size: int, read: NodeReader) -> CompactRange:
        """Pick up a tree of `size` leaves from its stored nodes. Raises LookupError when a node is missing."""
        edge = cls()
        edge._peaks = [read(level, position) for level, position in _peaks(0, size)]
        edge.size = size
        return edge

    def append(self, leaf: bytes) -> list[TreeNode]:
        """Add a leaf hash; return the nodes this completes, the leaf first: these are what a store keeps."""
        level, position = 0, self.size
        self.size = position + 1
        completed = [TreeNode(0, position, leaf)]
        while position & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            level, position = level + 1, position >> 1
            completed.append(TreeNode(level, position, leaf))
        self._peaks.append(leaf)
        return completed

    def root(self) -> bytes:
        """The root over all leaves so far; the hash of nothing for an empty tree."""
        return _fold(self._peaks) if self._peaks else EMPTY_ROOT


def root(size: int, read: NodeReader) -> bytes:
    """The root of the first `size` leaves, from stored nodes. Raises LookupError when a node is missing."""
    return CompactRange.load(size, read).root()


def _subtree(start: int, end: int, read: NodeReader) -> bytes:
    return _fold([read(level, position) for level, position in _peaks(start, end)])


def _split(start: int, end: int) -> int:
    # RFC 6962: k is the largest power of two smaller than the number of leaves.
    return start + (1 << ((end - start - 1).bit_length() - 1))


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1: the hashes that lead from a leaf to the root.

    Raises ValueError unless 0 <= index < size, LookupError when a node is missing.
    """
    if not 0 <= index < size:
        raise ValueError("the tree of this size has no such leaf")
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, read: NodeReader) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 6962 2.1.2: that the tree of `second` leaves only added to that of `first`.

    Empty when `first` is 0 or equals `second`. Raises ValueError unless 0 <= first <= second, LookupError when a node
    is missing.
    """
    if not 0 <= first <= second:
        raise ValueError("a tree is consistent only with later ones of itself")
    start, end = 0, second
    path = []
    while first not in (0, end):
        middle = _split(start, end)
        if first <= middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    # The verifier knows the first root; the last subtree is told only where it is not that root itself.
    if start:
        path.append(_subtree(start, end, read))
    return path[::-1]


def _hashes_only(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` (a leaf hash) is number `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _hashes_only([leaf, root, *proof]):
        return False
    position, last, joined = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            joined = node_hash(sibling, joined)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            joined = node_hash(joined, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and joined == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the second tree only added leaves to the first (RFC 9162, 2.1.4.2).

    An empty first tree is consistent with every tree, by an empty proof.
    """
    if not 0 <= first <= second or not _hashes_only([first_root, second_root, *proof]):
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    return bool(proof) and _replay(first - 1, second - 1, path) == (first_root, second_root)


def _replay(position: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    # Rebuilds both roots from one path; None when the path is too short or too long for the two sizes.
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return (old, new) if last == 0 else None
