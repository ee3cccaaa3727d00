"""Releases in segments between two connectors: planned, fetched piece by piece, resumed, cut where somebody stops."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from connector.records import HandedOver, Release, ReleaseSegment
from connector.services.releasing import planning
from connector.services.releasing.manifest import whole_digest
from tests.two_party.conftest import Trio
from tests.two_party.releases import BUNDLES, Stage, hospital_stage, many_records, opened_by_hand, pulling
from tests.two_party.segments import Fetcher, parsed


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Four people's records at the hospital, all of whom said yes; segments of 64 KiB."""
    monkeypatch.setattr(planning, "TARGET", 64 * 1024)
    some = tmp_path / "bundles"
    some.mkdir()
    for bundle in sorted(BUNDLES.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:4]:
        shutil.copy(bundle, some)
    made = await hospital_stage(trio, some)
    for source_id in await made.source_ids():
        await made.answer(source_id)
    return made


async def in_one_body(stage: Stage) -> bytes:
    async with pulling(stage.holder, *await opened_by_hand(stage)) as reader:
        body = await reader.to_the_end()
        assert reader.whole
    return body


async def test_the_segments_together_are_the_single_body(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    parts = await fetcher.all()
    assert len(parts) > 4
    assert b"".join(parts) == await in_one_body(stage)
    manifest = await fetcher.manifest()
    assert [file["sha256"] for file in manifest["files"]] == [sha256(part).hexdigest() for part in parts]
    assert manifest["sha256"] == whole_digest(file["sha256"] for file in manifest["files"])
    assert manifest["bytes"] == sum(map(len, parts))
    assert manifest["people"] == 4
    assert manifest["resources"] == sum(part.count(b"\n") for part in parts)


async def test_asked_again_the_plan_is_the_same_until_its_manifest_was_fetched(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    first = await fetcher.index()
    early = await fetcher.get("/manifest")
    assert (early.status_code, parsed(early)["type"]) == (409, "urn:concord:problem:not-complete")
    await fetcher.all()
    again = await fetcher.index()
    assert [row["id"] for row in again["segments"]] == [row["id"] for row in first["segments"]]
    assert {row["standing"] for row in again["segments"]} == {"sent"}
    await fetcher.manifest()
    assert (await fetcher.index())["release"] != first["release"]


async def test_somebody_who_stops_leaves_every_segment_that_was_not_sent(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    order = await stage.order_of_release()
    rows = (await fetcher.index())["segments"]
    parts = [await fetcher.one(rows[0]["href"])]
    await stage.withdraw(order[-1])
    got = 0
    for row in rows[1:]:
        answer = await fetcher.get(row["href"])
        if answer.status_code == 410:
            got += 1
            body = parsed(answer)
            assert body["type"] == "urn:concord:problem:segment-gone"
            if body["successor"] is None:
                assert "link" not in answer.headers
                continue
            assert answer.headers["link"] == f'<{body["successor"]}>; rel="successor-version"'
            answer = await fetcher.get(body["successor"])
        assert answer.status_code == 200
        parts.append(answer.raw)
    assert got
    manifest = await fetcher.manifest()
    assert manifest["people"] == 3
    release = (await stage.holder.find(Release, id=manifest["release"]))[0]
    assert release.withheld == {"withdrawn": 1}
    assert [file["sha256"] for file in manifest["files"]] == [sha256(part).hexdigest() for part in parts]


async def test_a_range_is_a_piece_of_the_same_bytes_and_counts_once(stage: Stage):
    await many_records(stage, 50)
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    whole = await fetcher.one(row["href"])
    tail = await fetcher.get(row["href"], range=f"bytes={len(whole) - 100}-", if_range=f'"{row["id"]}"')
    assert (tail.status_code, tail.raw) == (206, whole[-100:])
    assert tail.headers["content-range"] == f"bytes {len(whole) - 100}-{len(whole) - 1}/{len(whole)}"
    again = await fetcher.one(row["href"])
    assert again == whole
    received = await stage.holder.find(HandedOver, agreement=stage.agreement)
    assert sum(one.resources for one in received) == whole.count(b"\n")
    segment = (await stage.holder.find(ReleaseSegment, id=row["id"]))[0]
    assert (segment.standing, segment.resources) == ("sent", whole.count(b"\n"))
