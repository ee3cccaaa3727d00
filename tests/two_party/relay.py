"""A TCP relay in front of a server that can lose what passes: requests, or answers after the server has acted."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Passes bytes on, both ways. `lose_answer(path)` cuts the connection when the next answer to `path` begins."""

    target: int
    port: int = 0
    lost: int = 0
    _server: asyncio.Server | None = None
    _to_lose: list[bytes] = field(default_factory=list)
    _to_refuse: list[bytes] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    async def before(cls, target: int) -> Relay:
        """A relay in front of the server on port `target`."""
        relay = cls(target)
        relay._server = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    def lose_answer(self, path: str, times: int = 1) -> None:
        """The server receives the next request whose path holds `path` and answers; nobody hears the answer."""
        self._to_lose.extend([path.encode()] * times)

    def lose_request(self, path: str, times: int = 1) -> None:
        """The next request whose path holds `path` never arrives."""
        self._to_refuse.extend([path.encode()] * times)

    async def close(self) -> None:
        """Cut everything."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_on(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the relay closes: asyncio's own callback would report a cancelled connection as an error
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, away = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            while True:
                first = await reader.read(65536)
                if not first or self._matches(self._to_refuse, first):
                    return
                lose = self._matches(self._to_lose, first)
                away.write(first)
                answer = await self._answer(reader, upstream, away)
                if lose or not answer:
                    self.lost += bool(lose)
                    return
                writer.write(answer)
                await writer.drain()
        finally:
            away.close()
            with contextlib.suppress(ConnectionError):
                await away.wait_closed()

    async def _answer(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamReader, away: asyncio.StreamWriter
    ) -> bytes:
        """The whole answer; what else the sender has to say of its request is passed on meanwhile."""
        more = asyncio.create_task(self._rest(reader, away))
        try:
            head = await upstream.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line[:15].lower() == b"content-length:"
                ),
                0,
            )
            return head + await upstream.readexactly(length)
        except asyncio.IncompleteReadError:
            return b""
        finally:
            more.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await more

    @staticmethod
    async def _rest(reader: asyncio.StreamReader, away: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            away.write(part)
            await away.drain()

    @staticmethod
    def _matches(wanted: list[bytes], request: bytes) -> bool:
        path = request.partition(b"\r\n")[0]
        for one in wanted:
            if one in path:
                wanted.remove(one)
                return True
        return False
