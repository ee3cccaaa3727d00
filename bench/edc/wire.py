"""HTTP as cheap as a driver can have it, on plain asyncio and for both sides of a comparison alike."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Connections to one origin; as many as there are requests under way, each used again."""

    def __init__(self, origin: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(origin)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._idle: list[Streams] = []

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """One request; status and body. `headers` are whole lines."""
        status, _, data = await self.exchange(method, path, body, headers)
        return status, data

    async def exchange(
        self, method: str, path: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """The same, with the header fields of the answer (a field that comes twice is joined by a comma)."""
        reader, writer = streams = await self._streams()
        try:
            writer.write(self._request(method, path, body, headers))
            status, fields = await _head(reader)
            data = await _body(reader, fields)
        except BaseException:
            writer.close()
            raise
        if fields.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(streams)
        return status, fields, data

    async def json(self, method: str, path: str, body: Any = None, headers: str = "") -> Any:
        """One request with JSON both ways. Raises RuntimeError unless it succeeds."""
        status, data = await self.ask(method, path, b"" if body is None else json.dumps(body).encode(), headers)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path} was answered {status}: {data[:400]!r}")
        return json.loads(data) if data else None

    async def first_byte(self, path: str, headers: str) -> tuple[int, float]:
        """A GET on a fresh connection: its status, and `perf_counter` at the first byte of its body."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(self._request("GET", path, b"", headers))
            status, fields = await _head(reader)
            if fields.get("transfer-encoding", "").lower() == "chunked":
                await reader.readuntil(b"\r\n")
            await reader.read(1)
            return status, time.perf_counter()
        finally:
            writer.close()

    async def refused(self, path: str, headers: str) -> float:
        """Ask again and again on fresh connections, until the answer is a refusal; `perf_counter` at that moment."""
        while True:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            writer.write(self._request("GET", path, b"", headers))
            status, _ = await _head(reader)
            writer.close()
            if status != 200:
                return time.perf_counter()
            await asyncio.sleep(0.003)

    async def becomes(self, path: str, state: str, headers: Callable[[], str]) -> float:
        """Ask for the state of a process until it is this one; `perf_counter` at that moment."""
        while True:
            if (await self.json("GET", path, headers=headers()))["state"] == state:
                return time.perf_counter()
            await asyncio.sleep(0.001)

    def close(self) -> None:
        """Close every connection."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _streams(self) -> Streams:
        """A connection that the other side has not closed meanwhile, or a new one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    def _request(self, method: str, path: str, body: bytes, headers: str) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{self._headers}{headers}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        elif method != "GET":
            head += "Content-Length: 0\r\n"
        return head.encode() + b"\r\n" + body


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status (0 for a request) and fields of a message."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        key = name.lower()
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    code = first.split(" ", 2)[1]
    return (int(code) if code.isdigit() else 0), fields


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(fields.get("content-length", "0")))
    parts = []
    while size := int((await reader.readuntil(b"\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readuntil(b"\n")
    await reader.readuntil(b"\n")
    return b"".join(parts)


class Events:
    """Takes POSTed events and gives them to whoever waits for their subject, also when they came first."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._server: asyncio.Server | None = None
        self.url = ""

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def wait(self, subject: str, seconds: float) -> str | None:
        """The kind of the event about this subject; None when none came."""
        future = self._waiting.setdefault(subject, asyncio.get_running_loop().create_future())
        done, _ = await asyncio.wait({future}, timeout=seconds)
        return future.result() if done else None

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _, fields = await _head(reader)
                event = json.loads(await _body(reader, fields))
                subject = event["payload"]["contractNegotiationId"]
                future = self._waiting.setdefault(subject, asyncio.get_running_loop().create_future())
                if not future.done():
                    future.set_result(event["type"])
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
