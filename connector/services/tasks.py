"""Background work of one process: started from a request, never awaited by it, never lost silently."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("concord.tasks")


class Tasks:
    """Holds running tasks (the loop itself keeps only weak references) and reports what fails."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed: %s\n%s", type(error).__name__, trace_of(error))


def trace_of(error: BaseException) -> str:
    """Where an exception came from, without its message: that may quote data."""
    return "".join(traceback.format_tb(error.__traceback__))
