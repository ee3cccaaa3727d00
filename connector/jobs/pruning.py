"""Pruning forgets what nobody can ask for any more: messages, jobs, used tokens. Once a day, in small portions.

A message received is kept so that its sender gets the same answer when it repeats it. Others cannot repeat it: a token
is good for two minutes. A sender may do so for as long as it gets no answer, once a day without end, but while the
process is not final here, the row stays however old it is. In a final process every message is refused, known or not,
and a request that names a process we know opens no second one: so past `keep_messages_days` only the wording of an
answer is lost. Messages of ours are kept for the eyes of the operator, as long as that counted from when they were
delivered, and for `keep_dead_letters_days` from when they were given up; one that still waits is never removed. A job
is kept for `keep_jobs_days` after it ended. A used token is forgotten once it could not be used again anyway, and a
margin after that, should our clock be set back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connector.ports import Transaction
from connector.records import InboxMessage, Job, Negotiation, OutboxMessage, Transfer, UsedToken
from connector.services.context import Context
from connector.services.releasing.quarantine import destroy_overdue
from connector.services.tasks import trace_of
from contracts import negotiation, transfer

_DAY = 24 * 3600.0
_MARGIN = timedelta(days=1)
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
        settings, now = self._context.settings, self._context.clock()
        before = now - timedelta(days=settings.keep_messages_days)
        await self._received(before)
        await self._sent(standing="delivered", delivered_at__lt=before)
        before = now - timedelta(days=settings.keep_dead_letters_days)
        await self._sent(standing="dead", dead_at__lt=before)
        # Taken back when their process ended: nobody gave these up, so nothing says when.
        await self._sent(standing="dead", dead_at=None, created_at__lt=before)
        while await self._context.store.write(partial(_end, now - timedelta(days=settings.keep_jobs_days))):
            pass
        while await self._context.store.write(partial(_spend, now - _MARGIN)):
            pass

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


def _end(before: datetime, tx: Transaction) -> int:
    """Forget a portion of the jobs that ended before; returns how many."""
    found = tx.find(Job, order="ended_at", limit=_PORTION, standing=["done", "failed"], ended_at__lt=before)
    return tx.remove(Job, id=[one.id for one in found]) if found else 0


def _spend(before: datetime, tx: Transaction) -> int:
    """Forget a portion of the tokens that could not be used again since before; returns how many."""
    found: dict[str, list[str]] = {}
    for one in tx.find(UsedToken, order="until", limit=_PORTION, until__lt=before):
        found.setdefault(one.issuer, []).append(one.jti)
    return sum(tx.remove(UsedToken, issuer=issuer, jti=jtis) for issuer, jtis in found.items())


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
