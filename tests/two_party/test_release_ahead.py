"""While a segment is handed over the next one is rendered; whatever changes meanwhile counts as if it were not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.records import Dataset, HandedOver, Release, ReleaseSegment, SourceRecord
from connector.services.releasing import segments
from connector.services.releasing.ahead import Ahead, Prepared
from connector.services.releasing.asked import Holding
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.segments import Fetcher
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    await made.everybody_agrees()
    return made


def ahead_of(stage: Stage) -> Ahead:
    ahead: Ahead = stage.holder.services.releasing.segments._ahead
    return ahead


async def prepared(stage: Stage, fetcher: Fetcher) -> dict[str, Any]:
    """Hand the first segment over; the index, once the second one stands prepared."""
    index = await fetcher.index()
    await fetcher.one(index["segments"][0]["href"])
    waiting = ahead_of(stage)._waiting
    await until(lambda: fetcher.pid in waiting and waiting[fetcher.pid].task.done(), "the next segment")
    assert waiting[fetcher.pid].id == index["segments"][1]["id"]
    return index


async def record_in(stage: Stage, segment: str) -> SourceRecord:
    """A record of somebody in a segment."""
    (row,) = await stage.holder.find(ReleaseSegment, id=segment)
    person, first, _ = Holding.of(row).stretches[-1]
    kind, _, id = (first or "Patient/").partition("/")
    found = await stage.holder.find(SourceRecord, person=person, resource_type=kind, **({"id": id} if id else {}))
    return found[0]


async def test_the_next_segment_is_rendered_once_and_never_more_than_one_waits(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    rendered = []
    render = segments.render

    async def counted(*given: Any, **said: Any) -> Any:
        rendered.append(given)
        return await render(*given, **said)

    monkeypatch.setattr(segments, "render", counted)
    fetcher = await Fetcher.opened(stage)
    index = await prepared(stage, fetcher)
    assert len(ahead_of(stage)._waiting) == 1
    for row in index["segments"][1:]:
        await fetcher.one(row["href"])
    assert len(rendered) == len(index["segments"]), "each once"
    assert not ahead_of(stage)._waiting


async def rewritten(stage: Stage, row: SourceRecord, body: bytes) -> None:
    await stage.holder.store.write(
        lambda tx: tx.alter(SourceRecord, {"body": body}, resource_type=row.resource_type, id=row.id)
    )


async def changed(stage: Stage, segment: str) -> None:
    row = await record_in(stage, segment)
    await rewritten(stage, row, orjson.dumps(orjson.loads(row.body) | {"language": "de"}))


async def withdrawn(stage: Stage, segment: str) -> None:
    row = await record_in(stage, segment)
    person = next(key for key, one in stage.people.items() if one.person == row.person)
    await stage.withdraw(person)
    await stage.wallet.quiet()


async def narrowed(stage: Stage, segment: str) -> None:
    dataset = await stage.holder.get(Dataset, stage.dataset)
    assert dataset is not None
    less = {**(dataset.description or {}), "categories": ["demographics"]}
    await stage.holder.store.write(lambda tx: tx.alter(Dataset, {"description": less}, id=stage.dataset))


Change = Callable[[Stage, str], Awaitable[None]]


@pytest.mark.parametrize("change", [changed, withdrawn, narrowed], ids=lambda one: one.__name__)
async def test_what_changes_after_it_was_prepared_takes_the_segment_back(stage: Stage, change: Change):
    fetcher = await Fetcher.opened(stage)
    index = await prepared(stage, fetcher)
    second = index["segments"][1]
    await change(stage, second["id"])
    answer = await fetcher.get(second["href"])
    assert answer.status_code == 410, answer.raw


async def test_a_professional_who_is_named_otherwise_since_takes_the_segment_back(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    index = await prepared(stage, fetcher)
    second = index["segments"][1]
    for one in await stage.holder.find(SourceRecord, source=stage.source, resource_type="Practitioner"):
        renamed = orjson.dumps(orjson.loads(one.body) | {"name": [{"text": "Doctor Somebody Else"}]})
        await rewritten(stage, one, renamed)
    answer = await fetcher.get(second["href"])
    assert answer.status_code == 410, answer.raw


async def test_nothing_prepared_counts_as_handed_over(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    index = await prepared(stage, fetcher)
    (first,) = await stage.holder.find(ReleaseSegment, id=index["segments"][0]["id"])
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    assert (release.bytes, release.resources) == (first.bytes, first.resources)
    received = await stage.holder.find(HandedOver, agreement=stage.agreement)
    assert {one.person for one in received} == set(Holding.of(first).people)


async def test_rendered_anew_it_is_the_same(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    index = await prepared(stage, fetcher)
    made = ahead_of(stage)._waiting[fetcher.pid].task.result()
    assert isinstance(made, Prepared)
    ahead_of(stage).drop(fetcher.pid)
    assert not ahead_of(stage)._waiting
    assert await fetcher.one(index["segments"][1]["href"]) == made.copy.data
