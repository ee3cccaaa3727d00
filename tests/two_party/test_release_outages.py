"""A full disk or a locked vault under a release: it is refused or stands still; nothing leaves that is not logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector.records import LogEntry, Release
from connector.services.releasing import planning
from connector.storage import SqliteStore
from connector.vault.errors import VaultLockedError
from tests.two_party.conftest import Trio
from tests.two_party.releases import (
    Stage,
    hospital_stage,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
)
from tests.two_party.segments import Fetcher, parsed


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Three people's records at the hospital, all of whom said yes; segments of 256 KiB."""
    monkeypatch.setattr(planning, "TARGET", 256 * 1024)
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await made.everybody_agrees()
    await many_records(made, 1500)
    return made


async def full(store: SqliteStore, *, pages: int | None = None) -> None:
    """Let the file grow no more (as SQLite sees a full disk), or by so many pages again."""

    def command(tx: Any) -> None:
        driver = tx._driver
        most = driver.execute("PRAGMA page_count").fetchone()[0] + (pages or 0)
        driver.execute(f"PRAGMA max_page_count={most}")

    await store.write(command)


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """The key service does not confirm the master secret: nothing is derived from it."""
    vault = stage.holder.context.vault

    class Locked:
        def __getattr__(self, _name: str) -> Any:
            raise VaultLockedError("the key service does not answer")

    stage.holder.context.vault = Locked()
    try:
        yield
    finally:
        stage.holder.context.vault = vault


async def logged(stage: Stage, release: str) -> int:
    """Bytes that the log says were handed over."""
    entries = await stage.holder.find(LogEntry, subject=release, kind="release.chunk")
    return sum(json.loads(entry.body or "{}")["bytes"] for entry in entries)


async def test_while_the_vault_is_locked_nothing_is_planned_or_sent_and_then_it_goes_on(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    with locked(stage):
        answer = await fetcher.get("/segments")
        assert (answer.status_code, parsed(answer)["type"]) == (503, "urn:concord:problem:vault-locked")
        assert answer.headers["retry-after"]
    assert not await stage.holder.find(Release, transfer=fetcher.pid)
    rows = (await fetcher.index())["segments"]
    parts = [await fetcher.one(rows[0]["href"])]
    with locked(stage):
        assert (await fetcher.get(rows[1]["href"])).status_code == 503
        assert (await fetcher.get(rows[0]["href"])).status_code == 503
    running = (await stage.holder.find(Release, transfer=fetcher.pid, standing="running"))[0]
    assert await logged(stage, running.id) == len(parts[0])
    parts += [await fetcher.one(row["href"]) for row in rows[1:]]
    assert (await fetcher.manifest())["bytes"] == sum(map(len, parts))


async def test_a_body_that_is_being_sent_when_the_vault_is_locked_is_cut_and_says_so(stage: Stage):
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.until(len)
        with locked(stage):
            body = await reader.to_the_end()
            assert not reader.whole
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert release.standing == "broken"
    assert len(body) <= release.bytes == await logged(stage, release.id)
    with locked(stage):
        async with pulling(stage.holder, pid, token) as reader:
            await reader.to_the_end()
            assert reader.status == 503


async def test_a_full_disk_stops_a_release_and_nothing_leaves_that_is_not_logged(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    first = await fetcher.one(rows[0]["href"])
    await full(stage.holder.store)
    got, have = 0, b""
    for row in rows[1:]:
        answer = await fetcher.get(row["href"])
        have = answer.raw if answer.status_code == 200 else b""
        got += len(have)
        if answer.status_code != 200 or len(have) < int(answer.headers["content-length"]):
            assert answer.status_code in (200, 503), answer.raw
            break
    else:
        pytest.fail("the file never became full")
    refused = await fetcher.get("/segments?_outputFormat=application%2Ffhir%2Bjson")
    assert (refused.status_code, parsed(refused)["type"]) == (503, "urn:concord:problem:disk-full")
    release = (await stage.holder.find(Release, transfer=fetcher.pid))[0]
    assert release.standing == "running"
    assert got + len(first) <= await logged(stage, release.id)
    await full(stage.holder.store, pages=1_000_000)
    parts = [await fetcher.one(one["href"]) for one in rows]
    manifest = await fetcher.manifest()
    assert manifest["bytes"] == sum(map(len, parts))
    assert parts[0] == first


async def test_a_body_cut_by_a_full_disk_is_noted_as_broken_as_soon_as_there_is_room(stage: Stage):
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.until(len)
        await full(stage.holder.store)
        body = await reader.to_the_end()
        assert not reader.whole
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert len(body) <= await logged(stage, release.id)
    await full(stage.holder.store, pages=1_000_000)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.to_the_end()
        assert reader.whole
    standings = [one.standing for one in await stage.holder.find(Release, transfer=pid, order="started_at")]
    assert standings == ["broken", "complete"]
