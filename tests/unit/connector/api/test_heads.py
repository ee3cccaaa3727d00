"""The head of a request is whole within a time and a size, or its connection ends; a good one is never in the way."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn

from connector.api import heads
from tests.two_party.space import QuietServer, listening, until

GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def hello(scope, receive, send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(text)).encode())]}
    )
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
async def connect():
    """Opens connections to a server with the guard."""
    server = QuietServer(uvicorn.Config(hello, http=heads.HTTP, log_config=None, lifespan="off"))
    bound = listening()
    port = bound.getsockname()[1]
    task = asyncio.create_task(server.serve([bound]))
    await until(lambda: server.started, "a server")
    writers = []

    async def opened():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield opened
    for writer in writers:
        writer.close()
    server.should_exit = True
    await task


async def answered(reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head.split(b"\r\n")[0] + b"|" + await reader.readexactly(length)


async def test_requests_one_after_the_other_on_one_connection_are_answered(connect):
    reader, writer = await connect()
    for _ in range(3):
        writer.write(GOOD)
        assert await answered(reader) == b"HTTP/1.1 200 OK|0"


async def test_a_head_in_many_small_pieces_is_read(connect):
    reader, writer = await connect()
    for place in range(len(GOOD)):
        writer.write(GOOD[place : place + 1])
        await writer.drain()
        await asyncio.sleep(0)
    assert await answered(reader) == b"HTTP/1.1 200 OK|0"


async def test_a_body_larger_than_a_head_may_be_is_not_counted_as_head(connect):
    reader, writer = await connect()
    size = heads.MOST_BYTES * 20
    writer.write(f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode() + b"x" * size)
    assert await answered(reader) == f"HTTP/1.1 200 OK|{size}".encode()


async def test_a_head_that_is_too_long_is_answered_431_and_the_connection_ends(connect):
    reader, writer = await connect()
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * heads.MOST_BYTES)
    assert (await answered(reader)).startswith(b"HTTP/1.1 431 ")
    assert await reader.read() == b""


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_a_head_that_does_not_come_in_time_ends_the_connection(connect, monkeypatch, begun):
    monkeypatch.setattr(heads, "SECONDS", 0.02)
    reader, writer = await connect()
    writer.write(begun)
    assert (await answered(reader)).startswith(b"HTTP/1.1 408 ")
    assert await reader.read() == b""


async def test_a_slow_second_head_ends_the_connection_too_but_a_slow_answer_does_not(connect, monkeypatch):
    monkeypatch.setattr(heads, "SECONDS", 0.02)
    reader, writer = await connect()
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
    await asyncio.sleep(0.1)  # the body takes longer than a head may: that is another limit
    writer.write(b"x")
    assert await answered(reader) == b"HTTP/1.1 200 OK|1"
    writer.write(b"GET / HTTP/1.1\r\n")
    assert (await answered(reader)).startswith(b"HTTP/1.1 408 ")


async def test_what_is_not_http_is_refused_once(connect):
    reader, writer = await connect()
    writer.write(b"\x16\x03\x01" + b"\x00" * 100)
    assert (await reader.read()).count(b"HTTP/1.1 400") == 1
