"""A scripted HTTP server on loopback that counts the connections it accepts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

Script = Callable[["Peer", bytes, bytes], Awaitable[bytes | None]]


@dataclass
class Peer:
    """What the server has seen; `script(peer, head, body)` gives the raw bytes of each answer, None hangs up."""

    script: Script
    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    writer: asyncio.StreamWriter | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                self.heads.append(head)
                self.bodies.append(body)
                answer = await self.script(self, head, body)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def silence(self) -> None:
        """Say nothing until the test is over, then hang up."""
        await self.over.wait()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[Script], Awaitable[Peer]]]:
    servers: list[asyncio.Server] = []
    peers: list[Peer] = []

    async def start(script: Script, **options: object) -> Peer:
        peer = Peer(script)
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, **options)
        peer.port = server.sockets[0].getsockname()[1]
        servers.append(server)
        peers.append(peer)
        return peer

    yield start
    for peer, server in zip(peers, servers, strict=True):
        server.close()
        peer.over.set()
        if peer.tasks:
            await asyncio.wait(peer.tasks)


@pytest.fixture
def reply() -> Callable[..., bytes]:
    def build(body: bytes = b"{}", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
        lines = [f"HTTP/1.1 {status}", *headers]
        if length:
            lines.append(f"content-length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    return build
