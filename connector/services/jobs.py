"""Work that any process of a participant may do: put into a table with what decides it, done at least once afterwards.

Whoever needs something done asks for it in a transaction; whoever does it is found by kind. Who runs them (this process
or workers) is the runner's matter (`connector.jobs`); what stands in the table is the truth, and nothing else is needed
to find what is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from connector.ports import NEAR, Clock, Transaction
from connector.records import Job
from connector.services import tracing
from connector.services.delivery import new_id

BELL = "jobs"
"""Rings when something may be due; `ended_bell` when a job has ended."""
POSTED = f"{NEAR}{BELL}"
"""Where workers do the jobs it names, after a colon, what this process has to tell them about."""

Work = Callable[[Job], Awaitable[dict[str, Any]]]
"""Does one job and returns its outcome. It may be begun more than once, and two may run at once where one was thought
dead: what it does must be safe to do again. Raises Problem for a no that is final; everything else is tried again."""


def ended_bell(id: str) -> str:
    """The bell of one job."""
    return f"job:{id}"


class Jobs:
    """The table of jobs as services see it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._work: dict[str, Work] = {}
        self.posted = False
        """Whether workers do them, who are told by way of a broker."""

    @property
    def kinds(self) -> list[str]:
        """What somebody here does."""
        return list(self._work)

    def on(self, kind: str, work: Work) -> None:
        """Register who does jobs of this kind."""
        self._work[kind] = work

    def work(self, kind: str) -> Work | None:
        """Who does jobs of this kind; None: nobody here."""
        return self._work.get(kind)

    def ask(
        self, tx: Transaction, kind: str, about: str, argument: dict[str, Any], *, id: str = "", pause: float = 0.0
    ) -> str:
        """Have something done once this transaction has committed, or `pause` seconds later; returns the job's id.

        With an `id` of the caller's own, asking again for what waits or was done changes nothing; what failed is begun
        anew.
        """
        now, id = self._clock(), id or new_id()
        job = Job(
            id=id, kind=kind, about=about, argument=argument, due_at=now + timedelta(seconds=pause), created_at=now,
            trace=tracing.current(),
        )  # fmt: skip
        known = tx.get(Job, id)
        if known is None:
            tx.add(job)
        elif known.standing == "failed":
            tx.put(job)
        else:
            return id
        tx.ring(f"{POSTED}:{id}" if self.posted else BELL)
        return id
