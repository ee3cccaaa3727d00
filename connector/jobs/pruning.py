"""Pruning forgets messages nobody can ask for any more: once a day, in small portions.

A message received is kept so that its sender gets the same answer when it repeats it. Others cannot repeat it: a token
is good for two minutes. A sender may do so for as long as it gets no answer, once a day without end, but while the
process is not final here, the row stays however old it is. In a final process every message is refused, known or not,
and a request that names a process we know opens no second one: so past `keep_messages_days` only the wording of an
answer is lost. Messages of ours are kept as long, counted from when they were delivered or given up, for the eyes of
the operator; one that still waits is never removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connector.ports import Transaction
from connector.records import InboxMessage, Negotiation, OutboxMessage, Transfer
from connector.services.context import Context
from connector.services.releasing.quarantine import destroy_overdue
from connector.services.tasks import trace_of
from contracts import negotiation, transfer

_DAY = 24 * 3600.0
_PORTION = 200
"""Rows removed in one transaction: the writer is back with the others after some milliseconds."""

log = logging.getLogger("concord.pruning")


class Pruning:
    """One per process. `run` ends when cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Prune at the start and once a day, until cancelled."""
        while True:
            try:
                await self.prune()
            except Exception as error:
                log.error("messages cannot be pruned: %s\n%s", type(error).__name__, trace_of(error))
            await asyncio.sleep(_DAY)

    async def prune(self) -> None:
        """Remove what is older than the setting says, and what was held back for as long as it may be."""
        while await destroy_overdue(self._context):
            pass
        before = self._context.clock() - timedelta(days=self._context.settings.keep_messages_days)
        await self._received(before)
        await self._sent(standing="delivered", delivered_at__lt=before)
        await self._sent(standing="dead", dead_at__lt=before)
        # Taken back when their process ended: nobody gave these up, so nothing says when.
        await self._sent(standing="dead", dead_at=None, created_at__lt=before)

    async def _received(self, before: datetime) -> None:
        beyond: dict[str, Any] = {}
        full = True
        while full:
            portion = await self._context.store.read(partial(_old, before, beyond))
            removed = await self._context.store.write(partial(_forget, portion))
            if full := len(portion) == _PORTION:
                first, last = portion[0].received_at, portion[-1].received_at
                # What was kept at the last moment comes again, with what else came at that moment.
                if first != last:
                    beyond = {"received_at__ge": last}
                elif not removed:
                    beyond = {"received_at__gt": last}

    async def _sent(self, **settled: Any) -> None:
        while portion := await self._context.store.read(
            lambda tx: tx.find(OutboxMessage, order=None, limit=_PORTION, **settled)
        ):
            await self._context.store.write(partial(_remove, [one.id for one in portion], settled["standing"]))


def _old(before: datetime, beyond: dict[str, Any], tx: Transaction) -> list[InboxMessage]:
    return tx.find(InboxMessage, order="received_at", limit=_PORTION, received_at__lt=before, **beyond)


def _remove(ids: list[str], standing: str, tx: Transaction) -> None:
    tx.remove(OutboxMessage, id=ids, standing=standing)


def _forget(portion: Sequence[InboxMessage], tx: Transaction) -> int:
    """Remove these, apart from those of a process that goes on; returns how many went."""
    going_on = {pid for pid in {row.about for row in portion} if _goes_on(tx, pid)}
    return sum(
        tx.remove(InboxMessage, sender=row.sender, message_id=row.message_id)
        for row in portion
        if row.about not in going_on
    )


def _goes_on(tx: Transaction, pid: str) -> bool:
    if (asked := tx.get(Negotiation, pid)) is not None:
        return asked.state not in negotiation.FINAL
    moved = tx.get(Transfer, pid)
    return moved is not None and moved.state not in transfer.FINAL
