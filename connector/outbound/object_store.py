"""Objects in a store that speaks S3: put, looked at, deleted, each request signed (AWS Signature Version 4).

botocore makes the signature and nothing else; the request goes through `Outbound` like every other, so the guard, TLS
and the refusal of redirects hold. The keys stand in no address. Buckets are named in the path. The digest of a body is
signed with it: a store that checks signatures keeps an object only when exactly these bytes have come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from connector.outbound.answer import Answer, Caps
from connector.outbound.origins import canonical
from contracts.object_store import DIGEST

if TYPE_CHECKING:
    from connector.outbound.client import Outbound
    from connector.outbound.guard import Destination
    from contracts.object_store import ObjectStore

_CAPS = Caps(body=64 * 1024)

# It writes whole requests when it may, and a session token stands in them.
logging.getLogger("botocore").setLevel(logging.WARNING)


class StoreClient:
    """One place in one store. Its methods raise OutboundRefused, Unreachable; a store's no is an Answer."""

    def __init__(self, outbound: Outbound, store: ObjectStore, to: Destination) -> None:
        self._outbound = outbound
        self._store = store
        self._to = to

    async def put(self, key: str, content: bytes, media_type: str, digest: str) -> Answer:
        """A small object, in place of the one of this key."""
        headers = await self._headers("PUT", key, content, {"content-type": media_type, DIGEST: digest})
        return await self._outbound.send(
            "PUT", self._url(key), to=self._to, headers=headers, content=content, caps=_CAPS
        )

    async def putting(
        self, key: str, content: bytes, media_type: str, digest: str
    ) -> Callable[[AsyncIterator[bytes]], Coroutine[Any, Any, Answer]]:
        """The same for a large one, whose bytes are handed over in parts: what to give the parts to.

        It is there once all of `content` was sent; broken off before, it never is.
        """
        said = {"content-type": media_type, DIGEST: digest, "content-length": str(len(content))}
        headers, url = await self._headers("PUT", key, content, said), self._url(key)
        return lambda parts: self._outbound.upload(url, parts, to=self._to, headers=headers, method="PUT")

    async def look(self, key: str) -> Answer:
        """What is known about an object, without its bytes."""
        return await self._plain("HEAD", key)

    async def delete(self, key: str) -> Answer:
        """An object is no more; also if there was none."""
        return await self._plain("DELETE", key)

    async def _plain(self, method: str, key: str) -> Answer:
        headers = await self._headers(method, key, b"", {})
        return await self._outbound.send(method, self._url(key), to=self._to, headers=headers, content=b"", caps=_CAPS)

    def _url(self, key: str) -> str:
        """In the one spelling that is sent, which is what the signature is made over. Raises OutboundRefused."""
        store = self._store
        path = "/".join(filter(None, (store.bucket, store.prefix, key)))
        return canonical(f"{store.endpoint.rstrip('/')}/{path}")[1]

    async def _headers(self, method: str, key: str, content: bytes, said: Mapping[str, str]) -> dict[str, str]:
        return await asyncio.to_thread(signed, self._store, method, self._url(key), content, said)


def signed(store: ObjectStore, method: str, url: str, content: bytes, said: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request with its signature. Reads the clock, as a signature holds for a quarter of an hour."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method=method, url=url, headers=dict(said), data=content)
    keys = Credentials(store.access_key, store.secret_key, store.session_token or None)
    S3SigV4Auth(keys, "s3", store.region).add_auth(request)
    return {name.lower(): str(value) for name, value in request.headers.items()}
