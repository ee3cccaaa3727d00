"""The transport: connection pools kept apart by what their connections may reach.

Six lanes, opened when first used: public or private hosts (a pooled connection to a private host must never carry an
address a stranger named), times short exchanges, long streams to us and long uploads of ours (what stays open for hours
must never use up the connections messages need, nor those who push to us what we fetch, or the other way round). A
request without a clearance goes nowhere.
"""

import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, cast

import httpcore2
import httpx2

from connector.outbound.attentive import AttentiveBackend
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.outbound.guard import Clearance
from connector.outbound.origins import DEFAULT_PORTS
from connector.outbound.pinning import PinnedBackend, Resolver

CLEARED = "concord.cleared"
LARGEST_UNSENT = 65_536
_SHORT = (
    (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, LARGEST_UNSENT)
    if hasattr(socket, "TCP_NOTSENT_LOWAT")
    else (socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_UNSENT)
)
"""What the kernel takes of an upload before it has sent what it holds: that much cannot be called back any more."""


class Way(Enum):
    """What a request is: a short exchange, a long answer, or a long body of ours."""

    MESSAGE = "message"
    STREAM = "stream"
    UPLOAD = "upload"


class Lane(NamedTuple):
    """Which pool a request takes."""

    private: bool
    way: Way


class Cleared(NamedTuple):
    """What a request carries in its extensions under `CLEARED`: the guard's verdict and what it is."""

    clearance: Clearance
    way: Way


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """Most connections per lane, and seconds an idle one is kept: fewer than the 5 after which servers close it."""

    messages: int = 32
    streams: int = 64
    uploads: int = 32
    idle: float = 4.0

    def of(self, way: Way) -> int:
        """Most connections of a lane."""
        return {Way.MESSAGE: self.messages, Way.STREAM: self.streams, Way.UPLOAD: self.uploads}[way]


@contextmanager
def faults_of_ours() -> Iterator[None]:
    """Turn the library's exceptions into Unreachable, dropping their texts, which can quote what was received."""
    try:
        yield
    except (httpcore2.TimeoutException, httpx2.TimeoutException):
        raise Unreachable(Why.TIME) from None
    except (httpcore2.ConnectError, httpx2.ConnectError):
        raise Unreachable(Why.CONNECT) from None
    except (httpcore2.NetworkError, httpx2.NetworkError, OSError):
        raise Unreachable(Why.CONNECTION) from None
    except (httpcore2.ProtocolError, httpx2.TransportError, httpcore2.ConnectionNotAvailable):
        raise Unreachable(Why.PROTOCOL) from None


class Lanes(httpx2.AsyncBaseTransport):
    """The transport under the one client; holds every connection this process has opened."""

    def __init__(
        self, resolver: Resolver, dialer: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext, sizes: PoolSizes
    ) -> None:
        self._resolver = resolver
        self._dialer = dialer
        self._tls = tls
        self._sizes = sizes
        self._pools: dict[Lane, httpcore2.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a cleared request; the answer's body has still to be read. Raises OutboundRefused, Unreachable."""
        cleared = request.extensions.get(CLEARED)
        if not isinstance(cleared, Cleared) or not _same_place(request.url, cleared.clearance):
            raise OutboundRefused(Refusal.ADDRESS)
        pool = self._pool(Lane(cleared.clearance.private, cleared.way))
        with faults_of_ours():
            answer = await pool.handle_async_request(_plain(request))
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    def open_connections(self) -> int:
        """How many connections are open now, over all lanes."""
        return sum(len(pool.connections) for pool in self._pools.values())

    def _pool(self, lane: Lane) -> httpcore2.AsyncConnectionPool:
        if lane not in self._pools:
            most = self._sizes.of(lane.way)
            long = lane.way is not Way.MESSAGE
            backend: httpcore2.AsyncNetworkBackend = PinnedBackend(
                private=lane.private, resolver=self._resolver, dialer=self._dialer
            )
            if long:
                backend = AttentiveBackend(backend)
            self._pools[lane] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls, max_connections=most, keepalive_expiry=self._sizes.idle, network_backend=backend,
                socket_options=(_SHORT,) if long else None,
            )  # fmt: skip
        return self._pools[lane]


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, still on the wire; closing it gives the connection back or closes it."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with faults_of_ours():
            async with aclosing(self._answer.aiter_stream()) as parts:
                async for part in parts:
                    yield part

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._answer.aclose()


def _same_place(url: httpx2.URL, clearance: Clearance) -> bool:
    """Whether the client's own parser reads the host, port and scheme the guard read."""
    port = DEFAULT_PORTS.get(url.scheme) if url.port is None else url.port
    return (url.scheme, url.host, port) == (clearance.origin.scheme, clearance.origin.host, clearance.origin.port)


def _plain(request: httpx2.Request) -> httpcore2.Request:
    url = httpcore2.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    extensions = {"timeout": request.extensions.get("timeout", {})}
    content = cast("AsyncIterable[bytes]", request.stream)
    return httpcore2.Request(request.method, url, headers=request.headers.raw, content=content, extensions=extensions)
