"""A connection that hears its peer while we are still speaking.

The library reads an answer only after the whole request was written. A receiver that says no in the middle of a long
upload, and closes, would not be heard: writing fails, and its answer is lost. So from the second write of a request on
the connection is read as well; once something has come, writing ends as if it had failed, and the library goes on to
read the answer (RFC 9112, 9.5).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

_MOST = 64 * 1024


class AttentiveStream(httpcore2.AsyncNetworkStream):
    """Wraps one connection, before and after TLS."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner
        self._written = 0
        self._ahead: asyncio.Task[bytes] | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the library's
        """What was read ahead, then what comes."""
        self._written = 0
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return await self._inner.read(max_bytes, timeout)
        try:
            async with asyncio.timeout(timeout):
                return await ahead
        except TimeoutError:
            raise httpcore2.ReadTimeout from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write, unless the peer has spoken, or speaks meanwhile: then it raises httpcore2.WriteError."""
        self._written += 1
        if self._written > 1 and self._ahead is None:
            self._ahead = asyncio.ensure_future(self._inner.read(_MOST))
        if self._ahead is None:
            await self._inner.write(buffer, timeout)
            return
        if self._ahead.done():
            raise httpcore2.WriteError
        writing: asyncio.Task[Any] = asyncio.ensure_future(self._inner.write(buffer, timeout))
        try:
            await asyncio.wait({writing, self._ahead}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise httpcore2.WriteError
            writing.result()
        finally:
            if not writing.done():
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def aclose(self) -> None:
        """Close, and stop listening."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The same above TLS."""
        return AttentiveStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Of the connection below."""
        return self._inner.get_extra_info(info)


class AttentiveBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections as another backend does, and wraps them."""

    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See the library."""
        return AttentiveStream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See the library."""
        return await self._inner.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """See the library."""
        await self._inner.sleep(seconds)
