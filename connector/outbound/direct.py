"""Connections for short exchanges, straight on the event loop.

The library's own go through anyio, and ask the kernel about every idle connection before every request. Here the loop
has told us by then whether the peer has closed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, cast

import httpcore2

_MOST = 256 * 1024
"""Bytes kept unread before the peer has to wait."""
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class _Wire(asyncio.Protocol):
    """What has come and has not been read, and who waits for it."""

    def __init__(self) -> None:
        self.come = bytearray()
        self.over = False
        self.lost = False
        self.fault: Exception | None = None
        self._transport: asyncio.Transport | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False
        self._resting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.come += data
        if len(self.come) > _MOST and not self._resting and self._transport is not None:
            self._transport.pause_reading()
            self._resting = True
        _wake(self._reader)

    def eof_received(self) -> None:
        self.over = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = self.lost = True
        self.fault = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._writer)

    async def something(self) -> None:
        """Wait until something has come, or nothing will."""
        if not self.come and not self.over:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader

    async def room(self) -> None:
        """Wait until more can be written."""
        if self._full and not self.lost:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    def take(self, most: int) -> bytes:
        """At most so many of the bytes that have come."""
        taken = bytes(self.come[:most])
        del self.come[:most]
        if self._resting and self._transport is not None and not self.come:
            self._resting = False
            self._transport.resume_reading()
        return taken


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class DirectStream(httpcore2.AsyncNetworkStream):
    """One connection, as the library uses it: one reads and one writes at a time."""

    def __init__(self, wire: _Wire, transport: asyncio.Transport) -> None:
        self._wire = wire
        self._transport = transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the library's
        """What has come, empty at the end. Raises httpcore2.ReadTimeout, ReadError."""
        if not self._wire.come and not self._wire.over:
            try:
                async with asyncio.timeout(timeout):
                    await self._wire.something()
            except TimeoutError:
                raise httpcore2.ReadTimeout from None
        if not self._wire.come and self._wire.fault is not None:
            raise httpcore2.ReadError
        return self._wire.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Hand over to the kernel, or wait until there is room. Raises httpcore2.WriteTimeout, WriteError."""
        if self._wire.lost or self._transport.is_closing():
            raise httpcore2.WriteError
        if buffer:
            self._transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await self._wire.room()
        except TimeoutError:
            raise httpcore2.WriteTimeout from None
        if self._wire.lost:
            raise httpcore2.WriteError

    async def aclose(self) -> None:
        """Close, without waiting for what is still to be sent."""
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The same above TLS. Raises httpcore2.ConnectTimeout, ConnectError."""
        loop, wire = asyncio.get_running_loop(), _Wire()
        try:
            async with asyncio.timeout(timeout):
                above = await loop.start_tls(self._transport, wire, ssl_context, server_hostname=server_hostname)
        except TimeoutError:
            self._transport.abort()
            raise httpcore2.ConnectTimeout from None
        except OSError:
            self._transport.abort()
            raise httpcore2.ConnectError from None
        if above is None:
            raise httpcore2.ConnectError
        wire.connection_made(above)
        return DirectStream(wire, above)

    def get_extra_info(self, info: str) -> Any:
        """What the library asks: whether an idle connection has been closed or spoken on, and about TLS."""
        if info == "is_readable":
            return bool(self._wire.come) or self._wire.over or self._transport.is_closing()
        names = {"ssl_object": "ssl_object", "socket": "socket", "client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names[info]) if info in names else None


class DirectBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections on the running loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to an address. Raises httpcore2.ConnectTimeout, ConnectError."""
        loop = asyncio.get_running_loop()
        local = (local_address, 0) if local_address else None
        try:
            async with asyncio.timeout(timeout):
                transport, wire = await loop.create_connection(_Wire, host, port, local_addr=local)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        except OSError:
            raise httpcore2.ConnectError from None
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return DirectStream(wire, transport)

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        socket_options: Iterable[_SocketOption] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """No address leads to a socket file."""
        raise httpcore2.ConnectError

    async def sleep(self, seconds: float) -> None:
        """Wait, as the library asks between attempts."""
        await asyncio.sleep(seconds)
