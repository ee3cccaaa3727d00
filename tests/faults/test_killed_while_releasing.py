"""A provider in a process of its own is killed while it hands over a release: what is fetched in the end is the whole.

The recipient goes on where it was. With consents unchanged it ends with the same bytes as without the kill; with
somebody withdrawn meanwhile with nothing more of theirs, and the manifest says that they are missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.dataplane.lines import code_of
from connector.records import HandedOver, Release
from tests.faults.pair import Side, verdict
from tests.faults.processes import SERVE, Served
from tests.two_party.conftest import Trio, empty_store, hospital, space, trio  # noqa: F401 - fixtures
from tests.two_party.releases import (
    Stage,
    hospital_stage,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
)
from tests.two_party.segments import Fetcher, opened, parsed
from tests.two_party.space import until

SMALL = tuple("tests.faults.small_segments:create" if part == "connector.app:create" else part for part in SERVE)


@dataclass
class Killable:
    """A hospital in its own process, its research group and wallet here; what a whole release is."""

    stage: Stage
    served: Served
    fetcher: Fetcher
    whole: bytes
    order: list[str]

    async def restarted(self) -> None:
        await asyncio.to_thread(self.served.kill)
        await self.started()

    async def started(self) -> None:
        await asyncio.to_thread(self.served.start)
        await asyncio.to_thread(self.served.wait_ready)

    async def resumed(self, href: str, have: bytes, etag: str, coding: str) -> bytes | str | None:
        """The rest of a segment, or its successor (None: nothing) when it is gone."""
        answer = await self.fetcher.get(
            href, range=f"bytes={len(have)}-", if_range=etag, accept_encoding=coding or "identity"
        )
        if answer.status_code == 410:
            successor: str | None = parsed(answer)["successor"]
            return successor
        assert answer.status_code == 206, answer.raw
        assert answer.headers["etag"] == etag
        return bytes(have + answer.raw)


@pytest.fixture
async def killable(trio: Trio, tmp_path: Path) -> AsyncIterator[Killable]:  # noqa: F811 - the fixture
    stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await stage.everybody_agrees()
    await many_records(stage, 400)
    async with pulling(stage.holder, *await opened_by_hand(stage)) as reader:
        whole = await reader.to_the_end()
    fetcher, order = await Fetcher.opened(stage), await stage.order_of_release()
    await stage.holder.stop()
    served = Served(stage.holder.founded, stage.holder.port, SMALL)
    found = Killable(stage, served, fetcher, whole, order)
    await found.started()
    try:
        yield found
    finally:
        await asyncio.to_thread(served.kill)


@pytest.mark.parametrize("coding", ["", "zstd"])
@pytest.mark.parametrize("kill_at", [0, 2, 5])
async def test_killed_at_a_chunk_and_resumed_it_is_the_same_whole(killable: Killable, kill_at: int, coding: str):
    fetcher, parts = killable.fetcher, []
    rows = (await fetcher.index())["segments"]
    assert len(rows) > 6
    for number, row in enumerate(rows):
        etag = f'"{row["id"]}+{coding}"' if coding else f'"{row["id"]}"'
        cut = 2000 if number == kill_at else None
        answer = await fetcher.get(row["href"], most=cut, accept_encoding=coding or "identity")
        body = answer.raw
        if cut is not None:
            await killable.restarted()
            again = (await fetcher.index())["segments"]
            assert [one["id"] for one in again] == [one["id"] for one in rows], "the plan goes on"
            rest = await killable.resumed(row["href"], body[:2000], etag, coding)
            assert isinstance(rest, bytes)
            body = rest
        parts.append(opened(body, coding))
    assert b"".join(parts) == killable.whole
    manifest = await fetcher.manifest()
    assert (manifest["bytes"], manifest["people"]) == (len(killable.whole), 3)
    assert manifest["resources"] == killable.whole.count(b"\n")
    await _settled(killable)


async def test_somebody_who_stops_while_it_is_down_is_not_in_what_is_fetched_after(killable: Killable):
    fetcher, stage = killable.fetcher, killable.stage
    rows = (await fetcher.index())["segments"]
    first = await fetcher.get(rows[0]["href"])
    half = await fetcher.get(rows[1]["href"], most=1000)
    await asyncio.to_thread(killable.served.kill)
    stopping = asyncio.create_task(stage.withdraw(killable.order[-1]))
    await asyncio.sleep(0.2)
    await killable.started()
    await stopping
    await stage.wallet.quiet()
    parts, gone = [first.raw], 0
    for number, row in enumerate(rows[1:], 1):
        href: str | None = row["href"]
        have = half.raw[:1000] if number == 1 else b""
        while href is not None:
            found = await killable.resumed(href, have, f'"{href.rpartition("/")[2]}"', "")
            if isinstance(found, bytes):
                parts.append(found)
                break
            href, have, gone = found, b"", gone + 1
    assert gone
    codes = {code_of(line) for line in b"".join(parts).splitlines()}
    before = {code_of(line) for line in killable.whole.splitlines()}
    assert len(before - codes) == 1, "nothing of who stopped"
    kept = [line for line in killable.whole.splitlines(keepends=True) if code_of(line) in codes]
    assert b"".join(parts) == b"".join(kept), "and everything of the others, as it was"
    manifest = await fetcher.manifest()
    assert manifest["people"] == 2
    assert manifest["withheld"]["withdrawn"] in ("fewer than 10", "not shown")
    release = await _settled(killable)
    assert release.withheld == {"withdrawn": 1}
    assert len((release.dropped or {})["at"]) >= 1


async def _settled(killable: Killable) -> Release:
    """Everything is logged, and what was received is counted once; returns the release."""
    await asyncio.to_thread(killable.served.stop)
    found = verdict(Side("hospital", killable.served))
    assert found.ok, found.what
    with killable.served.opened() as store:
        release = store.read_now(lambda tx: tx.find(Release, transfer=killable.fetcher.pid))[0]
        received = store.read_now(lambda tx: tx.find(HandedOver, release=release.id))
    assert release.standing == "complete"
    assert sum(one.resources for one in received) == release.resources
    return release


async def test_nothing_is_running_after_the_transfer_has_ended(killable: Killable):
    from connector.records import Transfer

    fetcher = killable.fetcher
    rows = (await fetcher.index())["segments"]
    await fetcher.get(rows[0]["href"])
    await asyncio.to_thread(killable.served.kill)
    with killable.served.opened() as store:
        store.submit(lambda tx: tx.alter(Transfer, {"state": "TERMINATED"}, pid=fetcher.pid)).result()
    await killable.started()

    async def ended() -> bool:
        return (await fetcher.get("/segments")).status_code in (401, 410)

    await until(ended, "the transfer to be over")
    await asyncio.to_thread(killable.served.stop)
    with killable.served.opened() as store:
        release = store.read_now(lambda tx: tx.find(Release, transfer=fetcher.pid))[0]
    assert release.standing == "ended"
