"""An object store played by hand: it keeps whole objects, and stalls, breaks and refuses as a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from tests.servers.versity import BUCKET
from tests.two_party.sinks import Delivery, Sink

Meeting = Callable[[str, str], Awaitable[bytes | None]]
"""What comes of a request before it is looked at, by method and key: an answer, or None to go on."""


async def nothing(method: str, key: str) -> bytes | None:
    return None


def status(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", "content-length: 0", *fields, "", ""]).encode()


@dataclass
class PlayedBucket:
    """`midway` is called after half of an object's bytes have come."""

    sink: Sink
    kept: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    puts: Counter[str] = field(default_factory=Counter)
    before: Meeting = nothing
    midway: Meeting = nothing

    @property
    def origin(self) -> str:
        return self.sink.origin

    def objects(self) -> dict[str, bytes]:
        return {key: body for key, (body, _) in self.kept.items()}

    async def answer(self, delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        first, *lines = delivery.head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines if one)}
        method, path, _ = first.split(" ")
        key = path.removeprefix(f"/{BUCKET}/")
        if (said := await self.before(method, key)) is not None:
            return said
        if method == "PUT":
            return await self._put(key, fields, reader)
        if method == "DELETE":
            self.kept.pop(key, None)
            return status("204 No Content", "connection: close")
        body, digest = self.kept.get(key, (None, ""))
        if body is None:
            return status("404 Not Found", "connection: close")
        head = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", f"x-amz-meta-sha256: {digest}", "connection: close"]
        return "\r\n".join([*head, "", ""]).encode()

    async def _put(self, key: str, fields: dict[str, str], reader: asyncio.StreamReader) -> bytes | None:
        size = int(fields["content-length"])
        body = await reader.readexactly(size // 2)
        if (said := await self.midway("PUT", key)) is not None:
            return said or None
        body += await reader.readexactly(size - len(body))
        assert sha256(body).hexdigest() == fields["x-amz-content-sha256"]
        self.kept[key] = (body, fields["x-amz-meta-sha256"])
        self.puts[key] += 1
        return status("200 OK", "connection: close")


@asynccontextmanager
async def played() -> AsyncIterator[PlayedBucket]:
    """One that listens."""
    async with Sink().listening() as sink:
        made = PlayedBucket(sink)
        sink.answering = made.answer
        yield made
