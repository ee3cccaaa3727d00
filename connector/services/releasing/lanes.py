"""One hand-over per transfer: a newer request ends an older one and waits until that has noted how far it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connector.problems import conflict

_HANDING_OVER = 10.0
"""Seconds a newer request waits for an older one."""


class Lanes:
    """The lanes of all transfers of one serving process."""

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[asyncio.Lock, list[asyncio.Event]]] = {}

    @asynccontextmanager
    async def taken(self, transfer: str) -> AsyncIterator[asyncio.Event]:
        """Take the lane of a transfer; yields what is set once a newer request wants it. Raises Problem 409."""
        lock, asked = self._lanes.setdefault(transfer, (asyncio.Lock(), []))
        for older in asked:
            older.set()
        stopping = asyncio.Event()
        asked.append(stopping)
        try:
            await _locked(lock)
            try:
                yield stopping
            finally:
                lock.release()
        finally:
            asked.remove(stopping)
            if not asked:
                self._lanes.pop(transfer, None)

    def stop(self) -> None:
        """Ask everybody to end."""
        for _, asked in self._lanes.values():
            for one in asked:
                one.set()


async def _locked(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(_HANDING_OVER):
            await lock.acquire()
    except TimeoutError:
        raise conflict("An earlier pull of this transfer has not ended") from None
