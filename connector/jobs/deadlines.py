"""Deadlines of open questions: a reminder at half time, an end when time is up. Woken at the next due moment only."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from connector.jobs.alarm import keep_up
from connector.ports import Transaction
from connector.problems import Problem, conflict
from connector.records import Negotiation, PersonAsked
from connector.services.context import Context
from connector.services.contracting.questions import BELL, open_question
from connector.services.processes.moves import Terminate
from connector.services.processes.negotiations import Negotiations

OVERDUE = Terminate("answer-overdue", ("Nobody answered within the time that was set for it.",))
_REST = 60.0
"""Seconds of rest after a fault of our own, such as a full disk."""

log = logging.getLogger("concord.deadlines")


class Deadlines:
    """One per process. What fell due while nobody ran is caught up with at the start."""

    def __init__(self, context: Context, negotiations: Negotiations) -> None:
        self._context = context
        self._negotiations = negotiations

    async def run(self) -> None:
        """Remind and end until cancelled."""
        await keep_up(self._context, BELL, self.catch_up, log, _REST)

    async def catch_up(self) -> float | None:
        """Do all that is due now; returns the seconds until the next thing falls due, None when nothing will."""
        while True:
            now = self._context.clock()
            for asked in await self._begin(now):
                await self._end(asked)
            ahead = await self._context.store.read(lambda tx: tx.find(PersonAsked, order="due_at", limit=1))
            due = ahead[0].due_at if ahead else None
            if due is None or due > now:
                return (due - now).total_seconds() if due else None

    async def _begin(self, now: datetime) -> list[PersonAsked]:
        """Reminds of what is at half time, clears away what is answered; returns the questions whose time is up."""

        def command(tx: Transaction) -> list[PersonAsked]:
            return [asked for asked in tx.find(PersonAsked, due_at__le=now) if self._is_over(tx, asked, now)]

        return await self._context.store.write(command)

    def _is_over(self, tx: Transaction, asked: PersonAsked, now: datetime) -> bool:
        process = open_question(tx, asked)
        if process is None:
            tx.remove(PersonAsked, negotiation=asked.negotiation)
            return False
        if now >= asked.answer_by:
            return True
        self._remind(tx, asked, process, now)
        return False

    def _remind(self, tx: Transaction, asked: PersonAsked, process: Negotiation, now: datetime) -> None:
        tx.put(replace(asked, reminded_at=now, due_at=asked.answer_by))
        tx.change(process, reminded_at=now)
        body = {"counterparty": process.counterparty, "answer_by": asked.answer_by.isoformat()}
        self._context.log(tx, "negotiation.reminded", process.pid, body)
        tx.ring(f"about:{process.pid}")

    async def _end(self, asked: PersonAsked) -> None:
        """End the negotiation for this question; one that was raised meanwhile has a time of its own."""

        def first(tx: Transaction, _: Negotiation) -> None:
            if open_question(tx, asked) is None:
                raise conflict("The question was answered at the last moment")

        def clear(tx: Transaction) -> None:
            standing = tx.get(PersonAsked, asked.negotiation)
            if standing is not None and standing.question == asked.question:
                tx.remove(PersonAsked, negotiation=asked.negotiation)

        try:
            await self._negotiations.move(asked.negotiation, OVERDUE, {"actor": {"role": "deadline"}}, first=first)
        except Problem as problem:
            if problem.status not in (404, 409):  # answered, or ended, at the last moment
                raise
        # Only now: a process that dies before this is asked to end it again.
        await self._context.store.write(clear)
