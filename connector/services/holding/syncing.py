"""Keeping a source in step with a FHIR server: all of it the first time, then what changed, then again from there.

Every page or portion is a transaction. The watermark moves only when a reading came to its end; one that stops half-way
says what came, where it stopped and why, and the next begins where the last whole one ended. What came twice changes
nothing. People are read before what they allow, and that before their records: at no moment is more releasable than
when everything has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid
from connector.records import Person, Source
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.holding.absent import Absent
from connector.services.holding.reach import COMPLETE, READING, STOPPED, Reach, State, Wait, server_of, token_of
from connector.services.holding.taking import Taken, Taking, imported, in_release, source_of
from connector.services.received.stones import REFUSED, brings_back, erased_codes
from connector.sources.fhir_changes import Gone
from connector.sources.fhir_export import Export
from connector.sources.fhir_kinds import kinds_read
from connector.sources.fhir_reading import Prepared
from connector.sources.fhir_search import Batch, deletions, in_turn, instant, search
from connector.sources.fhir_server import Capability, Pace, ServerFault, capability

if TYPE_CHECKING:
    from connector.sources.fhir_pieces import Piece

OVERLAP = timedelta(minutes=10)
"""How far before the watermark the next reading begins: a server may store late what it dates earlier."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How a reading of a server ended. `standing` is complete or stopped; `refused` has one line for each refusal."""

    source: str
    standing: str
    why: str
    people: int
    records: int
    changed: int
    deleted: int
    refused: list[str]


class Syncing:
    """Reads FHIR servers into sources. One reading of a source at a time."""

    def __init__(self, context: Context, taking: Taking) -> None:
        self._context = context
        self._taking = taking
        self.pace = Pace()
        self.wait: Wait = asyncio.sleep
        self.running = set[str]()

    async def import_server(
        self,
        actor: Actor,
        source_name: str,
        reach: Reach,
        progress: Callable[[str], None] = lambda _: None,
        *,
        since: datetime | None = None,
        whole: bool = False,
    ) -> SyncReport:
        """Read a server into the source of this name from now on, which is made when it is new, and read it now.

        Raises Problem 400 for an address or token file that cannot be used, 409 for a device source.
        """
        require(actor, "steward", "operator")
        server_of(self._context, reach, self.pace, token_of(reach))
        source = await self._context.store.write(lambda tx: _reached(tx, source_name, reach, actor))
        return await self.sync(actor, source.id, progress, since=since, whole=whole)

    async def sync(
        self,
        actor: Actor,
        source: str,
        progress: Callable[[str], None] = lambda _: None,
        *,
        since: datetime | None = None,
        whole: bool = False,
    ) -> SyncReport:
        """Read what changed at a source's server since the last whole reading; `whole`: everything, and what is missing
        there is deleted here. `since` stands in place of the watermark; `progress` hears the kind being read.

        Raises Problem 400, 404, 409 when it is read already or is no server.
        """
        require(actor, "steward", "operator")
        if since is not None and whole:
            raise invalid("Say one of the two: everything, or since when", "since", "since or whole")
        row, reach = await self._context.store.read(lambda tx: _server_source(tx, source))
        if row.id in self.running:
            raise conflict("This source is being read already", accepted="waiting until that has ended")
        self.running.add(row.id)
        try:
            return await _Reading(self, self._context, self._taking, row, reach, actor, progress).run(since, whole)
        finally:
            self.running.discard(row.id)


