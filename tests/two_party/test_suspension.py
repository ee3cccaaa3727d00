"""Pausing and going on, by either side, of a pull, a push and a stream: nothing leaves in between, nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.problems import Problem
from connector.records import LogEntry, ReceivedTransfer, Release, Transfer
from tests.two_party.conftest import Trio
from tests.two_party.releases import (
    Stage,
    hospital_stage,
    lines_of,
    many_records,
    opened_by_hand,
    point,
    pulling,
    smallest_bundles,
    vendor_stage,
)
from tests.two_party.space import Party, until

WHY = "A question about the contract."


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    """Two people's records at the hospital, both of whom said yes, enough of them to fill every buffer."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))
    await many_records(made, 3000)
    await made.everybody_agrees()
    return made


@asynccontextmanager
async def half_way(stage: Stage, *, push: bool = False) -> AsyncIterator[tuple[str, str]]:
    """A transfer of which the first person has arrived and the second is held back; (consumer's pid, provider's)."""
    last = stage.people[(await stage.order_of_release())[-1]].person
    async with stage.holder.context.gate.closing([(last, stage.study)]):
        desk = stage.research.services.transfer_desk
        pid = await desk.ask(stage.research.acting("researcher"), stage.agreement, push=push)
        row = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.bytes)
        assert row.standing == "receiving"
        ours = await stage.research.get(Transfer, pid)
        assert ours is not None
        yield pid, str(ours.their_pid)


async def in_state(party: Party, pid: str, state: str) -> Transfer:
    return await party.eventually(Transfer, pid, where=lambda found: found.state == state)


def at(party: Party, role: str) -> tuple[Any, Any]:
    return party.services.transfer_desk, party.acting(role)


async def no_release_runs(stage: Stage, pid: str) -> None:
    async def none() -> bool:
        return not await stage.holder.find(Release, transfer=pid, standing="running")

    await until(none, "the release to end")


@pytest.mark.parametrize("push", [False, True], ids=["pull", "push"])
@pytest.mark.parametrize("side", ["provider", "consumer"])
async def test_a_paused_transfer_stops_and_goes_on_when_its_side_says_so(stage: Stage, side: str, push: bool):
    ours, theirs = at(stage.research, "researcher"), at(stage.holder, "steward")
    async with half_way(stage, push=push) as (pid, their_pid):
        (desk, actor), own = (ours, pid) if side == "consumer" else (theirs, their_pid)
        await desk.suspend(actor, own, WHY)
        for party, one in ((stage.research, pid), (stage.holder, their_pid)):
            found = await in_state(party, one, "SUSPENDED")
            assert found.suspended_by == side
        if push:
            await no_release_runs(stage, their_pid)
        # What is pulled in segments keeps its plan while it is paused, and goes on with it.
        before = await stage.holder.find(Release, transfer=their_pid)
    for (looking, as_), one in ((ours, pid), (theirs, their_pid)):
        row = await looking.transfer(as_, one)
        assert (row.state, row.suspended_by, row.reason) == ("suspended", side, WHY)
        assert row.way == ("push" if push else "pull")
    (other, as_), one = (theirs, their_pid) if side == "consumer" else (ours, pid)
    with pytest.raises(Problem, match=f"only the {side} can let it go on"):
        await other.resume(as_, one)
    assert await stage.holder.find(Release, transfer=their_pid) == before
    await desk.resume(actor, own)
    done = await stage.received(pid)
    assert done.verified, done.finding
    assert done.people == 2
    ended = await in_state(stage.research, pid, "COMPLETED")
    assert [step[0] for step in ended.steps["steps"]] == ["REQUESTED", "STARTED", "SUSPENDED", "STARTED", "COMPLETED"]
    await in_state(stage.holder, their_pid, "COMPLETED")
    kinds = {entry.kind for entry in await stage.holder.find(LogEntry, subject=their_pid)}
    assert {"transfer.suspended", "transfer.completed"} <= kinds


async def test_a_providers_pause_shuts_the_data_before_the_consumer_has_heard_of_it(stage: Stage):
    pid, token = await opened_by_hand(stage)
    desk, actor = at(stage.holder, "steward")
    async with pulling(stage.holder, pid, token) as reader:
        await reader.read(1000)
        before = (await stage.holder.find(Release, transfer=pid))[0]
        await stage.research.stop()
        await desk.suspend(actor, pid, WHY)
        assert (await stage.holder.get(Transfer, pid)).state == "STARTED", "nobody has acknowledged it"
        await reader.to_the_end()
        assert not reader.whole
        release = await stage.holder.eventually(Release, before.id, where=lambda one: one.standing != "running")
    assert release.standing == "ended"
    async with pulling(stage.holder, pid, token) as reader:
        await reader.to_the_end()
        assert reader.status in (401, 410)
    assert (await desk.transfer(actor, pid)).deciding == "pausing"


