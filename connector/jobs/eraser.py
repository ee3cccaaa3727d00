"""The eraser carries out what people decided: it stops taking their data, deletes what is here, and states it, signed.

What an object holds of a person is counted and noted before anything is rewritten, so that a crash at any moment ends
in the same statement. A code that was erased or stopped never comes back: a later consent gets a new code, so a
tombstone needs no lifting.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from connector.dataplane.tally import Barred, Removed
from connector.jobs.alarm import keep_up
from connector.jobs.copies import CopyEraser
from connector.ports import Transaction
from connector.problems import conflict
from connector.records import Agreement, ErasedObject, ReceivedPerson, ReceivedTransfer, Tombstone, Transfer
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.exchange.erasure import LIFTED, ErasureDesk
from connector.services.received.chain import extended
from connector.services.received.objects import counted, made, object_about, objects_of
from connector.services.tasks import trace_of

if TYPE_CHECKING:
    from connector.dataplane.derived import DerivedFiles
    from connector.dataplane.received import ReceivedFile, ReceivedFiles

_RETRY = 30.0
NOTE = " Since then records of people who stopped were erased from the file."
_WHOLE = " Since then it was deleted whole: nobody can tell whose data is in it, and somebody stopped."

log = logging.getLogger("concord.eraser")


class Eraser:
    """Runs at recipients. What was begun and not stated is done again after a start: erasing twice is erasing once."""

    def __init__(
        self, context: Context, desk: ErasureDesk, files: ReceivedFiles, derived: DerivedFiles | None = None
    ) -> None:
        self._context = context
        self._desk = desk
        self._files = files
        self._copies = CopyEraser(context, derived) if derived is not None else None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Work until cancelled."""
        await keep_up(self._context, "erase", self.catch_up, log, _RETRY)

    async def catch_up(self) -> float | None:
        """Carry out what was asked and not stated; one that fails is tried again later, and stops none of the others.

        Returns the seconds until then, None if nothing is left.
        """
        await self._take_again()
        failed = False
        for stone in await self._context.store.read(_unfinished):
            try:
                await self.carry_out(stone)
            except Exception as fault:  # whatever it is: a promise to the others is not broken by it
                kind, trace = type(fault).__name__, trace_of(fault)
                log.error("erasing failed: %s\n%s", kind, trace, extra={"notice": stone.notice})
                failed = True
        return _RETRY if failed else None

    def lock(self, transfer: str) -> asyncio.Lock:
        """Held while a received file and its manifests change together."""
        return self._locks.setdefault(transfer, asyncio.Lock())

    async def prepare(self, transfer: Transfer, file: ReceivedFile) -> None:
        """Before anything is taken into a file: drop on arrival what may not come back."""
        stones = await self._context.store.read(lambda tx: _stones(tx, transfer.agreement))
        barred = {stone.code: Barred(_limit(stone, transfer, None)) for stone in stones if stone.kind != LIFTED}
        lifted = {stone.code for stone in stones} - barred.keys()
        await asyncio.to_thread(file.bar, barred)
        await asyncio.to_thread(file.unbar, lifted)

    async def _take_again(self) -> None:
        """Files that are being received take those in again whose pause is over."""
        for stone in await self._context.store.read(lambda tx: tx.find(Tombstone, kind=LIFTED)):
            for file in await asyncio.to_thread(self._files.of_agreement, stone.agreement):
                await asyncio.to_thread(file.unbar, [stone.code])

    async def admit(self, transfer: Transfer) -> None:
        """Before bytes are taken in of which nobody can tell whose they are. Raises Problem 409."""
        stones = await self._context.store.read(lambda tx: _stones(tx, transfer.agreement))
        if any(stone.kind == "erase" for stone in stones):
            raise conflict(
                "Somebody stopped under this contract, and in these bytes nobody could find them", "tombstone",
                "records as NDJSON, each line with the code of its person",
            )  # fmt: skip

    async def came_late(self, agreement: str, code: str, size: int) -> None:
        """Bytes of a barred code arrived that were sent after the stop: count them, and say so."""

        def command(tx: Transaction) -> None:
            stone = tx.get(Tombstone, agreement, code)
            if stone is not None and stone.kind != LIFTED:
                self._desk.restate(tx, tx.change(stone, bytes_after=stone.bytes_after + size))

        await self._context.store.write(command)

    async def carry_out(self, stone: Tombstone) -> None:
        """Stop taking, state that, erase, state how it stands. Raises OSError: it is to be done again."""
        files = await self._limited(stone)
        await asyncio.to_thread(_bar, stone.code, files)
        if stone.stopped_at is None:
            stone = await self._context.store.write(lambda tx: self._stopped(tx, stone))
        if stone.kind != "erase":
            return
        await asyncio.to_thread(self._files.drop_parts, stone.agreement)
        for file, barred in files:
            async with self.lock(file.transfer):
                await self._erase_from(stone, file, barred)
        await self._delete_opaque(stone)
        if self._copies is not None:
            await self._copies.erase(stone)
        await self._context.store.write(lambda tx: self._desk.settle(tx, _without_files(tx, stone, self._context)))

    async def _limited(self, stone: Tombstone) -> list[tuple[ReceivedFile, Barred]]:
        """Every file of the agreement, with the sender's count beyond which nothing of the person may have come."""
        files = await asyncio.to_thread(self._files.of_agreement, stone.agreement)

        def query(tx: Transaction) -> list[tuple[ReceivedFile, Barred]]:
            found = []
            for file in files:
                transfer, row = tx.get(Transfer, file.transfer), tx.get(ReceivedTransfer, file.transfer)
                found.append((file, Barred(_limit(stone, transfer, row))))
            return found

        return await self._context.store.read(query)

    def _stopped(self, tx: Transaction, stone: Tombstone) -> Tombstone:
        """State what is held of the person now that no more is taken."""
        for row in tx.find(ReceivedPerson, agreement=stone.agreement, code=stone.code):
            if object_about(tx, stone.notice, row.transfer) is None:
                tx.add(made(stone, "received", row.transfer, lines=row.lines, bytes=row.bytes))
        stone = tx.get(Tombstone, stone.agreement, stone.code) or stone
        stone = tx.change(
            stone, stopped_at=self._context.clock(), **counted(stone, objects_of(tx, stone.notice))
        )  # fmt: skip
        self._desk.restate(tx, stone)
        tx.ring("received")
        return stone

    async def _erase_from(self, stone: Tombstone, file: ReceivedFile, barred: Barred) -> None:
        """Count and note, then rewrite and note; each step finds out whether it was done before a crash."""
        store = self._context.store
        known = await store.read(lambda tx: object_about(tx, stone.notice, file.transfer))
        if known is not None and known.standing == "erased":
            return
        if known is None or known.standing == "held":
            found = await asyncio.to_thread(file.count, stone.code, barred)
            known = await store.write(lambda tx: _noted(tx, stone, file.transfer, found))
        if known is None:
            return
        removed = await asyncio.to_thread(file.erase, stone.code, barred)
        await store.write(lambda tx: self._erased_from(tx, known, removed))

    def _erased_from(self, tx: Transaction, one: ErasedObject, removed: Removed) -> None:
        """The file is without the person: so says a manifest of ours, and nothing here says who was in it."""
        now = self._context.clock()
        tx.remove(ReceivedPerson, transfer=one.about, code=one.code)
        row = tx.get(ReceivedTransfer, one.about)
        if row is not None:
            changes = {} if row.finding.endswith(NOTE) else {"finding": f"{row.finding}{NOTE}".strip()}
            # What is still arriving gets its manifests when all of it is here: the sender's first, then ours.
            if removed.left is not None and (row.kind == "stream" or row.standing != "receiving"):
                left = removed.left
                changes["revisions"] = extended(self._context, row, left, one.notice, one.lines)  # type: ignore[assignment]
            if changes:
                tx.change(row, **changes)
        tx.change(one, standing="erased", erased_at=now)
        self._context.log(tx, "received.rewritten", one.about, {"notice": one.notice, "lines": one.lines})

    async def _delete_opaque(self, stone: Tombstone) -> None:
        """Bytes of which nobody can tell whose they are go as a whole, for they may be theirs."""
        store = self._context.store
        rows = await store.read(lambda tx: tx.find(ReceivedTransfer, agreement=stone.agreement, kind="opaque"))
        for row in rows:
            known = await store.read(lambda tx, about=row.transfer: object_about(tx, stone.notice, about))  # type: ignore[misc]
            if known is not None and known.standing == "erased":
                continue
            size = await asyncio.to_thread(self._files.opaque_size, stone.agreement, row.transfer)
            if known is None and size is None:
                continue
            if known is None:
                one = made(stone, "opaque", row.transfer, bytes=size or 0, standing="counted")
                await store.write(lambda tx, one=one: tx.add(one))  # type: ignore[misc]
                known = one
            await asyncio.to_thread(self._files.delete_one, stone.agreement, row.transfer)
            await store.write(lambda tx, one=known: self._deleted_whole(tx, one))  # type: ignore[misc]

    def _deleted_whole(self, tx: Transaction, one: ErasedObject) -> None:
        row = tx.get(ReceivedTransfer, one.about)
        if row is not None and not row.finding.endswith(_WHOLE):
            tx.change(row, finding=f"{row.finding}{_WHOLE}".strip())
        tx.change(one, standing="erased", erased_at=self._context.clock())
        self._context.log(tx, "received.deleted", one.about, {"notice": one.notice, "bytes": one.bytes})


