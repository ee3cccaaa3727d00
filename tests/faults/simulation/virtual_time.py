"""An event loop whose time is virtual: when nobody has anything to do, it jumps to the next thing somebody waits for.

Everything that waits by asyncio (timeouts, sleeps, the courier's pauses) follows it; threads and sockets have no place
in it, so a run depends on nothing but its seed.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


class NothingLeft(RuntimeError):
    """Somebody waits for what nobody will ever do."""


class _Jump(selectors.SelectSelector):
    """Looks at no socket: the time until the next timer passes at once."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingLeft
        self.loop.passed += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that starts at second 0 and never really waits."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = _Jump()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self.passed

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """No threads: the work is done here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def instant(loop: asyncio.AbstractEventLoop) -> datetime:
    """The virtual time as participants read it."""
    return EPOCH + timedelta(seconds=loop.time())
