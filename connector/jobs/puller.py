"""The puller fetches what was agreed: one task per started transfer, as long as there is something to fetch.

A release of records that breaks off is pulled again from the start; a stream goes on after its last stored event. When
all of a release is here, the sender's signed manifest is compared with what arrived, and the transfer is completed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from connector.jobs.intake import Intake, NotAStream, NotOurs, RecordsIntake, StreamIntake
from connector.outbound.answer import Caps
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import ReceivedPerson, ReceivedTransfer, Tombstone, Transfer
from connector.services.context import Context
from connector.services.delivery import retry_after
from connector.services.exchange import speech
from connector.services.releasing.manifest import Manifest, differences
from contracts.messages import DataAddress, MessageError

if TYPE_CHECKING:
    from connector.dataplane.received import ReceivedFile, ReceivedFiles
    from connector.jobs.eraser import Eraser
    from connector.services.processes.transfers import Transfers

_GATHER = 256 * 1024
_SAVE_EVERY = 1.0
"""Seconds between two notes of how far a pull has come."""
_PATIENCE = 8
"""How often the manifest is asked for when the sender does not answer."""
_CLOSED = frozenset({401, 404, 410})

log = logging.getLogger("concord.puller")


class Again(Exception):
    """The pull broke off and is worth another try."""


class Closed(Exception):
    """The sender has closed the transfer."""


class Puller:
    """The consumer's side of every transfer. `run` ends when cancelled."""

    def __init__(self, context: Context, transfers: Transfers, files: ReceivedFiles, eraser: Eraser) -> None:
        self._context = context
        self._transfers = transfers
        self._files = files
        self._eraser = eraser
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Pull until cancelled."""
        bells = self._context.bells
        try:
            while True:
                seen = bells.count("transfers")
                wanted = {transfer.pid: transfer for transfer in await self._context.store.read(_wanted)}
                for pid, task in self._busy.items():
                    if pid not in wanted:
                        task.cancel()
                for pid, transfer in wanted.items():
                    if pid not in self._busy:
                        self._busy[pid] = self._start(transfer)
                await bells.wait("transfers", seen=seen)
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._files.close)

    def _start(self, transfer: Transfer) -> asyncio.Task[None]:
        task = asyncio.create_task(self._pull(transfer))
        task.add_done_callback(lambda _done: self._ended(transfer.pid))
        return task

    def _ended(self, pid: str) -> None:
        self._busy.pop(pid, None)
        # Something may have changed while it was ending; a look costs one query.
        self._context.bells.ring("transfers")

    async def _pull(self, transfer: Transfer) -> None:
        """Try until it is here, or the transfer is over."""
        file = self._files.open(transfer.agreement, transfer.pid)
        attempts = 0
        try:
            while True:
                try:
                    received = await self._attempt(transfer, file)
                    break
                except Again as fault:
                    log.info("pull broke off: %s", fault, extra={"transfer": transfer.pid, "attempts": attempts})
                    await asyncio.sleep(retry_after(min(attempts, 6), random.random()).total_seconds())  # noqa: S311
                    attempts += 1
            await self._finish(transfer, received)
        except Closed:
            await self._mark(transfer, "ended", "The sender closed the transfer before all of it was here.")
        except asyncio.CancelledError:
            await asyncio.shield(self._stopped(transfer))
            raise
        finally:
            await asyncio.to_thread(file.close)

    async def _attempt(self, transfer: Transfer, file: ReceivedFile) -> RecordsIntake:
        """One connection. Raises Again, Closed; returns only for records that came to their end."""
        intake = await self._begin(transfer, file)
        headers = {"authorization": f"Bearer {_token(transfer)}"}
        if isinstance(intake, StreamIntake):
            headers["last-event-id"] = str(intake.ledger.last)
        try:
            await self._receive(transfer, file, intake, headers)
        except (Unreachable, NotOurs, NotAStream) as fault:
            raise Again(str(fault)) from None
        except (OutboundRefused, Problem) as fault:
            log.warning("pull refused: %s", type(fault).__name__, extra={"transfer": transfer.pid})
            raise Closed from None
        finally:
            await asyncio.shield(self._save(transfer, intake))
        if not isinstance(intake, RecordsIntake):
            raise Again("the stream ended")
        return intake

    async def _begin(self, transfer: Transfer, file: ReceivedFile) -> Intake:
        stream = await self._is_stream(transfer)
        now = self._context.clock()
        before = await self._context.store.read(lambda tx: tx.get(ReceivedTransfer, transfer.pid))
        last = await asyncio.to_thread(file.resume) if stream else 0
        if not stream:
            await asyncio.to_thread(file.begin)
        last = max(last, before.last_event if before and stream else 0)
        await self._eraser.prepare(transfer, file)
        row = before if before and stream else ReceivedTransfer(transfer=transfer.pid, agreement=transfer.agreement)
        row = replace(
            row, kind="stream" if stream else "records", path=str(file.path), standing="receiving", verified=None,
            finding="", started_at=row.started_at or now, finished_at=None,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            if not stream:
                tx.remove(ReceivedPerson, transfer=transfer.pid)
            tx.put(row)

        await self._context.store.write(command)
        return StreamIntake(file, last) if stream else RecordsIntake(file)

    async def _is_stream(self, transfer: Transfer) -> bool:
        """The address says which of the two doors it is; a consumer's own record does not know."""
        return "/data/streams/" in _endpoint(transfer)

    async def _receive(
        self, transfer: Transfer, file: ReceivedFile, intake: Intake, headers: Mapping[str, str]
    ) -> None:
        member = self._context.members.active(transfer.counterparty)
        loop = asyncio.get_running_loop()
        async with self._context.outbound.stream(
            _endpoint(transfer), to=member.destination, headers=headers
        ) as incoming:
            if incoming.status in _CLOSED:
                raise Closed
            if not incoming.ok:
                raise Again(f"status {incoming.status}")
            saved, gathered = loop.time(), bytearray()
            async for data in _or_nothing(incoming.chunks(), _SAVE_EVERY):
                gathered += data
                due = loop.time() - saved > _SAVE_EVERY
                if isinstance(intake, RecordsIntake) and len(gathered) < _GATHER and not due:
                    continue
                await self._take(transfer, intake, bytes(gathered))
                gathered.clear()
                if due and intake.ledger.waiting:
                    await self._save(transfer, intake)
                    saved = loop.time()
            await self._take(transfer, intake, bytes(gathered))
        await asyncio.to_thread(file.sync)

    async def _take(self, transfer: Transfer, intake: Intake, data: bytes) -> None:
        work = asyncio.ensure_future(asyncio.to_thread(intake.feed, data))
        try:
            taken = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})  # a thread cannot be stopped: what it counts must be counted before we go
            raise
        for code, late in taken.late.items():
            if late:
                await self._eraser.came_late(transfer.agreement, code, late)

    async def _save(self, transfer: Transfer, intake: Intake) -> None:
        """Note what arrived since the last note."""
        ledger = intake.ledger
        waiting, ledger.waiting = ledger.waiting, {}
        now, stream = self._context.clock(), isinstance(intake, StreamIntake)

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
            tx.change(row, lines=lines, bytes=size, people=people, last_event=ledger.last)
            tx.ring("received")

        await self._context.store.write(command)

    async def _finish(self, transfer: Transfer, intake: RecordsIntake) -> None:
        """Check against the manifest, note the finding, complete the transfer."""
        try:
            jws, manifest = await self._manifest(transfer)
            verified, finding = _checked(transfer, intake, manifest)
            claims = {**manifest.wire(), "jws": jws}
        except Problem as fault:
            jws, claims, verified, finding = "", {}, False, f"The sender's manifest does not verify: {fault.detail}."
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            row = tx.get(ReceivedTransfer, transfer.pid)
            if row is None:
                return
            tx.change(
                row, standing="complete", verified=verified, finding=finding, manifest=claims,
                finished_at=now,
            )  # fmt: skip
            self._context.log(
                tx, "transfer.received", transfer.pid,
                {"agreement": transfer.agreement, "lines": row.lines, "bytes": row.bytes, "verified": verified,
                 "manifest": jws},
            )  # fmt: skip
            tx.ring("received")

        await self._context.store.write(command)
        await self._transfers.end(transfer.pid, "completion")

    async def _manifest(self, transfer: Transfer) -> tuple[str, Manifest]:
        """The signed manifest, its signature verified. Raises Closed when there is none: the release was cut short."""
        member = self._context.members.active(transfer.counterparty)
        headers = {"authorization": f"Bearer {_token(transfer)}"}
        for attempt in range(_PATIENCE):
            try:
                answer = await self._context.outbound.send(
                    "GET", f"{_endpoint(transfer)}/manifest", to=member.destination, headers=headers, content=b"",
                    caps=Caps(),
                )  # fmt: skip
            except Unreachable:
                await asyncio.sleep(retry_after(attempt, random.random()).total_seconds())  # noqa: S311
                continue
            if not answer.ok:
                raise Closed
            jws = _jws(answer.body)
            return jws, speech.hear(jws, speech.MANIFEST, member, Manifest)
        raise Closed

    async def _mark(self, transfer: Transfer, standing: str, finding: str) -> None:
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            tx.alter(
                ReceivedTransfer, {"standing": standing, "finding": finding, "finished_at": now},
                transfer=transfer.pid, standing="receiving",
            )  # fmt: skip
            tx.ring("received")

        await self._context.store.write(command)

    async def _stopped(self, transfer: Transfer) -> None:
        """Cancelled: because the transfer is over (note that), or because this process ends (go on next time)."""
        now = await self._context.store.read(lambda tx: tx.get(Transfer, transfer.pid))
        if now is None or now.state in ("STARTED", "SUSPENDED"):
            return
        standing = "complete" if now.state == "COMPLETED" else "ended"
        await self._mark(
            transfer, standing, "The transfer was completed." if standing == "complete" else "It was ended."
        )


