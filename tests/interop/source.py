"""What lies behind EDC's data plane, and where data is pushed to: one small HTTP server that remembers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from tests.two_party.space import listening

CONTENT = b'{"resourceType":"Organization","id":"edc-1","name":"Behind EDC"}\n'


@dataclass(frozen=True)
class Pushed:
    """A body that arrived."""

    path: str
    authorization: str
    body: bytes


@dataclass
class Source:
    """GET gives `content`; POST and PUT are taken and kept."""

    content: bytes = CONTENT
    port: int = 0
    pushed: list[Pushed] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    async def opened(cls, content: bytes = CONTENT) -> Source:
        """One on a free port."""
        source = cls(content)
        source._server = await asyncio.start_server(source._serve, sock=listening())
        source.port = source._server.sockets[0].getsockname()[1]
        return source

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
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
            while True:
                await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await _body(reader, fields)
        method, path, _ = first.split(" ")
        if method != "GET":
            self.pushed.append(Pushed(path, fields.get("authorization", ""), body))
        content = self.content if method == "GET" else b""
        kind = "application/fhir+ndjson"
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode())
        writer.write(content)
        await writer.drain()


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(fields.get("content-length", "0")))
    parts = []
    while size := int((await _line(reader)).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


async def _line(reader: asyncio.StreamReader) -> bytes:
    """One line. Raises IncompleteReadError when the sender has broken off."""
    return await reader.readuntil(b"\n")
