"""A participant played by hand: a key of its own, a small HTTP server, and a voice that signs whatever it is told.

`Voice` speaks as anybody whose key the test holds, also wrongly. A `Puppet` is a member of the space that does only
what the test scripts: it keeps what it was sent and answers what it is told to answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.identity import tokens
from connector.identity.keys import fingerprint, jwk_of_ed25519
from connector.identity.members import Member
from connector.identity.statements import sign_statement
from connector.ports import Signer
from contracts.names import CONTEXT_URL
from tests.two_party.space import Party, listening

DSP = "/dsp/2025-1"
Body = Mapping[str, Any]


class Key:
    """A private key of the test's own (the `Signer` port)."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_jwk = jwk_of_ed25519(self._key.public_key().public_bytes_raw())
        self.kid = self.public_jwk["kid"]

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    @property
    def bare(self) -> dict[str, str]:
        """The public key as the consent exchange spells it."""
        return {name: self.public_jwk[name] for name in ("kty", "crv", "x")}


@dataclass
class Voice:
    """Sends requests signed as participant `id`."""

    id: str
    signer: Signer
    client: httpx2.AsyncClient

    @classmethod
    def of(cls, party: Party, client: httpx2.AsyncClient) -> Voice:
        """Speak with a party's own key, past its outbox."""
        return cls(party.id, party.context.signer, client)

    def token(self, to: Party, body: bytes = b"", **changes: Any) -> str:
        return tokens.mint(
            changes.get("signer", self.signer), changes.get("iss", self.id), changes.get("aud", to.id), body,
            changes.get("now", datetime.now(UTC)),
        )  # fmt: skip

    async def post(
        self, to: Party, path: str, body: Body | bytes, *, token: str | None = None, headers: Body | None = None
    ) -> httpx2.Response:
        """POST a body, signed unless a token is given ("" sends none)."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = self._headers(self.token(to, data) if token is None else token) | dict(headers or {})
        return await self.client.post(to.direct + path, content=data, headers=sent)

    async def get(self, to: Party, path: str, *, token: str | None = None) -> httpx2.Response:
        return await self.client.get(
            to.direct + path, headers=self._headers(self.token(to) if token is None else token)
        )

    def say(self, typ: str, claims: Body, *, signer: Signer | None = None) -> str:
        """A signed statement."""
        return sign_statement(signer or self.signer, typ, claims, datetime.now(UTC))

    @staticmethod
    def _headers(token: str) -> dict[str, str]:
        return {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}


@dataclass(frozen=True)
class Heard:
    """One request a puppet received."""

    method: str
    path: str
    body: dict[str, Any]
    traceparent: str = ""

    @property
    def type(self) -> str:
        return str(self.body.get("@type", ""))


Answering = Callable[[Heard], tuple[int, Any]]


def agreeable(heard: Heard) -> tuple[int, Any]:
    """Acknowledges whatever comes, as a counter-party would that is content with everything."""
    if not heard.path.startswith(DSP):
        return 200, {}
    kind = "ContractNegotiation" if "/negotiations/" in heard.path else "TransferProcess"
    pids = {name: heard.body.get(name, "urn:uuid:11111111-1111-4111-8111-111111111111") for name in PIDS}
    return 200, {"@context": [CONTEXT_URL], "@type": kind, **pids, "state": "REQUESTED"}


PIDS = ("providerPid", "consumerPid")


@dataclass
class Puppet(Voice):
    """A known participant without a connector."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    answering: Answering = agreeable
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    async def raised(cls, client: httpx2.AsyncClient, name: str = "puppet") -> Puppet:
        """A new one, listening."""
        key = Key()
        puppet = cls(f"urn:concord:{name}:{fingerprint(key.public_jwk)[:8]}", key, client)
        puppet._server = await asyncio.start_server(puppet._serve, sock=listening())
        puppet.port = puppet._server.sockets[0].getsockname()[1]
        return puppet

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def callback(self) -> str:
        return self.url + DSP

    def entry(self, role: str = "research", **changes: Any) -> Member:
        """How it stands in a members register."""
        facts = {
            "id": self.id, "name": "Puppet", "role": role, "origin": self.url, "dsp": self.callback,
            "consent": f"{self.url}/consent", "data": f"{self.url}/data", "keys": (self.signer.public_jwk,),
            "fingerprint": fingerprint(self.signer.public_jwk), "allow_http": True, "added_at": datetime.now(UTC),
        }  # fmt: skip
        return Member.model_validate(facts | changes)

    async def join(self, *parties: Party, role: str = "research") -> None:
        """Become a member at these parties."""
        for party in parties:
            await party.context.members.put(self.entry(role))

    def of_type(self, type: str) -> list[Heard]:
        """What it heard of one message type."""
        return [heard for heard in self.heard if heard.type == type]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                heard = await self._read(reader)
                self.heard.append(heard)
                status, body = self.answering(heard)
                writer.write(_rendered(status, body))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Heard:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        data = await reader.readexactly(int(fields.get("content-length", "0")))
        method, path, _ = first.split(" ")
        return Heard(method, path, orjson.loads(data) if data else {}, fields.get("traceparent", ""))


def _rendered(status: int, body: Any) -> bytes:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return (
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
    )
