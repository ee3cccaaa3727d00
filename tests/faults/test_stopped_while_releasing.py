"""A provider is told to stop (SIGTERM) while it hands over a release: the segment under way comes to its end, or is
gone on with after the start where it was; the whole is byte for byte the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.faults.processes import SERVE, Served
from tests.faults.test_killed_while_releasing import Killable, _settled
from tests.two_party.conftest import Trio, empty_store, hospital, space, trio  # noqa: F401 - fixtures
from tests.two_party.releases import (
    Reader,
    Stage,
    hospital_stage,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
)
from tests.two_party.segments import Fetcher
from tests.two_party.space import until

STOPPABLE = ("-m", "tests.faults.small_serving")
pytestmark = pytest.mark.slow
MANY = 4000
"""Observations of each person: a segment of them fits into no buffer between two processes."""


@pytest.fixture
async def stoppable(trio: Trio, tmp_path: Path) -> AsyncIterator[Killable]:  # noqa: F811 - the fixture
    stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))
    await stage.everybody_agrees()
    await many_records(stage, MANY)
    async with pulling(stage.holder, *await opened_by_hand(stage)) as reader:
        whole = await reader.to_the_end()
    fetcher, order = await Fetcher.opened(stage), await stage.order_of_release()
    await stage.holder.stop()
    assert SERVE != STOPPABLE
    found = Killable(stage, Served(stage.holder.founded, stage.holder.port, STOPPABLE), fetcher, whole, order)
    yield found
    await asyncio.to_thread(found.served.kill)


def with_setting(stage: Stage, line: str) -> None:
    with (Path(stage.holder.founded.directory) / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n{line}\n")


async def refused(killable: Killable) -> bool:
    try:
        await killable.fetcher.get("/segments")
    except httpx2.ConnectError:
        return True
    return False


def fetched(body: Reader, size: int) -> bytes:
    """What came of a body that says how long it is."""
    return bytes(body.taken).partition(b"\r\n\r\n")[2][:size]


async def the_rest(killable: Killable, rows: list[dict[str, str]], first: bytes) -> None:
    """Fetch what is left; the whole is what it would have been, counted once."""
    parts = [first]
    for number, row in enumerate(rows):
        have = first if number == 0 else b""
        etag = f'"{row["id"]}"'
        answer = await killable.fetcher.get(row["href"], range=f"bytes={len(have)}-", if_range=etag)
        assert answer.status_code in (206, 416), answer.raw
        if answer.status_code == 206:
            assert answer.headers["etag"] == etag
            parts.append(answer.raw)
    assert b"".join(parts) == killable.whole
    manifest = await killable.fetcher.manifest()
    assert (manifest["bytes"], manifest["people"]) == (len(killable.whole), 2)
    assert manifest["resources"] == killable.whole.count(b"\n")
    await _settled(killable)


async def test_a_segment_under_way_comes_to_its_end_and_nobody_new_is_let_in(stoppable: Killable):
    with_setting(stoppable.stage, "drain_seconds = 60")
    await stoppable.started()
    rows = (await stoppable.fetcher.index())["segments"]
    place = rows[0]["href"].removeprefix("/data/releases/")
    async with pulling(stoppable.stage.holder, place, stoppable.fetcher.token) as reader:
        await reader.until(lambda _: len(reader.taken) > 50_000)
        process = stoppable.served.process
        assert process is not None
        process.terminate()
        await until(lambda: refused(stoppable), "nobody new to be let in")
        assert process.poll() is None
        while await reader.read(65536):
            pass
        head = bytes(reader.taken).partition(b"\r\n\r\n")[0].lower()
        size = int(head.partition(b"content-length: ")[2].split()[0])
        body = fetched(reader, size)
        assert len(body) == size > 500_000
    await asyncio.to_thread(process.wait, 30)
    await asyncio.to_thread(stoppable.served.stop)
    await stoppable.started()
    await the_rest(stoppable, rows, body)


async def test_a_reader_who_takes_nothing_holds_nobody_up_and_goes_on_after_the_start(stoppable: Killable):
    with_setting(stoppable.stage, "drain_seconds = 1")
    await stoppable.started()
    rows = (await stoppable.fetcher.index())["segments"]
    place = rows[0]["href"].removeprefix("/data/releases/")
    async with pulling(stoppable.stage.holder, place, stoppable.fetcher.token) as reader:
        await reader.until(lambda _: len(reader.taken) > 50_000)
        await asyncio.to_thread(stoppable.served.stop)
        body = fetched(reader, len(stoppable.whole))
    assert 0 < len(body) < 500_000
    await stoppable.started()
    await the_rest(stoppable, rows, body)
