"""Duties in time: what is to be deleted is deleted when it is due, people are reminded, what is late is noted.

Woken when a duty is owed or done, and at the next due moment. What fell due while nobody ran is caught up with at the
start; what was begun and not stated is done again: deleting twice is deleting once.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from connector.jobs.alarm import keep_up
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Agreement, DutyOwed, ReceivedPerson, ReceivedTransfer, Transfer
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.duties.book import BELL, DutyBook
from connector.services.exchange.ending import GOING_ON, stop_fetching
from connector.services.processes.moves import Terminate
from connector.services.processes.transfers import Transfers

if TYPE_CHECKING:
    from connector.dataplane.received import ReceivedFiles
    from connector.dataplane.tally import Removed

_RETRY = 30.0
_PATIENCE = 10.0
"""Seconds to wait until what is being received has stopped; it is deleted then all the same."""
_PORTION = 200
_NOTE = "Deleted: its time is over."

log = logging.getLogger("concord.duties")


class DutyKeeper:
    """One per process. `run` ends when cancelled."""

    def __init__(self, context: Context, transfers: Transfers, files: ReceivedFiles) -> None:
        self._context = context
        self._transfers = transfers
        self._files = files
        self._book = DutyBook(context)

    async def run(self) -> None:
        """Work until cancelled."""
        await keep_up(self._context, BELL, self.catch_up, log, _RETRY)

    async def catch_up(self) -> float | None:
        """Do all that is due now; returns the seconds until there is something to do, None when there never is."""
        while pressing := await self._context.store.read(self._pressing):
            deleting = [row for row in pressing if row.duty == "delete" and self._book.ours(row)]
            failed = [row.id for row in deleting if not await self._is_deleted(row)]
            others = [row for row in pressing if row not in deleting]
            await self._context.store.write(partial(self._note, rows=others))
            if failed:
                return _RETRY
        following = await self._context.store.read(
            lambda tx: tx.find(DutyOwed, standing="open", next_at__ne=None, order="next_at", limit=1)
        )
        return self._seconds_to(following[0].next_at) if following else None

    def _seconds_to(self, moment: datetime | None) -> float | None:
        return None if moment is None else max(0.0, (moment - self._context.clock()).total_seconds())

    def _pressing(self, tx: Transaction) -> list[DutyOwed]:
        now = self._context.clock()
        return tx.find(DutyOwed, standing="open", next_at__le=now, order="next_at", limit=_PORTION)

    def _note(self, tx: Transaction, rows: list[DutyOwed]) -> None:
        """Remind of what is at half time, and note what is late; each once."""
        now = self._context.clock()
        for row in rows:
            fresh = tx.get(DutyOwed, row.id)
            if fresh is None or fresh.standing != "open" or fresh.next_at != row.next_at:
                continue
            if fresh.due_at is not None and fresh.due_at > now:
                self._book.reminded(tx, fresh)
            else:
                self._book.missed(tx, fresh)

    # --- deleting what its time is over for ---------------------------------------------------------------------------

    async def _is_deleted(self, row: DutyOwed) -> bool:
        """Delete what a duty is about; False when it failed and must be tried again."""
        try:
            received = await self._context.store.write(lambda tx: self._stop(tx, row))
            await self._stopped(row)
            removed = await asyncio.to_thread(self._remove, received)
            await self._context.store.write(lambda tx: self._deleted(tx, row, received, removed))
        except OSError as fault:
            log.error("deleting failed: %s", type(fault).__name__, extra={"duty": row.id})
            return False
        return True

    def _stop(self, tx: Transaction, row: DutyOwed) -> list[ReceivedTransfer]:
        """What is to be deleted; whatever of it still comes in is fetched no further."""
        agreements, only = _concerned(tx, row)
        stop_fetching(tx, agreements, **({"pid": row.occasion} if row.occasion else {}))
        return tx.find(ReceivedTransfer, agreement=agreements, **only)

    async def _stopped(self, row: DutyOwed) -> None:
        """End the transfers on the wire, and wait until nothing comes in any more."""
        for pid in await self._going_on(row):
            try:
                await self._transfers.close(pid, Terminate("duty-delete", (row.words,)))
            except Problem as problem:
                log.warning("a transfer could not be terminated: %s", problem.code, extra={"transfer": pid})
        bells = self._context.bells
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    seen = bells.count("transfers")
                    if not await self._going_on(row):
                        return
                    await bells.wait("transfers", seen=seen)
        except TimeoutError:
            return

    async def _going_on(self, row: DutyOwed) -> list[str]:
        def query(tx: Transaction) -> list[str]:
            only: dict[str, Any] = {"pid": row.occasion} if row.occasion else {}
            return [one.pid for one in tx.find(Transfer, agreement=_concerned(tx, row)[0], state=GOING_ON, **only)]

        return await self._context.store.read(query)

    def _remove(self, received: list[ReceivedTransfer]) -> list[Removed]:
        return [removed for one in received for removed in self._files.delete_one(one.agreement, one.transfer)]

    def _deleted(
        self, tx: Transaction, row: DutyOwed, received: list[ReceivedTransfer], removed: list[Removed]
    ) -> None:
        """Keep what it was and that it is gone, and state it.

        After a crash between deleting and this nothing is found any more: then what was counted on arrival stands.
        """
        now = self._context.clock()
        facts = {
            "objects": sum(1 for one in removed if one.bytes), "lines": sum(one.lines for one in removed),
            "bytes": sum(one.bytes for one in removed),
        }  # fmt: skip
        held = [_held(tx, one) for one in received]
        for name, counted in zip(facts, (sum(column) for column in zip(*held, strict=True)), strict=False):
            facts[name] = max(facts[name], counted)
        for before in received:
            one = tx.get(ReceivedTransfer, before.transfer) or before
            ended = {"standing": "ended", "finished_at": now} if one.standing == "receiving" else {}
            if not one.finding.endswith(_NOTE):
                tx.change(one, finding=f"{one.finding} {_NOTE}".strip(), **ended)
            tx.remove(ReceivedPerson, transfer=one.transfer)
        fresh = tx.get(DutyOwed, row.id)
        if fresh is not None:
            self._book.done(tx, fresh, facts)
        tx.ring("received")


def _concerned(tx: Transaction, row: DutyOwed) -> tuple[list[str], dict[str, Any]]:
    """What a duty to delete is about: the agreements, and which transfer under them where it is about one alone."""
    agreement = tx.get(Agreement, row.agreement)
    chain = [one.id for one in chain_of(tx, agreement)] if agreement is not None else []
    return chain or [row.agreement], {"transfer": row.occasion} if row.occasion else {}


def _held(tx: Transaction, one: ReceivedTransfer) -> tuple[int, int, int]:
    """Files, lines and bytes that are known to be here: none once it was deleted, or its people were."""
    if one.kind == "opaque":
        return (0, 0, 0) if one.finding.endswith(_NOTE) else (1, 0, one.bytes)
    people = tx.find(ReceivedPerson, transfer=one.transfer)
    return (1 if people else 0, sum(row.lines for row in people), sum(row.bytes for row in people))