def _unfinished(tx: Transaction) -> list[Tombstone]:
    erasing = tx.find(Tombstone, kind="erase", erased_at=None, answer="")
    stones = [*tx.find(Tombstone, kind=["stop", "pause"], stopped_at=None), *erasing]
    return sorted(stones, key=lambda stone: (stone.received_at is None, stone.received_at, stone.code))


def _stones(tx: Transaction, agreement: str) -> list[Tombstone]:
    """Who may not come in under a contract, also those erased under other terms of it, where their code is the same."""
    found = tx.get(Agreement, agreement)
    chain = [one.id for one in chain_of(tx, found)] if found is not None else []
    others = tx.find(Tombstone, agreement=[id for id in chain if id != agreement], kind="erase") if chain else []
    return [*others, *tx.find(Tombstone, agreement=agreement)]


def _noted(tx: Transaction, stone: Tombstone, transfer: str, found: Removed) -> ErasedObject | None:
    """What a file holds of the person, durable before it is rewritten; None when that is nothing and never was.

    A file that is gone already held what was counted as it came.
    """
    known = object_about(tx, stone.notice, transfer)
    if known is None:
        if not found.lines:
            return None
        known = made(stone, "received", transfer)
        tx.add(known)
    stone = tx.get(Tombstone, stone.agreement, stone.code) or stone
    tx.change(stone, bytes_after=stone.bytes_after + found.bytes_after)
    return tx.change(
        known, standing="counted", lines=max(known.lines, found.lines), bytes=max(known.bytes, found.bytes),
        bytes_after=found.bytes_after,
    )  # fmt: skip


def _without_files(tx: Transaction, stone: Tombstone, context: Context) -> Tombstone:
    """What came in files that are gone, deleted for another reason meanwhile: it is gone with them."""
    for one in objects_of(tx, stone.notice):
        if one.kind == "received" and one.standing == "held":
            tx.remove(ReceivedPerson, transfer=one.about, code=one.code)
            tx.change(one, standing="erased", erased_at=context.clock())
    return stone


def _limit(stone: Tombstone, transfer: Transfer | None, row: ReceivedTransfer | None) -> int | None:
    """The last count at which bytes of the person may have been sent in this transfer.

    The notice says it for what was running at the stop. What had ended before may still be on its way; what began
    after may not hold a byte of them.
    """
    cut = (stone.cut or {}).get(transfer.their_pid or "") if transfer is not None else None
    if isinstance(cut, int):
        return cut
    began = row.started_at if row is not None else None
    began = began or (transfer.created_at if transfer is not None else None)
    return 0 if began is not None and stone.received_at is not None and began > stone.received_at else None


def _bar(code: str, files: list[tuple[ReceivedFile, Barred]]) -> None:
    for file, barred in files:
        file.bar({code: barred})
