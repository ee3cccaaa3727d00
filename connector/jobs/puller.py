"""The puller fetches what was agreed: one task per started transfer, as long as there is something to fetch.

A release of records comes in segments (`segments`) and goes on where it broke off; from a sender that has none it is
pulled again from the start. A stream goes on after its last stored event. When all of a release is here, the sender's
signed manifest is compared with what arrived, and the transfer is completed. A suspended transfer waits; every attempt
uses the address that stands now. A foreign connector has no manifest: what it gives is kept as it came.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import orjson

from connector.identity.members import Standing
from connector.jobs.intake import NotAStream, NotOurs
from connector.jobs.piecewise import Piecewise
from connector.jobs.pulling import CLOSED, Again, Closed, Ended, authorized, not_refused, or_nothing
from connector.jobs.segments import SegmentPull
from connector.outbound.answer import MIB, Caps
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import ReceivedTransfer, Transfer
from connector.services.context import Context
from connector.services.disk import CODE as DISK_LOW
from connector.services.patience import retry_after
from connector.services.processes.moves import Complete
from connector.services.processes.transfers import PUSH
from contracts import edc
from contracts.messages import DataAddress, MessageError

if TYPE_CHECKING:
    from connector.identity.members import Member
    from connector.jobs.arrival import Arrival, Arrivals
    from connector.services.processes.transfers import Transfers

_PAUSE = 1.0
"""Seconds of silence after which what is here is looked at."""
_PATIENCE = 8
"""How often a manifest is asked for when the sender does not answer, and a foreign connector that says no."""
_NOT_COMPLETE = 409
_MANIFEST = Caps(body=32 * MIB)

log = logging.getLogger("concord.puller")


class Puller:
    """The consumer's side of every pull. `run` ends when cancelled."""

    def __init__(self, context: Context, transfers: Transfers, arrivals: Arrivals) -> None:
        self._context = context
        self._transfers = transfers
        self._arrivals = arrivals
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Pull until cancelled."""
        bells = self._context.bells
        try:
            while True:
                seen = bells.count("transfers")
                started = await self._context.store.read(_wanted)
                wanted = {pid for pid, provider in started.items() if self._is_active(provider)}
                for pid, task in self._busy.items():
                    if pid not in wanted:
                        task.cancel()
                for pid in wanted - self._busy.keys():
                    self._busy[pid] = self._start(pid)
                for pid, state in (await self._context.store.read(_over)).items():
                    if pid not in self._busy:
                        await self._arrivals.ended(pid, *_ending(state))
                await bells.wait("transfers", seen=seen)
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._arrivals.files.close)

    def _start(self, pid: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._pull(pid))
        task.add_done_callback(lambda done: self._ended(pid, done))
        return task

    def _ended(self, pid: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(pid, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("a pull failed: %s", type(fault).__name__, extra={"transfer": pid})
        # Something may have changed while it was ending; a look costs one query.
        self._context.bells.ring("transfers")

    async def _pull(self, pid: str) -> None:
        """Try until it is here, or the transfer is over."""
        attempts = came = 0
        try:
            while (transfer := await self._standing(pid)) is not None:
                try:
                    await self._finish(transfer, await self._attempt(transfer))
                    return
                except Again as fault:
                    before, came = came, await self._arrivals.came(pid)
                    attempts = await self._tried(transfer, fault, attempts if came == before else 0)
                except Closed:
                    fresh = await self._standing(pid)
                    if fresh is None or fresh.data_address == transfer.data_address:
                        raise
        except Closed:
            await self._arrivals.ended(pid, "ended", "The sender closed the transfer before all of it was here.")
        except Ended as fault:
            log.warning("pull ended: %s", fault, extra={"transfer": pid})
            await self._arrivals.ended(pid, fault.standing, str(fault))
        except asyncio.CancelledError:
            await asyncio.shield(self._stopped(pid))
            raise

    async def _tried(self, transfer: Transfer, fault: Again, attempts: int) -> int:
        """Wait until the next try; longer each time nothing came. Raises Closed when it is not worth one."""
        if fault.refused and attempts >= _PATIENCE:
            raise Closed
        log.info("pull broke off: %s", fault, extra={"transfer": transfer.pid, "attempts": attempts})
        await self._arrivals.waits(transfer.pid, f"It waits for the next try: {fault}.")
        if fault.waiting:
            await asyncio.sleep(_PAUSE)
            return attempts
        await asyncio.sleep(retry_after(min(attempts, 6), random.random()).total_seconds())  # noqa: S311
        return attempts + 1

    async def _standing(self, pid: str) -> Transfer | None:
        """The transfer as it is now, when it is started: its address may have been made anew."""
        found = await self._context.store.read(lambda tx: tx.get(Transfer, pid))
        return found if found is not None and found.state == "STARTED" else None

    async def _attempt(self, transfer: Transfer) -> Arrival | Piecewise:
        """Raises Again, Closed, Ended; returns only for what came to its proper end."""
        if self._context.disk.low():
            raise Again(DISK_LOW)
        reach = _reach(transfer)
        foreign, member = self._arrivals.foreign(transfer), self._provider(transfer)
        # The address says which of the two doors it is; a consumer's own record does not know.
        stream = not foreign and "/data/streams/" in reach.endpoint
        if not foreign and not stream and (piecewise := await self._in_segments(transfer, reach, member)) is not None:
            return piecewise
        return await self._in_one(transfer, reach, member, "opaque" if foreign else "stream" if stream else "records")

    async def _in_segments(self, transfer: Transfer, reach: edc.Reach, member: Member) -> Piecewise | None:
        """The release in segments; None where the sender has none. Raises Again, Closed, Ended."""
        destination = partial(self._context.members.destination, member)
        try:
            return await SegmentPull(self._context, self._arrivals, reach, destination).attempt(transfer)
        except (OutboundRefused, Problem) as fault:
            log.warning("pull refused: %s", type(fault).__name__, extra={"transfer": transfer.pid})
            raise Closed from None

    async def _in_one(self, transfer: Transfer, reach: edc.Reach, member: Member, kind: str) -> Arrival:
        """One connection. Raises Again, Closed."""
        foreign, stream = kind == "opaque", kind == "stream"
        # Two commits on two sides, neither of which needs to wait for the other.
        beginning = asyncio.ensure_future(self._arrivals.begin(transfer, kind))
        try:
            headers = authorized(reach)
            if stream:
                headers["last-event-id"] = str((await beginning).intake.ledger.last)
            to = self._context.members.destination(member, reach.endpoint)
            async with self._context.outbound.stream(reach.endpoint, to=to, headers=headers) as incoming:
                _admitted(incoming.status, foreign=foreign)
                arrival = await beginning
                arrival.media_type = incoming.headers.get("content-type", "") if foreign else ""
                async for data in or_nothing(incoming.chunks(), _PAUSE):
                    await arrival.feed(data)
                await arrival.whole()
        except (Unreachable, NotOurs, NotAStream) as fault:
            raise Again(str(fault)) from None
        except (OutboundRefused, Problem) as fault:
            log.warning("pull refused: %s", type(fault).__name__, extra={"transfer": transfer.pid})
            raise Closed from None
        finally:
            await asyncio.shield(_closed(beginning))
        if stream:
            raise Again("the stream ended")
        return arrival

    def _provider(self, transfer: Transfer) -> Member:
        """Raises Again when it is not an active member: nothing is fetched until it is one again."""
        try:
            return self._context.members.active(transfer.counterparty)
        except Problem:
            raise Again("the provider is not an active member") from None

    def _is_active(self, provider: str) -> bool:
        known = self._context.members.known(provider)
        return known is not None and known.standing is Standing.ACTIVE

    async def _finish(self, transfer: Transfer, arrival: Arrival | Piecewise) -> None:
        """Check against the manifest, if the sender is one that makes them; complete the transfer. Raises Again."""
        if not isinstance(arrival, Piecewise) and self._arrivals.foreign(transfer):
            await arrival.keep()
        else:
            await arrival.check(await self._manifest(transfer))
        with suppress(Problem):  # ended in the meantime, by whomever: then there is nothing to complete
            await self._transfers.move(transfer.pid, Complete())

    async def _manifest(self, transfer: Transfer) -> str:
        """The signed manifest, not verified yet.

        Raises Closed when there is none, Ended when the sender says why, Again while it is not complete.
        """
        reach, member = _reach(transfer), self._provider(transfer)
        url = f"{reach.endpoint}/manifest"
        for attempt in range(_PATIENCE):
            try:
                answer = await self._context.outbound.send(
                    "GET", url, to=self._context.members.destination(member, url), headers=authorized(reach),
                    content=b"", caps=_MANIFEST,
                )  # fmt: skip
            except Unreachable:
                await asyncio.sleep(retry_after(attempt, random.random()).total_seconds())  # noqa: S311
                continue
            if answer.status == _NOT_COMPLETE:
                raise Again("the sender says that a segment is missing", refused=True)
            not_refused(answer.status, answer.body, "nothing more")
            if not answer.ok:
                raise Closed
            return _jws(answer.body)
        raise Closed

    async def _stopped(self, pid: str) -> None:
        """Cancelled: because the transfer is over (note that), or because it pauses or this process ends (go on)."""
        now = await self._context.store.read(lambda tx: tx.get(Transfer, pid))
        if now is None or now.state in ("STARTED", "SUSPENDED"):
            return
        await self._arrivals.ended(pid, *_ending(now.state))


async def _closed(beginning: asyncio.Future[Arrival]) -> None:
    """Close what was begun, if it was; a fault of the beginning has been raised where it was waited for."""
    await asyncio.wait({beginning})
    if not beginning.cancelled() and beginning.exception() is None:
        await beginning.result().close()


def _wanted(tx: Transaction) -> dict[str, str]:
    """Started pulls of ours of which not everything is here, with their provider. One the sender closed waits for a
    new start."""
    wanted = {}
    for transfer in tx.find(Transfer, role="consumer", state="STARTED"):
        row = tx.get(ReceivedTransfer, transfer.pid)
        over = row is not None and row.standing in ("complete", "ended", "broken")
        cut = row is not None and row.standing in ("ended", "broken")
        restarted = cut and row is not None and _later(transfer.updated_at, row.finished_at)
        if transfer.data_address and (not over or restarted):
            wanted[transfer.pid] = transfer.counterparty
    return wanted


def _over(tx: Transaction) -> dict[str, str]:
    """Pulls that have ended, with their state, of which something was still to come: they may have ended in a pause."""
    rows = tx.find(ReceivedTransfer, standing="receiving")
    found = [one for row in rows if (one := tx.get(Transfer, row.transfer)) is not None and one.format != PUSH]
    return {one.pid: one.state for one in found if one.state in ("COMPLETED", "TERMINATED")}


def _ending(state: str) -> tuple[str, str]:
    """Standing and finding of what was received, when a transfer is over before its sender came to an end."""
    return ("complete", "The transfer was completed.") if state == "COMPLETED" else ("ended", "It was ended.")


def _later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


def _reach(transfer: Transfer) -> edc.Reach:
    """Raises Closed when the address is none we can use."""
    try:
        reach = edc.read_address(DataAddress.read(transfer.data_address or {}))
    except MessageError:
        raise Closed from None
    if reach is None:
        raise Closed
    return reach


def _admitted(status: int, *, foreign: bool) -> None:
    """Raises Again or Closed unless the sender lets us in. A foreign no may mean "not yet": its doors open later."""
    if 200 <= status < 300:
        return
    if status in CLOSED and not foreign:
        raise Closed
    raise Again(f"status {status}", refused=status in CLOSED)


def _jws(body: bytes) -> str:
    """Raises Closed when the answer is no manifest."""
    try:
        value: Mapping[str, object] | object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Closed from None
    manifest = value.get("manifest") if isinstance(value, dict) else None
    if not isinstance(manifest, str):
        raise Closed
    return manifest
