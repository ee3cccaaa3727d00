"""The body of an upload while it is being made: where a release that is pushed hands its chunks over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.outbound.answer import Answer


class Outgoing:
    """One upload as `connector.services.releasing.course.Sink` sees it; `upload` gets the parts and sends them.

    There is room for a chunk when the client asks for the next part: the one before has left its buffers then.
    """

    def __init__(self, upload: Callable[[AsyncIterator[bytes]], Coroutine[Any, Any, Answer]]) -> None:
        self._wanted = asyncio.Event()
        self._given = asyncio.Event()
        self._taken = asyncio.Event()
        self._part: bytes | None = None
        self._request: asyncio.Task[Any] = asyncio.ensure_future(upload(self._parts()))

    async def ready(self) -> bool:
        """Wait until a part is wanted, which the first is once there is a connection. False when the upload is over."""
        wanted: asyncio.Task[Any] = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait({wanted, self._request}, return_when=asyncio.FIRST_COMPLETED)
            return not self._request.done()
        finally:
            wanted.cancel()

    async def send(self, data: bytes) -> None:
        """Hand over one chunk; returns when the client has taken it, or is gone: then it counts as handed over too."""
        self._taken.clear()
        self._give(data)
        taken: asyncio.Task[Any] = asyncio.ensure_future(self._taken.wait())
        await asyncio.wait({taken, self._request}, return_when=asyncio.FIRST_COMPLETED)
        taken.cancel()
        # The client writes what it has taken in its next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the receiver is gone, or has answered before the end."""
        await asyncio.wait({self._request})

    @property
    def over(self) -> bool:
        """Whether the receiver has answered, or the connection broke."""
        return self._request.done()

    async def end(self) -> Answer:
        """The proper end of the body, and the answer. Raises OutboundRefused, Unreachable."""
        if not self._request.done():
            self._give(None)
        answer: Answer = await self._request
        return answer

    async def close(self) -> None:
        """Break off what has not come to its end."""
        self._request.cancel()
        await asyncio.gather(self._request, return_exceptions=True)

    def _give(self, part: bytes | None) -> None:
        self._wanted.clear()
        self._part = part
        self._given.set()

    async def _parts(self) -> AsyncIterator[bytes]:
        while True:
            self._wanted.set()
            await self._given.wait()
            self._given.clear()
            self._taken.set()
            if self._part is None:
                return
            yield self._part
