"""A release in segments in every format and content coding: the same records, and ranges of whatever is sent."""

from __future__ import annotations

import io
from pathlib import Path

import orjson
import pyarrow.parquet
import pytest

from connector.records import ReleaseSegment
from connector.services.releasing import planning
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.segments import Fetcher, decoded, opened, parsed


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Three people's records at the hospital, all of whom said yes; segments of 256 KiB."""
    monkeypatch.setattr(planning, "TARGET", 256 * 1024)
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await made.everybody_agrees()
    return made


async def test_a_bundle_holds_the_lines_and_every_reference_that_resolved_resolves(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    lines = [orjson.loads(line) for part in await fetcher.all() for line in part.splitlines()]
    bundles = [orjson.loads(part) for part in await fetcher.all("?_outputFormat=application%2Ffhir%2Bjson")]
    assert {one["type"] for one in bundles} == {"collection"}
    entries = [entry for one in bundles for entry in one["entry"]]
    assert [entry["resource"] for entry in entries] == lines
    base = entries[0]["fullUrl"].rsplit("/", 2)[0]
    for entry in entries:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"{base}/{resource['resourceType']}/{resource['id']}"
    manifest = await fetcher.manifest()
    assert (manifest["format"], manifest["resources"]) == ("application/fhir+json", len(lines))


async def test_parquet_has_a_row_for_every_line(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    lines = [orjson.loads(line)["id"] for part in await fetcher.all() for line in part.splitlines()]
    parts = await fetcher.all("?_outputFormat=application%2Fvnd.apache.parquet")
    rows = [row for part in parts for row in pyarrow.parquet.read_table(io.BytesIO(part)).to_pylist()]
    assert [row["id"] for row in rows if row["part"] == 0] == lines
    assert (await fetcher.manifest())["resources"] == len(lines)


async def test_a_format_we_have_not_is_refused(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    answer = await fetcher.get("/segments?_outputFormat=text%2Fcsv")
    assert (answer.status_code, parsed(answer)["where"]) == (406, "_outputFormat")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("zstd", "zstd"), ("gzip", "gzip"), ("gzip, zstd", "zstd"), ("gzip;q=1, zstd;q=0.5", "gzip"), ("br", "")],
)
async def test_a_range_of_what_is_compressed_is_of_the_compressed_bytes(stage: Stage, accepted: str, coding: str):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    plain = await fetcher.one(row["href"])
    whole = await fetcher.get(row["href"], accept_encoding=accepted)
    etag = f'"{row["id"]}+{coding}"' if coding else f'"{row["id"]}"'
    assert (whole.headers.get("content-encoding", ""), whole.headers["etag"]) == (coding, etag)
    assert decoded(whole) == plain
    middle = len(whole.raw) // 2
    rest = await fetcher.get(row["href"], accept_encoding=accepted, range=f"bytes={middle}-", if_range=etag)
    assert (rest.status_code, rest.headers["etag"]) == (206, etag)
    assert opened(whole.raw[:middle] + rest.raw, coding) == plain


async def test_a_compressed_segment_that_was_resumed_is_sent(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    for span in ("bytes=0-99", "bytes=100-"):
        answer = await fetcher.get(row["href"], accept_encoding="zstd", range=span)
        assert answer.status_code == 206
        known = (await stage.holder.find(ReleaseSegment, id=row["id"]))[0]
        assert known.standing == ("open" if span.endswith("99") else "sent")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"range": "bytes=0-9"}, 206),
        ({"range": "bytes=-10"}, 200),  # what would leave a gap is answered with the whole
        ({"range": "bytes=0-9,20-29"}, 416),
        ({"range": "bytes=999999999-"}, 416),
        ({"range": "lines=0-9"}, 416),
        ({"range": "bytes=0-9", "if_range": '"another"'}, 200),
        ({"if_none_match": '"another", "{id}"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_match": '"{id}"'}, 200),
        ({"if_match": '"another"'}, 412),
    ],
)
async def test_conditions_are_those_of_http(stage: Stage, headers: dict[str, str], status: int):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    sent = {name: value.replace("{id}", row["id"]) for name, value in headers.items()}
    answer = await fetcher.get(row["href"], **sent)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"].startswith("bytes */")


async def test_the_end_of_what_was_handed_over_can_be_asked_for(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    whole = await fetcher.get(row["href"])
    answer = await fetcher.get(row["href"], range="bytes=-10")
    assert (answer.status_code, answer.raw) == (206, whole.raw[-10:])


async def test_a_look_at_the_head_hands_nothing_over(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    head = await fetcher.get(row["href"], method="HEAD")
    assert (head.status_code, head.raw) == (200, b"")
    assert int(head.headers["content-length"]) > 1000
    known = (await stage.holder.find(ReleaseSegment, id=row["id"]))[0]
    assert (known.standing, known.offset) == ("open", 0)
