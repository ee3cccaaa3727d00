"""A release that arrives in segments: each is whole and durable before the next one is asked for.

What has come of a segment is kept as it came, so that it goes on after a broken connection or a restart. Once it is
whole it is opened, its lines join the transfer's file, and its counts are noted: in this order, so that a crash between
any two of them is found and put right at the next beginning. One that the sender took back leaves nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from connector.dataplane.tally import Tally
from connector.dataplane.unpacking import MOST_ENCODED, TooLarge, opened
from connector.jobs.intake import RecordsIntake
from connector.jobs.noting import compared, completed, knows_earlier, note_people
from connector.ports import Transaction
from connector.records import ReceivedPerson, ReceivedSegment, ReceivedTransfer, Transfer
from connector.services.duties import occasions
from connector.services.received.arrived import Arrived, ArrivedFile
from connector.services.received.listing import Listed, Listing

if TYPE_CHECKING:
    from connector.dataplane.parts import Parts
    from connector.dataplane.received import ReceivedFile
    from connector.jobs.eraser import Eraser
    from connector.services.context import Context

T = TypeVar("T")
_GATHER = 256 * 1024
_SAVE_EVERY = 1.0
"""Seconds, or bytes, after which what has come of a segment is made durable, and noted."""
_SAVE_AFTER = 1024 * 1024


@dataclass(slots=True)
class _Coming:
    """The segment that is being taken in."""

    listed: Listed
    encoding: str
    seen: int
    noted: int
    size: int | None
    saved: float
    gathered: bytearray


class Piecewise:
    """One attempt at a release in segments. `begin` comes first, `close` after any end."""

    def __init__(
        self, context: Context, eraser: Eraser, transfer: Transfer, file: ReceivedFile, parts: Parts, listing: Listing
    ) -> None:
        self._context = context
        self._eraser = eraser
        self._file = file
        self._parts = parts
        self._coming: _Coming | None = None
        self._rows: dict[int, ReceivedSegment] = {}
        self.transfer = transfer
        self.listing = listing

    async def begin(self) -> None:
        """Go on after the segments that are here, if they are still the first ones listed; else from nothing."""
        pid = self.transfer.pid
        here, row = await self._context.store.read(lambda tx: (whole_ones(tx, pid), tx.get(ReceivedTransfer, pid)))
        known = row is not None and row.release == self.listing.release and _leads(here, self.listing)
        known = known and await self._is_still_there(here)
        if not known:
            await asyncio.to_thread(self._file.begin)
            await asyncio.to_thread(self._parts.drop)
        await self._eraser.prepare(self.transfer, self._file)
        if await self._context.store.write(lambda tx: self._begun(tx, row, known=known)):
            await asyncio.to_thread(self._parts.drop)

    async def relist(self, listing: Listing) -> bool:
        """The sender lists its segments anew; False when that means to begin from nothing."""
        if listing.release != self.listing.release or not _leads(self._here(), listing):
            return False
        self.listing = listing
        if await self._context.store.write(self._planned):
            await asyncio.to_thread(self._parts.drop)
        return True

    def next(self) -> Listed | None:
        """The first segment that is not here; None when all are."""
        missing = (one for one in self.listing.segments if not self._is_here(one))
        return next(missing, None)

    async def stored(self, one: Listed) -> tuple[str, int]:
        """In which encoding the first bytes of a segment are here, and how many of them are durable."""
        row = self._rows.get(one.number)
        if row is None or row.id != one.id or not row.stored:
            return "identity", 0
        for encoding in ("zstd", "identity"):
            if await asyncio.to_thread(self._parts.size, one.number, one.id, encoding) >= row.stored:
                return encoding, row.stored
        return "identity", 0

    def is_all(self, one: Listed, stored: int) -> bool:
        """Whether all of a segment is here already, and only has to join the file."""
        row = self._rows.get(one.number)
        return row is not None and row.id == one.id and bool(stored) and stored == row.size

    # --- one segment --------------------------------------------------------------------------------------------------

    async def open(self, one: Listed, encoding: str, start: int, size: int | None) -> None:
        """Take a segment in, after its first `start` bytes. Raises Dropped, TooLarge."""
        if size is not None and size > MOST_ENCODED:
            raise TooLarge(f"it has more than {MOST_ENCODED} bytes")
        await asyncio.to_thread(self._parts.begin, one.number, one.id, encoding, start)
        now = asyncio.get_running_loop().time()
        self._coming = _Coming(one, encoding, start, start, size, now, bytearray())
        await self._note_coming(start)

    async def feed(self, data: bytes) -> None:
        """Keep what came; b"" when nothing did for a while. Raises Dropped, TooLarge."""
        coming = self._taking
        coming.gathered += data
        coming.seen += len(data)
        if coming.seen > MOST_ENCODED:
            raise TooLarge(f"it has more than {MOST_ENCODED} bytes")
        now = asyncio.get_running_loop().time()
        due = now - coming.saved > _SAVE_EVERY or coming.seen - coming.noted > _SAVE_AFTER
        if len(coming.gathered) >= _GATHER or due:
            await self._store()
        if due and coming.seen != coming.noted:
            await self._note_coming(await asyncio.to_thread(self._parts.sync))
            coming.saved = now

    async def whole(self) -> None:
        """The segment has come to its end: it joins the file. Raises Dropped, NotOpened, NotOurs."""
        coming = self._taking
        await self._store()
        place = sum(row.bytes for row in self._here())
        intake = RecordsIntake(self._file, place)
        late = await _unstoppable(lambda: self._join(coming, intake, place))
        for code, size in late.items():
            await self._eraser.came_late(self.transfer.agreement, code, size)
        await self._note_whole(coming, intake, place)
        self._coming = None
        await asyncio.to_thread(self._parts.drop)

    async def gone(self, one: Listed, successor: str) -> None:
        """The sender took a segment back: nothing of what had come of it stays."""
        self._coming = None
        await asyncio.to_thread(self._parts.drop)
        row = self._rows.get(one.number) or ReceivedSegment(transfer=self.transfer.pid, number=one.number, id=one.id)
        row = self._rows[one.number] = replace(row, standing="gone", successor=successor, stored=0, size=None)
        await self._context.store.write(lambda tx: tx.put(row))

    async def anew(self) -> None:
        """What is here of the next segment cannot be gone on with."""
        self._coming = None
        await asyncio.to_thread(self._parts.drop)

    async def close(self) -> None:
        """Keep what has come of a segment, and let go of the files."""
        coming = self._coming
        if coming is not None:
            try:
                await self._store()
                await self._note_coming(await asyncio.to_thread(self._parts.sync))
            except Exception:  # whatever it is: what is not noted is fetched again
                self._coming = None
        await asyncio.to_thread(self._parts.close)
        await asyncio.to_thread(self._file.close)

    # --- all of it ----------------------------------------------------------------------------------------------------

    async def check(self, jws: str) -> None:
        """Compare with the sender's signed manifest and note what was found: all of it is here."""
        arrived = await self._context.store.read(self._arrived)
        await self._context.members.expect(self.transfer.counterparty, jws)
        found = compared(self._context, self.transfer, arrived, jws)
        async with self._eraser.lock(self.transfer.pid):
            contents = await asyncio.to_thread(self._file.contents) if found["verified"] else None
            less = contents if contents is not None and contents.bytes != arrived.bytes else None
            await completed(self._context, self.transfer, arrived.resources, found, less)

    def _arrived(self, tx: Transaction) -> Arrived:
        row = tx.get(ReceivedTransfer, self.transfer.pid)
        order = {one.id: place for place, one in enumerate(self.listing.segments)}
        here = sorted(whole_ones(tx, self.transfer.pid), key=lambda one: order.get(one.id, len(order)))
        files = tuple(
            ArrivedFile(one.number, one.people, one.lines, one.bytes, one.sha256, one.deletions) for one in here
        )
        return Arrived(
            files, _people(here), continues=row.continues if row else "",
            earlier=row is not None and knows_earlier(tx, row), release=self.listing.release,
        )  # fmt: skip

    # --- in the store -------------------------------------------------------------------------------------------------

    def _begun(self, tx: Transaction, before: ReceivedTransfer | None, *, known: bool) -> bool:
        now, transfer = self._context.clock(), self.transfer
        fresh = ReceivedTransfer(transfer=transfer.pid, agreement=transfer.agreement)
        row = (tx.get(ReceivedTransfer, transfer.pid) or fresh) if known else fresh
        row = replace(
            row, kind="records", path=str(self._file.path), standing="receiving", verified=None, finding="",
            release=self.listing.release, continues=before.continues if before else "", finished_at=None,
            started_at=(before.started_at if before else None) or now,
        )  # fmt: skip
        if not known:
            tx.remove(ReceivedPerson, transfer=transfer.pid)
            tx.remove(ReceivedSegment, transfer=transfer.pid)
        tx.put(row)
        occasions.begun(tx, self._context, transfer, row.started_at or now)
        return self._planned(tx)

    def _planned(self, tx: Transaction) -> bool:
        """Note what is listed, and what is listed no more; whether something of the latter had come."""
        pid, listed, dropped = self.transfer.pid, {one.id for one in self.listing.segments}, False
        self._rows = {row.number: row for row in tx.find(ReceivedSegment, transfer=pid)}
        for row in list(self._rows.values()):
            if row.id not in listed and row.standing in ("waiting", "coming"):
                self._rows[row.number] = tx.change(row, standing="gone", stored=0, size=None)
                dropped = dropped or bool(row.stored)
        for one in self.listing.segments:
            known = self._rows.get(one.number)
            if known is None or known.id != one.id:
                row = ReceivedSegment(transfer=pid, number=one.number, id=one.id, deletions=one.deletions)
                self._rows[one.number] = row
                tx.put(row)
        tx.alter(ReceivedTransfer, {"segments": len(self.listing.segments)}, transfer=pid)
        tx.ring("received")
        return dropped

    async def _note_coming(self, stored: int) -> None:
        coming = self._taking
        row = replace(self._rows[coming.listed.number], standing="coming", stored=stored, size=coming.size)
        self._rows[row.number] = row
        coming.noted = stored

        def command(tx: Transaction) -> None:
            tx.put(row)
            tx.alter(ReceivedTransfer, {"finding": ""}, transfer=self.transfer.pid, standing="receiving")
            tx.ring("received")

        await self._context.store.write(command)

    async def _note_whole(self, coming: _Coming, intake: RecordsIntake, place: int) -> None:
        """Lines that name nobody, and a last one without an end, are not in the file, and so not in the counts."""
        ledger = intake.ledger
        before = max((one for one in self._here() if not one.deletions), key=_by_place, default=None)
        codes, edge = list(ledger.people), before.edge if before is not None else ""
        row = replace(
            self._rows[coming.listed.number], standing="here", stored=coming.seen, size=coming.seen, place=place,
            bytes=ledger.bytes - intake.rest, lines=ledger.lines, people=len(codes), sha256=intake.digest(),
            joined=bool(codes and edge == self._edge(codes[0])), edge=self._edge(codes[-1]) if codes else edge,
        )  # fmt: skip
        waiting, ledger.waiting = ledger.waiting, dict[str, Tally]()
        await self._context.store.write(lambda tx: self._joined(tx, row, waiting))
        self._rows[row.number] = row

    def _joined(self, tx: Transaction, row: ReceivedSegment, waiting: dict[str, Tally]) -> None:
        note_people(tx, self.transfer, waiting, self._context.clock())
        tx.put(row)
        here = whole_ones(tx, self.transfer.pid)
        totals: dict[str, object] = {
            "lines": sum(one.lines for one in here), "bytes": sum(one.bytes for one in here), "people": _people(here)
        }  # fmt: skip
        tx.alter(ReceivedTransfer, totals, transfer=self.transfer.pid)
        tx.ring("received")

    # --- steps --------------------------------------------------------------------------------------------------------

    @property
    def _taking(self) -> _Coming:
        if self._coming is None:
            raise RuntimeError("no segment is being taken in")
        return self._coming

    def _here(self) -> list[ReceivedSegment]:
        return [row for row in self._rows.values() if row.standing == "here"]

    def _is_here(self, one: Listed) -> bool:
        row = self._rows.get(one.number)
        return row is not None and row.id == one.id and row.standing == "here"

    def _edge(self, code: str) -> str:
        return sha256(f"{self.transfer.pid} {code}".encode()).hexdigest()

    async def _store(self) -> None:
        data = bytes(self._taking.gathered)
        self._taking.gathered.clear()
        await asyncio.to_thread(self._parts.append, data)

    def _join(self, coming: _Coming, intake: RecordsIntake, place: int) -> dict[str, int]:
        """Append a whole segment's lines, or none of them; returns the bytes that came after a cut, by code."""
        late = dict[str, int]()
        try:
            for data in opened(self._parts.chunks(), coming.encoding):
                for code, size in intake.feed(data).late.items():
                    late[code] = late.get(code, 0) + size
        except BaseException:
            self._file.go_on(place)
            raise
        self._file.sync()
        return {code: size for code, size in late.items() if size}

    async def _is_still_there(self, here: Sequence[ReceivedSegment]) -> bool:
        """Whether the file holds, of the segments that are here, every line that is noted; what came after is cut."""
        end = sum(row.bytes for row in here)
        kept = await asyncio.to_thread(self._file.go_on, end)
        people = await self._context.store.read(lambda tx: tx.find(ReceivedPerson, transfer=self.transfer.pid))
        return kept == sum(one.lines for one in people)


def whole_ones(tx: Transaction, transfer: str) -> list[ReceivedSegment]:
    """The segments of a transfer that are here, in the order of their lines."""
    return sorted(tx.find(ReceivedSegment, transfer=transfer, standing="here"), key=_by_place)


def _by_place(row: ReceivedSegment) -> tuple[int, int]:
    return row.place, row.number


def _leads(here: Sequence[ReceivedSegment], listing: Listing) -> bool:
    """Whether what is here is how the listing begins, in the order in which its lines stand."""
    places = {row.id: row.place for row in here}
    first = [places.get(one.id, -1) for one in listing.segments[: len(here)]]
    return len(first) == len(here) and -1 not in first and first == sorted(first)


def _people(here: Sequence[ReceivedSegment]) -> int:
    """Distinct people: whoever goes on from one segment into the next is counted once."""
    told = [row for row in here if not row.deletions]
    return sum(row.people - row.joined for row in told)


async def _unstoppable(work: Callable[[], T]) -> T:
    """In a thread, which cannot be stopped: whoever cancels us waits for it."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
