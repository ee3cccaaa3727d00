"""What recipients owe under notices of withdrawal, in time: reminder, officer, contracts suspended; and our own look.

Woken when a notice is made or answered, and at the next due moment (`Notice.next_at`); nothing is polled. What fell
due while nobody ran is caught up with at the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connector.jobs.alarm import keep_up
from connector.ports import Transaction
from connector.records import Notice
from connector.services.context import Context
from connector.services.exchange import ladder, speech, tracking
from connector.services.exchange.ladder import Rung
from connector.services.exchange.looking import Looking
from connector.services.exchange.withdrawal import BELL, SEND_REMINDER
from connector.services.gate import closed_under
from connector.services.suspending import Suspending
from contracts import exchange as wire

_REST = 30.0
_PORTION = 200
_PATIENCE = 120.0
"""Seconds for looking at everything one statement lists."""
_LOOK_AGAIN = timedelta(hours=1)
"""How long until a recipient that did not answer is asked again whether things are gone."""

log = logging.getLogger("concord.overdue")


@dataclass(frozen=True, slots=True)
class _Due:
    """Whether anything is due, whose contracts come to rest by it, and which these are."""

    any: bool
    silent: frozenset[str]
    contracts: list[str]


class Overdue:
    """One per process. `run` ends when cancelled."""

    def __init__(self, context: Context, suspending: Suspending) -> None:
        self._context = context
        self._suspending = suspending
        self._looking = Looking(context)
        self._patience = ladder.Patience.of(context.settings)

    async def run(self) -> None:
        """Work until cancelled. A recipient that answers slowly when it is looked at keeps nobody else waiting."""
        async with asyncio.TaskGroup() as both:
            both.create_task(keep_up(self._context, BELL, self.catch_up, log, _REST))
            both.create_task(keep_up(self._context, BELL, self.look_around, log, _REST))

    async def catch_up(self) -> float | None:
        """Do all that is due now; returns the seconds until there is something to do, None when there never is."""
        now, store = self._context.clock(), self._context.store
        while (found := await store.read(lambda tx: self._due(tx, now))).any:
            async with closed_under(self._context.gate, found.contracts):
                await store.write(partial(self._climb, now=now, silent=found.silent))
        following = await self._context.store.read(
            lambda tx: tx.find(Notice, next_at__ne=None, order="next_at", limit=1)
        )
        return self._seconds_to(following[0].next_at) if following else None

    def _seconds_to(self, moment: datetime | None) -> float | None:
        return None if moment is None else max(0.0, (moment - self._context.clock()).total_seconds())

    # --- the ladder ---------------------------------------------------------------------------------------------------

    def _due(self, tx: Transaction, now: datetime) -> _Due:
        """Whether something is due now, and which contracts will rest by it."""
        due = tx.find(Notice, next_at__le=now, order="next_at", limit=_PORTION)
        rungs = {one.id: ladder.next_rung(one, self._patience) for one in due}
        last = {one.recipient for one in due if (rung := rungs[one.id]) is not None and rung[0] is Rung.SUSPEND}
        contracts = [one.id for recipient in sorted(last) for one in self._suspending.active(tx, recipient)]
        return _Due(bool(due), frozenset(last), contracts)

    def _climb(self, tx: Transaction, now: datetime, silent: frozenset[str]) -> None:
        """Take one step for each notice that is due; only the contracts of `silent` recipients may rest now."""
        for one in tx.find(Notice, next_at__le=now, order="next_at", limit=_PORTION):
            fresh = tx.get(Notice, one.id)  # a step of one may have settled another
            rung = ladder.next_rung(fresh, self._patience) if fresh is not None else None
            if fresh is None:
                continue
            if rung is None or rung[1] > now:
                tx.change(fresh, next_at=rung[1] if rung is not None else None)
            elif rung[0] is not Rung.SUSPEND or fresh.recipient in silent:
                self._step(tx, fresh, rung[0], now)

    def _step(self, tx: Transaction, notice: Notice, rung: Rung, now: datetime) -> None:
        if rung is Rung.REMIND:
            notice = self._reminded(tx, notice, now)
        elif rung is Rung.ESCALATE:
            notice = tx.change(notice, escalated_at=now)
            self._log(tx, "withdrawal.escalated", notice)
        else:
            self._suspending.suspend(tx, notice.recipient)
            self._log(tx, "withdrawal.suspended", notice)
        following = None if rung is Rung.SUSPEND else ladder.next_rung(notice, self._patience)
        notice = tx.change(notice, next_at=following[1] if following is not None else None)
        tracking.forward(tx, self._context, notice)
        tx.ring("notices")

    def _reminded(self, tx: Transaction, notice: Notice, now: datetime) -> Notice:
        """The recipient is reminded; of one that speaks no exchange the officer sees from here on that it is late."""
        context, due = self._context, ladder.due_of(notice) or now
        if not notice.by_hand:
            claims = wire.Reminder(
                notice=notice.id, agreement=notice.agreement, kind=wire.Ending(notice.kind), due=due, at=now
            )
            context.deliveries.send(
                tx, recipient=notice.recipient, url=f"{context.members.exchange(notice.recipient)}/reminders",
                kind=SEND_REMINDER, body={"reminder": speech.say(context, speech.REMINDER, claims.wire())},
                about=notice.id,
            )  # fmt: skip
        self._log(tx, "withdrawal.overdue", notice)
        return tx.change(notice, overdue_at=now, reminded_at=now)

    def _log(self, tx: Transaction, kind: str, notice: Notice) -> None:
        body = {"recipient": notice.recipient, "agreement": notice.agreement, "by_hand": notice.by_hand}
        self._context.log(tx, kind, notice.id, body)

    # --- our own look -------------------------------------------------------------------------------------------------

    async def look_around(self) -> float | None:
        """Into every statement of erasure that nobody has looked into, and anew where nobody answered.

        Returns the seconds until somebody is to be asked again.
        """
        again = self._context.clock() - _LOOK_AGAIN
        for notice in await self._context.store.read(lambda tx: self._unseen(tx, again)):
            found = await self._look(notice)
            await self._context.store.write(partial(self._looking.note, before=notice, found=found))
        late = await self._context.store.read(lambda tx: tx.find(Notice, **_AWAY, order="checked_at", limit=1))
        asked = late[0].checked_at if late else None
        return self._seconds_to(asked + _LOOK_AGAIN) if asked is not None else None

    async def _look(self, notice: Notice) -> wire.Check:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._looking.look(notice)
        except TimeoutError:
            return wire.Check.UNREACHABLE

    @staticmethod
    def _unseen(tx: Transaction, again: datetime) -> list[Notice]:
        fresh = tx.find(Notice, check="", erased_at__ne=None, by_hand=False, limit=_PORTION)
        return [*fresh, *tx.find(Notice, **_AWAY, checked_at__le=again, limit=_PORTION)]


_AWAY: Mapping[str, Any] = {"check": str(wire.Check.UNREACHABLE), "erased_at__ne": None, "by_hand": False}
"""Notices whose recipient could not be asked."""