async def test_an_old_token_opens_nothing_after_the_provider_let_the_transfer_go_on(stage: Stage):
    desk, actor = at(stage.holder, "steward")
    async with half_way(stage) as (pid, their_pid):
        before = await stage.research.get(Transfer, pid)
        named = {one["name"]: one["value"] for one in before.data_address["endpointProperties"]}
        await desk.suspend(actor, their_pid, WHY)
        await in_state(stage.research, pid, "SUSPENDED")
        await desk.resume(actor, their_pid)
        after = await in_state(stage.research, pid, "STARTED")
        assert after.data_address != before.data_address
        async with pulling(stage.holder, their_pid, named["authorization"]) as reader:
            await reader.to_the_end()
            assert reader.status == 401
    assert (await stage.received(pid)).verified


@pytest.mark.parametrize("side", ["provider", "consumer"])
async def test_a_paused_stream_goes_on_after_its_last_event(trio: Trio, side: str):
    stage, tokens = await vendor_stage(trio, {"ann-band": "Ann Example"})
    await stage.answer("ann-band")
    pid = await stage.transfer()
    await stage.research.eventually(ReceivedTransfer, pid)

    async def arrive(*numbers: int) -> None:
        body = orjson.dumps([point("ann-band", number) for number in numbers])
        headers = {"authorization": f"Bearer {tokens['ann-band']}", "content-type": "application/json"}
        answer = await stage.space_client.post(f"{stage.holder.url}/ingest/openmhealth", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def running() -> list[Release]:
        return await stage.holder.find(Release, agreement=stage.agreement, standing="running")

    await until(running, "the stream")
    await arrive(1, 2)
    row = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.lines == 2)
    ours = await stage.research.get(Transfer, pid)
    (desk, actor), own = (
        (at(stage.holder, "steward"), str(ours.their_pid)) if side == "provider"
        else (at(stage.research, "researcher"), pid)
    )  # fmt: skip
    await desk.suspend(actor, own, WHY)
    await in_state(stage.research, pid, "SUSPENDED")
    await no_release_runs(stage, str(ours.their_pid))
    await arrive(3, 4)
    assert (await stage.research.get(ReceivedTransfer, pid)).lines == 2
    await desk.resume(actor, own)
    await arrive(5)
    done = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.lines == 5)
    assert done.last_event > row.last_event
    assert len({line["header"]["id"] for line in lines_of(done.path)}) == len(lines_of(done.path)) == 5


async def test_a_transfer_can_be_paused_only_while_it_runs_and_by_its_own_people(stage: Stage):
    pid = await stage.transfer()
    await stage.received(pid)
    ours = await in_state(stage.research, pid, "COMPLETED")
    desk, actor = at(stage.research, "researcher")
    with pytest.raises(Problem) as over:
        await desk.suspend(actor, pid, WHY)
    assert over.value.status == 409
    with pytest.raises(Problem) as strange:
        await desk.suspend(stage.research.acting("steward"), pid, WHY)
    assert strange.value.status == 404
    with pytest.raises(Problem) as person:
        await desk.transfer(stage.research.acting("patient"), pid)
    assert person.value.status == 403
    await in_state(stage.holder, str(ours.their_pid), "COMPLETED")
    assert [row.role for row in await desk.transfers(actor)] == ["consumer"]
    assert await desk.transfers(stage.research.acting("steward")) == []
    steward, as_ = at(stage.holder, "steward")
    assert [row.role for row in await steward.transfers(as_)] == ["provider"]


async def test_a_transfer_that_is_paused_can_be_ended_by_either_side(stage: Stage):
    desk, actor = at(stage.research, "researcher")
    async with half_way(stage) as (pid, their_pid):
        await desk.suspend(actor, pid, WHY)
        await in_state(stage.holder, their_pid, "SUSPENDED")
        await desk.end(actor, pid)
        ended = await in_state(stage.holder, their_pid, "TERMINATED")
        assert ended.reason["code"] == "ended-by-consumer"
    row = await stage.received(pid, "ended")
    assert row.verified is None
