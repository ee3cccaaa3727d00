"""A transfer that arrives, whoever opened the connection: stored, counted by code, noted as it comes, and checked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector.jobs.eraser import NOTE
from connector.jobs.intake import Intake, OpaqueIntake, RecordsIntake, StreamIntake
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import ReceivedPerson, ReceivedTransfer, Tombstone, Transfer
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.received.chain import extended
from connector.services.releasing.manifest import Manifest, differences

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
            tx.put(row)
            occasions.begun(tx, self.context, transfer, row.started_at or self.context.clock())

        await self.context.store.write(command)
        return Arrival(self.context, self._eraser, transfer, file, _intake(file, kind, last))

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
            gone = {stone.code for stone in tx.find(Tombstone, agreement=transfer.agreement, kind="erase")}
            for code, tally in waiting.items():
                if code in gone:
                    continue
                known = tx.get(ReceivedPerson, transfer.pid, code) or ReceivedPerson(
                    transfer=transfer.pid, code=code, agreement=transfer.agreement
                )
                tx.put(
                    replace(
                        known, lines=known.lines + tally.lines, bytes=known.bytes + tally.bytes, last_at=now,
                        end_offset=max(known.end_offset, tally.end),
                    )
                )  # fmt: skip
            people = tx.count(ReceivedPerson, transfer=transfer.pid) if stream else len(ledger.people)
            added = sum(tally.lines for tally in waiting.values()), sum(tally.bytes for tally in waiting.values())
            lines, size = (row.lines + added[0], row.bytes + added[1]) if stream else (ledger.lines, ledger.bytes)
            media_type = self.media_type[:200]
            tx.change(row, lines=lines, bytes=size, people=people, last_event=ledger.last, media_type=media_type)
            tx.ring("received")

        await self._context.store.write(command)

    async def check(self, jws: str) -> None:
        """Compare with the sender's signed manifest and note what was found: all of it is here."""
        member = self._context.members.active(self.transfer.counterparty)
        if not isinstance(self.intake, RecordsIntake):
            raise TypeError("only records have a manifest")
        try:
            manifest = speech.hear(jws, speech.MANIFEST, member, Manifest)
            verified, finding = checked(self.transfer, self.intake, manifest)
            claims: dict[str, Any] = {**manifest.wire(), "jws": jws}
        except Problem as fault:
            jws, claims, verified, finding = "", {}, False, f"The sender's manifest does not verify: {fault.detail}."
        found = {"verified": verified, "finding": finding, "manifest": claims}
        async with self._eraser.lock(self.transfer.pid):
            await self._complete(found, {"manifest": jws}, await self._kept_out() if verified else None)

    async def _kept_out(self) -> Contents | None:
        """What the file is, where it is not all that arrived: lines of people who had stopped were kept out of it."""
        contents = await asyncio.to_thread(self._file.contents)  # type: ignore[union-attr]
        return contents if contents is not None and contents.bytes != self.intake.ledger.bytes else None

    async def keep(self) -> None:
        """Nobody says what it should be: all that came is here, as it came."""
        if not isinstance(self.intake, OpaqueIntake):
            raise TypeError("only what is opaque is kept unchecked")
        digest = self.intake.digest()
        await self._complete({"verified": None, "finding": FOREIGN, "digest": digest}, {"sha256": digest})

    async def _complete(self, found: dict[str, Any], logged: dict[str, Any], less: Contents | None = None) -> None:
        now, transfer, lines = self._context.clock(), self.transfer, self.intake.ledger.lines

        def command(tx: Transaction) -> None:
            row = tx.get(ReceivedTransfer, transfer.pid)
            if row is None:
                return
            row = tx.change(row, standing="complete", finished_at=now, **found)
            if less is not None:
                revisions = extended(self._context, row, less, None, lines - less.lines)
                row = tx.change(row, revisions=revisions, finding=row.finding + NOTE)
            self._context.log(
                tx, "transfer.received", transfer.pid,
                {"agreement": transfer.agreement, "lines": row.lines, "bytes": row.bytes,
                 "verified": found["verified"], **logged},
            )  # fmt: skip
            tx.ring("received")

        await self._context.store.write(command)


def _intake(file: Any, kind: str, last: int) -> Intake:
    if kind == "stream":
        return StreamIntake(file, last)
    return OpaqueIntake(file) if kind == "opaque" else RecordsIntake(file)


def checked(transfer: Transfer, intake: RecordsIntake, manifest: Manifest) -> tuple[bool, str]:
    """Whether what arrived is what the manifest says, and what was found, in words."""
    ledger = intake.ledger
    arrived = {
        "transfer": transfer.their_pid, "agreement": transfer.agreement, "dataset": transfer.dataset,
        "people": len(ledger.people), "resources": ledger.lines + ledger.nameless, "bytes": ledger.bytes,
        "sha256": intake.digest(),
    }  # fmt: skip
    wrong = differences(manifest.wire(), arrived)
    if ledger.nameless:
        wrong.append(f"{ledger.nameless} lines that name nobody, which were not stored")
    if not intake.whole:
        wrong.append("the last line is cut off")
    if wrong:
        return False, f"Not what the sender's manifest says: {', '.join(wrong)}."
    return True, "Counts and digest agree with the sender's signed manifest."
