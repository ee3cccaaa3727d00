"""The Merkle tree against Certificate Transparency's reference values, a naive twin, and every proof of small trees."""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.provenance import merkle

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/transparency-log/rfc6962.json").read_text())
LEAVES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]


class StoredTree:
    """A tree grown leaf by leaf, keeping exactly the nodes `append` hands out."""

    def __init__(self, leaves):
        self.edge = merkle.CompactRange()
        self.nodes = {}
        self.roots = [merkle.EMPTY_ROOT]
        for leaf in leaves:
            for level, position, node in self.edge.append(leaf):
                assert (level, position) not in self.nodes
                self.nodes[level, position] = node
            self.roots.append(self.edge.root())

    def read(self, level, position):
        return self.nodes[level, position]


def naive_root(leaves):
    """MTH of RFC 6962 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


@cache
def numbered(size):
    return StoredTree([merkle.leaf_hash(str(number).encode()) for number in range(size)])


def proof_of(case):
    return [bytes.fromhex(node) for node in case["proof"]]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size):
    tree = StoredTree(LEAVES[:size])
    assert tree.edge.root() == ROOTS[size - 1]
    assert merkle.root(size, StoredTree(LEAVES).read) == ROOTS[size - 1]


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_published_inclusion_proofs_are_made_and_accepted(case):
    leaf, size = case["leaf"], case["size"]
    assert merkle.inclusion_proof(leaf, size, StoredTree(LEAVES).read) == proof_of(case)
    assert merkle.verify_inclusion(LEAVES[leaf], leaf, size, proof_of(case), ROOTS[size - 1])


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_published_consistency_proofs_are_made_and_accepted(case):
    first, second = case["first"], case["second"]
    assert merkle.consistency_proof(first, second, StoredTree(LEAVES).read) == proof_of(case)
    assert merkle.verify_consistency(first, second, ROOTS[first - 1], ROOTS[second - 1], proof_of(case))


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_a_growing_tree_has_the_root_of_the_definition_at_every_size(data):
    leaves = [merkle.leaf_hash(item) for item in data]
    tree = StoredTree(leaves)
    assert tree.roots[-1] == naive_root(leaves)
    assert merkle.root(len(leaves), tree.read) == tree.roots[-1]


@given(st.integers(0, 300), st.integers(1, 40))
def test_a_tree_picked_up_from_stored_nodes_goes_on_as_if_never_put_down(size, more):
    whole = numbered(size + more)
    edge = merkle.CompactRange.load(size, whole.read)
    for number in range(size, size + more):
        edge.append(whole.read(0, number))
    assert edge.root() == whole.roots[size + more]


def test_every_leaf_of_every_small_tree_has_a_proof_that_holds():
    tree = numbered(40)
    for size in range(1, 41):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, tree.read)
            assert merkle.verify_inclusion(tree.read(0, index), index, size, proof, tree.roots[size])


def test_every_two_sizes_of_a_small_tree_have_a_proof_that_holds():
    tree = numbered(40)
    for second in range(41):
        for first in range(second + 1):
            proof = merkle.consistency_proof(first, second, tree.read)
            assert merkle.verify_consistency(first, second, tree.roots[first], tree.roots[second], proof)


@given(st.data())
def test_a_proof_for_another_place_size_leaf_or_root_fails(data):
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    tree = numbered(300)
    proof = merkle.inclusion_proof(index, size, tree.read)
    leaf, root = tree.read(0, index), tree.roots[size]
    other = data.draw(st.integers(0, 299).filter(lambda number: number != index))
    assert not merkle.verify_inclusion(leaf, other, size, proof, root)
    assert not merkle.verify_inclusion(tree.read(0, other), index, size, proof, root)
    assert not merkle.verify_inclusion(leaf, index, size, [*proof, root], root)
    assert not merkle.verify_inclusion(leaf, index, size, [b"", *proof], root)
    assert not merkle.verify_inclusion(leaf, index, size, proof, tree.roots[other if other != size else other + 1])
    if proof:
        assert not merkle.verify_inclusion(leaf, index, size, proof[:-1], root)


@given(st.data())
def test_one_changed_bit_breaks_any_proof(data):
    second = data.draw(st.integers(2, 300))
    first = data.draw(st.integers(1, second - 1))
    tree = numbered(300)
    roots = tree.roots[first], tree.roots[second]

    def flipped(proof):
        where, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        value = int.from_bytes(proof[where], "big") ^ 1 << bit
        return [*proof[:where], value.to_bytes(32, "big"), *proof[where + 1 :]]

    inclusion = merkle.inclusion_proof(first, second, tree.read)
    assert not merkle.verify_inclusion(tree.read(0, first), first, second, flipped(inclusion), roots[1])
    consistency = merkle.consistency_proof(first, second, tree.read)
    assert not merkle.verify_consistency(first, second, *roots, flipped(consistency))


@given(st.data())
def test_consistency_with_other_sizes_or_roots_fails(data):
    second = data.draw(st.integers(2, 300))
    first = data.draw(st.integers(1, second - 1))
    tree = numbered(300)
    old, new = tree.roots[first], tree.roots[second]
    proof = merkle.consistency_proof(first, second, tree.read)
    other = data.draw(st.integers(0, second - 1).filter(lambda size: size != first))
    assert not merkle.verify_consistency(first, second, tree.roots[other], new, proof)
    assert not merkle.verify_consistency(first, second, new, old, proof)
    assert not merkle.verify_consistency(first, second, old, new, [])
    assert not merkle.verify_consistency(first, second, old, new, proof[:-1])
    assert not merkle.verify_consistency(first, second, old, new, [*proof, new])
    assert not merkle.verify_consistency(second, first, new, old, proof)


def test_a_tree_is_not_consistent_with_another_of_its_size():
    root, other = numbered(7).roots[7], numbered(7).roots[6]
    assert not merkle.verify_consistency(7, 7, root, other, [])
    assert not merkle.verify_consistency(7, 7, root, root, [root])
    assert not merkle.verify_consistency(0, 7, other, root, [])
    assert not merkle.verify_consistency(0, 7, merkle.EMPTY_ROOT, root, [root])


def test_proofs_of_what_is_not_there_are_refused():
    tree = numbered(5)
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            merkle.inclusion_proof(index, size, tree.read)
    with pytest.raises(ValueError, match="later ones"):
        merkle.consistency_proof(5, 4, tree.read)
    with pytest.raises(LookupError):
        merkle.inclusion_proof(0, 6, tree.read)
    assert not merkle.verify_inclusion(tree.read(0, 0), 0, 0, [], merkle.EMPTY_ROOT)
