"""What ends a contract, or lets it rest, waits for the chunk under way, and commits before the next one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from connector.jobs.overdue import Overdue
from connector.problems import Problem
from connector.records import Agreement, Notice, Release
from connector.services.gate import under
from tests.two_party import sourced, story
from tests.two_party.releases import opened_by_hand, pulling


@pytest.fixture
async def stage(trio, tmp_path):
    made = await sourced.stage(trio, tmp_path / "first")
    await made.answer("ann")
    return made


async def ends(stage) -> None:
    await stage.holder.services.endings.end(stage.holder.acting("steward"), stage.agreement, "It is over")


async def ended_by_the_other_side(stage) -> None:
    await stage.research.services.endings.end(stage.research.acting("researcher"), stage.agreement, "We need no more")
    await stage.holder.eventually(Agreement, stage.agreement, where=lambda one: one.standing == "ended")


async def runs_out(stage) -> None:
    now = stage.holder.context.clock()
    await stage.holder.store.write(lambda tx: tx.alter(Agreement, {"until": now}, id=stage.agreement))
    await stage.holder.services.endings.run_out()


async def rests(stage) -> None:
    past = datetime.now(UTC) - timedelta(days=60)
    late = Notice(
        id=story.urn(), consent=story.urn(), person="p", agreement=story.urn(), recipient=stage.research.id,
        kind="stop", effective_at=past, stop_by=past, deadline=past, overdue_at=past, reminded_at=past,
        escalated_at=past, next_at=past,
    )  # fmt: skip
    await stage.holder.add(late)
    await Overdue(stage.holder.context, stage.holder.services.suspending).catch_up()
    assert (await stage.holder.get(Notice, late.id)).next_at is None


ACTS = [(ends, "ended"), (ended_by_the_other_side, "ended"), (runs_out, "ended"), (rests, "suspended")]


@pytest.mark.parametrize(("act", "standing"), ACTS, ids=lambda one: getattr(one, "__name__", one))
async def test_it_waits_for_the_chunk_under_way(stage, act, standing):
    async with stage.holder.context.gate.hand_over([under(stage.agreement)]) as allowed:
        assert allowed
        doing = asyncio.create_task(act(stage))
        await asyncio.sleep(0.3)
        assert not doing.done()
        assert (await stage.holder.get(Agreement, stage.agreement)).standing == "active"
    await asyncio.wait_for(doing, 20)
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == standing


async def test_every_chunk_is_handed_over_under_its_contract(stage):
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        reading = asyncio.create_task(reader.to_the_end())
        async with stage.holder.context.gate.closing([under(stage.agreement)]):
            await asyncio.sleep(0.5)
            [release] = await stage.holder.find(Release, transfer=pid)
            assert (release.bytes, reader.body) == (0, b"")
            await stage.holder.store.write(lambda tx: tx.alter(Agreement, {"standing": "ended"}, id=stage.agreement))
        await reading
    over = await stage.holder.eventually(Release, release.id, where=lambda one: one.standing != "running")
    assert (over.bytes, over.standing) == (0, "ended")


async def test_an_end_that_cannot_wait_any_longer_changes_nothing(stage, monkeypatch):
    gate = stage.holder.context.gate
    plain = gate.closing
    monkeypatch.setattr(gate, "closing", lambda keys: plain(keys, 0.1))
    async with gate.hand_over([under(stage.agreement)]):
        with pytest.raises(Problem) as refused:
            await ends(stage)
    assert (refused.value.status, refused.value.code) == (503, "still-sending")
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "active"
