"""The sequencer gives log entries their place in the Merkle tree and signs checkpoints, soon after they were written.

Entries are durable and ordered when their transaction commits; integration only adds the tree. One sequencer per log.
It signs a tree only when that continues what it signed last, which it also keeps outside the store
(`connector.vault.log_head`): a history rewritten in the store is never signed again.
"""

from __future__ import annotations

import asyncio
import logging

from connector.ports import Transaction
from connector.provenance.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from connector.provenance.merkle import EMPTY_ROOT, CompactRange
from connector.provenance.note import NoteError
from connector.provenance.note import Signer as NoteSigner
from connector.provenance.verify import BATCH
from connector.records import LogCheckpoint, LogEntry, LogNode
from connector.services.context import Context
from connector.services.tasks import trace_of

_BATCH = BATCH
_REST = 0.1
"""Seconds between two batches: many entries share one checkpoint, and none waits longer than 250 ms."""
_RETRY = 1.0

log = logging.getLogger("concord.sequencer")


class HistoryChanged(Exception):
    """What stands in the store does not continue what was signed; the message says in which way."""


class Sequencer:
    """Runs beside the server until cancelled, or until the stored history is not the signed one."""

    def __init__(self, context: Context, signer: NoteSigner) -> None:
        self._context = context
        self._signer = signer
        self._file = context.log_head
        self._head: Checkpoint | None = None

    async def run(self) -> None:
        """Integrate whenever something was logged."""
        bells = self._context.bells
        while True:
            seen = bells.count("log")
            try:
                while await self.integrate() == _BATCH:
                    pass
            except HistoryChanged as changed:
                log.error("nothing more is signed: %s; verify the log and keep the directory as it is", changed)
                return
            except Exception as error:  # a full disk, say: the entries are kept, and wait for their place
                log.error("the log cannot be integrated: %s\n%s", type(error).__name__, trace_of(error))
                await asyncio.sleep(_RETRY)
                continue
            await bells.wait("log", seen=seen)
            await asyncio.sleep(_REST)

    async def integrate(self) -> int:
        """Integrate one batch; returns how many entries it held. Raises HistoryChanged."""
        if self._head is None:
            self._head = await self._begin()
        if not await self._context.store.look(lambda tx: tx.find(LogEntry, position=None, limit=1)):
            return 0
        head, self._head = self._head, None  # should anything fail from here on, it is read again
        count, note = await self._context.store.write(lambda tx: self._integrate(tx, head))
        self._head = await self._keep(note) if note else head
        return count

    async def _begin(self) -> Checkpoint:
        """What was signed last. The store may be ahead of the file: a process can end between the two."""
        kept = await asyncio.to_thread(self._file.read)
        head = self._own(kept) if kept is not None else None
        newest = await self._context.store.read(lambda tx: self._newest(tx, head))
        if newest is None:
            return Checkpoint(self._signer.name, 0, EMPTY_ROOT, parse_checkpoint(self._sign(0, EMPTY_ROOT)).note)
        return await self._keep(newest) if newest != kept else parse_checkpoint(newest)

    async def _keep(self, note: str) -> Checkpoint:
        await asyncio.to_thread(self._file.keep, note)
        return parse_checkpoint(note)

    def _sign(self, size: int, root: bytes) -> str:
        return sign_checkpoint(size, root, self._signer)

    def _own(self, note: str) -> Checkpoint:
        # Ed25519 signs the same text in the same way: what is ours is what we would sign.
        try:
            head = parse_checkpoint(note)
        except NoteError:
            raise HistoryChanged("the head kept in the vault cannot be read") from None
        if self._sign(head.size, head.root) != note:
            raise HistoryChanged("the head kept in the vault is not signed by the log's key")
        return head

    def _newest(self, tx: Transaction, head: Checkpoint | None) -> str | None:
        edge = self._edge(tx, head)
        return self._sign(edge.size, edge.root()) if edge.size else None

    def _edge(self, tx: Transaction, head: Checkpoint | None) -> CompactRange:
        """The tree as signed last, checked against its checkpoint, the head, and the rows' places."""
        last = tx.find(LogCheckpoint, order="-size", limit=1)
        size = last[0].size if last else 0
        if head is not None and size < head.size:
            raise HistoryChanged(f"{head.size} entries were signed, the newest checkpoint in the store states {size}")
        edge = _load(tx, size)
        if last and last[0].note != self._sign(size, edge.root()):
            raise HistoryChanged(f"the stored tree is not the one signed at {size} entries")
        if head is not None and _load(tx, head.size).root() != head.root:
            raise HistoryChanged(f"the stored tree does not continue the one signed at {head.size} entries")
        placed = tx.find(LogEntry, order="-position", limit=1)
        if placed and (-1 if placed[0].position is None else placed[0].position) != size - 1:
            raise HistoryChanged(f"{size} entries were signed, but not as many have a place")
        if size and not placed:
            raise HistoryChanged(f"{size} entries were signed, and none is there")
        return edge

    def _integrate(self, tx: Transaction, head: Checkpoint) -> tuple[int, str]:
        waiting = tx.find(LogEntry, position=None, order="sequence", limit=_BATCH)
        if not waiting:
            return 0, ""
        edge = self._edge(tx, head)
        before = tx.find(LogEntry, position=edge.size - 1, limit=1) if edge.size else []
        if before and before[0].sequence > waiting[0].sequence:
            raise HistoryChanged("an entry that was signed has lost its place")
        for entry in waiting:
            position = edge.size
            for node in edge.append(entry.leaf_hash):
                tx.add(LogNode(level=node.level, position=node.position, hash=node.hash))
            tx.alter(LogEntry, {"position": position}, sequence=entry.sequence)
        root = edge.root()
        note = self._sign(edge.size, root)
        tx.add(LogCheckpoint(size=edge.size, root=root, note=note, at=self._context.clock()))
        tx.ring("checkpoint")
        return len(waiting), note


def _load(tx: Transaction, size: int) -> CompactRange:
    """The right edge of the stored tree. Raises HistoryChanged when a node is missing."""
    try:
        return CompactRange.load(size, lambda level, index: _stored(tx, level, index))
    except (LookupError, ValueError):
        raise HistoryChanged(f"the stored tree lacks nodes of the one signed at {size} entries") from None


def _stored(tx: Transaction, level: int, index: int) -> bytes:
    node = tx.get(LogNode, level, index)
    if node is None:
        raise KeyError((level, index))
    return node.hash
