"""`Outbound`: the one HTTP client of the process, pooled, guarded, without redirects, proxies or cookies.

Every call names its `Destination`, the reason why this address may be called. Three outcomes, told apart by type:
`OutboundRefused` (our guard; final), `Unreachable` (try again), an `Answer` (whatever its status).
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

from connector.outbound.answer import Answer, Caps
from connector.outbound.direct import DirectBackend
from connector.outbound.faults import Unreachable, Why
from connector.outbound.guard import Destination, clear
from connector.outbound.idn import to_ascii
from connector.outbound.incoming import IDENTITY, Incoming
from connector.outbound.lanes import CLEARED, Cleared, Lanes, PoolSizes, Way
from connector.outbound.object_store import StoreClient
from connector.outbound.pinning import Resolver, system_resolver
from contracts.object_store import ObjectStore

Authorization = Callable[[bytes], str]
"""Makes the `Authorization` header for exactly these body bytes."""

MESSAGE = Caps()
STREAM = Caps(idle=60.0)
_HEADERS = {"accept-encoding": IDENTITY, "user-agent": "concord", "accept": "application/json"}

# The libraries log whole addresses, and an address can carry a code or an identifier.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Outbound:
    """Sends requests for this process; make one, keep it, close it. Use as an async context manager."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        sizes: PoolSizes | None = None,
        resolver: Resolver = system_resolver,
        dialer: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        context = httpx2.create_ssl_context(trust_env=False) if tls is None else tls
        self._lanes = Lanes(resolver, dialer or DirectBackend(), context, sizes or PoolSizes())
        no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx2.AsyncClient(
            transport=self._lanes, trust_env=False, follow_redirects=False, cookies=no_cookies, headers=_HEADERS
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def open_connections(self) -> int:
        """How many connections are open now; for measurements."""
        return self._lanes.open_connections()

    async def post_json(
        self,
        url: str,
        body: bytes,
        *,
        to: Destination,
        authorization: Authorization | None = None,
        headers: Mapping[str, str] | None = None,
        caps: Caps = MESSAGE,
    ) -> Answer:
        """POST JSON bytes; the header is made over exactly the bytes sent. Raises OutboundRefused, Unreachable."""
        sent = {**(headers or {}), "content-type": "application/json", **_authorized(authorization, body)}
        return await self.send("POST", url, to=to, headers=sent, content=body, caps=caps)

    async def get(
        self,
        url: str,
        *,
        to: Destination,
        authorization: Authorization | None = None,
        headers: Mapping[str, str] | None = None,
        caps: Caps = MESSAGE,
    ) -> Answer:
        """GET; the header, if any, is made over the empty body. Raises OutboundRefused, Unreachable."""
        sent = {**(headers or {}), **_authorized(authorization, b"")}
        return await self.send("GET", url, to=to, headers=sent, content=b"", caps=caps)

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        to: Destination,
        headers: Mapping[str, str] | None = None,
        caps: Caps = STREAM,
        encoding: str = IDENTITY,
    ) -> AsyncIterator[Incoming]:
        """GET something long: `async with outbound.stream(...) as incoming: async for chunk in incoming.chunks()`.

        No limit on the whole, one of `caps.idle` seconds on silence. Look at `incoming.status` first: an error's body
        is for `incoming.read()`. Leaving the block closes the connection. `encoding` is one the caller can undo itself:
        the chunks come as they were sent. Raises OutboundRefused, Unreachable.
        """
        sent = {"accept": "*/*", **(headers or {})}
        response = await self._open("GET", url, to, sent, b"", caps, Way.STREAM, encoding)
        try:
            yield Incoming(response, caps, encoding)
        finally:
            await response.aclose()

    async def upload(
        self,
        url: str,
        parts: AsyncIterable[bytes],
        *,
        to: Destination,
        headers: Mapping[str, str] | None = None,
        caps: Caps = STREAM,
        method: str = "POST",
    ) -> Answer:
        """Send something long, made while it is sent: the next part is asked for when the last has left our buffers.

        A `content-length` among the headers is kept to, else the body is chunked. No limit on the whole, one of
        `caps.idle` seconds on a receiver that takes nothing or does not answer. The first part is asked for once there
        is a connection. Cancelled, or left by an exception of `parts`, it breaks off without a proper end. Raises
        OutboundRefused, Unreachable.
        """
        response = await self._open(method, url, to, headers or {}, parts, caps, Way.UPLOAD)
        try:
            incoming = Incoming(response, caps)
            async with asyncio.timeout(caps.total):
                return Answer(incoming.status, incoming.headers, await incoming.read())
        except TimeoutError:
            raise Unreachable(Why.TIME) from None
        finally:
            await response.aclose()

    async def send(
        self, method: str, url: str, *, to: Destination, headers: Mapping[str, str], content: bytes, caps: Caps
    ) -> Answer:
        """Any one exchange, read whole within `caps`. Raises OutboundRefused, Unreachable.

        The client's own steps between a request and its pool (cookies, redirects, sign-in) have nothing to do here, and
        cost as much as everything else: a message goes to the lanes itself.
        """
        clearance = clear(to_ascii(url), to)
        named = {name.lower(): value for name, value in headers.items()}
        request = httpx2.Request(
            method, clearance.address, headers=_HEADERS | named | {"accept-encoding": IDENTITY}, content=content,
            extensions={"timeout": _timeouts(caps), CLEARED: Cleared(clearance, Way.MESSAGE)},
        )  # fmt: skip
        try:
            async with asyncio.timeout(caps.total):
                response = await self._lanes.handle_async_request(request)
                try:
                    incoming = Incoming(response, caps)
                    return Answer(incoming.status, incoming.headers, await incoming.read())
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Unreachable(Why.TIME) from None

    def object_store(self, store: ObjectStore, to: Destination) -> StoreClient:
        """A place in an object store; every request goes through `send` or `upload`."""
        return StoreClient(self, store, to)

    def transport(self, to: Destination, caps: Caps = MESSAGE) -> httpx2.AsyncBaseTransport:
        """A transport for a library that brings its own client (Authlib): every request goes through `send`."""
        return _Handed(self, to, caps)

    async def _open(
        self,
        method: str,
        url: str,
        to: Destination,
        headers: Mapping[str, str],
        content: bytes | AsyncIterable[bytes],
        caps: Caps,
        way: Way,
        encoding: str = IDENTITY,
    ) -> httpx2.Response:
        clearance = clear(to_ascii(url), to)
        request = self._client.build_request(
            method,
            clearance.address,
            headers=headers,
            content=content,
            timeout=httpx2.Timeout(None, connect=caps.connect, read=caps.idle, write=caps.idle),
            extensions={CLEARED: Cleared(clearance, way)},
        )
        request.headers["accept-encoding"] = encoding
        return await self._client.send(request, stream=True)


class _Handed(httpx2.AsyncBaseTransport):
    """Lends the pool to another client; closing that client closes nothing here."""

    def __init__(self, outbound: Outbound, to: Destination, caps: Caps) -> None:
        self._outbound = outbound
        self._to = to
        self._caps = caps

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange, read whole."""
        content = await request.aread()
        kept = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = await self._outbound.send(
            request.method, str(request.url), to=self._to, headers=kept, content=content, caps=self._caps
        )
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


def _timeouts(caps: Caps) -> dict[str, float | None]:
    """The limits as the pool takes them; nobody waits for a free connection longer than the whole may take."""
    return {"connect": caps.connect, "read": caps.idle, "write": caps.idle, "pool": None}


def _authorized(authorization: Authorization | None, body: bytes) -> dict[str, str]:
    return {} if authorization is None else {"authorization": authorization(body)}
