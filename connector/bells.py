"""Wake-ups inside one process. A ring that nobody awaited is kept for the next who waits: no wake-up is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from connector.ports import EVERY_BELL


class LocalBells:
    """Implements `connector.ports.Bells` on one event loop; `ring_from_thread` is for the store's writer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, set[asyncio.Future[bool]]] = {}
        self._rung: dict[str, int] = {}
        self._listening: dict[str, Callable[[str], None]] = {}

    def listen(self, kind: str, listener: Callable[[str], None]) -> None:
        """Call `listener` with what follows the colon, at once, whenever a bell named `kind:...` rings."""
        self._listening[kind] = listener

    def ring(self, name: str) -> None:
        """Wake everybody waiting for `name`; call on the loop's thread."""
        kind, colon, rest = name.partition(":")
        if colon and (listener := self._listening.get(kind)) is not None:
            listener(rest)
        if name in self._rung:
            self._rung[name] += 1
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(True)

    def ring_from_thread(self, names: set[str]) -> None:
        """The same from another thread, `EVERY_BELL` for all there are; nothing once the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ring_all, names)

    def _ring_all(self, names: set[str]) -> None:
        if EVERY_BELL in names:
            names = {*names, *self._waiting, *self._rung} - {EVERY_BELL}
        for name in names:
            self.ring(name)

    def count(self, name: str) -> int:
        """How often `name` has rung: read it before looking, hand it to `wait` after, and nothing slips between.

        Rings are counted from the first time somebody asks, so that the many bells nobody counts take no room.
        """
        return self._rung.setdefault(name, 0)

    async def wait(self, name: str, timeout: float | None = None, seen: int | None = None) -> bool:  # noqa: ASYNC109
        """Wait for a ring later than `seen` (default: from now on); False when the time was up."""
        if seen is not None and self._rung.get(name, 0) != seen:
            return True
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.setdefault(name, set()).add(future)
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that meets a ring, and the worker never ends.
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return False
        finally:
            self._forget(name, future)

    def _forget(self, name: str, future: asyncio.Future[bool]) -> None:
        waiting = self._waiting.get(name, set())
        waiting.discard(future)
        if not waiting:
            self._waiting.pop(name, None)
