"""A recipient by hand for benches: it asks for the plan of a release, fetches every segment, and asks for the manifest.

`inside` does the same to a participant that runs in a process of its own without a server: the services are called,
and what they hand over is counted and let go. Run as `python -m bench.release_pulling DIRECTORY PID TOKEN`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import httpx2

    from connector.wiring import Participant
# Nothing heavy above: a worker that is started loads this module anew.

_AGAIN = 0.2
"""Seconds before a plan that is being made is asked for again."""
Wait = Callable[[int], Awaitable[None]]
"""Told how many bytes came; comes back when more may."""


@dataclass(frozen=True)
class Pulled:
    """What one pull moved."""

    seconds: float
    bytes: int
    processor: float = 0.0
    """Processor seconds of the participant, its workers among them."""

    @property
    def rate(self) -> float:
        """Megabytes a second."""
        return self.bytes / self.seconds / 1e6


async def at_once(_: int) -> None:
    """A reader who waits for nothing."""


async def over_http(url: str, pid: str, token: str, wait: Wait = at_once, most: int | None = None) -> Pulled:
    """Fetch a release over HTTP, segment by segment; hang up once more than `most` bytes came."""
    import httpx2

    began, size = perf_counter(), 0
    fields = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
    async with httpx2.AsyncClient(base_url=url, headers=fields, trust_env=False, timeout=600) as client:
        place = f"/data/releases/{pid}"
        for segment in await _planned(client, place):
            async with client.stream("GET", segment["href"]) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_raw():
                    size += len(part)
                    await wait(len(part))
                    if most is not None and size >= most:
                        return Pulled(perf_counter() - began, size)
        (await client.get(f"{place}/manifest")).raise_for_status()
    return Pulled(perf_counter() - began, size)


async def _planned(client: httpx2.AsyncClient, place: str) -> list[dict[str, str]]:
    while (answer := await client.get(f"{place}/segments")).status_code == 202:  # noqa: ASYNC110 - it is over HTTP
        await asyncio.sleep(_AGAIN)
    answer.raise_for_status()
    return list(orjson.loads(answer.content)["segments"])


class Counted:
    """Takes what is handed over, as a server with endless room; implements `Sink`."""

    def __init__(self) -> None:
        self.size = 0

    async def ready(self) -> bool:
        """There is room."""
        return True

    async def send(self, data: bytes) -> None:
        """Count."""
        self.size += len(data)

    async def gone(self) -> None:
        """The reader stays."""
        await asyncio.Event().wait()


async def inside(participant: Participant, pid: str, token: str) -> tuple[float, int]:
    """Fetch a release from the services of a participant: seconds and bytes."""
    from connector.services.releasing.asked import Asked

    began, sink, releasing = perf_counter(), Counted(), participant.services.releasing
    segments = releasing.segments
    while (plan := await segments.plan(pid, token, Asked())) is None:  # noqa: ASYNC110 - as a recipient asks
        await asyncio.sleep(_AGAIN)
    for row in plan.rows:
        ready = await segments.open(pid, token, row.id, "")
        if not await segments.serve(ready, sink, 0, len(ready.copy.data)):
            raise SystemExit("a segment was cut short")
    await releasing.manifest(pid, token)
    return perf_counter() - began, sink.size


async def run(pid: str, token: str) -> None:
    """Start the participant of this directory, without a server; say what one pull took."""
    from connector.app import create

    app = create()
    async with app.router.lifespan_context(app):
        before = processor(os.getpid())
        seconds, size = await inside(app.state.participant, pid, token)
        print(seconds, size, processor(os.getpid()) - before, flush=True)


def children(pid: int) -> list[int]:
    """The processes a process started that are still there."""
    return [int(one) for file in Path(f"/proc/{pid}/task").glob("*/children") for one in file.read_text().split()]


def processor(pid: int) -> float:
    """Processor seconds of a process and of those it started."""
    ticks = 0
    for one in (pid, *children(pid)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """One pull without HTTP."""
    import uvloop

    directory, pid, token = sys.argv[1:]
    os.environ["CONCORD_DIRECTORY"] = directory
    uvloop.run(run(pid, token))


if __name__ == "__main__":
    main()
