"""A transfer that arrives, whoever opened the connection: stored, counted by code, noted as it comes, and checked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector.jobs.intake import Intake, OpaqueIntake, RecordsIntake, StreamIntake
from connector.jobs.noting import compared, completed, knows_earlier, note_people
from connector.jobs.piecewise import Piecewise, whole_ones
from connector.ports import Transaction
from connector.records import ReceivedPerson, ReceivedSegment, ReceivedTransfer, Transfer
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.received.arrived import Arrived, ArrivedFile
from connector.services.received.listing import Listed, Listing

if TYPE_CHECKING:
    from connector.dataplane.opaque import OpaqueFile
    from connector.dataplane.received import ReceivedFile, ReceivedFiles
    from connector.dataplane.tally import Contents
    from connector.jobs.eraser import Eraser

FOREIGN = "No manifest: a foreign connector. Kept as it came."
_GATHER = 256 * 1024
_SAVE_EVERY = 1.0
"""Seconds between two notes of how far it has come."""


class Arrivals:
    """Begins arrivals, and notes how those end of which nothing more comes."""

    def __init__(self, context: Context, files: ReceivedFiles, eraser: Eraser) -> None:
        self.context = context
        self.files = files
        self._eraser = eraser

    def foreign(self, transfer: Transfer) -> bool:
        """Whether its provider is none of ours: then it sends no manifest, and bytes we know nothing of."""
        return not self.context.members.speaks_exchange(transfer.counterparty)

    async def begin(self, transfer: Transfer, kind: str) -> Arrival:
        """Take a transfer in, from the start (kind records, opaque) or after its last stored event (kind stream)."""
        if kind == "opaque":
            await self._eraser.admit(transfer)
        file = self._file(transfer, kind)
        before = await self.context.store.read(lambda tx: tx.get(ReceivedTransfer, transfer.pid))
        going_on = before if kind == "stream" else None
        last = 0
        if kind == "stream":
            last = max(await asyncio.to_thread(file.resume), going_on.last_event if going_on else 0)  # type: ignore[union-attr]
        else:
            await asyncio.to_thread(file.begin)
            await asyncio.to_thread(self.files.parts(transfer.agreement, transfer.pid).drop)
        if kind != "opaque":
            await self._eraser.prepare(transfer, file)  # type: ignore[arg-type]
        row = going_on or ReceivedTransfer(transfer=transfer.pid, agreement=transfer.agreement)
        row = replace(
            row, kind=kind, path=str(file.path), standing="receiving", verified=None, finding="", digest="",
            media_type="", started_at=row.started_at or self.context.clock(), finished_at=None,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            if kind != "stream":
                tx.remove(ReceivedPerson, transfer=transfer.pid)
                tx.remove(ReceivedSegment, transfer=transfer.pid)
            tx.put(row)
            occasions.begun(tx, self.context, transfer, row.started_at or self.context.clock())

        await self.context.store.write(command)
        return Arrival(self.context, self._eraser, transfer, file, _intake(file, kind, last))

    def piecewise(self, transfer: Transfer, listing: Listing) -> Piecewise:
        """An attempt at a release in segments; it begins with its `begin`."""
        names = transfer.agreement, transfer.pid
        files = self.files
        return Piecewise(self.context, self._eraser, transfer, files.open(*names), files.parts(*names), listing)

    async def continues(self, pid: str) -> str:
        """The digest of the manifest that a transfer was asked to carry on from; empty for a whole release."""
        row = await self.context.store.read(lambda tx: tx.get(ReceivedTransfer, pid))
        return row.continues if row is not None else ""

    async def came(self, pid: str) -> int:
        """How many segments of a transfer are here: more of them say that trying again is worth it."""
        return await self.context.store.read(lambda tx: tx.count(ReceivedSegment, transfer=pid, standing="here"))

    async def all_here(self, pid: str) -> Listing | None:
        """What a release consists of, of which every segment is here; None while one is missing."""

        def query(tx: Transaction) -> Listing | None:
            row, here = tx.get(ReceivedTransfer, pid), whole_ones(tx, pid)
            if row is None or not row.release or not here or len(here) != row.segments:
                return None
            return Listing(row.release, tuple(Listed(one.number, one.id, one.deletions) for one in here), row.continues)

        return await self.context.store.read(query)

    async def waits(self, pid: str, why: str) -> None:
        """It goes on by itself, but not now."""

        def command(tx: Transaction) -> None:
            transfer, row = tx.get(Transfer, pid), tx.get(ReceivedTransfer, pid)
            if row is None and transfer is not None:  # not even the first answer came as it should
                tx.put(ReceivedTransfer(transfer=pid, agreement=transfer.agreement, kind=transfer.kind, finding=why))
                tx.ring("received")
            elif row is not None and row.standing == "receiving" and row.finding != why:
                tx.change(row, finding=why)
                tx.ring("received")

        await self.context.store.write(command)

    async def ended(self, pid: str, standing: str, finding: str) -> None:
        """Nothing more comes of what was being received."""
        now = self.context.clock()

        def command(tx: Transaction) -> None:
            transfer, row = tx.get(Transfer, pid), tx.get(ReceivedTransfer, pid)
            if row is None and transfer is not None:
                row = ReceivedTransfer(transfer=pid, agreement=transfer.agreement, kind=transfer.kind, started_at=now)
            if row is not None and row.standing == "receiving":
                tx.put(replace(row, standing=standing, finding=finding, finished_at=now))
                tx.ring("received")

        await self.context.store.write(command)

    def _file(self, transfer: Transfer, kind: str) -> ReceivedFile | OpaqueFile:
        names = transfer.agreement, transfer.pid
        return self.files.opaque(*names) if kind == "opaque" else self.files.open(*names)


class Arrival:
    """One attempt at one transfer. `whole` and `finish` follow its proper end; `close` comes after any end."""

    def __init__(
        self, context: Context, eraser: Eraser, transfer: Transfer, file: ReceivedFile | OpaqueFile, intake: Intake
    ) -> None:
        self._context = context
        self._eraser = eraser
        self.transfer = transfer
        self.intake = intake
        self._file = file
        self._gathered = bytearray()
        self._saved = asyncio.get_running_loop().time()
        self._noted = 0
        self.media_type = ""
        """What a foreign sender calls it."""

    async def feed(self, data: bytes) -> None:
        """Take what came; b"" when nothing did for a while. Raises NotOurs, NotAStream."""
        self._gathered += data
        loop = asyncio.get_running_loop()
        due = loop.time() - self._saved > _SAVE_EVERY
        if not isinstance(self.intake, StreamIntake) and len(self._gathered) < _GATHER and not due:
            return
        await self._take()
        if due and self.intake.ledger.bytes != self._noted:
            await self.save()
            self._saved = loop.time()

    async def whole(self) -> None:
        """The sender has come to its end: take the rest, and make all of it durable. Raises NotOurs, NotAStream."""
        await self._take()
        await asyncio.to_thread(self._file.sync)

    async def close(self) -> None:
        """Note how far it came and let go of the file."""
        await self.save()
        await asyncio.to_thread(self._file.close)

    async def _take(self) -> None:
        data = bytes(self._gathered)
        self._gathered.clear()
        work = asyncio.ensure_future(asyncio.to_thread(self.intake.feed, data))
        try:
            taken = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})  # a thread cannot be stopped: what it counts must be counted before we go
            raise
        for code, late in taken.late.items():
            if late:
                await self._eraser.came_late(self.transfer.agreement, code, late)

    async def save(self) -> None:
        """Note what arrived since the last note."""
        ledger, transfer = self.intake.ledger, self.transfer
        waiting, ledger.waiting = ledger.waiting, {}
        self._noted = ledger.bytes
        now, stream = self._context.clock(), isinstance(self.intake, StreamIntake)

        def command(tx: Transaction) -> None:
            row = tx.get(ReceivedTransfer, transfer.pid)
            if row is None:
                return
            note_people(tx, transfer, waiting, now)
            people = tx.count(ReceivedPerson, transfer=transfer.pid) if stream else len(ledger.people)
            added = sum(tally.lines for tally in waiting.values()), sum(tally.bytes for tally in waiting.values())
            lines, size = (row.lines + added[0], row.bytes + added[1]) if stream else (ledger.lines, ledger.bytes)
            media_type = self.media_type[:200]
            tx.change(row, lines=lines, bytes=size, people=people, last_event=ledger.last, media_type=media_type)
            tx.ring("received")

        await self._context.store.write(command)

    async def check(self, jws: str) -> None:
        """Compare with the sender's signed manifest and note what was found: all of it is here."""
        if not isinstance(self.intake, RecordsIntake):
            raise TypeError("only records have a manifest")
        earlier = await self._context.store.read(self._knows_earlier)
        await self._context.members.expect(self.transfer.counterparty, jws)
        found = compared(self._context, self.transfer, arrived(self.intake, earlier=earlier), jws)
        async with self._eraser.lock(self.transfer.pid):
            less = await self._kept_out() if found["verified"] else None
            await completed(self._context, self.transfer, self.intake.ledger.lines, found, less)

    def _knows_earlier(self, tx: Transaction) -> bool:
        row = tx.get(ReceivedTransfer, self.transfer.pid)
        return row is not None and knows_earlier(tx, row)

    async def _kept_out(self) -> Contents | None:
        """What the file is, where it is not all that arrived: lines of people who had stopped were kept out of it."""
        contents = await asyncio.to_thread(self._file.contents)  # type: ignore[union-attr]
        return contents if contents is not None and contents.bytes != self.intake.ledger.bytes else None

    async def keep(self) -> None:
        """Nobody says what it should be: all that came is here, as it came."""
        if not isinstance(self.intake, OpaqueIntake):
            raise TypeError("only what is opaque is kept unchecked")
        found = {"verified": None, "finding": FOREIGN, "digest": self.intake.digest()}
        await completed(self._context, self.transfer, self.intake.ledger.lines, found)


def _intake(file: Any, kind: str, last: int) -> Intake:
    if kind == "stream":
        return StreamIntake(file, last)
    return OpaqueIntake(file) if kind == "opaque" else RecordsIntake(file)


def arrived(intake: RecordsIntake, *, earlier: bool) -> Arrived:
    """One body as its manifest names it: one file."""
    ledger = intake.ledger
    resources = ledger.lines + ledger.nameless
    one = ArrivedFile(1, len(ledger.people), resources, ledger.bytes, intake.digest())
    return Arrived((one,), one.people, nameless=ledger.nameless, whole=intake.whole, earlier=earlier)
