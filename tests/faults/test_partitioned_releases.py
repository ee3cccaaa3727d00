"""Workers prepare a release, and die, or stand still; the process that hands it over dies: the whole is the same.

Nothing leaves twice under one manifest, the log verifies, the outbox empties.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.partitioned import Room, on_postgresql, room
from tests.two_party.conftest import Trio, empty_store, hospital, space, trio  # noqa: F401 - fixtures
from tests.two_party.segments import Fetcher
from tests.two_party.space import until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def real_servers() -> Iterator[None]:
    with on_postgresql():
        yield


@pytest.fixture
async def partitioned(real_servers: None, trio: Trio, tmp_path: Path) -> AsyncIterator[Room]:  # noqa: F811
    async with room(trio, tmp_path) as made:
        yield made


async def taken(fetcher: Fetcher, rows: list[dict[str, Any]]) -> list[bytes]:
    return [await fetcher.one(row["href"]) for row in rows]


async def whole(partitioned: Room, fetcher: Fetcher, parts: list[bytes]) -> None:
    """These are all the bytes, and the manifest says so."""
    assert b"".join(parts) == partitioned.whole
    manifest = await fetcher.manifest()
    assert (manifest["bytes"], manifest["people"]) == (len(partitioned.whole), 3)
    assert manifest["resources"] == partitioned.whole.count(b"\n")
    if not partitioned.workers:
        await partitioned.worker()  # for the messages: the processes that serve deliver none
    await partitioned.settled()


def prepared(partitioned: Room) -> int:
    """Segments that a worker prepared."""
    return len(partitioned.asked("select 1 from job where kind = 'segment' and standing = 'done'"))


async def test_two_workers_prepare_a_release_between_them(partitioned: Room):
    await partitioned.worker()
    await partitioned.worker()
    rows = (await partitioned.fetcher.index())["segments"]
    parts = await taken(partitioned.fetcher, rows)
    assert prepared(partitioned) == len(rows) > 6
    await whole(partitioned, partitioned.fetcher, parts)


async def test_a_worker_killed_over_a_segment_changes_nothing_of_the_whole(partitioned: Room):
    first = await partitioned.worker()
    rows = (await partitioned.fetcher.index())["segments"]
    await partitioned.held()
    await first.end()
    half = await partitioned.fetcher.get(rows[0]["href"], range="bytes=0-1999")
    assert half.status_code == 206
    await partitioned.worker()
    rest = await partitioned.fetcher.get(rows[0]["href"], range="bytes=2000-", if_range=f'"{rows[0]["id"]}"')
    assert rest.status_code == 206
    parts = [half.raw + rest.raw, *await taken(partitioned.fetcher, rows[1:])]
    await whole(partitioned, partitioned.fetcher, parts)


async def test_a_worker_that_stood_still_past_its_lease_overwrites_nothing(partitioned: Room):
    first = await partitioned.worker()
    rows = (await partitioned.fetcher.index())["segments"]
    job = await partitioned.held()
    first.signal(signal.SIGSTOP)
    await partitioned.worker()
    done = "select attempts from job where id = %s and standing = 'done'"
    ((attempts,),) = await until(lambda: partitioned.asked(done, job), "another worker to take it over", 60)
    files = {one: (one.stat().st_ino, one.read_bytes()) for one in (partitioned.directory / "segments").iterdir()}
    first.signal(signal.SIGCONT)
    parts = await taken(partitioned.fetcher, rows)
    assert attempts in (1, 2), "it stood still in the middle, or right after it had done it"
    assert all(not one.exists() or (one.stat().st_ino, one.read_bytes()) == was for one, was in files.items())
    await whole(partitioned, partitioned.fetcher, parts)


@pytest.mark.parametrize("worked", ["by-workers", "by-nobody"])
async def test_the_process_that_hands_over_is_killed_and_another_goes_on(partitioned: Room, worked: str):
    if worked == "by-workers":
        await partitioned.worker()
    replica = await partitioned.replica()
    here, there = partitioned.fetcher, partitioned.by(replica)
    rows = (await here.index())["segments"]
    parts = await taken(here, rows[:2])
    cut = await here.get(rows[2]["href"], most=2000)
    await asyncio.to_thread(partitioned.served.kill)
    assert [one["id"] for one in (await there.index())["segments"]] == [one["id"] for one in rows], "the plan goes on"
    have = cut.raw[:2000]
    rest = await there.get(rows[2]["href"], range=f"bytes={len(have)}-", if_range=f'"{rows[2]["id"]}"')
    assert rest.status_code == 206
    parts += [have + rest.raw, *await taken(there, rows[3:])]
    await whole(partitioned, there, parts)
