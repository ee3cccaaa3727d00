"""An answer that is still arriving.

A message between connectors is small: its answer is read whole, under a limit on time, bytes and headers. A stream is
read part by part, limited only in silence. Nothing is decompressed here, so nothing can grow after it was counted: an
answer in an encoding that was not asked for is not read, and one that was is handed out as it came.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import httpx2

from connector.outbound.answer import Caps
from connector.outbound.faults import Unreachable, Why
from connector.outbound.lanes import faults_of_ours

IDENTITY = "identity"


class Incoming:
    """An answer whose body is still arriving: `status`, `headers`, and the body by `chunks()` or, bounded, `read()`."""

    def __init__(self, response: httpx2.Response, caps: Caps, encoding: str = IDENTITY) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._caps = caps
        self.encoding = response.headers.get("content-encoding", IDENTITY).strip().lower() or IDENTITY
        _check_head(response, caps, self.encoding in (IDENTITY, encoding))

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, however long. Raises Unreachable after `caps.idle` seconds of silence."""
        with faults_of_ours():
            async with aclosing(self._response.aiter_raw()) as parts:
                async for part in parts:
                    yield part

    async def read(self) -> bytes:
        """The whole body, at most `caps.body` bytes. Raises Unreachable."""
        parts: list[bytes] = []
        size = 0
        async with aclosing(self._response.aiter_raw()) as chunks:
            with faults_of_ours():
                async for part in chunks:
                    size += len(part)
                    if size > self._caps.body:
                        raise Unreachable(Why.TOO_LARGE)
                    parts.append(part)
        return b"".join(parts)


def _check_head(response: httpx2.Response, caps: Caps, asked: bool) -> None:
    if len(response.headers.raw) > caps.headers:
        raise Unreachable(Why.TOO_LARGE)
    if not asked:
        raise Unreachable(Why.ENCODED)
