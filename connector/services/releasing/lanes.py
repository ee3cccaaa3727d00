"""One hand-over per transfer: a newer request ends an older one and waits until that has noted how far it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connector.problems import Problem, conflict

_HANDING_OVER = 10.0
"""Seconds a newer request waits for an older one."""


@dataclass(slots=True)
class _Turn:
    """One request in a lane; `endless`: it comes to no end by itself that is worth waiting for."""

    endless: bool
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Lane:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: list[_Turn] = field(default_factory=list)


class Lanes:
    """The lanes of all transfers of one serving process."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._closing = False
        self._empty = asyncio.Event()

    @asynccontextmanager
    async def taken(self, transfer: str, *, endless: bool = False) -> AsyncIterator[asyncio.Event]:
        """Take the lane of a transfer; yields what is set once a newer request wants it, or the process ends.

        Raises Problem 409 where the older request does not end, 503 once nothing new begins here.
        """
        self.require_open()
        lane = self._lanes.setdefault(transfer, _Lane())
        for older in lane.turns:
            older.stopping.set()
        turn = _Turn(endless)
        lane.turns.append(turn)
        try:
            await _locked(lane.lock)
            try:
                yield turn.stopping
            finally:
                lane.lock.release()
        finally:
            lane.turns.remove(turn)
            if not lane.turns:
                self._lanes.pop(transfer, None)
            if not self._lanes:
                self._empty.set()

    def has(self, transfer: str) -> bool:
        """Whether something of a transfer is handed over here now."""
        return transfer in self._lanes

    def require_open(self) -> None:
        """Raises Problem 503 once nothing new begins here."""
        if self._closing:
            raise Problem(503, "closing", "This process is being stopped", "Ask again: another one goes on with it")

    async def drain(self) -> None:
        """Let nothing new begin, end what is endless, and come back when nothing runs any more. Can be cancelled."""
        self._closing = True
        self._stop(endless_only=True)
        while self._lanes:
            self._empty.clear()
            await self._empty.wait()

    def stop(self) -> None:
        """Ask everybody to end."""
        self._stop(endless_only=False)

    def _stop(self, *, endless_only: bool) -> None:
        for lane in self._lanes.values():
            for turn in lane.turns:
                if turn.endless or not endless_only:
                    turn.stopping.set()


async def _locked(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(_HANDING_OVER):
            await lock.acquire()
    except TimeoutError:
        raise conflict("An earlier pull of this transfer has not ended") from None
