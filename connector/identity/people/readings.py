"""What a provider publishes, read by one at a time: whoever else wants it waits for that reading.

A reading that failed is not tried again for some seconds, since anybody may name a key that nobody has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Found = TypeVar("Found")
FAILED_FOR = timedelta(seconds=5)
"""How long a failure is remembered."""


class Reading(Generic[Found]):
    """One thing that is read and kept. Its errors are those of `read`; while one is remembered, that one again."""

    def __init__(self, read: Callable[[], Awaitable[Found]]) -> None:
        self._read = read
        self._kept: tuple[datetime, Found] | None = None
        self._failed: tuple[datetime, Exception] | None = None
        self._running: asyncio.Task[Found] | None = None

    async def get(self, now: datetime, longest: timedelta) -> Found:
        """What is kept, if it was read less than `longest` ago; else it is read now."""
        if self._kept is not None and now < self._kept[0] + longest:
            return self._kept[1]
        if self._running is None:
            if self._failed is not None and self._failed[0] <= now < self._failed[0] + FAILED_FOR:
                raise self._failed[1].with_traceback(None)
            self._running = asyncio.create_task(self._reading(now))
            self._running.add_done_callback(self._done)
        # Whoever began it may go away: the others still wait for it.
        return await asyncio.shield(self._running)

    async def _reading(self, now: datetime) -> Found:
        try:
            found = await self._read()
        except Exception as failed:
            self._failed = (now, failed)
            raise
        self._kept, self._failed = (now, found), None
        return found

    def _done(self, task: asyncio.Task[Found]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # looked at, also when nobody waits any more
