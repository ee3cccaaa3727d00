"""The next segments of a release, prepared by workers: looked at, rendered and checked there, handed over here.

While a plan stands and is fetched, the serving process asks for the segments that come next. A worker puts each into a
file. Nothing is handed over because it lies there: when the segment is asked for it is looked at anew, and the file
serves only where that gives the same id. A worker that comes late, or whose lease is over, puts nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Agreement, Job, Release, ReleaseSegment, Transfer
from connector.services.context import Context
from connector.services.jobs import ended_bell
from connector.services.releasing.ahead import Prepared
from connector.services.releasing.asked import Holding
from connector.services.releasing.carried import Seal, read_back, written
from connector.services.releasing.contract import Contract
from connector.services.releasing.deltas import Carrying
from connector.services.releasing.looking import Foreseen, Looking
from connector.services.releasing.opening import keys_needed
from connector.services.releasing.planning import keyed_of
from connector.services.releasing.rendering import Copy, Leaked, coded, render
from connector.services.releasing.under_way import all_running
from connector.services.tasks import trace_of

KIND = "segment"
PATIENCE = 5.0
"""Seconds somebody who asks for a segment waits for a worker that was asked before to take it; and three times as long
for one that has taken it, in which another takes it over where that one died. Then it is prepared here.
"""
_ALONE = 60.0
"""Seconds in which no worker is asked after one was waited for in vain."""
_KEPT = 600.0
"""Seconds a prepared segment waits for somebody to ask for it."""
_TIDIED = 60.0
_WHAT = "PreparedSegment"
_NOTHING: dict[str, Any] = {"prepared": False}

Found = tuple[Contract, Release, ReleaseSegment, Carrying]
"""A segment, with what it rests on."""

log = logging.getLogger("concord.releasing")


class Named(Protocol):
    """Finds a segment of a transfer that is open, with what it rests on. Raises Problem when there is none."""

    def __call__(self, tx: Transaction, transfer: Transfer, agreement: Agreement, id: str) -> Found:
        """The segment with this id."""
        ...


class Admitting(Protocol):
    """Says of a transfer that something may be handed over under it now. Raises Problem when not."""

    def __call__(self, tx: Transaction, pid: str) -> tuple[Transfer, Agreement]:
        """The transfer and its agreement."""
        ...


class Partition:
    """Both sides: asking for segments and taking what was prepared (`on`: here), and preparing them (`work`)."""

    def __init__(self, context: Context, admitting: Admitting, named: Named) -> None:
        self._context = context
        self._admitting = admitting
        self._named = named
        self._alone_until = 0.0
        self.on = context.settings.jobs == "celery"
        context.jobs.on(KIND, self.work)

    # --- where segments are handed over ------------------------------------------------------------------------------

    async def ask(self, release: str, ids: Sequence[str], coding: str) -> None:
        """Have workers prepare the first of these segments of a release, as many as may wait; those asked for stay."""
        if not self.on or self._now() < self._alone_until:
            return
        wanted = list(ids[: self._context.settings.segments_ahead])
        unknown = await self._context.store.read(
            lambda tx: [id for id in wanted if tx.get(Job, job_of(release, id)) is None]
        )
        for id in unknown:  # one after the other: workers are told in the order of commits, of one commit in any
            await self._context.store.write(lambda tx, id=id: self._ask(tx, release, id, coding))  # type: ignore[misc]

    def _ask(self, tx: Transaction, release: str, id: str, coding: str) -> None:
        argument = {"segment": id, "coding": coding}
        self._context.jobs.ask(tx, KIND, release, argument, id=job_of(release, id))

    async def taken(self, contract: Contract, row: ReleaseSegment) -> Prepared | None:
        """What was prepared of this segment, once it is ready; None for nothing, or where it takes too long."""
        found = await self._read(contract, row)
        if found is None and self._now() >= self._alone_until and await self._ended(job_of(row.release, row.id)):
            found = await self._read(contract, row)
        return found

    async def _ended(self, id: str) -> bool:
        """Wait for a job that was asked for; whether it has ended."""
        for patience in (PATIENCE, 2 * PATIENCE):
            job = await self._job_after(id, patience)
            if job is None or job.standing != "waiting":
                return job is not None
            if not job.lease:
                log.warning("no worker prepares segments; they are prepared here for a while")
                self._alone_until = self._now() + _ALONE
                break
        return False

    async def _job_after(self, id: str, patience: float) -> Job | None:
        """The job as it is when it has ended, or that time is up."""
        waiting = asyncio.ensure_future(self._context.bells.wait(ended_bell(id), timeout=patience))
        try:
            job = await self._context.store.read(lambda tx: tx.get(Job, id))
            if job is not None and job.standing == "waiting":
                await waiting
                job = await self._context.store.read(lambda tx: tx.get(Job, id))
            return job
        finally:
            waiting.cancel()

    async def _read(self, contract: Contract, row: ReleaseSegment) -> Prepared | None:
        kept, seal = self._context.data.segments, await self._seal(contract, row)

        def read() -> Prepared | None:
            data = kept.read(row.release, row.id)
            if data is None:
                return None
            try:
                return read_back(data, Holding.of(row).people, seal)
            except ValueError:
                kept.drop(row.release, row.id)
                return None

        return await asyncio.to_thread(read)

    async def drop(self, release: str, id: str) -> None:
        """A segment was handed over, or is no more."""
        if self.on:
            await asyncio.to_thread(self._context.data.segments.drop, release, id)

    async def tidy(self) -> None:
        """Drop what nobody came for, what belongs to releases that ended, and at once what holds somebody who stopped;
        until cancelled.
        """
        bells = self._context.bells
        while True:
            seen = {name: bells.count(name) for name in ("releases", "consents")}
            try:
                await self._tidied()
            except Exception as error:  # the store is away, say
                log.error("prepared segments cannot be looked through: %s\n%s", type(error).__name__, trace_of(error))
            if not self.on:  # what was left is gone, and nothing comes
                return
            rung = [asyncio.ensure_future(bells.wait(name, _TIDIED, count)) for name, count in seen.items()]
            try:
                await asyncio.wait(rung, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in rung:
                    one.cancel()

    async def _tidied(self) -> None:
        running = [one.id for one in await self._context.store.read(all_running)] if self.on else []
        for release, id in await asyncio.to_thread(self._context.data.segments.tidy, running, _KEPT):
            if not await self._stands(release, id):
                await self.drop(release, id)

    async def _stands(self, release: str, id: str) -> bool:
        """Whether everybody in a segment may still leave, and it is still to be handed over."""

        def query(tx: Transaction) -> Found | None:
            known = tx.get(Release, release)
            return self._named(tx, *self._admitting(tx, known.transfer), id) if known is not None else None

        try:
            with keys_needed():
                found = await self._context.store.read(query)
                if found is None or found[2].standing != "open":
                    return False
                contract, running, row, carrying = found
                return not await Looking(self._context, contract, running, carrying).has_fallen(row)
        except Problem:  # not open now, or nobody can tell
            return False

    async def _seal(self, contract: Contract, row: ReleaseSegment) -> Seal:
        """What binds a file to its segment: nobody without the vault can make one."""
        keyed = await self._context.store.read(lambda tx: keyed_of(self._context, contract, tx))
        return lambda digest: keyed.id(_WHAT, f"{row.release}/{row.id}/{digest}")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # --- where segments are prepared ----------------------------------------------------------------------------------

    async def work(self, job: Job) -> dict[str, Any]:
        """Prepare one segment; `prepared` says whether its file is there. What cannot leave as it is has none.

        Raises Problem 503 while the vault is locked, and OSError: then it is tried again.
        """
        argument = job.argument or {}
        id, coding = str(argument.get("segment", "")), str(argument.get("coding", ""))
        store = self._context.store
        found = await store.read(lambda tx: self._found(tx, job, id))
        if found is None:
            return _NOTHING
        with keys_needed():
            made = await self._made(*found, coding)
        if made is None or await store.read(lambda tx: self._found(tx, job, id)) is None:
            return _NOTHING
        contract, release, row, _ = found
        with keys_needed():
            seal = await self._seal(contract, row)
        parts = written(made[0], made[1], Holding.of(row).people, seal)
        placed = await asyncio.to_thread(self._context.data.segments.keep, release.id, id, parts)
        if placed and not await self._stands(release.id, id):  # after it lies there: whoever stops later drops it
            await self.drop(release.id, id)
            return _NOTHING
        return {"prepared": placed}

    async def _made(
        self, contract: Contract, release: Release, row: ReleaseSegment, carrying: Carrying, coding: str
    ) -> tuple[Copy, Foreseen] | None:
        look, seen = await Looking(self._context, contract, release, carrying).foreseen(row)
        if look.id != row.id or contract.profile is None:
            return None
        rendered = await render(self._context.data.renderer, contract, release, look.parts, deletions=row.deletions)
        return None if isinstance(rendered, Leaked) else (await coded(rendered, coding), seen)

    def _found(self, tx: Transaction, job: Job, id: str) -> Found | None:
        """The segment, while it is still to be handed over and this is still ours to do."""
        now = tx.get(Job, job.id)
        release = tx.get(Release, job.about)
        if now is None or (now.standing, now.lease) != ("waiting", job.lease) or release is None:
            return None
        try:
            found = self._named(tx, *self._admitting(tx, release.transfer), id)
        except Problem:  # whoever asks for it in earnest is told
            return None
        return found if found[1].id == release.id and found[2].standing == "open" else None


def job_of(release: str, segment: str) -> str:
    """The job that prepares a segment."""
    return f"{KIND}:{release.removeprefix('urn:uuid:')}:{segment}"
