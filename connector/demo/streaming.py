"""Chapter 5: wearables send, live, through the public ingest; the stream is negotiated and flows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connector.demo.contracting import negotiate
from connector.demo.desk import until
from connector.demo.devices import Wearer, live
from connector.demo.narrator import people
from connector.demo.offices import wearer_number
from connector.demo.people import Part
from connector.demo.report import POINTS_PER_SECOND
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


class Band:
    """One person's device, sending until it is switched off. What did not arrive is sent again, as devices do."""

    def __init__(self, wearer: Wearer, hertz: float, url: str, token: str, outbound: Outbound) -> None:
        self._wearer = wearer
        self._hertz = hertz
        self._url = url
        self._token = token
        self._outbound = outbound
        self._measured: list[bytes] = []
        self._news = asyncio.Event()
        self._began = now()
        self._accepted = 0

    @property
    def points_per_second(self) -> float:
        """How many points a second the vendor has accepted of this device since it was switched on."""
        return round(self._accepted / max((now() - self._began).total_seconds(), 0.001), 2)

    async def run(self) -> None:
        """Measure and send, side by side."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._measure())
            both.create_task(self._send())

    async def _measure(self) -> None:
        async for point in live(self._wearer, now(), now, asyncio.sleep, self._hertz):
            self._measured.append(json.dumps(point).encode())
            self._news.set()

    async def _send(self) -> None:
        """One request for what has been measured since the one before."""
        while True:
            await self._news.wait()
            self._news.clear()
            body, self._measured = b"\n".join(self._measured), []
            while True:
                if await self._arrived(body):
                    break
                await asyncio.sleep(_AGAIN)

    async def _arrived(self, body: bytes) -> bool:
        there = Destination.of_operator(NamedOrigin.parse(self._url, allow_http=True))
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/x-ndjson"}
        try:
            answer = await self._outbound.send(
                "POST", f"{self._url}/ingest/openmhealth", to=there, headers=headers, content=body, caps=_CAPS
            )
        except Unreachable:
            return False
        if not answer.ok:
            return answer.status < 500 and answer.status != 429
        self._accepted += int(json.loads(answer.body)["accepted"])
        return True


@asynccontextmanager
async def bands(stage: Stage) -> AsyncIterator[dict[str, Band]]:
    """Everybody's device, switched on; by person."""
    worn = {part.person.id: _band(stage, part) for part in stage.cast.wearers}
    tasks = [asyncio.create_task(band.run()) for band in worn.values()]
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
    wearers = people(len(stage.cast.wearers))
    stage.narrator.done(f"A stream of {wearers} with a band, negotiated the same way, flows live")


async def flowing(stage: Stage, band: Band) -> None:
    """Wait until points arrive now, and a band that was interrupted has sent what it missed."""
    with stage.narrator.working("The stream flows"):
        await until(lambda: _at_pace(band), "the band sends five points a second")
        await next_points(stage)


async def next_points(stage: Stage) -> int:
    """How many points the research group has, once there are more than at this moment."""
    row = await stage.research.transfer(stage.found.stream_transfer)
    return await points_beyond(stage, int(row["resources"]))


async def points_beyond(stage: Stage, count: int) -> int:
    """How many points the research group has, once there are more than `count`."""

    async def look() -> int | None:
        row = await stage.research.transfer(stage.found.stream_transfer)
        return int(row["resources"]) if row["resources"] > count else None

    return await until(look, "points of the stream arrive")


async def _at_pace(band: Band) -> bool | None:
    return band.points_per_second >= POINTS_PER_SECOND or None
