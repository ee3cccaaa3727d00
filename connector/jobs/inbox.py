"""The inbox: takes what the provider of a push transfer sends us, under the token that our request told it.

One push per transfer at a time, a newer one ends an older one and begins anew. A provider of ours sends its signed
manifest afterwards, and what arrived is compared with it; what a foreign connector pushes is kept as it came. From the
moment the transfer is suspended or over, or we have decided so, nothing more is taken.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from connector.identity import access
from connector.identity.members import Standing
from connector.jobs.intake import NotAStream, NotOurs, OpaqueIntake, RecordsIntake
from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid, unavailable
from connector.records import Agreement, ReceivedTransfer, Transfer
from connector.services.context import Context
from connector.services.processes.transfers import PUSH
from connector.services.receiving import Receipt

if TYPE_CHECKING:
    from connector.jobs.arrival import Arrival, Arrivals

LARGEST = 64 * 1024**3
"""Bytes of one push."""
_IDLE = 60.0
"""Seconds a sender may say nothing."""
_PAUSE = 1.0
"""Seconds of silence after which what is here is looked at."""
_HANDING_OVER = 10.0
_AGREED = ("active", "pending")


class PushInbox:
    """Implements `connector.services.receiving.Inbox`. `run` cuts what is not open any more; it ends when cancelled."""

    def __init__(self, context: Context, arrivals: Arrivals) -> None:
        self._context = context
        self._arrivals = arrivals
        self._locks: dict[str, asyncio.Lock] = {}
        self._stops: dict[str, asyncio.Event] = {}
        self._here: dict[str, Arrival] = {}
        """Pushes that came to their proper end and whose manifest is awaited."""

    async def run(self) -> None:
        """Watch over the pushes until cancelled."""
        bells = self._context.bells
        while True:
            seen = bells.count("transfers")
            shut, over = await self._context.store.read(lambda tx: self._look(tx, [*self._stops, *self._here]))
            for pid in shut & self._stops.keys():
                self._stops[pid].set()
            for pid, state in over.items():
                self._here.pop(pid, None)
                if pid not in self._stops:
                    self._locks.pop(pid, None)
                    await self._arrivals.ended(pid, *_ending(state))
            await bells.wait("transfers", seen=seen)

    async def open(self, pid: str, token: str) -> None:
        """See the port. Raises Problem 507 while there is too little room."""
        await self._opened(pid, token)
        self._context.disk.require()

    async def take(self, pid: str, token: str, media_type: str, parts: AsyncIterator[bytes]) -> Receipt:
        """See the port."""
        async with self._alone(pid) as stop:
            transfer = await self._opened(pid, token)
            self._here.pop(pid, None)
            foreign = self._arrivals.foreign(transfer)
            arrival = await self._arrivals.begin(transfer, "opaque" if foreign else "records")
            arrival.media_type = media_type if foreign else ""
            try:
                await _feed(arrival, parts, stop)
                await arrival.whole()
            except (NotOurs, NotAStream):
                raise invalid("This is not what a release looks like", accepted="lines of NDJSON") from None
            finally:
                await asyncio.shield(arrival.close())
            if foreign:
                await arrival.keep()
            else:
                self._here[pid] = arrival
            return await self._receipt(arrival)

    async def check(self, pid: str, token: str, manifest: str) -> Receipt:
        """See the port. The same manifest again gets the same answer."""
        await self._opened(pid, token)
        arrival = self._here.get(pid)
        if arrival is None or pid in self._stops:
            raise conflict("No push is here that has come to its end", "no-push", "the push again, then its manifest")
        row = await self._row(pid)
        if row is None or row.standing != "complete" or (row.manifest or {}).get("jws") != manifest:
            await arrival.check(manifest)
        return await self._receipt(arrival)

    @asynccontextmanager
    async def _alone(self, pid: str) -> AsyncIterator[asyncio.Event]:
        """One push of a transfer at a time; yields what is set when this one has to stop."""
        lock = self._locks.setdefault(pid, asyncio.Lock())
        if (older := self._stops.get(pid)) is not None:
            older.set()
        try:
            async with asyncio.timeout(_HANDING_OVER):
                await lock.acquire()
        except TimeoutError:
            raise conflict("An earlier push of this transfer has not ended") from None
        stop = self._stops[pid] = asyncio.Event()
        try:
            yield stop
        finally:
            self._stops.pop(pid, None)
            lock.release()
            self._context.bells.ring("transfers")  # it may have been over before this ended

    async def _opened(self, pid: str, token: str) -> Transfer:
        """The transfer this token may push into now. Raises Problem 401, 410; 503 where another process takes it."""
        if not self._context.lead.held:  # who erases, and so knows what must not come in again, is where the lead is
            raise unavailable("Another process of this participant takes what is pushed. Try again")
        return await self._context.store.read(lambda tx: self._open_to(tx, pid, token))

    def _open_to(self, tx: Transaction, pid: str, token: str) -> Transfer:
        found = tx.get(Transfer, pid)
        known = (found.token_hash or "") if found is not None and found.role == "consumer" else ""
        if not hmac.compare_digest(access.token_hash(token), known) or found is None or found.format != PUSH:
            raise Problem(401, "bad-token", "This token opens nothing here")
        if not self._is_open(tx, found):
            raise Problem(410, "not-open", "This transfer is not open", f"it is {(found.state or 'new').lower()}")
        return found

    def _is_open(self, tx: Transaction, transfer: Transfer) -> bool:
        member = self._context.members.known(transfer.counterparty)
        agreement = tx.get(Agreement, transfer.agreement)
        if member is None or member.standing is not Standing.ACTIVE or transfer.held:
            return False
        if agreement is None or agreement.standing not in _AGREED:
            return False
        # A foreign data plane (EDC's) begins to push before its control plane says that the transfer has started.
        early = ("", "REQUESTED") if self._arrivals.foreign(transfer) else ()
        return transfer.state in ("STARTED", *early)

    def _look(self, tx: Transaction, known: Collection[str]) -> tuple[set[str], dict[str, str]]:
        """Which of these are not open any more, and which pushes are over of which something was still to come."""
        transfers = [found for pid in known if (found := tx.get(Transfer, pid)) is not None]
        shut = {one.pid for one in transfers if not self._is_open(tx, one)}
        waiting = [tx.get(Transfer, row.transfer) for row in tx.find(ReceivedTransfer, standing="receiving")]
        ended = [one for one in (*transfers, *waiting) if one is not None and one.format == PUSH]
        return shut, {one.pid: one.state for one in ended if one.state in ("COMPLETED", "TERMINATED")}

    async def _row(self, pid: str) -> ReceivedTransfer | None:
        return await self._context.store.read(lambda tx: tx.get(ReceivedTransfer, pid))

    async def _receipt(self, arrival: Arrival) -> Receipt:
        row = await self._row(arrival.transfer.pid)
        intake = arrival.intake
        digest = intake.digest() if isinstance(intake, RecordsIntake | OpaqueIntake) else ""
        return Receipt(intake.ledger.bytes, digest, row.verified if row else None, row.finding if row else "")


async def _feed(arrival: Arrival, parts: AsyncIterator[bytes], stop: asyncio.Event) -> None:
    """Everything that comes, until the sender's end. Raises Problem 408, 410, 413, and what the intake raises."""
    stopping: asyncio.Task[Any] = asyncio.ensure_future(stop.wait())
    coming: asyncio.Task[Any] = asyncio.ensure_future(anext(parts, None))
    size, silent = 0, 0.0
    try:
        while True:
            await asyncio.wait({coming, stopping}, timeout=_PAUSE, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                raise Problem(410, "not-open", "This push goes no further", "it was stopped, or another came instead")
            data = coming.result() if coming.done() else b""
            if data is None:
                return
            if coming.done():
                coming = asyncio.ensure_future(anext(parts, None))
            size, silent = size + len(data), 0.0 if data else silent + _PAUSE
            _check_limits(size, silent)
            await arrival.feed(data)
    finally:
        for task in (coming, stopping):
            task.cancel()
        await asyncio.gather(coming, stopping, return_exceptions=True)


def _check_limits(size: int, silent: float) -> None:
    """Raises Problem 408, 413."""
    if size > LARGEST:
        raise Problem(413, "too-large", "The push is too large", accepted=f"at most {LARGEST} bytes")
    if silent >= _IDLE:
        raise Problem(408, "too-slow", "Nothing came for too long", accepted=f"a part every {_IDLE:.0f} s")


def _ending(state: str) -> tuple[str, str]:
    if state == "COMPLETED":
        return "ended", "The sender called it complete before all of it was here and checked."
    return "ended", "It was ended."
