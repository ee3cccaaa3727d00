"""Answers whose bodies are handed over chunk by chunk, each only when the server has room for it.

So handing over a chunk, for which the release gate is held, never waits for the reader. Middleware that buffers bodies
must not stand before these answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from connector.api.faults import answer
from connector.problems import Problem
from connector.services.releasing.opening import Opening
from connector.services.releasing.segments import Ready, Segments
from connector.services.releasing.service import Releasing

Headers = Sequence[tuple[bytes, bytes]]
_MEDIA = {"records": b"application/fhir+ndjson", "stream": b"text/event-stream"}


class HandedOver(Response):
    """The answer whose body is a release."""

    def __init__(self, releasing: Releasing, opening: Opening, last_event: int = 0) -> None:
        super().__init__()
        self._releasing = releasing
        self._opening = opening
        self._last_event = last_event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the release is over. An answer broken off has no proper end, so that the reader notices."""
        body = Body(send, receive, [(b"content-type", _MEDIA[self._opening.kind]), (b"cache-control", b"no-store")])
        refused = await body.served(self._releasing.serve(self._opening, body, self._last_event))
        if refused is not None:
            await answer(refused)(scope, receive, send)


class SegmentAnswer(Response):
    """The answer whose body is a segment, or a range of it."""

    def __init__(self, segments: Segments, ready: Ready, status: int, headers: Headers, span: tuple[int, int]) -> None:
        super().__init__()
        self._segments = segments
        self._ready = ready
        self._status = status
        self._fields = headers
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the range. An answer broken off is shorter than it says, so that the reader notices."""
        body = Body(send, receive, self._fields, self._status)
        refused = await body.served(self._segments.serve(self._ready, body, *self._span))
        if refused is not None:
            await answer(refused)(scope, receive, send)


class Body:
    """One body as `connector.services.releasing.course.Sink` sees it."""

    def __init__(self, send: Send, receive: Receive, headers: Headers, status: int = 200) -> None:
        self._send = send
        self._headers = list(headers)
        self._status = status
        self._left = asyncio.create_task(self._watch(receive))
        self.begun = False

    async def served(self, serving: Awaitable[bool]) -> Problem | None:
        """Serve to the end, a proper one if all of it left. Returns what was refused before anything was sent."""
        try:
            whole = await serving
        except Problem as problem:
            if self.begun:
                raise
            return problem
        finally:
            self.close()
        if whole:
            await self.end()
        return None

    async def ready(self) -> bool:
        """Wait until the server has room. An empty part waits for that and writes nothing."""
        await self._begin()
        # Some loops write, and notice a full buffer, only after this turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        part = asyncio.ensure_future(self._part(b""))
        try:
            await asyncio.wait({part, self._left}, return_when=asyncio.FIRST_COMPLETED)
            return not self._left.done() and part.exception() is None
        finally:
            part.cancel()

    async def send(self, data: bytes) -> None:
        """Hand over one chunk."""
        await self._part(data)

    async def gone(self) -> None:
        """Wait until the reader is gone."""
        await asyncio.shield(self._left)

    async def end(self) -> None:
        """The proper end of the body."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self) -> None:
        """Stop watching."""
        self._left.cancel()

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            start = {"type": "http.response.start", "status": self._status, "headers": self._headers}
            await self._send(start)

    async def _part(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    @staticmethod
    async def _watch(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
