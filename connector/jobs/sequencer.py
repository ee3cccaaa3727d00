"""The sequencer gives log entries their place in the Merkle tree and signs checkpoints, soon after they were written.

Entries are durable and ordered when their transaction commits; integration only adds the tree. One sequencer per log.
"""

from __future__ import annotations

import asyncio
import logging

from connector.ports import Transaction
from connector.provenance.checkpoint import sign_checkpoint
from connector.provenance.merkle import CompactRange
from connector.provenance.note import Signer as NoteSigner
from connector.records import LogCheckpoint, LogEntry, LogNode
from connector.services.context import Context
from connector.services.tasks import trace_of

_BATCH = 2000
_REST = 0.1
"""Seconds between two batches: many entries share one checkpoint, and none waits longer than 250 ms."""
_RETRY = 1.0

log = logging.getLogger("concord.sequencer")


class Sequencer:
    """Runs beside the server until cancelled."""

    def __init__(self, context: Context, signer: NoteSigner) -> None:
        self._context = context
        self._signer = signer

    async def run(self) -> None:
        """Integrate whenever something was logged."""
        bells = self._context.bells
        while True:
            seen = bells.count("log")
            try:
                while await self.integrate() == _BATCH:
                    pass
            except Exception as error:  # a full disk, say: the entries are kept, and wait for their place
                log.error("the log cannot be integrated: %s\n%s", type(error).__name__, trace_of(error))
                await asyncio.sleep(_RETRY)
                continue
            await bells.wait("log", seen=seen)
            await asyncio.sleep(_REST)

    async def integrate(self) -> int:
        """Integrate one batch; returns how many entries it held."""
        if not await self._context.store.read(lambda tx: tx.find(LogEntry, position=None, limit=1)):
            return 0
        return await self._context.store.write(self._integrate)

    def _integrate(self, tx: Transaction) -> int:
        waiting = tx.find(LogEntry, position=None, order="sequence", limit=_BATCH)
        if not waiting:
            return 0
        last = tx.find(LogCheckpoint, order="-size", limit=1)
        size = last[0].size if last else 0
        edge = CompactRange.load(size, lambda level, index: _stored(tx, level, index))
        for entry in waiting:
            for node in edge.append(entry.leaf_hash):
                tx.add(LogNode(level=node.level, position=node.position, hash=node.hash))
            tx.alter(LogEntry, {"position": size}, sequence=entry.sequence)
            size += 1
        root = edge.root()
        note = sign_checkpoint(size, root, self._signer)
        tx.add(LogCheckpoint(size=size, root=root, note=note, at=self._context.clock()))
        tx.ring("checkpoint")
        return len(waiting)


def _stored(tx: Transaction, level: int, index: int) -> bytes:
    node = tx.get(LogNode, level, index)
    if node is None:
        raise KeyError((level, index))
    return node.hash
