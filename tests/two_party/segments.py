"""A consumer of segments by hand, for two-party tests: it reads the index, fetches pieces and puts them together."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import zstandard

from tests.two_party.releases import Stage, opened_by_hand


@dataclass
class Fetcher:
    """One transfer of the holder's, opened by hand."""

    stage: Stage
    pid: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def opened(cls, stage: Stage) -> Fetcher:
        """A started transfer that no puller knows of."""
        return cls(stage, *await opened_by_hand(stage))

    async def get(self, path: str, method: str = "GET", most: int | None = None, **headers: str) -> Any:
        """One request, at a place of the transfer or an address; hung up on after `most` bytes; a cut body is short."""
        place = path if path.startswith("/data/") else f"/data/releases/{self.pid}{path}"
        sent = {"authorization": f"Bearer {self.token}", "accept-encoding": "identity", **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.stage.holder.url}{place}"
        request = self.stage.space_client.build_request(method, url, headers=sent)
        answer = await self.stage.space_client.send(request, stream=True)
        try:
            answer.raw = b""
            with contextlib.suppress(httpx2.RemoteProtocolError):
                async for part in answer.aiter_raw():
                    answer.raw += part
                    if most is not None and len(answer.raw) >= most:
                        break
        finally:
            await answer.aclose()
        return answer

    async def index(self, query: str = "") -> dict[str, Any]:
        """The plan."""
        answer = await self.get(f"/segments{query}")
        assert answer.status_code == 200, answer.raw
        return dict(parsed(answer))

    async def all(self, query: str = "") -> list[bytes]:
        """Every segment, in the order of the index."""
        return [await self.one(row["href"]) for row in (await self.index(query))["segments"]]

    async def one(self, href: str, **headers: str) -> bytes:
        """One segment, whole."""
        answer = await self.get(href, **headers)
        assert answer.status_code == 200, answer.raw
        return bytes(decoded(answer))

    async def manifest(self) -> dict[str, Any]:
        """The claims of the manifest, not verified."""
        from connector.services.exchange.speech import unverified_claims

        answer = await self.get("/manifest")
        assert answer.status_code == 200, answer.raw
        return dict(unverified_claims(parsed(answer)["manifest"]))


def parsed(answer: Any) -> Any:
    """A JSON answer."""
    import orjson

    return orjson.loads(answer.raw)


def decoded(answer: Any) -> bytes:
    """A body out of its content coding."""
    coding = answer.headers.get("content-encoding", "")
    return opened(answer.raw, coding)


def opened(data: bytes, coding: str) -> bytes:
    """Bytes out of a content coding."""
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompress(data)
    return gzip.decompress(data) if coding == "gzip" else data


def joined(parts: Sequence[bytes]) -> bytes:
    """The whole."""
    return b"".join(parts)
