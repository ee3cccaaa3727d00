"""Segments that a worker prepares ahead: the same bytes, handed over only while they are what would be made now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.jobs.runner import JobRunner
from connector.ports import Transaction
from connector.records import Dataset, Job, Release, ReleaseSegment, SourceRecord
from connector.services.holding.versions import Changes
from connector.services.releasing import partition, segments
from connector.services.releasing.asked import Holding
from connector.services.releasing.looking import Looking
from connector.services.releasing.partition import Partition, job_of
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.segments import Fetcher
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    await made.everybody_agrees()
    workers_of(made).on = True
    made.holder.context.tasks.spawn(workers_of(made).tidy())
    return made


def workers_of(stage: Stage) -> Partition:
    found: Partition = stage.holder.services.releasing.segments._workers
    return found


def folder_of(stage: Stage) -> Path:
    return Path(stage.holder.founded.directory) / "segments"


def files_of(stage: Stage) -> list[Path]:
    return sorted(folder_of(stage).iterdir()) if folder_of(stage).exists() else []


@pytest.fixture
async def worker(stage: Stage) -> AsyncIterator[None]:
    """Somebody who does jobs, in this process."""
    running = asyncio.create_task(JobRunner(stage.holder.context, 2, shared=False).run())
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def prepared(stage: Stage, fetcher: Fetcher) -> list[dict[str, Any]]:
    """The segments of a plan, once the first of them lie prepared."""
    rows: list[dict[str, Any]] = (await fetcher.index())["segments"]
    asked = stage.holder.context.settings.segments_ahead
    assert len(rows) > asked
    await until(lambda: done(stage, asked), "the first segments")
    assert len(files_of(stage)) == asked
    return rows


async def done(stage: Stage, count: int) -> bool:
    return len(await stage.holder.find(Job, kind=partition.KIND, standing="done")) >= count


def counting(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[Any]:
    calls: list[Any] = []
    true = getattr(where, name)

    async def counted(*given: Any, **said: Any) -> Any:
        calls.append(given)
        return await true(*given, **said)

    monkeypatch.setattr(where, name, counted)
    return calls


async def test_a_worker_prepares_everything_and_the_bytes_are_the_same(
    stage: Stage, worker: None, monkeypatch: pytest.MonkeyPatch
):
    workers_of(stage).on = False
    other = await Fetcher.opened(stage)
    whole = b"".join(await other.all())
    workers_of(stage).on = True
    here, there = counting(monkeypatch, segments, "render"), counting(monkeypatch, partition, "render")
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    chosen = counting(monkeypatch, Looking, "_parts")
    parts = [await fetcher.one(row["href"]) for row in rows]
    assert b"".join(parts) == whole
    assert (len(here), len(there)) == (0, len(rows)), "each once, by the worker"
    assert len(chosen) == len(rows) - stage.holder.context.settings.segments_ahead, "where it was handed over, none"
    manifest = await fetcher.manifest()
    assert (manifest["bytes"], manifest["people"]) == (len(whole), 4)
    await until(lambda: not files_of(stage), "nothing to be left")


async def test_what_begins_again_in_the_middle_is_taken_from_the_same_file(
    stage: Stage, worker: None, monkeypatch: pytest.MonkeyPatch
):
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    here = counting(monkeypatch, segments, "render")
    first = rows[0]
    half = await fetcher.get(first["href"], range="bytes=0-999")
    assert half.status_code == 206
    assert files_of(stage), "not all of it was handed over"
    rest = await fetcher.get(first["href"], range="bytes=1000-", if_range=f'"{first["id"]}"')
    assert rest.status_code == 206
    assert not here
    workers_of(stage).on = False
    assert await fetcher.one(first["href"]) == half.raw + rest.raw


async def altered(stage: Stage, segment: str) -> None:
    """A record of somebody in the segment comes anew from the source."""
    row = await record_in(stage, segment)
    body = orjson.dumps(orjson.loads(row.body) | {"language": "de"})

    def command(tx: Transaction) -> None:
        changes = Changes(tx, stage.source, stage.holder.context.clock())
        changes.keep(replace(row, body=body), row)
        changes.close()

    await stage.holder.store.write(command)


async def withdrawn(stage: Stage, segment: str) -> None:
    row = await record_in(stage, segment)
    await stage.withdraw(next(key for key, one in stage.people.items() if one.person == row.person))
    await stage.wallet.quiet()


async def narrowed(stage: Stage, segment: str) -> None:
    dataset = await stage.holder.get(Dataset, stage.dataset)
    assert dataset is not None
    less = {**(dataset.description or {}), "categories": ["demographics"]}
    await stage.holder.store.write(lambda tx: tx.alter(Dataset, {"description": less}, id=stage.dataset))


async def record_in(stage: Stage, segment: str) -> SourceRecord:
    (row,) = await stage.holder.find(ReleaseSegment, id=segment)
    person, first, _ = Holding.of(row).stretches[-1]
    kind, _, id = (first or "Patient/").partition("/")
    found = await stage.holder.find(SourceRecord, person=person, resource_type=kind, **({"id": id} if id else {}))
    return found[0]


Change = Callable[[Stage, str], Awaitable[None]]


@pytest.mark.parametrize("change", [altered, withdrawn, narrowed], ids=lambda one: one.__name__)
async def test_what_changes_after_it_was_prepared_takes_the_segment_back(stage: Stage, worker: None, change: Change):
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    await change(stage, rows[1]["id"])
    answer = await fetcher.get(rows[1]["href"])
    assert answer.status_code == 410, answer.raw
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    assert release.bytes == 0


async def test_where_nobody_works_it_is_prepared_here_and_nobody_is_asked_for_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(partition, "PATIENCE", 0.05)
    monkeypatch.setattr(Partition, "work", None)
    stage.holder.context.jobs._work.pop(partition.KIND)  # whoever runs jobs here does not do these
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    asked = await stage.holder.find(Job, kind=partition.KIND)
    assert len(asked) == stage.holder.context.settings.segments_ahead
    for row in rows:
        await fetcher.one(row["href"])
    assert await stage.holder.find(Job, kind=partition.KIND) == asked
    await fetcher.manifest()


async def test_a_worker_that_comes_late_leaves_nothing(stage: Stage):
    stage.holder.context.jobs._work.pop(partition.KIND)
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    id = job_of(release.id, rows[0]["id"])
    await stage.holder.store.write(lambda tx: tx.alter(Job, {"lease": "mine"}, id=id))
    mine = await stage.holder.get(Job, id)
    assert mine is not None
    for change in ({"lease": "of somebody else"}, {"lease": "mine", "standing": "done"}):
        await stage.holder.store.write(lambda tx, change=change: tx.alter(Job, change, id=id))
        assert await workers_of(stage).work(mine) == {"prepared": False}
        assert files_of(stage) == []
    await stage.holder.store.write(lambda tx: tx.alter(Job, {"standing": "waiting"}, id=id))
    assert await workers_of(stage).work(mine) == {"prepared": True}
    (file,) = files_of(stage)
    assert file.stat().st_mode & 0o777 == 0o600
    kept = file.read_bytes()
    assert await workers_of(stage).work(mine) == {"prepared": False}, "what is there is not written over"
    assert [one.read_bytes() for one in files_of(stage)] == [kept]


async def test_a_file_that_was_damaged_serves_nobody(stage: Stage, worker: None, monkeypatch: pytest.MonkeyPatch):
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    here = counting(monkeypatch, segments, "render")
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    for row, damage in zip(rows, (lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda _: b""), strict=False):
        file = folder_of(stage) / f"{release.id.removeprefix('urn:uuid:')}.{row['id']}"
        file.write_bytes(damage(file.read_bytes()))
        await fetcher.one(row["href"])
    assert len(here) == 3


async def test_the_file_of_another_segment_serves_nobody(stage: Stage, worker: None, monkeypatch: pytest.MonkeyPatch):
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    here = counting(monkeypatch, segments, "render")
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    one, other = (folder_of(stage) / f"{release.id.removeprefix('urn:uuid:')}.{row['id']}" for row in rows[:2])
    one.write_bytes(other.read_bytes())
    await fetcher.one(rows[0]["href"])
    assert len(here) == 1
    await fetcher.one(rows[1]["href"])
    assert len(here) == 1


async def test_when_somebody_stops_what_holds_them_is_dropped_at_once_and_nothing_else(stage: Stage, worker: None):
    fetcher = await Fetcher.opened(stage)
    rows = await prepared(stage, fetcher)
    kept = {file.name.partition(".")[2] for file in files_of(stage)}
    stopped = (await record_in(stage, rows[0]["id"])).person
    holding = {
        row.id
        for row in await stage.holder.find(ReleaseSegment)
        if row.id in kept and stopped in Holding.of(row).people
    }
    assert holding
    await withdrawn(stage, rows[0]["id"])
    left = sorted(kept - holding)
    await until(lambda: [file.name.partition(".")[2] for file in files_of(stage)] == left, "their files to go")


async def test_what_a_worker_puts_down_after_somebody_stopped_is_dropped(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    stage.holder.context.jobs._work.pop(partition.KIND)
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    job = await stage.holder.get(Job, job_of(release.id, rows[0]["id"]))
    assert job is not None
    rendered = partition.render

    async def slowly(*given: Any, **said: Any) -> Any:
        await withdrawn(stage, rows[0]["id"])
        return await rendered(*given, **said)

    monkeypatch.setattr(partition, "render", slowly)
    assert await workers_of(stage).work(job) == {"prepared": False}
    assert files_of(stage) == []


async def test_when_the_release_ends_early_its_files_go(stage: Stage, worker: None):
    fetcher = await Fetcher.opened(stage)
    await prepared(stage, fetcher)
    await stage.holder.store.write(lambda tx: tx.alter(Release, {"standing": "ended"}, transfer=fetcher.pid))
    await stage.holder.store.write(lambda tx: tx.ring("releases"))
    await until(lambda: not files_of(stage), "the files to go")
