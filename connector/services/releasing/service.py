"""Releases as the doors call them: who may pull, one running release per transfer, what is left behind by a crash."""

from __future__ import annotations

import asyncio
from asyncio import Event

from connector.ports import Archive, Renderer, Transaction
from connector.problems import Problem, missing
from connector.records import Release
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.processes.transfers import Transfers
from connector.services.releasing.bulk import BulkRelease
from connector.services.releasing.closing import file_stem, recover
from connector.services.releasing.contract import Contract, contract_under, read_contract
from connector.services.releasing.course import Course, Over, Sink
from connector.services.releasing.lanes import Lanes
from connector.services.releasing.opening import Door, Opening, keys_needed
from connector.services.releasing.permitting import without_profile
from connector.services.releasing.risk import TOO_HIGH
from connector.services.releasing.segments import Segments
from connector.services.releasing.stream import StreamRelease, begun, newest
from contracts.risk import asks

FORMS = {"json": "application/json", "nt": "application/n-triples", "fhir.json": "application/fhir+json"}


class Releasing:
    """The provider's side of every transfer. `segments` are the releases that are fetched piece by piece."""

    def __init__(self, context: Context, transfers: Transfers, renderer: Renderer, archive: Archive) -> None:
        self._context = context
        self._transfers = transfers
        self._renderer = renderer
        self._archive = archive
        self._door = Door(context, transfers)
        self._lanes = Lanes()
        self.segments = Segments(context, self._door, self._lanes, renderer, archive)

    async def open(self, pid: str, token: str, kind: str) -> Opening:
        """Whether this token opens this transfer now. Raises Problem 401, 404, 410."""
        return await self._door.open(pid, token, kind)

    async def serve(self, opening: Opening, sink: Sink, last_event: int = 0) -> bool:
        """Release into `sink` until it is done; whether it came to its own end. A newer pull ends an older one.

        Raises Problem before anything was sent: when it is not open, or the older one does not end.
        """
        return await self._run(opening, sink, last_event) is not None

    async def push(self, pid: str, sink: Sink) -> str | None:
        """The same for a push, into the body of our own request; its signed manifest, None when it was cut short."""
        release = await self._run(Opening(pid, None, "records"), sink)
        return release.manifest if release else None

    async def _run(self, opening: Opening, sink: Sink, last_event: int = 0) -> Release | None:
        async with self._lanes.taken(opening.transfer, endless=opening.kind == "stream") as stopping:
            try:
                with keys_needed():
                    runner = await self._begin(opening, sink, last_event, stopping)
                    await runner.run()
            except Over as over:
                if over.problem is not None:
                    raise over.problem from None
                return None
            return runner.course.release

    async def manifest(self, pid: str, token: str) -> dict[str, str]:
        """The signed manifest of the newest complete release of a transfer. Raises Problem 401, 404, 409, 410.

        A release in segments is completed by asking for it, once each of them was sent.
        """
        opening = await self._door.open(pid, token, "records")
        release = await self.segments.completed(opening)
        if release is None:
            release = await self._context.store.read(lambda tx: _newest_complete(tx, pid))
        if release is None:
            raise missing("There is no complete release of this transfer")
        return {"manifest": release.manifest}

    async def provenance(self, actor: Actor, release: str, form: str = "json") -> bytes:
        """The provenance document of a release, for the data protection officer: PROV-JSON, N-Triples, or FHIR."""
        require(actor, "dpo", "operator")
        if form not in FORMS:
            raise Problem(400, "invalid", "There is no such form", form, "form", ", ".join(FORMS))
        known = await self._context.store.read(lambda tx: tx.get(Release, release))
        content = await self._archive.read(f"{file_stem(release)}.{form}") if known else None
        if content is None:
            raise missing("There is no provenance of this release")
        return content

    async def resume(self) -> None:
        """At the start, and where the process that had the lead ended: bodies that nobody here sends are broken, and
        their people are told. Another process that still sends one is cut off, and its reader comes again.

        Releases in segments go on.
        """

        def command(tx: Transaction) -> None:
            for release in tx.find(Release, standing="running"):
                if release.asked is None and not self._lanes.has(release.transfer):
                    recover(tx, self._context, release, contract_under(tx, release))

        await self._context.store.write(command)

    async def drain(self, seconds: float) -> None:
        """The process is to end: nothing new is handed over, segments and bodies may come to their end.

        After so many seconds they are ended where they are, and their readers go on there at another time.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._lanes.drain()
        except TimeoutError:
            self._lanes.stop()

    async def close(self) -> None:
        """Stop what runs; readers come again."""
        self._lanes.stop()
        await self.segments.close()
        await self._renderer.close()

    async def _begin(
        self, opening: Opening, sink: Sink, last_event: int, stopping: Event
    ) -> BulkRelease | StreamRelease:
        def command(tx: Transaction) -> tuple[Contract, Release, bool]:
            if opening.kind != "stream":
                contract, release = self._door.begin(tx, opening)
                self.segments.end_others(tx, release)
                return contract, release, True
            # A stream shows what arrives after it was first opened; a later connection leaves no gap to that.
            first = begun(tx, opening.transfer)
            rests = read_contract(tx, *self._door.admitted(tx, opening))
            if asks(rests.agreement.policy):
                # Who is in a stream is not known before it is over: its risk cannot be measured before the first byte.
                raise Problem(403, TOO_HIGH.code, "The risk cannot be measured", "A stream has no risk report")
            if rests.profile is None:
                raise without_profile()
            start = first.begin if first else newest(tx, rests.source)
            return *self._door.begin(tx, opening, begin=start, offset=max(start, last_event)), first is None

        contract, release, first_time = await self._context.store.write(command)
        open_still = self._door.still_open(opening, contract)
        course = Course(self._context, contract, release, sink, open_still, stopping=stopping)
        if opening.kind == "stream":
            return StreamRelease(course, self._renderer, release.offset, first_time)
        return BulkRelease(course, self._renderer, self._archive)


def _newest_complete(tx: Transaction, transfer: str) -> Release | None:
    found = tx.find(Release, transfer=transfer, standing="complete", order="-finished_at", limit=1)
    return found[0] if found else None
