"""Releases as the doors call them: who may pull, one running release per transfer, what is left behind by a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from connector.ports import Archive, Renderer, Transaction
from connector.problems import Problem, conflict, missing
from connector.records import Agreement, Release, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.processes.transfers import PUSH, Transfers
from connector.services.releasing.bulk import BulkRelease
from connector.services.releasing.closing import file_stem, recover
from connector.services.releasing.contract import Contract, read_contract, unchanged
from connector.services.releasing.course import Course, Over, Sink
from connector.services.releasing.stream import StreamRelease, begun, newest
from policy.odrl.duties import words

_HANDING_OVER = 10.0
FORMS = {"json": "application/json", "nt": "application/n-triples"}


@dataclass(frozen=True, slots=True)
class Opening:
    """A pull that was let in, or (without a token) a push of ours; the release begins with `serve`."""

    transfer: str
    token: str | None
    kind: str


class Releasing:
    """The provider's side of every transfer."""

    def __init__(self, context: Context, transfers: Transfers, renderer: Renderer, archive: Archive) -> None:
        self._context = context
        self._transfers = transfers
        self._renderer = renderer
        self._archive = archive
        self._running: dict[str, Course] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def open(self, pid: str, token: str, kind: str) -> Opening:
        """Whether this token opens this transfer now. Raises Problem 401, 404, 410."""
        transfer, _ = await self._context.store.look(lambda tx: self._transfers.open_to(tx, pid, token))
        if transfer.kind != kind:
            raise missing(f"This transfer is of another kind: {transfer.kind}")
        return Opening(pid, token, kind)

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
        lock = self._locks.setdefault(opening.transfer, asyncio.Lock())
        if (older := self._running.get(opening.transfer)) is not None:
            older.stopping.set()
        try:
            async with asyncio.timeout(_HANDING_OVER):
                await lock.acquire()
        except TimeoutError:
            raise conflict("An earlier pull of this transfer has not ended") from None
        try:
            runner = await self._begin(opening, sink, last_event)
            self._running[opening.transfer] = runner.course
            await runner.run()
        except Over:
            return None
        finally:
            self._running.pop(opening.transfer, None)
            lock.release()
        return runner.course.release

    async def manifest(self, pid: str, token: str) -> dict[str, str]:
        """The signed manifest of the newest complete release of a transfer. Raises Problem 401, 404, 410."""

        def query(tx: Transaction) -> Release | None:
            self._transfers.open_to(tx, pid, token)
            found = tx.find(Release, transfer=pid, standing="complete", order="-finished_at", limit=1)
            return found[0] if found else None

        release = await self._context.store.read(query)
        if release is None:
            raise missing("There is no complete release of this transfer")
        return {"manifest": release.manifest}

    async def provenance(self, actor: Actor, release: str, form: str = "json") -> bytes:
        """The provenance document of a release, for the data protection officer: PROV-JSON, or N-Triples."""
        require(actor, "dpo", "operator")
        if form not in FORMS:
            raise Problem(400, "invalid", "There is no such form", form, "form", ", ".join(FORMS))
        known = await self._context.store.read(lambda tx: tx.get(Release, release))
        content = await self._archive.read(f"{file_stem(release)}.{form}") if known else None
        if content is None:
            raise missing("There is no provenance of this release")
        return content

    async def resume(self) -> None:
        """At the start: releases that were running when the process ended are broken; their people are told."""

        def command(tx: Transaction) -> None:
            for release in tx.find(Release, standing="running"):
                transfer, agreement = tx.get(Transfer, release.transfer), tx.get(Agreement, release.agreement)
                contract = read_contract(tx, transfer, agreement) if transfer and agreement else None
                recover(tx, self._context, release, contract)

        await self._context.store.write(command)

    async def close(self) -> None:
        """Stop what runs; readers come again."""
        for course in self._running.values():
            course.stopping.set()
        await self._renderer.close()

    async def _begin(self, opening: Opening, sink: Sink, last_event: int) -> BulkRelease | StreamRelease:
        now = self._context.clock()

        def command(tx: Transaction) -> tuple[Contract, Release, bool]:
            transfer, agreement = self._admitted(tx, opening)
            contract = read_contract(tx, transfer, agreement)
            first = begun(tx, opening.transfer)
            begin = 0
            if opening.kind == "stream":
                # A stream shows what arrives after it was first opened; a later connection leaves no gap to that.
                begin = first.begin if first else newest(tx, contract.source)
            release = Release(
                id=new_id(), transfer=opening.transfer, agreement=agreement.id, kind=opening.kind,
                dataset=contract.dataset, study=contract.study, begin=begin, offset=max(begin, last_event),
                started_at=now,
            )  # fmt: skip
            tx.add(release)
            self._context.log(
                tx, "release.begun", release.id, {"transfer": opening.transfer, "agreement": agreement.id}
            )
            occasions.begun(tx, self._context, transfer, now)
            return contract, release, first is None

        contract, release, first_time = await self._context.store.write(command)
        course = Course(self._context, contract, release, sink, self._still_open(opening, contract))
        if opening.kind == "stream":
            return StreamRelease(course, self._renderer, release.offset, first_time)
        return BulkRelease(course, self._renderer, self._archive)

    def _admitted(self, tx: Transaction, opening: Opening) -> tuple[Transfer, Agreement]:
        """The transfer and agreement a release begins under. Raises Problem 401, 410."""
        transfer, agreement = self._named(tx, opening)
        if (duty := occasions.over_for(agreement, self._context.clock())) is not None:
            raise Problem(410, "not-open", "What is sent under this contract had to be deleted already", words(duty))
        return transfer, agreement

    def _named(self, tx: Transaction, opening: Opening) -> tuple[Transfer, Agreement]:
        if opening.token is not None:
            return self._transfers.open_to(tx, opening.transfer, opening.token)
        transfer = tx.get(Transfer, opening.transfer)
        if transfer is None or transfer.role != "provider" or transfer.format != PUSH:
            raise Problem(410, "not-open", "This transfer is not open")
        return transfer, self._transfers.open_agreement(tx, transfer)

    def _still_open(self, opening: Opening, contract: Contract) -> Callable[[Transaction], bool]:
        """For every chunk: the token was looked at when the release began, and may have been made anew since."""

        def still_open(tx: Transaction) -> bool:
            transfer = tx.get(Transfer, opening.transfer)
            try:
                return (
                    transfer is not None
                    and bool(self._transfers.open_agreement(tx, transfer))
                    and unchanged(tx, contract)
                )
            except Problem:
                return False

        return still_open
