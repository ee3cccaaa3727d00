"""What one member does leaves the others their share, and one that is not active any more gets and gives nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.identity.members import Standing
from connector.records import Agreement, ReceivedTransfer, Release, Transfer
from connector.services.processes.transfers import PUSH
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Puppet
from tests.two_party.releases import (
    Stage,
    hospital_stage,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
    vendor_stage,
)
from tests.two_party.sinks import Delivery, Sink, pushing_to, taking_all
from tests.two_party.space import Party, until
from tests.two_party.test_transfer_messages import TRANSFERS, request_of


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Two people's records at the hospital, both of whom said yes."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))
    await made.everybody_agrees()
    return made


async def mute(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
    """Takes nothing and never answers."""
    await asyncio.Event().wait()
    return None


async def greedy(stage: Stage, sink: Sink, pushes: int) -> Puppet:
    """A member with a contract of its own that asks for many pushes to its sink."""
    member = await Puppet.raised(stage.space_client)
    await stage.holder.context.members.put(member.entry(data=sink.origin))
    found = await stage.holder.get(Agreement, stage.agreement)
    assert found is not None
    theirs = replace(found, id=story.urn(), counterparty=member.id)
    await stage.holder.add(theirs)
    address = {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": sink.url}
    for _ in range(pushes):
        asked = request_of(member, theirs.id, format=PUSH, dataAddress=address)
        answer = await member.post(stage.holder, f"{TRANSFERS}/request", asked)
        assert answer.status_code == 201, answer.text
    started = {"role": "provider", "counterparty": member.id, "state": "STARTED"}

    async def all_started() -> bool:
        return len(await stage.holder.find(Transfer, **started)) == pushes

    await until(all_started, "every push to have started")
    return member


async def test_a_member_whose_receiver_never_answers_holds_four_pushes_and_the_others_get_theirs(stage: Stage):
    async with Sink(mute).listening() as sink:
        member = await greedy(stage, sink, 66)
        await until(lambda: len(sink.deliveries) == 4, "its four pushes")
        desk = stage.research.services.transfer_desk
        pushed = await desk.ask(stage.research.acting("researcher"), stage.agreement, push=True)
        assert (await stage.received(pushed)).verified
        assert (await stage.received(await stage.transfer())).verified
        assert len(sink.deliveries) == 4
        await member.close()


async def test_a_push_that_ends_lets_the_next_of_its_consumer_begin(stage: Stage):
    go_on = asyncio.Event()

    async def held(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        await go_on.wait()
        return await taking_all(delivery, reader)

    async with Sink(held).listening() as sink:
        member = await greedy(stage, sink, 9)
        await until(lambda: len(sink.deliveries) == 4, "four pushes")
        go_on.set()
        await until(lambda: sum(one.whole for one in sink.deliveries) == 9, "all nine")
        await member.close()


async def standing(party: Party, member: str, value: str) -> None:
    await party.context.members.set_standing(member, value)


async def reactivated(party: Party, member: str) -> None:
    members = party.context.members
    await members.put(members.known(member).model_copy(update={"standing": Standing.ACTIVE}))


async def suspended(party: Party, member: str) -> None:
    await standing(party, member, "suspended")


async def removed(party: Party, member: str) -> None:
    await standing(party, member, "removed")


@pytest.mark.parametrize("stop", [suspended, removed])
async def test_a_running_push_to_a_member_ends_with_its_membership_and_begins_anew_with_it(
    stage: Stage, stop: Callable[[Party, str], Awaitable[None]]
):
    async with Sink(mute).listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        await until(lambda: sink.deliveries, "the push")
        await stop(stage.holder, stage.research.id)

        async def ended() -> bool:
            releases = await stage.holder.find(Release, transfer=pid)  # none, if it was stopped before the first began
            return all(one.standing in ("ended", "broken") for one in releases)

        await until(ended, "the release to end")
        begun = len(await stage.holder.find(Release, transfer=pid))
        stage.holder.context.bells.ring("transfers")
        await asyncio.sleep(0.5)
        assert len(await stage.holder.find(Release, transfer=pid)) == begun
        sink.answering = taking_all
        await reactivated(stage.holder, stage.research.id)
        await until(lambda: sink.deliveries[-1].whole, "a whole push")
        assert (await stage.holder.get(Transfer, pid)).state == "STARTED"


@pytest.mark.parametrize("stop", [suspended, removed])
async def test_a_push_into_our_inbox_is_cut_when_its_sender_is_no_active_member_any_more(
    stage: Stage, stop: Callable[[Party, str], Awaitable[None]]
):
    await many_records(stage, 1000)
    last = stage.people[(await stage.order_of_release())[-1]].person
    async with stage.holder.context.gate.closing([(last, stage.study)]):
        desk = stage.research.services.transfer_desk
        pid = await desk.ask(stage.research.acting("researcher"), stage.agreement, push=True)
        await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.bytes)
        inbox = stage.research.services.inbox
        await until(lambda: pid in inbox._stops, "the push to be under way")
        await stop(stage.research, stage.holder.id)
        await until(lambda: pid not in inbox._stops, "the push to be cut")
    row = await stage.research.get(ReceivedTransfer, pid)
    assert row is not None
    assert row.standing == "receiving"


@pytest.mark.parametrize("stop", [suspended, removed])
async def test_a_running_pull_from_a_member_is_cut_with_its_membership_and_goes_on_with_it(
    small_segments: None, stage: Stage, stop: Callable[[Party, str], Awaitable[None]]
):
    await many_records(stage, 1000)
    last = stage.people[(await stage.order_of_release())[-1]].person
    async with stage.holder.context.gate.closing([(last, stage.study)]):
        pid = await stage.transfer()
        await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.bytes)
        await stop(stage.research, stage.holder.id)
        here = await stage.research.get(ReceivedTransfer, pid)
    # What was held back may leave now: whoever still pulled would have all of it in a moment.
    await asyncio.sleep(1)
    assert (await stage.research.get(ReceivedTransfer, pid)) == here
    assert here.standing == "receiving"
    await reactivated(stage.research, stage.holder.id)
    assert (await stage.received(pid)).verified


@pytest.mark.parametrize("stop", [suspended, removed])
async def test_a_pull_from_us_gets_nothing_more_once_its_reader_is_no_active_member(
    stage: Stage, stop: Callable[[Party, str], Awaitable[None]]
):
    await many_records(stage, 3000)
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.until(len)
        await stop(stage.holder, stage.research.id)
        before = (await stage.holder.find(Release, transfer=pid))[0]
        await reader.to_the_end()
    after = await stage.holder.eventually(Release, before.id, where=lambda one: one.standing != "running")
    assert (after.standing, after.bytes) == ("ended", before.bytes)
    assert not reader.whole


async def test_a_quiet_stream_ends_at_once_when_its_reader_is_no_active_member(trio: Trio):
    stage, _ = await vendor_stage(trio, {"ann-band": "Ann Example"})
    await stage.transfer()
    running: list[Any] = await until(
        lambda: stage.holder.find(Release, kind="stream", standing="running"), "the stream to begin"
    )
    await suspended(stage.holder, stage.research.id)
    await stage.holder.eventually(Release, running[0].id, where=lambda one: one.standing == "ended")
