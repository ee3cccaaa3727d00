"""Connections straight on the event loop: what comes, what does not, and what closes in between."""

from __future__ import annotations

import asyncio
import contextlib

import httpcore2
import pytest

from connector.outbound.direct import DirectBackend


@contextlib.asynccontextmanager
async def connected(handle):
    """A stream of ours to a server that does `handle(reader, writer)`."""

    working: list[asyncio.Task[None]] = []

    async def closing(reader, writer):
        working.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    stream = await DirectBackend().connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1], 5)
    try:
        yield stream
    finally:
        await stream.aclose()
        server.close()
        for task in working:
            task.cancel()
        await asyncio.gather(*working)


async def write_on(stream, size, seconds=5.0):
    """Write until that fails."""
    for _ in range(1000):
        await stream.write(b"x" * size, seconds)
        await asyncio.sleep(0)


async def silent(reader, writer):
    await reader.read()


async def test_what_is_said_is_read_and_the_end_is_nothing():
    async def speak(_reader, writer):
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    async with connected(speak) as stream:
        assert await stream.read(3, 5) == b"hel"
        assert await stream.read(100, 5) == b"lo"
        assert await stream.read(100, 5) == b""


async def test_who_says_nothing_is_waited_for_only_so_long():
    async with connected(silent) as stream:
        with pytest.raises(httpcore2.ReadTimeout):
            await stream.read(1, 0.01)
        assert not stream.get_extra_info("is_readable")


async def test_an_idle_connection_shows_that_it_was_closed():
    async def leave(_reader, writer):
        writer.close()

    async with connected(leave) as stream:
        await stream.read(1, 5)
        assert stream.get_extra_info("is_readable")


async def test_a_connection_that_breaks_is_a_fault_and_not_an_end():
    async def break_off(_reader, writer):
        writer.transport.abort()

    async with connected(break_off) as stream:
        with pytest.raises(httpcore2.WriteError):
            await write_on(stream, 100_000)


async def test_who_does_not_read_is_written_to_only_so_long():
    async def deaf(_reader, _writer):
        await asyncio.sleep(60)

    async with connected(deaf) as stream:
        with pytest.raises(httpcore2.WriteTimeout):
            await write_on(stream, 1_000_000, 0.05)


async def test_more_than_we_keep_waits_at_the_sender_and_nothing_is_lost():
    async def pour(_reader, writer):
        for number in range(40):
            writer.write(bytes([number]) * 50_000)
            await writer.drain()
        writer.close()

    async with connected(pour) as stream:
        await asyncio.sleep(0.05)
        got = bytearray()
        while part := await stream.read(65_536, 5):
            got += part
        assert bytes(got) == b"".join(bytes([number]) * 50_000 for number in range(40))


async def test_a_port_where_nobody_listens_is_a_fault():
    with pytest.raises(httpcore2.ConnectError):
        await DirectBackend().connect_tcp("127.0.0.1", 1, 5)
    with pytest.raises(httpcore2.ConnectError):
        await DirectBackend().connect_unix_socket("/nowhere")
