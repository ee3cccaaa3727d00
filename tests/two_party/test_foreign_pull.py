"""Pulling from a connector that is none of ours: its spelling of the address, its own port for data, no manifest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from connector.jobs import puller
from connector.records import Agreement, ReceivedTransfer, Transfer
from contracts import edc
from contracts.names import CONTEXT_URL
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import DSP, Puppet
from tests.two_party.releases import content_of
from tests.two_party.sinks import Delivery, Sink, giving
from tests.two_party.space import Party, until

CSV = b"a,b\n1,2\n"
TOKEN = "ey.J.x"


@dataclass
class Foreign:
    """A provider without the consent exchange, played by hand; its data lies on another port than its messages."""

    puppet: Puppet
    research: Party
    data: Sink

    async def asked(self) -> str:
        """The research group has asked for data; its pid."""
        agreement = Agreement(
            id=story.urn(), role="consumer", counterparty=self.puppet.id, negotiation=story.urn(), dataset="asset-1"
        )
        await self.research.add(agreement)
        desk = self.research.services.transfer_desk
        pid = str(await desk.ask(self.research.acting("researcher"), agreement.id))
        await self.research.eventually(Transfer, pid, where=lambda found: found.state == "REQUESTED")
        return pid

    async def starts(self, pid: str, address: dict[str, Any]) -> None:
        ours = await self.research.get(Transfer, pid)
        body = {
            "@context": [CONTEXT_URL], "@type": "TransferStartMessage", "@id": story.urn(), "consumerPid": pid,
            "providerPid": ours.their_pid, "dataAddress": address,
        }  # fmt: skip
        answer = await self.puppet.post(self.research, f"{DSP}/transfers/{pid}/start", body)
        assert answer.status_code == 200, answer.text

    async def received(self, pid: str, standing: str = "complete") -> ReceivedTransfer:
        return await self.research.eventually(ReceivedTransfer, pid, where=lambda row: row.standing == standing)

    def spelled(self, token: str = TOKEN, url: str | None = None) -> dict[str, Any]:
        """The address as EDC spells it."""
        said = {"endpoint": url or self.data.url, "authorization": token, "authType": "bearer"}
        properties = [
            {"@type": "EndpointProperty", "name": edc.NAMESPACE + name, "value": value} for name, value in said.items()
        ]
        return {
            "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpointProperties": properties
        }  # fmt: skip


@pytest.fixture
async def foreign(trio: Trio) -> AsyncIterator[Foreign]:
    puppet = await Puppet.raised(trio.space.client)
    async with Sink().listening() as data:
        await trio.research.context.members.put(puppet.entry(role="participant", consent=None, data=data.origin))
        yield Foreign(puppet, trio.research, data)
    await puppet.close()


async def test_foreign_bytes_are_kept_as_they_came_and_the_transfer_is_completed(foreign: Foreign):
    foreign.data.answering = giving(CSV, TOKEN)
    pid = await foreign.asked()
    await foreign.starts(pid, foreign.spelled())
    row = await foreign.received(pid)
    assert (row.kind, row.verified, row.bytes, row.media_type) == ("opaque", None, len(CSV), "text/csv")
    assert row.digest == sha256(CSV).hexdigest()
    assert row.finding == "No manifest: a foreign connector. Kept as it came."
    assert content_of(row.path) == CSV
    await until(lambda: foreign.puppet.of_type("TransferCompletionMessage"), "the completion")
    await foreign.research.eventually(Transfer, pid, where=lambda found: found.state == "COMPLETED")
    desk = foreign.research.services.transfer_desk
    seen = await desk.transfer(foreign.research.acting("researcher"), pid)
    assert (seen.kind, seen.digest, seen.manifest_verified) == ("opaque", row.digest, None)


async def test_a_token_in_the_specifications_form_goes_out_as_a_bearer(foreign: Foreign):
    foreign.data.answering = giving(CSV, f"Bearer {TOKEN}")
    pid = await foreign.asked()
    address = {
        "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": foreign.data.url,
        "endpointProperties": [
            {"@type": "EndpointProperty", "name": "authorization", "value": TOKEN},
            {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
        ],
    }  # fmt: skip
    await foreign.starts(pid, address)
    assert (await foreign.received(pid)).bytes == len(CSV)


async def test_a_no_is_asked_again_since_a_foreign_door_may_open_later(foreign: Foreign):
    pid = await foreign.asked()
    foreign.data.answering = giving(CSV, "another")
    await foreign.starts(pid, foreign.spelled())
    await until(lambda: len(foreign.data.deliveries) >= 2, "a second try")
    foreign.data.answering = giving(CSV, TOKEN)
    assert (await foreign.received(pid)).bytes == len(CSV)


async def test_a_no_that_stays_ends_the_pull(foreign: Foreign, monkeypatch):
    monkeypatch.setattr(puller, "_PATIENCE", 1)
    pid = await foreign.asked()
    foreign.data.answering = giving(CSV, "another")
    await foreign.starts(pid, foreign.spelled())
    row = await foreign.received(pid, "ended")
    assert (row.bytes, row.verified) == (0, None)
    assert len(foreign.data.deliveries) == 2


async def test_what_breaks_off_begins_anew(foreign: Foreign):
    async def half(delivery: Delivery, reader: Any) -> bytes:
        foreign.data.answering = giving(CSV, TOKEN)
        return b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"

    foreign.data.answering = half
    pid = await foreign.asked()
    await foreign.starts(pid, foreign.spelled())
    row = await foreign.received(pid)
    assert content_of(row.path) == CSV


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/public", "http://10.0.0.1/public", "http://a.example/public"])
async def test_data_is_not_fetched_from_where_the_register_does_not_say(foreign: Foreign, url: str):
    pid = await foreign.asked()
    await foreign.starts(pid, foreign.spelled(url=url))
    await foreign.received(pid, "ended")
    assert not foreign.data.deliveries


async def test_after_our_own_pause_the_fresh_address_of_the_provider_counts(foreign: Foreign):
    async def silent(delivery: Delivery, reader: Any) -> None:
        await reader.read(-1)

    foreign.data.answering = silent
    pid = await foreign.asked()
    await foreign.starts(pid, foreign.spelled("first"))
    await until(lambda: foreign.data.deliveries, "the pull")
    desk, actor = foreign.research.services.transfer_desk, foreign.research.acting("researcher")
    await desk.suspend(actor, pid, "A pause.")
    await foreign.research.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    await until(lambda: foreign.data.deliveries[0].over, "the pull to be cut")
    foreign.data.answering = giving(CSV, "second")
    await desk.resume(actor, pid)
    await foreign.research.eventually(Transfer, pid, where=lambda found: found.state == "STARTED")
    await foreign.starts(pid, foreign.spelled("second"))
    assert (await foreign.received(pid)).bytes == len(CSV)


async def test_a_final_no_to_an_old_address_does_not_count_once_a_fresh_one_is_here(foreign: Foreign):
    """A provider that speaks as we do means its 410; but it may have said it to the address before."""
    members = foreign.research.context.members
    await members.put(foreign.puppet.entry(role="participant", data=foreign.data.origin))
    resumed = asyncio.Event()

    async def late_no(delivery: Delivery, reader: Any) -> bytes:
        await resumed.wait()
        foreign.data.answering = giving(b"", "second")
        return b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"

    pid = await foreign.asked()
    desk, actor = foreign.research.services.transfer_desk, foreign.research.acting("researcher")
    await foreign.starts(pid, foreign.spelled("first"))
    foreign.data.answering = late_no
    await desk.suspend(actor, pid, "A pause.")
    await foreign.research.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    before = len(foreign.data.deliveries)
    await desk.resume(actor, pid)
    await until(lambda: len(foreign.data.deliveries) > before, "the pull from the old address")
    await foreign.starts(pid, foreign.spelled("second"))
    resumed.set()
    await until(lambda: b"authorization: second" in foreign.data.deliveries[-1].head.lower(), "the fresh address")
