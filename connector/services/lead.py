"""The lead: of the processes that serve one participant, the one that does what must not be done twice.

With one process it is that one. Where several use one database, the lead is a lock there that passes on as soon as its
holder lets go or dies (`connector.ports.LeadLock`); nobody looks again and again. Whoever loses it stops at once. For a
moment two may think they have it (a server that restarted): everything that is led is safe to begin twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from connector.ports import LeadLock
from connector.services.tasks import Tasks, trace_of

Works = Sequence[Coroutine[Any, Any, Any]]
_REST = 1.0

log = logging.getLogger("concord.lead")


class Lead:
    """`held` says whether this process has the lead now."""

    def __init__(self, lock: LeadLock | None = None) -> None:
        self._lock = lock
        self._changed = asyncio.Event()
        self._known = lock is None
        self.held = lock is None

    async def follow(self, tasks: Tasks, begin: Callable[[], Awaitable[Works]]) -> None:
        """Do what `begin` returns for as long as this process has the lead; returns once it is known who has it first.

        What ends by itself stays ended until the lead is taken anew.
        """
        if self._lock is None:
            for work in await begin():
                tasks.spawn(work)
            return
        loop = asyncio.get_running_loop()
        self._lock.watch(lambda held: _call(loop, self._set, held))
        while not self._known:
            await self._next()
        first = asyncio.Event()
        tasks.spawn(self._led(tasks, begin, first))
        await first.wait()

    async def _led(self, tasks: Tasks, begin: Callable[[], Awaitable[Works]], settled: asyncio.Event) -> None:
        running: list[asyncio.Task[Any]] = []
        while True:
            if self.held:
                try:
                    running = [tasks.spawn(work) for work in await begin()]
                except Exception as error:  # the store was away, say: the lead is of no use before it is back
                    log.error("the lead cannot be taken up: %s\n%s", type(error).__name__, trace_of(error))
                    await asyncio.sleep(_REST)
                    continue
                log.info("this process has the lead")
            settled.set()
            held = self.held
            while held == self.held:
                await self._next()
            if running:
                log.warning("this process has the lead no more")
            await _ended(running)
            running = []

    def _set(self, held: bool) -> None:
        self.held, self._known = held, True
        self._changed.set()

    async def _next(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def _ended(running: list[asyncio.Task[Any]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _call(loop: asyncio.AbstractEventLoop, change: Callable[[bool], None], held: bool) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(change, held)
