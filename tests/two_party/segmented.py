"""A provider of ours played by hand that releases in segments: it cuts, takes back and forges as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson
import zstandard

from connector.dataplane.lines import code_of
from connector.records import Agreement, ReceivedTransfer, Transfer
from connector.services.exchange import speech
from connector.services.releasing.manifest import PEOPLE_REASONS, RESOURCE_REASONS, folded, whole_digest
from contracts.names import CONTEXT_URL
from policy import instants
from tests.two_party import story
from tests.two_party.puppet import DSP, Puppet
from tests.two_party.sinks import Delivery, Sink
from tests.two_party.space import Party, Space

TOKEN = "segments"
THEIRS = "urn:uuid:11111111-1111-4111-8111-111111111111"
"""What a puppet calls every transfer."""
DATASET = "urn:concord:dataset:segmented"


def line(code: str, number: int, size: int = 40, **more: Any) -> bytes:
    """One record of a person."""
    text = sha256(f"{code}{number}".encode()).hexdigest() * (size // 64 + 1)
    return orjson.dumps({
        "resourceType": "Observation", "id": f"{code[:6]}-{number}", "subject": {"reference": f"Patient/{code}"},
        "valueString": text[:size], **more,
    }) + b"\n"  # fmt: skip


def code(number: int) -> str:
    """A code as a vault makes them: these sort by their number."""
    return f"{number:04d}{sha256(str(number).encode()).hexdigest()[:22]}"


@dataclass
class Segment:
    """One of them. `sent` is what travels, when it is not what it should be."""

    number: int
    id: str
    body: bytes
    deletions: bool = False
    gone: str | None = None
    sent: bytes | None = None

    @classmethod
    def of(cls, number: int, body: bytes, **more: Any) -> Segment:
        return cls(number, sha256(f"{number}".encode() + body).hexdigest()[:40], body, **more)

    @property
    def encoded(self) -> bytes:
        packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(self.body)
        return packed if self.sent is None else self.sent


@dataclass
class Asked:
    """One request for data."""

    path: str
    query: str
    fields: dict[str, str]

    @property
    def range(self) -> int:
        """From which byte on."""
        return int(self.fields.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))


@dataclass
class SegmentedProvider:
    """`cuts`: bytes after which an answer breaks off, by segment id, each used once."""

    puppet: Puppet
    research: Party
    sink: Sink
    agreement: str
    release: str = field(default_factory=story.urn)
    segments: list[Segment] = field(default_factory=list)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    continues: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    signer: Any = None
    down: bool = False
    ignores_range: bool = False
    etag: str = ""
    pid: str = ""
    previous: str | None = None
    seen: Callable[[Asked], object] = lambda asked: None

    # --- playing it ---------------------------------------------------------------------------------------------------

    async def answer(self, delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        if self.down:
            return None
        first, *lines = delivery.head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines if one)}
        parts = urlsplit(first.split(" ")[1])
        asked = Asked(parts.path, parts.query, fields)
        self.asked.append(asked)
        self.seen(asked)
        if fields.get("authorization") != f"Bearer {TOKEN}" and fields.get("authorization") != TOKEN:
            return _answer(401, b"{}")
        if parts.path.endswith("/segments"):
            return self._listed(asked)
        if parts.path.endswith("/manifest"):
            return _answer(200, orjson.dumps({"manifest": self.manifest()}))
        return await self._segment(asked)

    def _listed(self, asked: Asked) -> bytes:
        if (f"continues={self.continues}" if self.continues else "") != asked.query:
            return _problem(409, "unknown-manifest")
        here = [one for one in self.segments if one.gone is None]
        listed = [
            {"number": one.number, "id": one.id, "href": f"{asked.path}/{one.id}", "standing": "open",
             "deletions": one.deletions} for one in here
        ]  # fmt: skip
        return _answer(200, orjson.dumps({
            "release": self.release, "transfer": "t", "agreement": self.agreement, "format": "application/fhir+ndjson",
            "continues": self.continues, "segments": listed,
        }))  # fmt: skip

    async def _segment(self, asked: Asked) -> bytes | None:
        one = next((one for one in self.segments if asked.path.endswith(f"/{one.id}")), None)
        if one is None:
            return _problem(404, "not-found")
        if one.gone is not None:
            return _problem(410, "segment-gone", successor=f"/data/x/segments/{one.gone}" if one.gone else None)
        zstd = "zstd" in asked.fields.get("accept-encoding", "")
        data, etag = (one.encoded, f'"{one.id}+zstd"') if zstd else (one.body, f'"{one.id}"')
        etag = self.etag or etag
        start = asked.range if asked.fields.get("if-range", etag) == etag and not self.ignores_range else 0
        if start and start >= len(data):
            return _problem(416, "bad-range")
        head = [f"etag: {etag}", f"content-length: {len(data) - start}", *(["content-encoding: zstd"] if zstd else [])]
        head += [f"content-range: bytes {start}-{len(data) - 1}/{len(data)}"] if start else []
        text = f"HTTP/1.1 {206 if start else 200} OK\r\n" + "\r\n".join([*head, "connection: close", "", ""])
        cuts = self.cuts.get(one.id, [])
        end = cuts.pop(0) if cuts else len(data)
        return text.encode() + data[start : max(start, end)]

    # --- what it signs ------------------------------------------------------------------------------------------------

    def manifest(self) -> str:
        """The manifest of what is listed now, with the changes of the test."""
        if isinstance(self.claims.get("jws"), str):
            return str(self.claims["jws"])
        files = [one for one in self.segments if one.gone is None]
        told = [
            {"segment": one.number, "people": len(_codes(one.body)), "resources": one.body.count(b"\n"),
             "bytes": len(one.body), "sha256": sha256(one.body).hexdigest(), "deletions": one.deletions}
            for one in files
        ]  # fmt: skip
        now = instants.wire(datetime.now(UTC))
        people = set().union(*(_codes(one.body) for one in files if not one.deletions)) if files else set()
        claims = {
            "release": self.release, "previous": self.previous, "provider": self.puppet.id,
            "recipient": self.research.id, "agreement": self.agreement, "transfer": THEIRS, "dataset": DATASET,
            "study": None, "profile": {"name": "research-standard", "digest": "0" * 64}, "people": len(people),
            "resources": sum(one["resources"] for one in told), "bytes": sum(one["bytes"] for one in told),
            "chunks": len(files), "sha256": whole_digest(one["sha256"] for one in told),
            "withheld": folded({}, PEOPLE_REASONS), "withheld_resources": folded({}, RESOURCE_REASONS),
            "log": {"size": 0, "root": ""}, "provenance": "0" * 64, "started_at": now, "finished_at": now,
            "files": told, "format": "application/fhir+ndjson", "continues": self.continues, "dropped_elements": 0,
            "deletions": 0, "decided": None,
        }  # fmt: skip
        return self.puppet.say(speech.MANIFEST, claims | self.claims, signer=self.signer)

    # --- the other side -----------------------------------------------------------------------------------------------

    async def asked_for(self, **more: Any) -> str:
        """The research group has asked for the data, and it has started; its pid."""
        desk = self.research.services.transfer_desk
        self.pid = str(await desk.ask(self.research.acting("researcher"), self.agreement, **more))
        await self.research.eventually(Transfer, self.pid, where=lambda found: found.state == "REQUESTED")
        await self.starts()
        return self.pid

    async def starts(self) -> None:
        """It says where the data is."""
        ours = await self.research.get(Transfer, self.pid)
        address = {
            "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
            "endpoint": f"{self.sink.origin}/data/releases/{ours.their_pid}",
            "endpointProperties": [
                {"@type": "EndpointProperty", "name": "authorization", "value": TOKEN},
                {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
            ],
        }  # fmt: skip
        body = {
            "@context": [CONTEXT_URL], "@type": "TransferStartMessage", "@id": story.urn(), "consumerPid": self.pid,
            "providerPid": ours.their_pid, "dataAddress": address,
        }  # fmt: skip
        answer = await self.puppet.post(self.research, f"{DSP}/transfers/{self.pid}/start", body)
        assert answer.status_code == 200, answer.text

    async def received(self, standing: str = "complete") -> ReceivedTransfer:
        return await self.research.eventually(ReceivedTransfer, self.pid, where=lambda row: row.standing == standing)

    def whole(self) -> bytes:
        """What the file should be."""
        return b"".join(one.body for one in self.segments if one.gone is None)

    def of_segment(self, one: Segment) -> list[Asked]:
        """How often and how a segment was asked for."""
        return [asked for asked in self.asked if asked.path.endswith(f"/segments/{one.id}")]


@asynccontextmanager
async def provider(space: Space, research: Party) -> AsyncIterator[SegmentedProvider]:
    """One, with a contract and nothing to release yet."""
    puppet = await Puppet.raised(space.client)
    async with Sink().listening() as sink:
        await research.context.members.put(puppet.entry(role="hospital", data=sink.origin))
        agreement = Agreement(
            id=story.urn(), role="consumer", counterparty=puppet.id, negotiation=story.urn(), dataset=DATASET,
            standing="active",
        )  # fmt: skip
        await research.add(agreement)
        made = SegmentedProvider(puppet, research, sink, agreement.id)
        sink.answering = made.answer
        yield made
    await puppet.close()


def _codes(body: bytes) -> set[str]:
    return {str(code_of(one)) for one in body.splitlines()}


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body


def _problem(status: int, code: str, **more: Any) -> bytes:
    document = {"type": f"urn:concord:problem:{code}", "title": code, "status": status, **more}
    return _answer(status, orjson.dumps(document))
