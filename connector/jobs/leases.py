"""The courier's leases, where several processes deliver from one outbox; with one process there are none.

Whoever takes a message writes the token of its process into it, in a transaction that follows all others, so that one
message never goes to two. What a process hands over to itself in memory it has taken as it queued it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from connector.ports import Transaction
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.leases import LEASE, RENEW, SWEEP, is_free

log = logging.getLogger("concord.courier")


class Leases:
    """`under_way` names the messages that are being sent."""

    def __init__(self, context: Context, under_way: Callable[[], Sequence[str]]) -> None:
        self._context = context
        self._under_way = under_way
        self._keeping: asyncio.Task[None] | None = None

    @property
    def _token(self) -> str:
        return self._context.deliveries.lease

    def start(self) -> None:
        """Renew from now on what takes long."""
        if self._token:
            self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Renew nothing more, and let others have at once what was not sent."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        try:
            await asyncio.shield(self._context.store.write(self._let_go))
        except Exception as error:  # they end by themselves
            log.warning("messages could not be let go: %s", type(error).__name__)

    def until_next_look(self, pause: float | None) -> float | None:
        """Seconds, where others may have died with something that is due: not longer than a few."""
        if not self._token:
            return pause
        return SWEEP if pause is None else min(SWEEP, pause)

    async def take_all(self, due: list[OutboxMessage], now: datetime) -> list[OutboxMessage]:
        """Those of them that are ours now."""
        if not self._token or not due:
            return due

        def command(tx: Transaction) -> list[OutboxMessage]:
            taken = [self.taken(message.lane, now, tx) for message in due]
            return [one for one in taken if one is not None]

        return await self._context.store.write(command)

    def taken(self, lane: str, now: datetime, tx: Transaction) -> OutboxMessage | None:
        """The oldest of a lane, which is ours now; None when it is not due, or another process has it."""
        oldest = self.oldest(lane, now, tx)
        return tx.change(oldest, lease=self._token, leased_until=now + LEASE) if oldest is not None else None

    def oldest(self, lane: str, now: datetime, tx: Transaction) -> OutboxMessage | None:
        """The same, which may be taken now."""
        oldest = tx.find(OutboxMessage, lane=lane, standing="waiting", order="sequence", limit=1)
        if not oldest or not is_free(oldest[0], now, self._token):
            return None
        early = oldest[0].due_at is not None and oldest[0].due_at > now
        return None if early else oldest[0]

    def lane_of(self, id: str, now: datetime, tx: Transaction) -> str:
        """The lane of a message that waits, if there is something to be taken in it now; empty: there is not."""
        one = tx.get(OutboxMessage, id)
        waits = one is not None and one.standing == "waiting"
        return one.lane if one is not None and waits and self.oldest(one.lane, now, tx) is not None else ""

    def none(self) -> dict[str, object]:
        """What a message that waits on has to lose."""
        return {"lease": "", "leased_until": None} if self._token else {}

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            if ids := list(self._under_way()):
                try:
                    await self._context.store.write(lambda tx, ids=ids: self._renew(tx, ids))  # type: ignore[misc]
                except Exception as error:  # they end by themselves should this go on
                    log.error("leases cannot be renewed: %s", type(error).__name__)

    def _renew(self, tx: Transaction, ids: list[str]) -> None:
        until = self._context.clock() + LEASE
        tx.alter(OutboxMessage, {"leased_until": until}, id=ids, standing="waiting", lease=self._token)

    def _let_go(self, tx: Transaction) -> None:
        tx.alter(OutboxMessage, self.none(), standing="waiting", lease=self._token)
