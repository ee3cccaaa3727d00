"""What follows from the end of an agreement: its transfers are terminated, and at a recipient its files are deleted.

Woken when an agreement ends or is replaced, and when the next one runs out by its own terms. What was begun and not
stated is done again after a start: deleting twice is deleting once.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from connector.jobs.alarm import keep_up
from connector.ports import Transaction
from connector.records import Agreement, ContractEnding, ReceivedPerson, ReceivedTransfer, Transfer
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.deadlines import LOOK
from connector.services.exchange.ending import BELL, GOING_ON, Endings
from connector.services.tasks import trace_of

if TYPE_CHECKING:
    from connector.dataplane.received import ReceivedFiles
    from connector.dataplane.tally import Removed
    from connector.jobs.copies import CopyEraser

_RETRY = 30.0
_LOOK = LOOK.total_seconds()
_PATIENCE = 10.0
"""Seconds to wait until what is being received has stopped; it is deleted then all the same."""
_NOTE = "Deleted: the contract is over."

log = logging.getLogger("concord.clearing")


class Clearing:
    """One per process. `run` ends when cancelled."""

    def __init__(
        self, context: Context, endings: Endings, files: ReceivedFiles, copies: CopyEraser | None = None
    ) -> None:
        self._context = context
        self._endings = endings
        self._files = files
        self._copies = copies

    async def run(self) -> None:
        """Work until cancelled."""
        await keep_up(self._context, BELL, self.catch_up, log, _RETRY)

    async def catch_up(self) -> float | None:
        """End what is over, delete what ended; one that fails is tried again later, and stops none of the others.

        Returns the seconds until there is something to do.
        """
        following = await self._endings.run_out()
        await self._endings.close_what_is_over()
        whole = await self._clear()
        return min(_LOOK if whole else _RETRY, self._seconds_to(following))

    def _seconds_to(self, moment: datetime | None) -> float:
        return _LOOK if moment is None else max(0.0, (moment - self._context.clock()).total_seconds())

    async def _clear(self) -> bool:
        """At a recipient: delete what was received under every agreement that has ended. Whether nothing failed."""
        waiting = await self._context.store.read(lambda tx: tx.find(ContractEnding, role="consumer", erased_at=None))
        whole = True
        for ending in waiting:
            try:
                await self._carry_out(ending)
            except Exception as fault:  # whatever it is: the other contracts are over as well
                log.error(
                    "clearing failed: %s\n%s", type(fault).__name__, trace_of(fault),
                    extra={"agreement": ending.agreement},
                )  # fmt: skip
                whole = False
        return whole

    async def _carry_out(self, ending: ContractEnding) -> None:
        chain = await self._context.store.read(lambda tx: _ids(tx, ending))
        await self._stopped(chain)
        removed = await asyncio.to_thread(self._delete, chain)
        whole = self._copies is None or await self._copies.delete(chain)
        await self._context.store.write(lambda tx: self._deleted(tx, ending, chain, removed, whole=whole))

    async def _stopped(self, chain: list[str]) -> None:
        bells = self._context.bells
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    seen = bells.count("transfers")
                    going_on = await self._context.store.read(
                        lambda tx: tx.count(Transfer, agreement=chain, state=GOING_ON)
                    )
                    if not going_on:
                        return
                    await bells.wait("transfers", seen=seen)
        except TimeoutError:
            return

    def _delete(self, chain: list[str]) -> list[Removed]:
        return [removed for agreement in chain for removed in self._files.delete(agreement)]

    def _deleted(
        self, tx: Transaction, ending: ContractEnding, chain: list[str], removed: list[Removed], *, whole: bool
    ) -> None:
        """What came is gone; that is stated once what was made of it is gone as well, or stays on a stated ground."""
        ending = tx.get(ContractEnding, ending.agreement) or ending
        now = self._context.clock()
        tx.remove(ReceivedPerson, agreement=chain)
        tx.alter(ReceivedTransfer, {"standing": "ended", "finished_at": now}, agreement=chain, standing="receiving")
        for row in tx.find(ReceivedTransfer, agreement=chain):
            if not row.finding.endswith(_NOTE):
                tx.change(row, finding=f"{row.finding} {_NOTE}".strip())
        if not whole:
            return
        self._endings.state_erased(
            tx, ending, objects=sum(1 for one in removed if one.bytes), lines=sum(one.lines for one in removed),
            size=sum(one.bytes for one in removed),
        )  # fmt: skip


def _ids(tx: Transaction, ending: ContractEnding) -> list[str]:
    agreement = tx.get(Agreement, ending.agreement)
    return [one.id for one in chain_of(tx, agreement)] if agreement is not None else [ending.agreement]
