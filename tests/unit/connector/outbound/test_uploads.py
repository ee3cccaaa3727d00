"""A body that is made while it is sent: room before each part, an early answer, a break, somebody not to be called."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from connector.outbound.answer import Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def receiving(script: Script) -> AsyncIterator[tuple[str, Destination]]:
    """A server that reads a request as the script does."""
    tasks: set[asyncio.Task] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4096)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield f"{origin}/inbox", Destination.of_operator(NamedOrigin.parse(origin, allow_http=True))
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def body_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of a chunked request."""
    head, body = await reader.readuntil(b"\r\n\r\n"), b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return head, body


async def test_a_body_is_sent_in_chunks_and_the_answer_is_read() -> None:
    seen = []

    async def script(reader, writer):
        seen.append(await body_of(reader))
        writer.write(OK)

    async def parts():
        for number in range(3):
            yield b"%d\n" % number

    async with receiving(script) as (url, to), Outbound() as outbound:
        answer = await outbound.upload(url, parts(), to=to, headers={"authorization": "Bearer t"})
    assert (answer.status, answer.body) == (200, b"ok")
    head, body = seen[0]
    assert head.startswith(b"POST /inbox HTTP/1.1\r\n")
    assert b"authorization: bearer t\r\n" in head.lower()
    assert body == b"0\n1\n2\n"


async def test_a_receiver_that_takes_nothing_is_asked_for_no_more_parts() -> None:
    asked = 0

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    async def parts():
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 1024 * 1024

    async with receiving(script) as (url, to), Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.upload(url, parts(), to=to, caps=Caps(idle=0.3))
    assert caught.value.reason is Why.TIME
    assert asked < 20, "what the buffers of two sockets hold, and no more"


async def test_a_receiver_that_answers_and_hangs_up_before_the_end_is_heard() -> None:
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()

    async def parts():
        while True:
            yield b"x" * 1024
            await asyncio.sleep(0.01)

    async with receiving(script) as (url, to), Outbound() as outbound:
        assert (await outbound.upload(url, parts(), to=to)).status == 410


async def test_a_cancelled_upload_has_no_proper_end() -> None:
    ends = asyncio.get_running_loop().create_future()

    async def script(reader, writer):
        ends.set_result(await reader.read(-1))

    async def parts():
        yield b"first"
        await asyncio.sleep(60)

    async with receiving(script) as (url, to), Outbound() as outbound:
        upload = asyncio.create_task(outbound.upload(url, parts(), to=to))
        await asyncio.sleep(0.05)
        upload.cancel()
        received = await asyncio.wait_for(ends, 5)
        assert outbound.open_connections() == 0
    assert b"first" in received
    assert not received.endswith(b"0\r\n\r\n")


async def test_no_part_is_made_for_somebody_who_is_not_there_or_may_not_be_called() -> None:
    asked = []

    async def parts():
        asked.append(1)
        yield b"x"

    named = Destination.of_operator(NamedOrigin.parse("http://127.0.0.1:1", allow_http=True))
    async with Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.upload("http://127.0.0.1:1/", parts(), to=named)
        assert caught.value.reason is Why.CONNECT
        with pytest.raises(OutboundRefused):
            await outbound.upload("http://127.0.0.1:2/", parts(), to=named)
        with pytest.raises(OutboundRefused):
            await outbound.upload("http://169.254.169.254/", parts(), to=Destination((), public=True))
    assert not asked


async def test_a_no_is_heard_even_where_the_receiver_has_stopped_reading() -> None:
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)  # by now every buffer is full
        writer.write(b"HTTP/1.1 410 Gone\r\ncontent-length: 4\r\n\r\nover")
        await asyncio.sleep(60)

    async def parts():
        while True:
            yield b"x" * 1024 * 1024

    async with receiving(script) as (url, to), Outbound() as outbound:
        answer = await outbound.upload(url, parts(), to=to, caps=Caps(idle=10))
        assert (answer.status, answer.body) == (410, b"over")
        assert outbound.open_connections() == 0, "a request that was not finished cannot be followed by another"
