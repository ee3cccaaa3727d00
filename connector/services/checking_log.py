"""Checking a whole log: a job for workers where there are some, so that a big log holds up nobody who serves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from connector.problems import Problem, unavailable
from connector.provenance.verify import LogVerdict
from connector.records import Job
from connector.services.context import Context
from connector.services.evidence import Evidence
from connector.services.jobs import ended_bell
from connector.vault.errors import VaultError

KIND = "log.verify"
_PATIENCE = 3600.0
"""Seconds in which a worker has to have checked it."""


class EvidenceByJobs(Evidence):
    """The log of a running participant: verified by a worker where workers do its jobs."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        context.jobs.on(KIND, self._work)

    async def verify(self, kept: Iterable[str] = ()) -> LogVerdict:
        """See `Evidence`. Raises Problem 503 if no worker has done it."""
        context = self._context
        if not context.jobs.posted:
            return await super().verify(kept)
        try:
            # A worker may keep its vault elsewhere: the head that counts is the one of who was asked.
            head = await asyncio.to_thread(context.log_head.read)
        except (OSError, VaultError):
            return await super().verify(kept)
        argument = {"head": head, "checkpoints": list(kept)}
        id = await context.store.write(lambda tx: context.jobs.ask(tx, KIND, "log", argument))
        job = await self._ended(id)
        if job.outcome is None:
            raise Problem(503, "job-failed", "The worker that was to check the log did not", job.error)
        return LogVerdict(**job.outcome)

    async def _ended(self, id: str) -> Job:
        bell = ended_bell(id)
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    seen = self._context.bells.count(bell)
                    job = await self._context.store.read(lambda tx: tx.get(Job, id))
                    if job is not None and job.standing != "waiting":
                        return job
                    await self._context.bells.wait(bell, seen=seen)
        except TimeoutError:
            raise unavailable("No worker has checked the log; see `concord doctor`", code="no-worker") from None

    async def _work(self, job: Job) -> dict[str, Any]:
        argument = job.argument or {}
        return asdict(await self.verify_from(argument.get("head"), argument.get("checkpoints", [])))
