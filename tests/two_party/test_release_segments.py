"""Releases in segments between two connectors: planned, fetched piece by piece, resumed, cut where somebody stops."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from connector.records import HandedOver, Release, ReleaseSegment, UseOfData
from connector.services.releasing.manifest import whole_digest
from tests.two_party.conftest import Trio
from tests.two_party.releases import (
    Stage,
    hospital_stage,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
)
from tests.two_party.segments import Fetcher, decoded, parsed


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    """Four people's records at the hospital, all of whom said yes; segments of 64 KiB."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    await made.everybody_agrees()
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


async def test_two_transfers_of_one_agreement_at_once_count_each_person_once(stage: Stage):
    # What is noted of a person names one release, the last: where two ran at once, each took the people of the other
    # for new ones, and counted them again with every piece.
    fetchers = [await Fetcher.opened(stage), await Fetcher.opened(stage)]
    plans = [await fetcher.index() for fetcher in fetchers]
    for rows in zip(*(plan["segments"] for plan in plans), strict=True):
        for fetcher, row in zip(fetchers, rows, strict=True):
            await fetcher.one(row["href"])
            await fetcher.one(row["href"])
    for plan in plans:
        (release,) = await stage.holder.find(Release, id=plan["release"])
        lines = sum(one.resources for one in await stage.holder.find(ReleaseSegment, release=release.id))
        assert (release.people, release.resources) == (4, lines)
    received = await stage.holder.find(HandedOver, agreement=stage.agreement)
    assert sum(one.resources for one in received) == lines


async def test_what_left_in_one_of_two_transfers_at_once_is_told_when_it_ends_early(stage: Stage):
    first, second = await Fetcher.opened(stage), await Fetcher.opened(stage)
    rows = (await first.index())["segments"]
    whole = [await first.one(row["href"]) for row in rows[:2]]
    part = await first.get(rows[2]["href"], range="bytes=0-40000")
    # The other transfer hands the same people over before the first one ends.
    others = await second.all()
    (release,) = await stage.holder.find(Release, transfer=first.pid)
    await first.index("?_outputFormat=application/fhir%2Bjson")
    (over,) = await stage.holder.find(Release, id=release.id)
    assert over.standing == "broken"
    left = sum(part.count(b"\n") for part in [*whole, part.raw, *others]) + (not part.raw.endswith(b"\n"))
    await stage.holder.quiet()
    assert sum(one.resources for one in await stage.wallet.find(UseOfData)) == left


@pytest.mark.parametrize("coding", ["identity", "zstd"])
async def test_a_range_that_leaves_a_gap_is_the_whole_and_counts(stage: Stage, coding: str):
    # Whoever left the first byte of each segment out had all of it, and nobody was told.
    fetcher = await Fetcher.opened(stage)
    lines = 0
    for row in (await fetcher.index())["segments"]:
        answer = await fetcher.get(row["href"], range="bytes=1-", accept_encoding=coding)
        assert answer.status_code == 200
        assert "content-range" not in answer.headers
        lines += decoded(answer).count(b"\n")
    manifest = await fetcher.manifest()
    assert manifest["resources"] == lines
    received = await stage.holder.find(HandedOver, agreement=stage.agreement)
    assert sum(one.resources for one in received) == lines
    await stage.holder.quiet()
    assert sum(one.resources for one in await stage.wallet.find(UseOfData)) == lines


async def test_all_but_the_last_line_end_is_all_of_it_to_the_wallets(stage: Stage):
    # So a recipient had every record, and the wallets were told when the transfer ended, perhaps months later.
    fetcher = await Fetcher.opened(stage)
    lines = 0
    for row in (await fetcher.index())["segments"]:
        size = int((await fetcher.get(row["href"], "HEAD")).headers["content-length"])
        answer = await fetcher.get(row["href"], range=f"bytes=0-{size - 2}")
        assert (answer.status_code, len(answer.raw)) == (206, size - 1)
        lines += answer.raw.count(b"\n") + 1
    await stage.holder.quiet()
    assert sum(one.resources for one in await stage.wallet.find(UseOfData)) == lines
    assert (await fetcher.manifest())["resources"] == lines
