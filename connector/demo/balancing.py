"""One address in front of several processes: every new connection goes to the next of them, past those that refuse.

It forwards bytes and looks at none. For the demonstration and for tests: whoever serves others has a balancer of their
own, which also asks `/health/ready`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Self

_PIECE = 64 * 1024


class Balancer:
    """Listens on one port of this machine and spreads connections over others of it. Use as a context manager."""

    def __init__(self, port: int, behind: Sequence[int]) -> None:
        self._port = port
        self._behind = tuple(behind)
        self._turns = itertools.count()
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.taken: dict[int, int] = dict.fromkeys(behind, 0)
        """How many connections each port behind has been given."""

    @property
    def port(self) -> int:
        """The port it listens on; 0 was replaced by a free one at the start."""
        return self._port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_fault: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        there = await self._connected()
        if there is not None:
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        await _closed(writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to whoever's turn it is, or to the next that listens; None when nobody does."""
        first = next(self._turns)
        for turn in range(len(self._behind)):
            port = self._behind[(first + turn) % len(self._behind)]
            with contextlib.suppress(OSError):
                made = await asyncio.open_connection("127.0.0.1", port)
                self.taken[port] += 1
                return made
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one to the other; when one side ends, so does the other."""
    try:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
