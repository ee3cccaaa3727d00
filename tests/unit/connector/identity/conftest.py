"""Keys, members, and an HTTP server on loopback for whatever answers `Asked`."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from connector.identity.members import Member
from connector.identity.people.answers import Asked, Json, Page, ProviderAnswer, Redirect
from connector.identity.people.passing_key import PassingKey

Answering = Callable[[Asked], Awaitable[ProviderAnswer]]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def member() -> Callable[..., Member]:
    def build(key: PassingKey, id: str = "urn:concord:hospital:1", **changes: object) -> Member:
        from connector.identity.keys import fingerprint

        content = {
            "id": id,
            "name": "Hospital",
            "role": "hospital",
            "origin": "https://hospital.example",
            "dsp": "https://hospital.example/dsp/2025-1",
            "keys": (key.public_jwk,),
            "fingerprint": fingerprint(key.public_jwk),
            "added_at": NOW,
        }
        return Member.model_validate(content | changes)

    return build


@pytest.fixture
async def listening() -> AsyncIterator[Callable[[Answering], Awaitable[str]]]:
    """Serve `answering` and return the origin; the path is handed over as it is in the address."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def start(answering: Answering) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.current_task())
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    writer.write(_rendered(await answering(await _read(reader))))
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    if tasks:
        await asyncio.wait(tasks)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    form = parse_qsl(body, keep_blank_values=True)
    return Asked(method, parts.path, parse_qsl(parts.query), form, headers.get("authorization", ""))


def _rendered(answer: ProviderAnswer) -> bytes:
    extra = {}
    if isinstance(answer, Page):
        extra, body = {"content-type": "text/html; charset=utf-8"}, answer.html.encode()
    elif isinstance(answer, Json):
        extra, body = {"content-type": "application/json"}, json.dumps(answer.body).encode()
    else:
        assert isinstance(answer, Redirect)
        extra, body = {"location": answer.location}, b""
    fields = {**answer.headers, **extra, "content-length": str(len(body))}
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
