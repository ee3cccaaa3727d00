"""A device stream between two connectors: what arrives flows on at once, under a code, and stops with the person."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from connector.records import (
    Agreement,
    DevicePoint,
    LogEntry,
    Notice,
    Person,
    ReceivedTransfer,
    Release,
    Tombstone,
    UseOfData,
)
from connector.services.processes.moves import Complete
from contracts.risk import thresholds, with_thresholds
from policy.odrl.vocabulary import ASSESS_RISK
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, content_of, lines_of, opened_by_hand, point, pulling, vendor_stage
from tests.two_party.space import until

USERS = {"band-0001-aa": "Ann Example", "band-0002-bb": "Ben Example", "band-0003-cc": "Cara Example"}


class Bands:
    """Devices that send through the public ingest."""

    def __init__(self, stage: Stage, tokens: dict[str, str]) -> None:
        self.stage = stage
        self.tokens = tokens
        self.sent = 0

    async def post(self, user: str, content: bytes) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.tokens[user]}"}
        return await self.stage.space_client.post(
            f"{self.stage.holder.url}/ingest/openmhealth", content=content, headers=headers
        )

    async def send(self, user: str, count: int = 1) -> dict[str, Any]:
        lines = []
        for _ in range(count):
            self.sent += 1
            lines.append(orjson.dumps(point(user, self.sent)))
        answer = await self.post(user, b"\n".join(lines))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
async def bands(trio: Trio) -> Bands:
    return Bands(*await vendor_stage(trio, USERS))


async def flowing(stage: Stage) -> str:
    """A stream under way; returns the consumer's pid."""
    pid = await stage.transfer()
    await until(lambda: stage.holder.find(Release, kind="stream", standing="running"), "the stream to begin")
    return pid


async def arrived(stage: Stage, pid: str, count: int) -> ReceivedTransfer:
    return await stage.research.eventually(ReceivedTransfer, pid, where=lambda row: row.lines >= count)


async def test_points_flow_under_a_code_of_people_who_agreed_only(bands: Bands):
    stage = bands.stage
    ann, ben, cara = USERS
    await stage.answer(ann)
    await stage.answer(ben, "no")
    pid = await flowing(stage)
    for user in (ann, ben, cara, ann):
        await bands.send(user, 5)
    row = await arrived(stage, pid, 10)
    points = lines_of(row.path)
    assert len(points) == 10
    assert len({one["header"]["user_id"] for one in points}) == 1
    assert [one["body"]["heart_rate"]["value"] for one in points] == [61, 62, 63, 64, 65, 76, 77, 78, 79, 80]
    content = content_of(row.path).decode()
    assert not any(user in content or name in content for user, name in USERS.items())
    assert "point-band" not in content


async def test_a_person_who_withdraws_drops_out_of_a_running_stream_and_the_others_stay(bands: Bands):
    stage = bands.stage
    ann, ben, _ = USERS
    await stage.answer(ann)
    await stage.answer(ben)
    pid = await flowing(stage)
    await bands.send(ann, 5)
    await bands.send(ben, 5)
    row = await arrived(stage, pid, 10)
    anns = lines_of(row.path)[0]["header"]["user_id"]
    await stage.withdraw(ann)
    await bands.send(ann, 5)
    await bands.send(ben, 5)

    async def erased() -> Notice | None:
        found = await stage.holder.find(Notice)
        return found[0] if found and found[0].erased_at else None

    notice = await until(erased, "the recipient to state that it erased")
    await arrived(stage, pid, 15)
    codes = Counter(one["header"]["user_id"] for one in lines_of(row.path))
    assert anns not in codes
    assert list(codes.values()) == [10]
    assert (notice.lines, notice.bytes_after) == (5, 0)
    assert (await stage.research.find(Tombstone))[0].bytes_after == 0
    release = (await stage.holder.find(Release, kind="stream"))[0]
    when = [datetime.fromisoformat(at) for at in (release.dropped or {})["at"]]
    assert len(when) == 1
    assert notice.effective_at is not None
    assert when[0] >= notice.effective_at
    assert len(await stage.holder.find(LogEntry, kind="stream.person-dropped")) == 1


