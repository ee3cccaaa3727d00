"""However a fetch is cut, resumed, asked for in ranges or met by a restart: the whole is the same, counted once."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from connector.dataplane.lines import code_of
from connector.problems import Problem
from connector.records import HandedOver, LogEntry, Quarantined, Release, SourceRecord, UseOfData
from tests.two_party.conftest import Trio
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


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    """Three people's records at the hospital, all of whom said yes; segments of 64 KiB."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await made.everybody_agrees()
    return made


class Stubborn:
    """Fetches every segment in ranges of chance, hangs up in the middle, and comes back for the rest."""

    def __init__(self, stage: Stage, fetcher: Fetcher, draw: random.Random) -> None:
        self.stage = stage
        self.fetcher = fetcher
        self.draw = draw
        self.cuts = 0

    async def all(self) -> list[bytes]:
        rows = (await self.fetcher.index())["segments"]
        return [await self._one(row["id"], row["href"]) for row in rows]

    async def _one(self, id: str, href: str) -> bytes:
        coding = self.draw.choice(["", "zstd", "gzip"])
        etag = f'"{id}+{coding}"' if coding else f'"{id}"'
        have, size = b"", None
        while size is None or len(have) < size:
            last = "" if self.draw.random() < 0.5 else str(len(have) + self.draw.randint(0, 30_000))
            most = self.draw.randint(1, 40_000) if self.draw.random() < 0.5 else None
            answer = await self.fetcher.get(
                href, most=most, accept_encoding=coding or "identity", if_range=etag,
                range=f"bytes={len(have)}-{last}",
            )  # fmt: skip
            assert answer.status_code == 206, answer.raw
            begins, size = answer.headers["content-range"].removeprefix("bytes ").split("-")[0], self._size(answer)
            assert int(begins) == len(have)
            have += answer.raw
            self.cuts += most is not None
            if self.draw.random() < 0.05:
                await self.stage.holder.stop()
                await self.stage.holder.start()
        return opened(have, coding)

    @staticmethod
    def _size(answer: object) -> int:
        return int(answer.headers["content-range"].rpartition("/")[2])  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
async def test_any_cuts_ranges_and_restarts_give_the_same_whole_counted_once(stage: Stage, seed: int):
    await many_records(stage, 300)
    async with pulling(stage.holder, *await opened_by_hand(stage)) as reader:
        whole = await reader.to_the_end()
    fetcher = await Fetcher.opened(stage)
    stubborn = Stubborn(stage, fetcher, random.Random(seed))
    parts = await stubborn.all()
    assert stubborn.cuts > 3
    assert b"".join(parts) == whole
    manifest = await fetcher.manifest()
    assert (manifest["bytes"], manifest["resources"], manifest["people"]) == (len(whole), whole.count(b"\n"), 3)
    received = await stage.holder.find(HandedOver, agreement=stage.agreement)
    codes = Counter(str(code_of(line)) for line in whole.splitlines())
    assert sorted(one.resources for one in received) == sorted(codes.values())
    told = await until(lambda: told_of(stage, whole.count(b"\n") * 2), "the wallets to hear of both releases")
    assert {one.kind for one in told} == {"release"}


async def told_of(stage: Stage, records: int) -> list[UseOfData]:
    found = await stage.wallet.find(UseOfData)
    return found if sum(one.resources for one in found) == records else []


async def test_each_chunk_is_in_the_log_before_its_bytes_and_says_whose_segment(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    await fetcher.get(rows[0]["href"], most=1)
    release = (await stage.holder.find(Release, standing="running"))[0]
    entries = await stage.holder.find(LogEntry, order="sequence", subject=release.id)
    kinds = [entry.kind for entry in entries]
    assert kinds[:3] == ["release.begun", "release.decided", "release.assessed"] or "release.decided" in kinds[:3]
    assert kinds[-1] == "release.chunk"
    assert f'"segment":{rows[0]["number"]}' in str(entries[-1].body).replace(" ", "")


async def test_an_identifier_found_in_a_segment_takes_its_person_out_and_the_segment_goes(stage: Stage):
    person = (await stage.source_ids())[0]
    records = await stage.records_of(person)
    import orjson

    own = orjson.loads(next(one.body for one in records if one.resource_type == "Patient"))
    telephone = int("".join(digit for digit in own["telecom"][0]["value"] if digit.isdigit()))
    record = next(one for one in records if one.category == "vital-signs" and b"valueQuantity" in one.body)
    resource = orjson.loads(record.body)
    resource["valueQuantity"]["value"] = telephone
    await stage.holder.store.write(
        lambda tx: tx.alter(
            SourceRecord, {"body": orjson.dumps(resource)}, source=record.source, resource_type="Observation",
            id=record.id,
        )
    )  # fmt: skip
    fetcher = await Fetcher.opened(stage)
    gone = 0
    for row in (await fetcher.index())["segments"]:
        href = row["href"]
        while href is not None:
            answer = await fetcher.get(href)
            assert str(telephone).encode() not in answer.raw
            href = parsed(answer)["successor"] if answer.status_code == 410 else None
            gone += answer.status_code == 410
    assert gone
    await fetcher.manifest()
    held = await stage.holder.find(Quarantined)
    assert [one.resources > 0 for one in held] == [True]
    release = (await stage.holder.find(Release, agreement=stage.agreement))[0]
    assert release.standing == "complete"
    assert ((release.withheld or {}).get("leak", 0), release.people) in {(1, 2), (0, 3)}


async def test_without_the_token_no_segment_and_no_index_opens(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    row = (await fetcher.index())["segments"][0]
    fetcher.token = "wrong"
    for path in ("/segments", row["href"], "/$export-status"):
        assert (await fetcher.get(path)).status_code == 401
    other = await Fetcher.opened(stage)
    mine = row["href"].replace(fetcher.pid, other.pid)
    assert (await other.get(mine)).status_code == 404


async def test_a_newer_request_ends_an_older_one(stage: Stage):
    await many_records(stage, 1500)
    fetcher = await Fetcher.opened(stage)
    href = (await fetcher.index())["segments"][0]["href"]
    async with pulling(stage.holder, fetcher.pid, fetcher.token) as first:
        await first.read(1000)
        # A single body under the same transfer: the plan ends, and the other way round.
        answer = await fetcher.get(href)
        assert answer.status_code == 404
        assert (await fetcher.index())["segments"]
        await first.to_the_end()
        assert not first.whole


def test_a_problem_of_a_segment_is_a_problem():
    from connector.services.releasing.segments import Gone

    assert isinstance(Gone(None, None), Problem)
    assert Gone("a", "/x").document()["successor"] == "/x"
