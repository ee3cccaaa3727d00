"""Verification of a whole stored log, row by row, in flat memory: is it what was signed, and which entry is not?

Every row is checked against its own leaf hash and commitment, its place against the rows before it, every signed
checkpoint against the tree the rows give, and, where the stored Merkle nodes are given, every node. Rows after the
last checkpoint (the tail) have all of these checks but the signature, and the reader says how long it may be.

An entry that was emptied must be named by an entry `log.erased`, whose body is {"entries": [positions]}; one that
nothing names was emptied to hide it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from connector.provenance.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from connector.provenance.entry import LogRow, verify_entry
from connector.provenance.merkle import CompactRange, NodeReader, TreeNode
from connector.provenance.note import NoteError, Verifier

BATCH = 2000
"""Entries that one checkpoint takes up at most: what a process that was killed may leave unsigned."""
ERASED = "log.erased"
"""The kind of the entry that says which entries were emptied."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What may stand after the last checkpoint of a store.

    `since`: while a process signs, entries no older than this (`connector.provenance.entry.instant`). None: nobody
    signs now; then something is signed, and at most `BATCH` entries are not.
    """

    since: str | None = None


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
    rows: Iterable[LogRow],
    checkpoints: Iterable[str],
    verifier: Verifier,
    stored_node: NodeReader | None = None,
    tail: Tail | None = None,
) -> LogVerdict:
    """Check rows in order of position against signed checkpoint notes and, if given, the stored Merkle nodes.

    `checkpoints` may come from this store or from anybody who kept one. `stored_node` may lack nodes of the tail.
    Without `tail` any number of rows may be unsigned, as in rows that were never in a store.
    Errors of the iterables themselves are the caller's.
    """
    walk = _Walk(stored_node)
    try:
        walk.expect(checkpoints, verifier)
        for row in rows:
            walk.step(row)
        walk.end(tail)
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
        self._unnamed: set[int] = set()
        self._oldest = ""

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
        self._account(row)
        if self._stored is not None:
            self._match(nodes, self._stored)
        self._compare()

    def _account(self, row: LogRow) -> None:
        """What was emptied, what says so, and how old the unsigned entries are."""
        if row.erased:
            self.erased += 1
            self._unnamed.add(row.position)
        elif row.kind == ERASED:
            try:
                self._unnamed -= set(json.loads(row.body or "")["entries"])
            except (ValueError, TypeError, LookupError):
                raise _Found(row.position, f"entry {row.position} does not say which entries were erased") from None
        self._oldest = min(self._oldest or row.at, row.at)

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
            self._oldest = ""

    def _blame(self) -> _Found:
        # Each row agrees with itself, so the rewritten one lies anywhere since the last root that matched.
        first, last = self.signed, self.edge.size - 1
        if not self.edge.size:
            return _Found(None, "a checkpoint of an empty log states a root that is not the empty one")
        what = f"entry {first}, or one up to {last}, was replaced or swapped: the signed root does not match"
        return _Found(first, what)

    def end(self, tail: Tail | None) -> None:
        size = self.edge.size
        if self._waiting:
            signed = self._waiting[0].size
            raise _Found(size, f"entry {size} is missing: {signed} entries were signed, {size} are there")
        if self._unnamed:
            bad = min(self._unnamed)
            raise _Found(bad, f"entry {bad} was emptied, and no later entry says so")
        if tail is not None and self.signed < size:
            self._judge(tail, size - self.signed)

    def _judge(self, tail: Tail, unsigned: int) -> None:
        if tail.since is not None and self._oldest < tail.since:
            raise _Found(self.signed, f"entry {self.signed} should have been signed by now")
        if tail.since is None and not self.signed:
            raise _Found(0, f"{unsigned} entries are there and none of them is signed")
        if tail.since is None and unsigned > BATCH:
            raise _Found(self.signed, f"{unsigned} entries are not signed, more than a process leaves when it ends")