async def test_somebody_who_agrees_while_the_stream_runs_joins_it(bands: Bands):
    stage = bands.stage
    ann, ben, _ = USERS
    await stage.answer(ann)
    pid = await flowing(stage)
    await bands.send(ann)
    await bands.send(ben)
    await arrived(stage, pid, 1)
    await stage.answer(ben)
    await bands.send(ben)
    row = await arrived(stage, pid, 2)
    assert len({one["header"]["user_id"] for one in lines_of(row.path)}) == 2


async def test_people_of_a_suspended_wallet_drop_out_of_a_running_stream_and_come_back_with_it(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    pid = await flowing(stage)
    await bands.send(ann)
    row = await arrived(stage, pid, 1)
    members = stage.holder.context.members
    await members.set_standing(stage.wallet.id, "suspended")
    await bands.send(ann)
    await until(lambda: stage.holder.find(LogEntry, kind="stream.person-dropped"), "the person to be dropped")
    await members.set_standing(stage.wallet.id, "active")
    await stage.holder.store.write(lambda tx: members.heard(tx, stage.wallet.id))
    await bands.send(ann)
    row = await arrived(stage, pid, 2)
    assert [one["body"]["heart_rate"]["value"] for one in lines_of(row.path)] == [61, 63]


async def test_a_stream_ends_with_its_dataset(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    pid = await flowing(stage)
    await bands.send(ann)
    row = await arrived(stage, pid, 1)
    await stage.holder.services.steward.withdraw_dataset(stage.holder.acting("steward"), stage.dataset)
    await bands.send(ann)
    await until(lambda: stage.holder.find(Release, kind="stream", standing="ended"), "the stream to end")
    await bands.send(ann)
    assert len(lines_of(row.path)) == 1


async def test_a_consumer_that_was_away_goes_on_where_it_was(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    pid = await flowing(stage)
    await bands.send(ann, 3)
    await arrived(stage, pid, 3)
    await stage.research.stop()
    await bands.send(ann, 4)
    await stage.research.start()
    await bands.send(ann, 2)
    row = await arrived(stage, pid, 9)
    values = [one["body"]["heart_rate"]["value"] for one in lines_of(row.path)]
    assert values == [60 + number for number in range(1, 10)]


async def test_a_stream_of_a_killed_holder_goes_on_after_its_start(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    pid, token = await opened_by_hand(stage, "stream")
    async with pulling(stage.holder, pid, token, "streams") as reader:
        await reader.until(lambda _: reader.taken)
        await bands.send(ann, 2)
        body = await reader.until(lambda body: body.count(b"id: ") == 2)
    last = body.rpartition(b"id: ")[2].split(b"\n")[0].decode()
    await bands.send(ann, 2)
    async with pulling(stage.holder, pid, token, "streams", Last_Event_ID=last) as reader:
        body = await reader.until(lambda body: body.count(b"id: ") == 2)
    numbers = [int(part.split(b"\n")[0]) for part in body.split(b"id: ")[1:]]
    assert numbers == [int(last) + 1, int(last) + 2]


async def test_a_stream_shows_nothing_from_before_it_was_first_opened(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    await bands.send(ann, 5)
    pid = await flowing(stage)
    await bands.send(ann)
    row = await arrived(stage, pid, 1)
    assert [one["body"]["heart_rate"]["value"] for one in lines_of(row.path)] == [66]


async def test_the_person_sees_the_stream_at_its_first_point(bands: Bands):
    stage = bands.stage
    ann, ben, _ = USERS
    await stage.answer(ann)
    await stage.answer(ben, "no")
    await flowing(stage)
    await bands.send(ann)
    await bands.send(ben)

    async def both() -> list[UseOfData]:
        found = await stage.wallet.find(UseOfData)
        return found if len(found) == 2 else []

    lines = await until(both, "two lines at the wallet")
    assert {(one.kind, one.resources) for one in lines} == {("stream", 1), ("refused", 0)}


async def test_ending_the_transfer_ends_the_stream(bands: Bands):
    stage = bands.stage
    ann, *_ = USERS
    await stage.answer(ann)
    pid = await flowing(stage)
    await bands.send(ann)
    await arrived(stage, pid, 1)
    await stage.research.services.transfers.close(pid, Complete())
    row = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.standing != "receiving")
    assert row.standing == "complete"
    release = (await stage.holder.find(Release, kind="stream"))[0]
    await stage.holder.eventually(Release, release.id, where=lambda one: one.standing != "running")


async def test_the_ingest_takes_each_point_once_and_says_what_is_wrong_line_by_line(bands: Bands):
    ann, ben, _ = USERS
    good, other = point(ann, 1), point(ben, 2)
    wrong = point(ann, 3)
    del wrong["body"]["heart_rate"]
    body = b"\n".join([orjson.dumps(good), b"not json", orjson.dumps(wrong), orjson.dumps(other), orjson.dumps(good)])
    answer = (await bands.post(ann, body)).json()
    assert (answer["accepted"], answer["duplicate"]) == (1, 1)
    assert sorted(error["line"] for error in answer["errors"]) == [2, 3, 4]
    again = (await bands.post(ann, orjson.dumps([good, point(ann, 9)], option=orjson.OPT_INDENT_2))).json()
    assert (again["accepted"], again["duplicate"]) == (1, 1)
    single = (await bands.post(ann, orjson.dumps(point(ann, 10), option=orjson.OPT_INDENT_2))).json()
    assert single == {"accepted": 1, "duplicate": 0, "errors": []}
    kept = await bands.stage.holder.find(DevicePoint, order="sequence")
    assert [one.point_id for one in kept] == [f"point-{ann}-{number}" for number in (1, 9, 10)]


async def test_the_ingest_refuses_strangers_floods_and_huge_bodies(bands: Bands):
    ann, *_ = USERS
    url = f"{bands.stage.holder.url}/ingest/openmhealth"
    client = bands.stage.space_client
    assert (await client.post(url, content=b"{}")).status_code == 401
    assert (await client.post(url, content=b"{}", headers={"authorization": "Bearer nobody"})).status_code == 401
    assert b" 413 " in await announced(bands, ann, 1024**3)
    bands.tokens["x"] = "guess"
    assert b" 401 " in await announced(bands, "x", 1024**2), "a stranger is refused before the body is read"
    desk = bands.stage.holder.services.ingest
    desk._buckets.clear()
    statuses = set()
    for _ in range(400):
        try:
            desk.admit("guess")
            statuses.add(200)
        except Exception as problem:
            statuses.add(problem.status)
    assert statuses == {200, 429}


async def announced(bands: Bands, user: str, size: int) -> bytes:
    """The first line of the answer to a body that is announced and not sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bands.stage.holder.port)
    lines = ["POST /ingest/openmhealth HTTP/1.1", "Host: x", f"Authorization: Bearer {bands.tokens[user]}"]
    writer.write("\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode())
    first = await reader.readline()
    writer.close()
    return first


async def test_a_device_person_is_registered_once_and_the_token_is_kept_as_a_hash(bands: Bands):
    holder = bands.stage.holder
    operator = holder.acting("operator")
    ann = "band-0001-aa"
    person, token = await holder.services.ingest.register_device_person(operator, "Bands", "Ann Example", ann)
    assert len(await holder.find(Person, source_id=ann)) == 1
    assert token not in content_of(Path(holder.founded.directory, "store.db")).decode("latin-1")
    assert person.source_id == ann


@pytest.mark.parametrize("asked", [{"min_k": "2"}, {}], ids=["with thresholds", "with a report only"])
async def test_a_stream_under_a_contract_that_asks_for_its_risk_does_not_begin(bands: Bands, asked: dict[str, str]):
    # Who is in a stream is known when it is over: nothing can be measured before the first byte.
    stage = bands.stage
    agreement = await stage.holder.get(Agreement, stage.agreement)
    assert agreement is not None
    policy = dict(agreement.policy or {})
    owed = with_thresholds(policy, thresholds(asked)) if asked else {
        **policy, "obligation": [*policy.get("obligation", ()), {"action": ASSESS_RISK}]
    }  # fmt: skip
    await stage.holder.store.write(lambda tx: tx.alter(Agreement, {"policy": owed}, id=agreement.id))
    await stage.answer(sorted(USERS)[0])
    pid, token = await opened_by_hand(stage, "stream")
    answer = await stage.space_client.get(
        f"{stage.holder.url}/data/streams/{pid}", headers={"authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:concord:problem:risk-too-high")
    assert "risk" in answer.json()["title"]
    assert await stage.holder.find(Release, transfer=pid) == []
