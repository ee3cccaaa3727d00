"""The runner does jobs (`connector.services.jobs`): takes what is due, renews its lease while it works, settles it.

It is woken by a bell, by the moment something falls due, and, where other processes may have died holding something,
by a look every few seconds. A job that was taken by somebody else meanwhile settles nothing here. What fails is tried
again, later each time; a Problem is a no that is final, unless it says that we cannot do it now.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Job
from connector.services.context import Context
from connector.services.delivery import LONGEST_WAIT
from connector.services.jobs import BELL, Work, ended_bell
from connector.services.leases import LEASE, RENEW, SWEEP, is_free, new_token
from connector.services.patience import retry_after
from connector.services.tasks import trace_of

TRIES = 20
"""How often a job is begun; one that ends its process every time must not do so for ever."""
LOST = "job-lost"
_REST = 1.0
_MOST = 500
"""Jobs looked at in one go: those that are under way among them."""

log = logging.getLogger("concord.runner")


@dataclass(frozen=True, slots=True)
class _End:
    """What came of a try: an outcome; or the code of a fault, `final` or not."""

    outcome: Mapping[str, Any] | None = None
    error: str = ""
    final: bool = False


class JobRunner:
    """One per process. `at_once` jobs at a time; `shared`: other processes take from the same table."""

    def __init__(self, context: Context, at_once: int, *, shared: bool, bell: str = BELL) -> None:
        self._context = context
        self._at_once = at_once
        self._shared = shared
        self._bell = bell
        self._token = new_token()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Do what is due until cancelled; what was being done then may be taken by others at once."""
        bells = self._context.bells
        try:
            while True:
                seen = bells.count(self._bell)
                await bells.wait(self._bell, timeout=await self._look(), seen=seen)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def take(self, id: str) -> None:
        """Do this one, if it is still to be done and nobody has it; returns when it was tried.

        Without an id it has the whole table looked at.
        """
        if not id:
            self._context.bells.ring(self._bell)
        if not id or id in self._running:
            return
        now, store = self._context.clock(), self._context.store
        if not await store.read(lambda tx: self._may_be_taken(tx.get(Job, id), now)):
            return  # a hint costs nobody a turn to write unless there is work in it
        job = await store.write(lambda tx: self._taken(tx, tx.get(Job, id), now))
        if job is not None:
            await asyncio.wait({self._begin(job)})

    async def _look(self) -> float | None:
        """Begin what is due and there is room for; returns the seconds until the next look."""
        now, room = self._context.clock(), self._at_once - len(self._running)
        try:
            if room > 0 and await self._context.store.read(lambda tx: bool(self._due(tx, now))):
                for job in await self._context.store.write(lambda tx: self._claimed(tx, now, room)):
                    self._begin(job)
            pause = await self._context.store.read(lambda tx: self._until_next(tx, now))
        except Exception as error:
            log.error("the table of jobs cannot be read: %s\n%s", type(error).__name__, trace_of(error))
            return _REST
        if self._shared:
            return SWEEP if pause is None else min(SWEEP, pause)
        return pause

    def _due(self, tx: Transaction, now: datetime) -> list[Job]:
        kinds = self._context.jobs.kinds
        ready = tx.find(Job, standing="waiting", kind=kinds, due_at__le=now, order="due_at", limit=_MOST)
        beyond = now + LONGEST_WAIT
        stranded = tx.find(Job, standing="waiting", kind=kinds, due_at__gt=beyond, order="due_at", limit=_MOST)
        return [job for job in (*ready, *stranded) if job.id not in self._running and is_free(job, now)]

    def _claimed(self, tx: Transaction, now: datetime, room: int) -> list[Job]:
        return [taken for job in self._due(tx, now)[:room] if (taken := self._taken(tx, job, now)) is not None]

    def _taken(self, tx: Transaction, job: Job | None, now: datetime) -> Job | None:
        """It is ours now; None when there is nothing to take, or nobody here who does it."""
        if job is None or not self._may_be_taken(job, now):
            return None
        if job.attempts >= TRIES:
            tx.change(job, standing="failed", error=LOST, ended_at=now, lease="", leased_until=None)
            tx.ring(ended_bell(job.id))
            return None
        return tx.change(job, lease=self._token, leased_until=now + LEASE, attempts=job.attempts + 1)

    def _may_be_taken(self, job: Job | None, now: datetime) -> bool:
        """Whether it is due, nobody has it, and somebody here does it. What is put off for longer than anything waits
        is due: the clock was set back since."""
        if job is None or job.standing != "waiting" or not is_free(job, now):
            return False
        early = job.due_at is not None and now < job.due_at <= now + LONGEST_WAIT
        return not early and self._context.jobs.work(job.kind) is not None

    def _until_next(self, tx: Transaction, now: datetime) -> float | None:
        """Seconds until something falls due or a lease ends; None when nothing waits for time to pass."""
        kinds = self._context.jobs.kinds
        later = tx.find(Job, standing="waiting", kind=kinds, due_at__gt=now, order="due_at", limit=1)
        held = tx.find(Job, standing="waiting", kind=kinds, leased_until__gt=now, order="leased_until")
        moments = [job.due_at for job in later] + [job.leased_until for job in held if job.id not in self._running]
        found = [(moment - now).total_seconds() for moment in moments if moment is not None]
        return min(found) if found else None

    def _begin(self, job: Job) -> asyncio.Task[None]:
        task = asyncio.create_task(self._work(job))
        self._running[job.id] = task
        task.add_done_callback(lambda _done: self._ended(job.id))
        return task

    def _ended(self, id: str) -> None:
        self._running.pop(id, None)
        self._context.bells.ring(self._bell)

    async def _work(self, job: Job) -> None:
        """Try it once, and settle it while the lease stands."""
        with self._context.traces.span("job", job.trace, kind=job.kind):
            await self._tried_and_settled(job)

    async def _tried_and_settled(self, job: Job) -> None:
        trying = asyncio.create_task(_tried(job, self._context.jobs.work(job.kind)))
        keeping = asyncio.create_task(self._keep(job))
        try:
            await asyncio.wait({trying, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if trying.done():
                await self._settle(job, trying.result())
        except asyncio.CancelledError:
            await asyncio.shield(self._let_go(job))
            raise
        except Exception as error:
            log.error("a job cannot be settled: %s\n%s", type(error).__name__, trace_of(error))
        finally:
            for task in (trying, keeping):
                task.cancel()
            await asyncio.gather(trying, keeping, return_exceptions=True)

    async def _keep(self, job: Job) -> None:
        """Renew the lease; returns when it was lost."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                if not await self._context.store.write(partial(self._renewed, job, self._context.clock())):
                    log.warning("a job was taken by another process", extra={"kind": job.kind})
                    return
            except Exception as error:  # it ends by itself should this go on
                log.error("a lease cannot be renewed: %s", type(error).__name__)

    def _renewed(self, job: Job, now: datetime, tx: Transaction) -> int:
        return tx.alter(Job, {"leased_until": now + LEASE}, id=job.id, standing="waiting", lease=self._token)

    async def _settle(self, job: Job, end: _End) -> None:
        now = self._context.clock()
        changes: dict[str, object] = {"lease": "", "leased_until": None, "error": end.error}
        if end.outcome is not None:
            changes |= {"standing": "done", "outcome": dict(end.outcome), "ended_at": now}
        elif end.final or job.attempts >= TRIES:
            changes |= {"standing": "failed", "ended_at": now}
        else:
            changes |= {"due_at": now + retry_after(job.attempts, random.random())}  # noqa: S311 - jitter

        def command(tx: Transaction) -> None:
            if tx.alter(Job, changes, id=job.id, standing="waiting", lease=self._token) and "standing" in changes:
                tx.ring(ended_bell(job.id))

        await self._context.store.write(command)
        self._context.tally.add("job", job.kind, str(changes.get("standing", "again")))

    async def _let_go(self, job: Job) -> None:
        """It was not its fault that it ended: whoever comes next may begin it at once."""
        changes: dict[str, object] = {"lease": "", "leased_until": None, "attempts": job.attempts - 1}

        def command(tx: Transaction) -> None:
            if tx.alter(Job, changes, id=job.id, standing="waiting", lease=self._token):
                tx.ring(BELL)

        try:
            await self._context.store.write(command)
        except Exception as error:  # its lease ends by itself
            log.warning("a job could not be let go: %s", type(error).__name__)


async def _tried(job: Job, work: Work | None) -> _End:
    """Its outcome, or what went wrong. Never raises."""
    if work is None:  # nothing else is taken
        return _End(error=LOST)
    try:
        return _End(outcome=await work(job))
    except Problem as problem:
        return _End(error=problem.code, final=problem.status < 500)
    except Exception as error:
        log.error("a job failed: %s\n%s", type(error).__name__, trace_of(error), extra={"kind": job.kind})
        return _End(error=type(error).__name__)
