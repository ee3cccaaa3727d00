"""The eraser carries out what people decided: it stops taking their data, deletes what is here, and states it, signed.

A code that was erased or stopped never comes back: a later consent gets a new code, so a tombstone needs no lifting.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.dataplane.tally import Barred, Removed
from connector.ports import Transaction
from connector.records import ReceivedPerson, ReceivedTransfer, Tombstone, Transfer
from connector.services.context import Context
from connector.services.exchange.erasure import ErasureDesk
from contracts.exchange import Answer

if TYPE_CHECKING:
    from connector.dataplane.received import ReceivedFile, ReceivedFiles

_RETRY = 30.0
_NOTE = " Since then records of people who stopped were erased from the file."

log = logging.getLogger("concord.eraser")


@dataclass(slots=True)
class _Done:
    """What erasing one code took out of all files."""

    objects: int = 0
    lines: int = 0
    bytes: int = 0
    bytes_after: int = 0

    def add(self, removed: Removed) -> None:
        """One more file."""
        self.objects += 1 if removed.lines else 0
        self.lines += removed.lines
        self.bytes += removed.bytes
        self.bytes_after += removed.bytes_after


class Eraser:
    """Runs at recipients. What was begun and not stated is done again after a start: erasing twice is erasing once."""

    def __init__(self, context: Context, desk: ErasureDesk, files: ReceivedFiles) -> None:
        self._context = context
        self._desk = desk
        self._files = files

    async def run(self) -> None:
        """Work until cancelled."""
        bells = self._context.bells
        while True:
            seen = bells.count("erase")
            failed = False
            for stone in await self._context.store.read(_unfinished):
                try:
                    await self._carry_out(stone)
                except OSError as fault:
                    log.error("erasing failed: %s", type(fault).__name__, extra={"notice": stone.notice})
                    failed = True
            await bells.wait("erase", timeout=_RETRY if failed else None, seen=seen)

    async def prepare(self, transfer: Transfer, file: ReceivedFile) -> None:
        """Before anything is taken into a file: drop on arrival what may not come back."""
        stones = await self._context.store.read(lambda tx: tx.find(Tombstone, agreement=transfer.agreement))
        barred = {stone.code: Barred(_limit(stone, transfer, None)) for stone in stones}
        await asyncio.to_thread(file.bar, barred)

    async def came_late(self, agreement: str, code: str, size: int) -> None:
        """Bytes of a barred code arrived that were sent after the stop: count them, and say so."""

        def command(tx: Transaction) -> None:
            stone = tx.get(Tombstone, agreement, code)
            if stone is None:
                return
            stone = tx.change(stone, bytes_after=stone.bytes_after + size)
            if stone.erased_at is not None:
                self._desk.state(tx, stone, Answer.ERASED)
            elif stone.stopped_at is not None:
                self._desk.state(tx, stone, Answer.STOPPED)

        await self._context.store.write(command)

    async def _carry_out(self, stone: Tombstone) -> None:
        files = await self._limited(stone)
        await asyncio.to_thread(_bar, stone.code, files)
        if stone.stopped_at is None:
            stone = await self._context.store.write(lambda tx: self._stopped(tx, stone))
        if stone.kind == "erase":
            done = await asyncio.to_thread(_erase, stone.code, files)
            await self._context.store.write(lambda tx: self._erased(tx, stone, done))

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
        held = tx.find(ReceivedPerson, agreement=stone.agreement, code=stone.code)
        stone = tx.change(
            tx.get(Tombstone, stone.agreement, stone.code) or stone, stopped_at=self._context.clock(),
            objects=len(held), lines=sum(row.lines for row in held), bytes=sum(row.bytes for row in held),
        )  # fmt: skip
        self._desk.state(tx, stone, Answer.STOPPED)
        tx.ring("received")
        return stone

    def _erased(self, tx: Transaction, stone: Tombstone, done: _Done) -> None:
        """State what was deleted; keep the counts, and nothing by which the person could be found.

        After a crash between deleting and this, nothing is found any more: then what was counted at the stop stands.
        """
        stone = tx.get(Tombstone, stone.agreement, stone.code) or stone
        held = tx.find(ReceivedPerson, agreement=stone.agreement, code=stone.code)
        for row in held:
            received = tx.get(ReceivedTransfer, row.transfer)
            if received is not None and not received.finding.endswith(_NOTE):
                tx.change(received, finding=f"{received.finding}{_NOTE}".strip())
        tx.remove(ReceivedPerson, agreement=stone.agreement, code=stone.code)
        stone = tx.change(
            stone, erased_at=self._context.clock(), objects=max(stone.objects, done.objects),
            lines=max(stone.lines, done.lines), bytes=max(stone.bytes, done.bytes),
            bytes_after=stone.bytes_after + done.bytes_after,
        )  # fmt: skip
        self._desk.state(tx, stone, Answer.ERASED)
        tx.ring("received")


def _unfinished(tx: Transaction) -> list[Tombstone]:
    stones = [*tx.find(Tombstone, kind="stop", stopped_at=None), *tx.find(Tombstone, kind="erase", erased_at=None)]
    return sorted(stones, key=lambda stone: (stone.received_at is None, stone.received_at, stone.code))


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


def _erase(code: str, files: list[tuple[ReceivedFile, Barred]]) -> _Done:
    done = _Done()
    for file, barred in files:
        done.add(file.erase(code, barred))
    return done
