"""The pusher sends what was agreed to where the consumer said: one task per started push of ours.

A few run at a time, of one consumer's and of all; the others wait for their turn. It is the release a pull would get,
chunk by chunk through the same gate, into the body of a request of ours. A push that breaks off gives its place
away and begins anew, after a pause and behind the others; delivered whole, with its signed manifest where the receiver
wants one, the transfer is completed. A receiver that says no too often, or an address that we may not call, ends the
transfer. Towards a member that is not active any more nothing is pushed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

import orjson

from connector.identity.members import Member, Standing
from connector.jobs.outgoing import Outgoing
from connector.jobs.storing import Storing
from connector.jobs.trying import Again, Never
from connector.jobs.turns import Turns
from connector.outbound.answer import Caps
from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Agreement, Transfer
from connector.services.context import Context
from connector.services.patience import retry_after
from connector.services.processes.moves import Complete, Terminate
from connector.services.processes.transfers import PUSHES, STORE_PUSH
from connector.services.releasing.opening import keys_needed
from connector.services.releasing.plane import MANIFEST
from contracts import edc
from contracts.messages import DataAddress, MessageError

if TYPE_CHECKING:
    from connector.outbound.guard import Destination
    from connector.services.processes.transfers import Transfers
    from connector.services.releasing.service import Releasing

_TRIES = 12
"""How often a push may be refused or break off on its way. A receiver that cannot be reached is tried without end."""
_EACH = 4
_TOGETHER = 24
"""Pushes under way to one consumer, and in all: fewer than the connections for uploads."""
_LOOK_AGAIN = 60.0
_LATER = 503
_MEDIA = "application/fhir+ndjson"
_BY = {"account": "pusher", "role": "system"}

log = logging.getLogger("concord.pusher")


class Pusher:
    """The provider's side of every push. `run` ends when cancelled."""

    def __init__(self, context: Context, transfers: Transfers, releasing: Releasing) -> None:
        self._context = context
        self._transfers = transfers
        self._releasing = releasing
        self._storing = Storing(context, releasing)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._turns = Turns(_EACH, _TOGETHER)

    async def run(self) -> None:
        """Push until cancelled."""
        bells = self._context.bells
        try:
            while True:
                seen = bells.count("transfers")
                started = await self._context.store.read(_wanted)
                wanted = {one.pid: one.counterparty for one in started if self._consumer(one)}
                for pid, task in self._busy.items():
                    if pid not in wanted:
                        task.cancel()
                for pid in [pid for pid in wanted if pid not in self._busy]:
                    self._busy[pid] = self._start(pid, wanted[pid])
                await bells.wait("transfers", seen=seen)
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, pid: str, consumer: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._push(pid, consumer))
        task.add_done_callback(lambda done: self._ended(pid, done))
        return task

    def _ended(self, pid: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(pid, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("a push failed: %s", type(fault).__name__, extra={"transfer": pid})
        self._context.bells.ring("transfers")

    async def _push(self, pid: str, consumer: str) -> None:
        """Try until it is delivered, or the transfer is over."""
        attempts = counted = 0
        while True:
            seen = self._context.bells.count("transfers")
            try:
                async with self._turns.of(consumer):
                    if (transfer := await self._standing(pid)) is None:
                        return
                    await self._attempt(transfer)
                await self._transfers.close(pid, Complete(), _BY)
                return
            except Never as fault:
                await self._transfers.close(pid, fault.move, _BY)
                return
            except Again as fault:
                counted += fault.counts
                if counted >= _TRIES:
                    move = Terminate("push-failed", ("The data could not be delivered to the address of the request.",))
                    await self._transfers.close(pid, move, _BY)
                    return
                log.info("push broke off: %s", fault, extra={"transfer": pid, "attempts": attempts})
                if fault.shut:
                    await self._context.bells.wait("transfers", timeout=_LOOK_AGAIN, seen=seen)
                await asyncio.sleep(retry_after(attempts, random.random()).total_seconds())  # noqa: S311
                attempts += 1

    async def _standing(self, pid: str) -> Transfer | None:
        """The transfer while it is ours to push, and its consumer an active member."""
        found = await self._context.store.read(lambda tx: tx.get(Transfer, pid))
        return found if found is not None and _is_wanted(found) and self._consumer(found) else None

    async def _attempt(self, transfer: Transfer) -> None:
        """One push, to the receiver's yes to all of it. Raises Again, Never."""
        try:
            await (self._store if transfer.format == STORE_PUSH else self._post)(transfer)
        except OutboundRefused as refused:
            reason = f"The address of the request may not be called: {refused}."
            raise Never("push-refused", reason) from None

    async def _store(self, transfer: Transfer) -> None:
        """Into an object store. Raises Again, Never, OutboundRefused."""
        try:
            with keys_needed():
                store = self._storing.store_of(transfer)
            await self._storing.deliver(transfer, store, await self._destination(transfer, store.endpoint))
        except Problem as problem:
            await self._shut(transfer, problem)

    async def _post(self, transfer: Transfer) -> None:
        """To an address that takes a POST. Raises Again, Never, OutboundRefused."""
        address, reach = _address(transfer)
        headers = {} if reach.authorization is None else {"authorization": reach.authorization}
        manifest = await self._deliver(transfer, reach, headers)
        if where := address.value_of(MANIFEST):
            await self._hand_in(transfer, where, headers, manifest)

    async def _deliver(self, transfer: Transfer, reach: edc.Reach, headers: dict[str, str]) -> str:
        """The release into one upload; its manifest. Raises Again, Never, OutboundRefused."""
        to = await self._destination(transfer, reach.endpoint)
        sent = {**headers, "content-type": _MEDIA}
        body = Outgoing(lambda parts: self._context.outbound.upload(reach.endpoint, parts, to=to, headers=sent))
        begun = False
        try:
            # Nothing begins, and nobody is counted as having received anything, before there is somebody to receive it.
            begun = await body.ready()
            manifest = await self._releasing.push(transfer.pid, body) if begun else None
            if manifest is None and not body.over:
                return await self._shut(transfer)
            answer = await body.end()
        except Unreachable as fault:
            raise Again(str(fault), counts=begun or fault.reason not in (Why.CONNECT, Why.NAME)) from None
        except Problem as problem:
            return await self._shut(transfer, problem)
        finally:
            await body.close()
        if manifest is None or not answer.ok:
            raise Again(f"status {answer.status}", counts=True)
        return manifest

    async def _hand_in(self, transfer: Transfer, where: str, headers: dict[str, str], manifest: str) -> None:
        """The signed manifest, to be compared with what arrived. Raises Again, OutboundRefused."""
        to = await self._destination(transfer, where)
        sent = {**headers, "content-type": "application/json"}
        try:
            answer = await self._context.outbound.send(
                "POST", where, to=to, headers=sent, content=orjson.dumps({"manifest": manifest}), caps=Caps()
            )
        except Unreachable as fault:
            raise Again(str(fault), counts=True) from None
        if not answer.ok:
            raise Again(f"the manifest was answered with status {answer.status}", counts=True)

    async def _destination(self, transfer: Transfer, url: str) -> Destination:
        """Where the consumer's address may lead. Raises Again while it is not an active member."""
        known = self._consumer(transfer)
        if known is None:
            raise Again("the consumer is not an active member", counts=False)
        return self._context.members.destination(known, url)

    def _consumer(self, transfer: Transfer) -> Member | None:
        known = self._context.members.known(transfer.counterparty)
        return known if known is not None and known.standing is Standing.ACTIVE else None

    async def _shut(self, transfer: Transfer, problem: Problem | None = None) -> str:
        """The release is not open, or was cut by us: wait where that may pass, end the transfer where it does not.

        Raises Again, Never.
        """
        if problem is not None and problem.status == _LATER:
            raise Again(problem.code, counts=False)
        agreement = await self._context.store.read(lambda tx: tx.get(Agreement, transfer.agreement))
        standing = await self._standing(transfer.pid)
        if standing is not None and agreement is not None:
            over = agreement.until is not None and agreement.until <= self._context.clock()
            if over or agreement.standing == "active":
                raise Never("not-released", "What was agreed is not released any more.")
        raise Again("not open", counts=False, shut=True)


def _wanted(tx: Transaction) -> list[Transfer]:
    """Started pushes of ours that nobody has decided to pause or end."""
    found = tx.find(Transfer, role="provider", format=list(PUSHES), state="STARTED", order="created_at")
    return [one for one in found if _is_wanted(one)]


def _is_wanted(one: Transfer) -> bool:
    return one.format in PUSHES and (one.role, one.state, one.parting) == ("provider", "STARTED", None)


def _address(transfer: Transfer) -> tuple[DataAddress, edc.Reach]:
    """Raises Never when the address is none we can follow."""
    try:
        address = DataAddress.read(transfer.push_to or {})
        reach = edc.read_push(address)
    except MessageError:
        raise Never("push-refused", "The address of the request cannot be read.") from None
    if reach is None:
        raise Never("push-refused", "The address of the request cannot be followed.")
    return address, reach