async def _or_nothing(chunks: AsyncIterator[bytes], pause: float) -> AsyncIterator[bytes]:
    """The chunks, and nothing (b"") whenever none has come for a while: so that what is here is not left lying."""
    coming = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=pause)
            if not coming.done():
                yield b""
                continue
            chunk = coming.result()
            if chunk is None:
                return
            coming = asyncio.ensure_future(anext(chunks, None))
            yield chunk
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _wanted(tx: Transaction) -> list[Transfer]:
    """Started transfers of ours of which not everything is here. One the sender closed waits for a new start."""
    wanted = []
    for transfer in tx.find(Transfer, role="consumer", state="STARTED"):
        row = tx.get(ReceivedTransfer, transfer.pid)
        over = row is not None and row.standing in ("complete", "ended")
        restarted = row is not None and row.standing == "ended" and _later(transfer.updated_at, row.finished_at)
        if transfer.data_address and (not over or restarted):
            wanted.append(transfer)
    return wanted


def _later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


def _checked(transfer: Transfer, intake: RecordsIntake, manifest: Manifest) -> tuple[bool, str]:
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


def _address(transfer: Transfer) -> DataAddress:
    """Raises Closed when the address is none we can use."""
    try:
        return DataAddress.read(transfer.data_address or {})
    except MessageError:
        raise Closed from None


def _endpoint(transfer: Transfer) -> str:
    endpoint = _address(transfer).endpoint
    if not endpoint:
        raise Closed
    return endpoint


def _token(transfer: Transfer) -> str:
    return _address(transfer).value_of("authorization") or ""


def _jws(body: bytes) -> str:
    """Raises Closed when the answer is no manifest."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Closed from None
    manifest = value.get("manifest") if isinstance(value, dict) else None
    if not isinstance(manifest, str):
        raise Closed
    return manifest