class _Reading:
    """One reading of one server."""

    def __init__(
        self, service: Syncing, context: Context, taking: Taking, source: Source, reach: Reach, actor: Actor,
        progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._context = context
        self._taking = taking
        self._source = source
        self._reach = reach
        self._actor = actor
        self._progress = progress
        self._server = server_of(context, reach, service.pace, token_of(reach), service.wait)
        self._known = set[str]()
        self._erased: frozenset[str] = frozenset()
        self._people = set[str]()
        self._refused = list[str]()
        self._whole: Absent | None = None
        self._state = State()

    async def run(self, since: datetime | None, whole: bool) -> SyncReport:
        """Read to the end, or to where it stops."""
        store, source = self._context.store, self._source.id
        start = since or (None if whole else _after(self._source.watermark))
        self._whole = Absent(self._context, self._taking, source) if whole else None
        now, last = instant(self._context.clock()), self._reach.state
        begun = last.begun_at if last.standing != COMPLETE and last.begun_at else now
        self._state = State(READING, started_at=now, begun_at=begun, since=instant(start) if start else "", whole=whole)
        self._known = await store.read(lambda tx: {one.source_id for one in tx.find(Person, source=source)})
        self._erased = await store.read(erased_codes)
        await store.write(self._note)
        try:
            offered = await capability(self._server)
            await store.write(lambda tx: in_release(tx, _again(tx, source), offered.release))
            at = await self._read(offered, start)
        except (ServerFault, Problem) as fault:
            return await self._ended(STOPPED, why=str(fault))
        except BaseException:
            with suppress(Exception):  # what cannot be noted is told from the process not being there any more
                await asyncio.shield(self._ended(STOPPED, why="it broke off here"))
            raise
        return await self._ended(COMPLETE, at=at)

    async def _read(self, offered: Capability, start: datetime | None) -> datetime:
        """Everything in turn; returns the server's time it is as of. Raises ServerFault."""
        kinds = kinds_read(offered.release) & (offered.searched if self._reach.how == "search" else offered.kinds)
        if "Patient" not in kinds:
            raise ServerFault("capability statement", "people cannot be read there", "a server that has Patient")
        batches, at = self._batches(kinds, start)
        async with aclosing(batches):
            async for batch in batches:
                await self._take(batch)
        begun = self._state.begun_at
        if self._whole is None and (start is not None or begun != self._state.started_at):
            # Of a first reading too: what an earlier attempt at it brought may have been deleted since.
            await self._deletions(kinds, offered, start or datetime.fromisoformat(begun) - OVERLAP)
        elif self._whole is not None and not self._refused:
            self._state = replace(self._state, reading="what is missing there", deletions="by absence")
            gone = await self._whole.delete(self._actor)
            self._state = replace(self._state, deleted=self._state.deleted + gone)
        # A server whose clock runs ahead must not hide from the next reading what happens until then.
        started = datetime.fromisoformat(self._state.started_at)
        return min(at() or offered.at or started, started)

    def _batches(
        self, kinds: frozenset[str], start: datetime | None
    ) -> tuple[AsyncGenerator[Batch, None], Callable[[], datetime | None]]:
        if self._reach.how == "export":
            export = Export(self._server, kinds, start, self._known.__contains__)
            return export.read(), lambda: export.at
        return search(self._server, kinds, start, self._known.__contains__), lambda: None

    async def _deletions(self, kinds: frozenset[str], offered: Capability, start: datetime) -> None:
        """What the server's history says is no more. A server without one has to be read whole now and then."""
        seen = offered.whole_history or offered.histories >= set(in_turn(kinds))
        self._state = replace(self._state, reading="deletions", deletions="by history" if seen else "not seen")
        async with aclosing(deletions(self._server, kinds, offered, start)) as found:
            async for gone in found:
                await self._gone(gone)

    async def _take(self, batch: Batch) -> None:
        if batch.kind != self._state.reading:
            self._state = replace(self._state, reading=batch.kind)
            self._progress(batch.kind)
        for piece in batch.pieces:
            await self._piece(piece)

    async def _piece(self, piece: Piece) -> None:
        """One piece; of somebody who was erased here nothing comes back."""
        prepared = piece.prepared
        if prepared is None:
            self._refused.append(piece.refused)
            return
        if self._whole is not None:
            self._whole.saw(prepared)
        if brings_back(prepared, self._erased):
            self._refused.append(f"{piece.file}: {REFUSED}")
            prepared = _without(prepared, self._erased)
        await self._keep(prepared)

    async def _gone(self, gone: tuple[Gone, ...]) -> None:
        await self._keep(Prepared((), (), frozenset(), gone))

    async def _keep(self, prepared: Prepared) -> None:
        taken = await self._taking.take(self._source.id, prepared, self._actor, self._note)
        self._known |= taken.people
        self._people |= taken.people
        self._state = _grown(self._state, taken, len(self._people), self._refused)

    def _note(self, tx: Transaction) -> None:
        """What has come so far, where everybody can see it, in the transaction of whatever comes now."""
        tx.alter(Source, {"reach": self._reach.noted(self._state)}, id=self._source.id)

    async def _ended(self, standing: str, why: str = "", at: datetime | None = None) -> SyncReport:
        context, source = self._context, self._source.id
        now = context.clock()
        reading = self._state.reading if why else ""
        state = replace(
            self._state, standing=standing, why=why, ended_at=instant(now), reading=reading,
            refused=len(self._refused), refusals=tuple(self._refused[:20]), people=len(self._people),
        )  # fmt: skip
        self._state = state

        def command(tx: Transaction) -> None:
            self._note(tx)
            if at is not None:
                tx.alter(Source, {"watermark": instant(at)}, id=source)
                imported(tx, source, now)
            context.log(
                tx, "source.imported", source,
                {"people": state.people, "records": state.records, "changed": state.changed,
                 "deleted": state.deleted, "refused": state.refused, "how": self._reach.how, "standing": standing,
                 "by": self._actor.entry},
            )  # fmt: skip

        await context.store.write(command)
        return SyncReport(
            source, standing, why, state.people, state.records, state.changed, state.deleted, self._refused
        )


def _reached(tx: Transaction, name: str, reach: Reach, actor: Actor) -> Source:
    source = source_of(tx, name, "fhir", actor)
    before = Reach.of(source.reach)
    if before is not None and before.server != reach.server:
        raise conflict("This source is read from another server", accepted="another name for another server")
    return tx.change(source, reach=reach.noted(before.state if before else State()))


def _server_source(tx: Transaction, id: str) -> tuple[Source, Reach]:
    source = _again(tx, id)
    reach = Reach.of(source.reach)
    if reach is None:
        raise conflict("This source is not read from a server", accepted="concord import FOLDER")
    return source, reach


def _again(tx: Transaction, id: str) -> Source:
    found = tx.get(Source, id)
    if found is None:
        raise Problem(404, "not-found", "There is no such source")
    return found


def _after(watermark: str) -> datetime | None:
    return datetime.fromisoformat(watermark) - OVERLAP if watermark else None


def _without(prepared: Prepared, erased: frozenset[str]) -> Prepared:
    return replace(
        prepared, records=tuple(one for one in prepared.records if one.subject not in erased),
        people=tuple(one for one in prepared.people if one.id not in erased),
    )  # fmt: skip


def _grown(state: State, taken: Taken, people: int, refused: list[str]) -> State:
    return replace(
        state, people=people, records=state.records + taken.records, changed=state.changed + taken.changed,
        deleted=state.deleted + taken.deleted, refused=len(refused),
    )  # fmt: skip
