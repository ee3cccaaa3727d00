"""All processes of one participant: one that serves, or several behind one address, and a worker beside them."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from connector.demo.processes import Served
from connector.demo.space import Home
from connector.lock import Running, running


class Crew:
    """Whoever serves a participant just now."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.serving = [Served(home, directory) for directory, _ in home.serving]
        self.workers = [Served(home, home.directory, "worker")] if home.worker else []
        self._turns = itertools.count()

    @property
    def everybody(self) -> list[Served]:
        """Its processes."""
        return [*self.serving, *self.workers]

    @property
    def starts(self) -> int:
        """How often any of them has been started."""
        return sum(one.starts for one in self.everybody)

    @property
    def restarts(self) -> int:
        """How often any of them had to be started again."""
        return self.starts - len(self.everybody)

    async def start(self) -> None:
        """Start them: the first makes the tables that all of them use. Raises CannotStart."""
        first, *others = self.everybody
        await first.start()
        await asyncio.gather(*(one.start() for one in others))

    async def ready(self) -> None:
        """Wait until one of them answers. Raises CannotStart when one of them cannot be had any more."""
        for one in self.everybody:
            if one.failed is not None:
                raise one.failed
        if any(one.is_ready for one in self.serving):
            return
        waits = [asyncio.ensure_future(one.ready()) for one in self.serving]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        for wait in done:
            wait.result()

    def reached(self) -> Running | None:
        """Where one of them is reached: they take turns. None between two lives of all of them."""
        first = next(self._turns)
        for turn in range(len(self.serving)):
            one = self.serving[(first + turn) % len(self.serving)]
            found = running(one.directory) if one.is_ready or len(self.serving) == 1 else None
            if found is not None:
                return found
        return None

    async def stop(self) -> None:
        """End them, the worker last: it delivers what the others still have to say."""
        await asyncio.gather(*(one.stop() for one in self.serving))
        await asyncio.gather(*(one.stop() for one in self.workers))

    def to_json(self) -> list[dict[str, Any]]:
        """Its processes for the report."""
        return [{"kind": one.kind, "pid": one.pid, "directory": str(one.directory)} for one in self.everybody]
