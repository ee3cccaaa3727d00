"""A small log as a store would hold it, with its nodes, checkpoints and key; made again for each test."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.provenance.checkpoint import sign_checkpoint
from connector.provenance.entry import SALT_BYTES, Entry, LogRow, commit
from connector.provenance.merkle import CompactRange
from connector.provenance.note import NoteSigner, NoteVerifier
from connector.vault import verify_signature

ORIGIN = "urn:concord:st-elisabeth-hospital:3f9a2c1b"
START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def entry(position: int) -> Entry:
    body = {"agreement": "urn:uuid:4f0c", "people": position, "note": 'Zürich ≥ 3 "x"'}
    at = START + timedelta(milliseconds=250 * position)
    return Entry(position, at, "release.chunk", f"urn:uuid:{position:04d}", body, bytes([position % 256]) * SALT_BYTES)


@dataclass
class SampleLog:
    """`size` entries, a checkpoint at each of `signed`."""

    size: int
    signed: tuple[int, ...]
    rows: list[LogRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.public = key.public_key().public_bytes_raw()
        self.signer = NoteSigner(ORIGIN, self.public, key.sign)
        self.verifier = NoteVerifier(ORIGIN, self.public, verify_signature)
        edge = CompactRange()
        for position in range(self.size):
            row = commit(entry(position))
            self.rows.append(row)
            self.nodes |= {(level, place): node for level, place, node in edge.append(row.leaf_hash)}
            if position + 1 in self.signed:
                self.notes.append(sign_checkpoint(position + 1, edge.root(), self.signer))

    def node(self, level: int, position: int) -> bytes:
        return self.nodes[level, position]
