"""Chapter 5: wearables send, live, through the public ingest; the stream is negotiated and flows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connector.demo.contracting import negotiate
from connector.demo.desk import until
from connector.demo.devices import Wearer, live
from connector.demo.offices import wearer_number
from connector.demo.people import Part
from connector.demo.stage import Stage, now
from connector.outbound.answer import Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

FAST, USUAL = 6.0, 0.5
"""Heart rates a second: of the person who will stop, and of the others."""
_CAPS = Caps(total=10.0)
_AGAIN = 0.2


@dataclass(slots=True)
class Band:
    """One person's device, sending until it is switched off. What did not arrive is sent again, as devices do."""

    wearer: Wearer
    hertz: float
    url: str
    token: str
    outbound: Outbound
    sent: int = 0

    async def run(self) -> None:
        """Send each point as it is measured."""
        async for point in live(self.wearer, now(), now, asyncio.sleep, self.hertz):
            await self._send(json.dumps(point).encode())

    async def _send(self, body: bytes) -> None:
        there = Destination.of_operator(NamedOrigin.parse(self.url, allow_http=True))
        headers = {"authorization": f"Bearer {self.token}"}
        while True:
            try:
                answer = await self.outbound.post_json(
                    f"{self.url}/ingest/openmhealth", body, to=there, headers=headers, caps=_CAPS
                )
            except Unreachable:
                await asyncio.sleep(_AGAIN)
                continue
            if answer.status < 500 and answer.status != 429:
                self.sent += answer.ok
                return
            await asyncio.sleep(_AGAIN)


@asynccontextmanager
async def bands(stage: Stage) -> AsyncIterator[list[Band]]:
    """Everybody's device, switched on."""
    worn = [_band(stage, part) for part in stage.cast.wearers]
    tasks = [asyncio.create_task(band.run()) for band in worn]
    try:
        yield worn
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _band(stage: Stage, part: Part) -> Band:
    wearer = Wearer(wearer_number(part.person.id), stage.seed + sum(part.person.id.encode()))
    token = stage.found.devices[part.person.id]
    return Band(wearer, FAST if part.withdraws else USUAL, stage.vendor.url, token, stage.outbound)


async def play(stage: Stage) -> None:
    """Negotiate the stream and watch its first points arrive."""
    stage.narrator.chapter("Wearables send, and a live stream flows")
    negotiation = await negotiate(stage, stage.vendor, stage.found.stream)
    stage.found.stream_agreement = negotiation["agreement"]
    stage.found.stream_transfer = await stage.research.request_transfer(stage.found.stream_agreement, set())
    with stage.narrator.working("The first points arrive"):
        await points_beyond(stage, 0)
    people = len(stage.cast.wearers)
    stage.narrator.done(f"A stream for {people} people with a band, negotiated the same way, flows live")


async def points_beyond(stage: Stage, count: int) -> int:
    """How many points the research group has, once there are more than `count`."""

    async def look() -> int | None:
        row = await stage.research.transfer(stage.found.stream_transfer)
        return int(row["resources"]) if row["resources"] > count else None

    return await until(look, "points of the stream arrive")
