"""What evidence costs: `python -m bench.provenance [ENTRIES]` prints each step beside its bare hashlib floor.

Floors: the same SHA-256 calls on the same bytes with nothing around them. Every pair runs interleaved, best of five,
on process time; only the ratio travels from machine to machine.
"""

import hmac
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import repeat
from time import process_time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.provenance import merkle
from connector.provenance.checkpoint import sign_checkpoint
from connector.provenance.entry import Entry, LogRow, commit, leaf_bytes
from connector.provenance.note import NoteSigner, NoteVerifier
from connector.provenance.verify import verify_log
from connector.vault import PersonCoder, verify_signature

START = datetime(2026, 3, 1, tzinfo=UTC)
BODY = {"agreement": "urn:uuid:7d1f4c3a-0000-4000-8000-000000000001", "code": "abcdefghijklmnopqrstuvwxyz", "lines": 9}


def best(act: Callable[[], object]) -> float:
    """Seconds of one run."""
    before = process_time()
    act()
    return process_time() - before


def compare(name: str, count: int, ours: Callable[[], object], floor: Callable[[], object]) -> None:
    """Print one line: ours, floor, and what is left of it."""
    pairs = [(best(ours), best(floor)) for _ in range(5)]
    mine, bare = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    print(f"{name:<34}{count / mine:>12,.0f}/s   floor {count / bare:>12,.0f}/s   {bare / mine:6.1%}")


def entries(count: int) -> list[Entry]:
    """Entries as the connector logs them."""
    return [
        Entry(n, START + timedelta(milliseconds=n), "release.chunk", f"urn:uuid:{n:032d}", BODY, n.to_bytes(32, "big"))
        for n in range(count)
    ]


def append(made: list[Entry]) -> bytes:
    """Commit and append everything; the root."""
    edge = merkle.CompactRange()
    for entry in made:
        edge.append(commit(entry).leaf_hash)
    return edge.root()


def grow(leaves: list[bytes]) -> bytes:
    """The tree alone."""
    edge = merkle.CompactRange()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()


def bare_hashes(rows: list[LogRow]) -> None:
    """The three hashes an entry needs: commitment, leaf, and one node of the tree (on average)."""
    leaf = leaf_bytes(rows[0].at, rows[0].kind, rows[0].subject, rows[0].commitment)
    for row in rows:
        sha256(row.salt + (row.body or "").encode()).digest()
        sha256(b"\0" + leaf).digest()
        sha256(b"\1" + row.leaf_hash + row.leaf_hash).digest()


def bare_nodes(leaves: list[bytes]) -> None:
    """One node a leaf."""
    for leaf in leaves:
        sha256(b"\1" + leaf + leaf).digest()


def bare_hmacs(leaves: list[bytes]) -> None:
    """One textbook HMAC a leaf."""
    for leaf in leaves:
        hmac.digest(bytes(32), leaf.hex().encode(), "sha256")


def bare_signatures(count: int, key: Ed25519PrivateKey) -> None:
    """Signatures over as many bytes as a checkpoint has."""
    for message in repeat(bytes(100), count):
        key.sign(message)


def bench_log(count: int) -> None:
    """Appending and verifying whole logs."""
    made = entries(count)
    rows = [commit(entry) for entry in made]
    leaves = [row.leaf_hash for row in rows]
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    signer = NoteSigner("urn:concord:bench:00000000", public, key.sign)
    verifier = NoteVerifier(signer.name, public, verify_signature)
    note = sign_checkpoint(count, grow(leaves), signer)

    def verify() -> None:
        if not verify_log(rows, [note], verifier).ok:
            raise SystemExit("the bench's own log does not verify")

    def sign() -> None:
        for size in range(200):
            sign_checkpoint(size, merkle.EMPTY_ROOT, signer)

    compare("append (commit, leaf, tree)", count, lambda: append(made), lambda: bare_hashes(rows))
    compare("append (tree alone)", count, lambda: grow(leaves), lambda: bare_nodes(leaves))
    compare("verify rows", count, verify, lambda: bare_hashes(rows))
    compare("signed checkpoints", 200, sign, lambda: bare_signatures(200, key))


def bench_proofs(count: int) -> None:
    """Inclusion proofs from stored nodes; the floor is hashing as many nodes as a proof has."""
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(count)]
    nodes: dict[tuple[int, int], bytes] = {}
    edge = merkle.CompactRange()
    for leaf in leaves:
        nodes |= {(level, position): node for level, position, node in edge.append(leaf)}
    wanted = range(0, count, 10)

    def proofs() -> None:
        for index in wanted:
            merkle.inclusion_proof(index, count, lambda level, position: nodes[level, position])

    compare("inclusion proofs", len(wanted), proofs, lambda: bare_nodes(leaves[: len(wanted)] * count.bit_length()))


def bench_coders(count: int) -> None:
    """Keyed ids and coders of people; the floor is one textbook HMAC each."""
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(count)]

    def ids() -> None:
        replace = PersonCoder(bytes(32)).id
        for leaf in leaves:
            replace("Observation", leaf.hex())

    compare("keyed ids", count, ids, lambda: bare_hmacs(leaves))
    compare("coders of people", count, lambda: [PersonCoder(leaf) for leaf in leaves], lambda: bare_hmacs(leaves))


def main(count: int) -> None:
    """Print the table."""
    print(f"{count:,} entries")
    bench_log(count)
    bench_proofs(count)
    bench_coders(count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
