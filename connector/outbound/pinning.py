"""Opening connections to checked addresses only.

A name is resolved once per connection, every address it resolves to is checked, and the connection is opened to a
checked address, not to the name: an answer that changes between check and use (DNS rebinding) changes nothing. The
name stays in SNI, in the certificate check and in the `Host` header, as those are taken from the request.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore2

from connector.outbound.addresses import is_literal
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.outbound.guard import admits

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to IP addresses as text, best first; raises OSError when the name is unknown."""

MOST_ATTEMPTS = 4
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


async def system_resolver(host: str, port: int) -> list[str]:
    """Ask the operating system, without blocking the loop."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """A network backend that resolves, checks every address, and dials a checked one."""

    def __init__(self, *, private: bool, resolver: Resolver, dialer: httpcore2.AsyncNetworkBackend) -> None:
        self._private = private
        self._resolver = resolver
        self._dialer = dialer

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the library's
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to `host`, within `timeout` seconds for all of it. Raises OutboundRefused, Unreachable."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                share = None if timeout is None else timeout / len(addresses)
                return await self._dial(addresses, port, share, local_address, socket_options)
        except TimeoutError:
            raise Unreachable(Why.TIME) from None

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        socket_options: Iterable[_SocketOption] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """No address leads to a socket file."""
        raise OutboundRefused(Refusal.ADDRESS)

    async def sleep(self, seconds: float) -> None:
        """Wait, as the library asks between attempts."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = [host] if is_literal(host) else await self._resolver(host, port)
        except (OSError, UnicodeError):
            raise Unreachable(Why.NAME) from None
        if not addresses:
            raise Unreachable(Why.NAME)
        if not all(admits(address, private=self._private) for address in addresses):
            raise OutboundRefused(Refusal.NEVER if self._private else Refusal.NOT_PUBLIC)
        return addresses[:MOST_ATTEMPTS]

    async def _dial(
        self,
        addresses: list[str],
        port: int,
        seconds_each: float | None,
        local_address: str | None,
        socket_options: Iterable[_SocketOption] | None,
    ) -> httpcore2.AsyncNetworkStream:
        for address in addresses:
            try:
                return await self._dialer.connect_tcp(address, port, seconds_each, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        raise Unreachable(Why.CONNECT)
