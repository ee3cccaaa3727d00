"""The other end of a data plane, played by hand: it keeps what it is sent, as slowly as a test wants, and answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connector.identity import access
from connector.records import Transfer
from connector.services.processes.transfers import PUSH
from contracts import edc
from tests.two_party import story
from tests.two_party.releases import Stage
from tests.two_party.space import listening


@dataclass
class Delivery:
    """One request as it came. `whole` says that its body came to its proper end."""

    head: bytes
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False
    over: bool = False


Answering = Callable[[Delivery, asyncio.StreamReader], Awaitable[bytes | None]]


async def taking_all(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
    """Reads to the proper end and says yes."""
    while size := int(await reader.readline(), 16):
        delivery.body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    delivery.whole = True
    return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def saying(status: str) -> Answering:
    """Answers at once, whatever comes."""

    async def answer(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()

    return answer


def giving(content: bytes, authorization: str, media_type: str = "text/csv") -> Answering:
    """Gives this content to who sends exactly this `Authorization`, and says 403 to everybody else."""

    async def answer(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        if f"\r\nauthorization: {authorization}\r\n".encode().lower() not in delivery.head.lower():
            return b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
        delivery.whole = True
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {len(content)}\r\n\r\n"
        return head.encode() + content

    return answer


@dataclass
class Sink:
    """An HTTP server of the test. `answering` is used per request; its None hangs up."""

    answering: Answering = taking_all
    port: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/sink"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Sink]:
        bound = listening()
        # A small buffer, set before anybody connects: the sender feels a slow reader soon.
        bound.setsockopt(1, 8, 8192)  # SOL_SOCKET, SO_RCVBUF
        server = await asyncio.start_server(self._serve, sock=bound, limit=4096)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            delivery = Delivery(await reader.readuntil(b"\r\n\r\n"))
            self.deliveries.append(delivery)
            try:
                answer = await self.answering(delivery, reader)
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
            finally:
                delivery.over = True
        writer.close()


async def pushing_to(stage: Stage, url: str, *, origin: str | None = None) -> str:
    """A started push of the holder's, to an address of the test's; returns its pid. The consumer knows nothing of it.

    `origin` becomes the consumer's data origin in the holder's register.
    """
    members = stage.holder.context.members
    if origin is not None:
        await members.put(members.known(stage.research.id).model_copy(update={"data": origin}))
    pid = story.urn()
    address = edc.push_address(url, access.new_token())
    await stage.holder.add(
        Transfer(
            pid=pid, role="provider", counterparty=stage.research.id, their_pid=story.urn(), agreement=stage.agreement,
            callback=stage.research.url, dataset=stage.dataset, format=PUSH, state="STARTED", push_to=address.wire(),
        )
    )  # fmt: skip
    stage.holder.context.bells.ring("transfers")
    return pid
