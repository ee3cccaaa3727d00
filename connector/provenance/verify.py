"""Verification of a whole stored log, row by row, in flat memory: is it what was signed, and which entry is not?

Every row is checked against its own leaf hash and commitment, its place against the rows before it, every signed
checkpoint against the tree the rows give, and, where the stored Merkle nodes are given, every node. Rows after the
last checkpoint (the tail) have all of these checks but the signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from connector.provenance.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from connector.provenance.entry import LogRow, verify_entry
from connector.provenance.merkle import CompactRange, NodeReader, TreeNode
from connector.provenance.note import NoteError, Verifier


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What verification found: `first_bad` is the position of the first bad entry, None where none can be blamed.

    `entries` counts the rows read up to there, `signed` those under a verified checkpoint, `erased` those of which
    only the commitment is left. `what` is one sentence for people.
    """

    ok: bool
    entries: int
    first_bad: int | None
    what: str
    signed: int = 0
    erased: int = 0


class _Found(Exception):
    """Something is wrong: it ends the walk and never leaves this module."""

    def __init__(self, first_bad: int | None, what: str) -> None:
        super().__init__(what)
        self.first_bad = first_bad
        self.what = what


def verify_log(
    rows: Iterable[LogRow], checkpoints: Iterable[str], verifier: Verifier, stored_node: NodeReader | None = None
) -> LogVerdict:
    """Check rows in order of position against signed checkpoint notes and, if given, the stored Merkle nodes.

    `checkpoints` may come from this store or from anybody who kept one. `stored_node` may lack nodes of the tail.
    Errors of the iterables themselves are the caller's.
    """
    walk = _Walk(stored_node)
    try:
        walk.expect(checkpoints, verifier)
        for row in rows:
            walk.step(row)
        walk.end()
    except _Found as found:
        return LogVerdict(False, walk.edge.size, found.first_bad, found.what, walk.signed, walk.erased)
    what = f"{walk.edge.size} entries hold, {walk.signed} of them signed"
    return LogVerdict(True, walk.edge.size, None, what, walk.signed, walk.erased)


class _Walk:
    """The state of one verification."""

    def __init__(self, stored_node: NodeReader | None) -> None:
        self.edge = CompactRange()
        self.signed = 0
        self.erased = 0
        self._stored = stored_node
        self._waiting: list[Checkpoint] = []

    def expect(self, notes: Iterable[str], verifier: Verifier) -> None:
        for note in notes:
            try:
                checkpoint = parse_checkpoint(note)
            except NoteError as error:
                raise _Found(None, f"a checkpoint cannot be read: {error}") from None
            wrong = verify_checkpoint(checkpoint, verifier)
            if wrong:
                raise _Found(None, f"the checkpoint at {checkpoint.size} entries is not valid: {wrong}")
            self._waiting.append(checkpoint)
        self._waiting.sort(key=lambda checkpoint: checkpoint.size, reverse=True)
        for later, earlier in pairwise(self._waiting):
            if later.size == earlier.size and later.root != earlier.root:
                raise _Found(None, f"two signed checkpoints at {later.size} entries state different roots")
        self._compare()

    def step(self, row: LogRow) -> None:
        index = self.edge.size
        if row.position != index:
            raise _Found(index, f"entry {index} is missing or out of order")
        wrong = verify_entry(row)
        if wrong:
            raise _Found(index, f"entry {index} was changed: {wrong}")
        nodes = self.edge.append(row.leaf_hash)
        self.erased += row.erased
        if self._stored is not None:
            self._match(nodes, self._stored)
        self._compare()

    def _match(self, nodes: Iterable[TreeNode], stored: NodeReader) -> None:
        for level, position, expected in nodes:
            last = ((position + 1) << level) - 1
            try:
                kept = stored(level, position)
            except LookupError:
                # Only a leaf after the last checkpoint may still wait to be integrated.
                if self._waiting or level:
                    raise _Found(last, f"entry {last} is in the tree but a stored node above it is missing") from None
                self._stored = None
                return
            if kept != expected:
                raise _Found(last, f"entry {last} does not match the stored tree")

    def _compare(self) -> None:
        while self._waiting and self._waiting[-1].size == self.edge.size:
            if self._waiting[-1].root != self.edge.root():
                raise self._blame()
            self._waiting.pop()
            self.signed = self.edge.size

    def _blame(self) -> _Found:
        # Each row agrees with itself, so the rewritten one lies anywhere since the last root that matched.
        first, last = self.signed, self.edge.size - 1
        if not self.edge.size:
            return _Found(None, "a checkpoint of an empty log states a root that is not the empty one")
        what = f"entry {first}, or one up to {last}, was replaced or swapped: the signed root does not match"
        return _Found(first, what)

    def end(self) -> None:
        if self._waiting:
            size, signed = self.edge.size, self._waiting[0].size
            raise _Found(size, f"entry {size} is missing: {signed} entries were signed, {size} are there")
