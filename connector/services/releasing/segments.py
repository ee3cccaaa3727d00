"""Releases that are fetched piece by piece: planned once, each piece rendered when it is asked for, none kept on disk.

A piece has a strong validator for its id. Before every hand-over it is looked at anew: when somebody in it may not
leave any more, or what it is made of changed, that id is gone and another piece stands in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from connector.dataplane.parcels import LEAK
from connector.ports import Archive, Renderer, Transaction
from connector.problems import Problem, conflict, missing
from connector.records import Agreement, Release, ReleaseSegment, Transfer
from connector.services.context import Context
from connector.services.releasing.ahead import Ahead, Prepared, Reads
from connector.services.releasing.asked import Asked, Holding, in_order
from connector.services.releasing.closing import conclude
from connector.services.releasing.concluding import end_early, missing_of, whole_of
from connector.services.releasing.contract import Contract, contract_under, read_contract
from connector.services.releasing.course import Course, Over, Sink, taken_out
from connector.services.releasing.deciding import keep
from connector.services.releasing.deltas import Carrying, carrying_of
from connector.services.releasing.lanes import Lanes
from connector.services.releasing.looking import Look, Looking
from connector.services.releasing.opening import Door, Opening, keys_needed
from connector.services.releasing.partition import Found, Partition
from connector.services.releasing.permitting import without_profile
from connector.services.releasing.plans import Plans
from connector.services.releasing.preparing import held_back
from connector.services.releasing.rendering import Copy, Leaked, Shelf, coded, render
from connector.services.releasing.sending import Earlier, Sending
from connector.services.releasing.under_way import left_over, orphans, running_of


class Gone(Problem):
    """This id is no more; `successor` is the id of what stands in its place, None when nothing does."""

    def __init__(self, successor: str | None, href: str | None) -> None:
        super().__init__(410, "segment-gone", "This segment is no more", "What it was made of has changed")
        self.successor = successor
        self.href = href

    def document(self) -> dict[str, object]:
        """With the address of the successor."""
        return super().document() | {"successor": self.href}


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as its recipient reads it."""

    release: Release
    asked: Asked
    rows: tuple[ReleaseSegment, ...]

    def view(self, pid: str) -> dict[str, object]:
        """The index of its segments."""
        return {
            "release": self.release.id, "transfer": self.release.transfer, "agreement": self.release.agreement,
            "format": self.release.format, "continues": self.release.continues or None,
            "segments": [
                {"number": row.number, "id": row.id, "href": href_of(pid, row.id), "standing": row.standing,
                 "deletions": row.deletions}
                for row in self.rows
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ready:
    """A segment that was looked at and rendered: it may be handed over."""

    opening: Opening
    contract: Contract
    release: Release
    row: ReleaseSegment
    look: Look
    copy: Copy

    @property
    def reached(self) -> int:
        """Up to where a range may begin: what left is counted without a gap, or nobody would be told of it."""
        if self.row.standing == "sent":
            return len(self.copy.data)
        return self.row.offset if Holding.of(self.row).coding == self.copy.coding else 0

    @property
    def etag(self) -> str:
        """Its strong validator, by content coding."""
        return f'"{self.row.id}+{self.copy.coding}"' if self.copy.coding else f'"{self.row.id}"'


def href_of(pid: str, id: str) -> str:
    """Where a segment is fetched, on our origin."""
    return f"/data/releases/{pid}/segments/{id}"


class Segments:
    """The provider's side of releases in segments."""

    def __init__(self, context: Context, door: Door, lanes: Lanes, renderer: Renderer, archive: Archive) -> None:
        self._context = context
        self._door = door
        self._lanes = lanes
        self._archive = archive
        self._plans = Plans(context, door, lanes, renderer, self.end_others)
        self._shelf = Shelf()
        self._ahead = Ahead()
        self._workers = Partition(context, door.under, self._named)

    # --- the plan ----------------------------------------------------------------------------------------------------

    async def plan(self, pid: str, token: str | None, asked: Asked, coding: str = "") -> Plan | None:
        """The plan for what is asked: the running one if it is for the same, else a new one; None while it is made.

        Its segments are likely to be fetched in the content coding.

        Raises Problem 401, 404, 410; 409 when `continues` names nothing of ours; 403 when the risk is too high.
        """
        opening = await self._door.open(pid, token, "records")
        running = await self._context.store.read(lambda tx: running_of(tx, pid))
        if running is None or Asked.of(running) != asked:
            with keys_needed():
                if not await self._plans.made(opening, asked):
                    return None
            running = await self._context.store.read(lambda tx: running_of(tx, pid))
        if running is None:
            raise Problem(410, "not-open", "This transfer is not open")
        return await self._shown(running, coding)

    async def begin_export(self, pid: str, token: str, asked: Asked) -> None:
        """Have a plan made, and do not wait for it. Raises Problem 401, 404, 410."""
        opening = await self._door.open(pid, token, "records")
        running = await self._context.store.read(lambda tx: running_of(tx, pid))
        if running is None or Asked.of(running) != asked:
            await self._plans.made(opening, asked, 0)

    async def exported(self, pid: str, token: str) -> Plan | None:
        """The plan of an export, None while it is made. Raises Problem 404 where none was begun, and as `plan`."""
        opening = await self._door.open(pid, token, "records")
        asked = self._plans.making(pid)
        with keys_needed():
            if asked is not None and not await self._plans.made(opening, asked, 0):
                return None
        running = await self._context.store.read(lambda tx: running_of(tx, pid))
        if running is None or not Asked.of(running).export:
            raise missing("No export of this transfer is under way")
        return await self._shown(running)

    async def cancel(self, pid: str, token: str) -> None:
        """The recipient does not want the rest of an export. Raises Problem 401, 404, 410."""
        opening = await self._door.open(pid, token, "records")
        self._plans.drop(opening.transfer)

        def command(tx: Transaction) -> None:
            running = running_of(tx, pid)
            if running is not None and Asked.of(running).export:
                end_early(tx, self._context, contract_under(tx, running), running, "ended")

        await self._context.store.write(command)

    async def _shown(self, release: Release, coding: str = "") -> Plan:
        rows = in_order(await self._context.store.read(lambda tx: tx.find(ReleaseSegment, release=release.id)))
        await self._workers.ask(release.id, [row.id for row in rows if row.standing == "open"], coding)
        return Plan(release, Asked.of(release), tuple(rows))

    # --- a segment ---------------------------------------------------------------------------------------------------

    async def open(self, pid: str, token: str | None, id: str, coding: str) -> Ready:
        """A segment as it would be handed over now.

        Raises Problem 401, 404, 410 (`Gone` with its successor); 403 when the profile of the contract is gone.
        """
        opening = await self._door.open(pid, token, "records")
        with keys_needed():
            return await self._opened(opening, id, coding)

    async def _opened(self, opening: Opening, id: str, coding: str) -> Ready:
        contract, release, row, carrying = await self._context.store.read(lambda tx: self._admitted(tx, opening, id))
        await self._needs_profile(contract, release)
        looking = Looking(self._context, contract, release, carrying)
        prepared = await self._taken(contract, row)
        look = await looking.at(row, prepared.look if prepared else None)
        if look.id != row.id:
            raise await self._replaced(looking, row, look)
        if look.anew:
            await self._context.store.write(lambda tx: keep(tx, contract, release.id, look.anew))
        copy = self._shelf.find(id, coding)
        if copy is None and prepared is not None:
            found = prepared.copy
            copy = self._shelf.keep(id, found if found.coding == coding else await coded(found.rendered, coding))
        if copy is None:
            rendered = await render(self._context.data.renderer, contract, release, look.parts, deletions=row.deletions)
            if isinstance(rendered, Leaked):
                raise await self._leaked(looking, row, look, rendered)
            copy = self._shelf.keep(id, await coded(rendered, coding))
        return Ready(opening, contract, release, row, look if row.deletions else look.without_records(), copy)

    async def _taken(self, contract: Contract, row: ReleaseSegment) -> Prepared | None:
        """What was prepared of it ahead, by a worker or here."""
        if self._workers.on:
            return await self._workers.taken(contract, row)
        return await self._ahead.taken(contract.transfer, row.id)

    async def _next(self, ready: Ready, following: Sequence[str]) -> None:
        """Have prepared what comes after this one."""
        coding = ready.copy.coding
        if self._workers.on:
            await self._workers.ask(ready.release.id, following, coding)
        elif following:
            preparing = self._prepared(ready.opening, following[0], coding)
            self._ahead.begin(ready.opening.transfer, following[0], preparing)

    async def _prepared(self, opening: Opening, id: str, coding: str) -> Prepared | None:
        """A segment as it is now, rendered; None where it will not be handed over as it is."""
        contract, release, row, carrying = await self._context.store.read(lambda tx: self._admitted(tx, opening, id))
        look = await Looking(self._context, contract, release, carrying).at(row, reads=Reads())
        if look.id != id or contract.profile is None:
            return None
        rendered = await render(self._context.data.renderer, contract, release, look.parts, deletions=row.deletions)
        return None if isinstance(rendered, Leaked) else Prepared(look, await coded(rendered, coding))

    async def serve(self, ready: Ready, sink: Sink, start: int, stop: int) -> bool:
        """Hand over a range of it; whether it came to its end. Raises Problem 409 before anything was sent."""
        async with self._lanes.taken(ready.opening.transfer) as stopping:
            store = self._context.store
            earlier = await store.read(lambda tx: Earlier.of(tx, ready.row))
            if stop == len(ready.copy.data):
                await self._next(ready, earlier.following)
            open_still = self._door.still_open(ready.opening, ready.contract)
            course = Course(
                self._context, ready.contract, ready.release, sink, open_still, ready.look.subjects, stopping
            )  # fmt: skip
            try:
                with keys_needed():
                    await Sending(ready.row, ready.copy, earlier, ready.look.parts).run(course, start, stop)
            except Over as over:
                self._ahead.drop(ready.opening.transfer)
                if over.standing == "ended":
                    await self._ended(ready.release.id)
                return False
            if stop == len(ready.copy.data):
                await self._workers.drop(ready.release.id, ready.row.id)
            return True

    def _admitted(self, tx: Transaction, opening: Opening, id: str) -> Found:
        return self._named(tx, *self._door.admitted(tx, opening), id)

    def _named(self, tx: Transaction, transfer: Transfer, agreement: Agreement, id: str) -> Found:
        release = running_of(tx, transfer.pid)
        rows = tx.find(ReleaseSegment, release=release.id, id=id) if release is not None else []
        if release is None or not rows:
            raise missing("There is no such segment of this transfer")
        row = next((one for one in rows if one.standing != "gone"), rows[0])
        if row.standing == "gone":
            raise self._gone(tx, transfer.pid, row)
        contract = replace(read_contract(tx, transfer, agreement), telling_gone=row.deletions)
        return contract, release, row, carrying_of(tx, contract, release)

    @staticmethod
    def _gone(tx: Transaction, pid: str, row: ReleaseSegment) -> Gone:
        """Said with the one that stands now, however many came and went between."""
        known = {one.id: one for one in tx.find(ReleaseSegment, release=row.release)}
        seen: set[str] = set()
        at: ReleaseSegment | None = row
        while at is not None and at.standing == "gone" and at.id not in seen:
            seen.add(at.id)
            at = known.get(at.successor)
        there = at is not None and at.standing != "gone"
        return Gone(at.id if at and there else None, href_of(pid, at.id) if at and there else None)

    # --- what takes its place ----------------------------------------------------------------------------------------

    async def _leaked(self, looking: Looking, row: ReleaseSegment, look: Look, leaked: Leaked) -> Problem:
        """Whoever would have been given away is out of this release; the others stay in the segment."""

        def command(tx: Transaction) -> None:
            for person, lines in leaked.found.items():
                held_back(tx, self._context, looking.contract, looking.release.id, person, lines)

        await self._context.store.write(command)
        parts = [one for one in look.parts if one.stretch.person not in leaked.found]
        named = await self._context.store.read(lambda tx: looking.named(tx, row, parts))
        fallen = {**look.fallen, **dict.fromkeys(leaked.found, LEAK)}
        return await self._replaced(looking, row, replace(look, id=named, parts=parts, fallen=fallen))

    async def _replaced(self, looking: Looking, row: ReleaseSegment, look: Look) -> Problem:
        """Put what it is now in the place of what it was."""
        await self._workers.drop(looking.release.id, row.id)
        return await self._context.store.write(lambda tx: self._put(tx, looking, row, look))

    def _put(self, tx: Transaction, looking: Looking, row: ReleaseSegment, look: Look) -> Problem:
        context, release, now = self._context, looking.release, self._context.clock()
        fresh, current = tx.get(ReleaseSegment, row.release, row.number), tx.get(Release, release.id)
        if fresh is None or current is None or (fresh.id, fresh.standing) == (row.id, "gone"):
            return self._gone(tx, release.transfer, fresh or row)
        keep(tx, looking.contract, release.id, look.anew)
        holding = Holding.of(fresh)
        out = tuple(look.fallen.items())
        tx.put(replace(fresh, standing="gone", successor=look.id, people=holding.but(without=out, coding="").json()))
        if look.id:
            left = tuple(one.stretch for one in look.parts)
            number = 1 + max(one.number for one in tx.find(ReleaseSegment, release=release.id))
            tx.add(
                ReleaseSegment(
                    release=release.id, number=number, id=look.id, deletions=row.deletions,
                    people=Holding(left, holding.place, holding.kind).json(),
                )
            )  # fmt: skip
        if out:
            current = taken_out(tx, context, current, len(out), now)
            tx.alter(Release, {"dropped": current.dropped}, id=release.id)
        context.log(
            tx, "release.segment-gone", release.id,
            {"release": release.id, "segment": row.number, "id": row.id, "successor": look.id, "without": len(out)},
        )  # fmt: skip
        return Gone(look.id or None, href_of(release.transfer, look.id) if look.id else None)

    # --- the end -----------------------------------------------------------------------------------------------------

    async def completed(self, opening: Opening) -> Release | None:
        """The running plan, complete now; None when there is none.

        Raises Problem 409 while segments are missing, 403 when the profile of the contract is gone.
        """
        store = self._context.store
        running = await store.read(lambda tx: running_of(tx, opening.transfer))
        if running is None:
            return None
        left = await store.read(lambda tx: missing_of(tx, running.id))
        if left:
            raise conflict(f"{left} segments have not been fetched yet", "not-complete", "fetch them first")
        found = await self._complete(running)
        return found if found is not None and found.standing == "complete" else None

    async def _needs_profile(self, contract: Contract, release: Release) -> None:
        """Without its profile a release has ended. Raises Problem 403."""
        if contract.profile is None:
            await self._context.store.write(lambda tx: end_early(tx, self._context, contract, release, "ended"))
            raise without_profile()

    async def _complete(self, release: Release) -> Release | None:
        def query(tx: Transaction) -> tuple[Contract, Carrying] | None:
            contract = contract_under(tx, release)
            return (contract, carrying_of(tx, contract, release)) if contract is not None else None

        store = self._context.store
        found = await store.read(query)
        if found is None:
            return None
        await self._needs_profile(found[0], release)
        whole = await store.read(lambda tx: whole_of(tx, release, found[1]))
        try:
            return await conclude(self._context, found[0], whole, self._archive)
        except Over:  # somebody else asked at the same time
            return await store.read(lambda tx: tx.get(Release, release.id))

    async def watch(self) -> None:
        """End releases whose transfers are over; until cancelled."""
        bells, tidying = self._context.bells, asyncio.ensure_future(self._workers.tidy())
        try:
            while True:
                seen = bells.count("transfers")
                for release in await self._context.store.read(orphans):
                    await self._ended(release.id)
                await bells.wait("transfers", seen=seen)
        finally:
            tidying.cancel()

    async def _ended(self, id: str) -> None:
        """The transfer is over, or not open now: what was sent whole is complete, what not has ended."""
        release = await self._context.store.read(lambda tx: left_over(tx, id))
        if release is None:
            return
        if not await self._context.store.read(lambda tx: missing_of(tx, id)):
            with suppress(Problem):  # it has ended then
                await self._complete(release)
            return
        await self._context.store.write(
            lambda tx: end_early(tx, self._context, contract_under(tx, release), release, "ended")
        )

    def end_others(self, tx: Transaction, release: Release) -> None:
        """A release of this transfer begins anew: a plan of it that was running goes no further."""
        for one in tx.find(Release, transfer=release.transfer, standing="running"):
            # A single body that still runs is none that anybody serves: what served it could not note its end.
            if one.id != release.id and one.kind == "records":
                end_early(tx, self._context, contract_under(tx, one), one, "broken")

    async def close(self) -> None:
        """Stop planning."""
        await self._ahead.close()
        await self._plans.close()
