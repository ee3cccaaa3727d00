"""Worker processes that prepare what is released, started when first needed and kept; the serving process only waits.

A worker ends with its parent, also when that is killed: it watches the pipe that closes then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from connector.ports import Prepared, Task

_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 256 * 1024

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor


class WorkerPool:
    """Implements `connector.ports.Renderer` with `workers` processes that run `work` (a function of a module)."""

    def __init__(self, workers: int, work: Callable[[Task], tuple[Prepared, ...]]) -> None:
        self._workers = workers
        self._work = work
        self._pool: ProcessPoolExecutor | None = None

    async def render(self, task: Task) -> tuple[Prepared, ...]:
        """Prepare one task. A worker that dies is replaced once; then BrokenProcessPool is raised."""
        from concurrent.futures.process import BrokenProcessPool

        loop = asyncio.get_running_loop()
        pool = self._started()
        try:
            return await loop.run_in_executor(pool, self._work, task)
        except BrokenProcessPool:
            if self._pool is pool:
                await self.close()
            return await loop.run_in_executor(self._started(), self._work, task)

    def warm(self) -> None:
        """Have a worker ready: a release is likely, and a process takes longer to start than to prepare a person."""
        if self._pool is None:
            self._started().submit(_nothing)

    async def close(self) -> None:
        """Let the workers go; what waits is dropped, what runs is waited for (a megabyte at most)."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            give_back()
            # Loaded here: a participant that releases nothing needs no processes.
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            # Spawned, not forked: a fork would copy the store's connections and the master secret.
            self._pool = ProcessPoolExecutor(
                self._workers, get_context("spawn"), initializer=_begin, initargs=(self._work,)
            )
        return self._pool


def give_back() -> None:
    """Have this process give large pieces of memory back as soon as they are free (GNU C library; others: nothing).

    By itself it learns from every megabyte it frees to keep ones like it: a release, which is made of such pieces, then
    takes more the longer it is, in every thread that ever held one.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def _nothing() -> None:
    """Work that is there so that a worker is started."""


def _begin(work: object) -> None:  # noqa: ARG001 - that it is handed over loads what it needs
    """In the worker: leave signals to the parent, yield to the serving process, end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    give_back()
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(0)
