"""What a process that is told to stop lets come to its end, and what not."""

from __future__ import annotations

import asyncio

import pytest

from connector.problems import Problem
from connector.services.releasing.lanes import Lanes


async def one(lanes: Lanes, transfer: str, *, endless: bool, begun: asyncio.Event, ended: asyncio.Event) -> bool:
    """Take a lane until it is over; whether that was because it was asked to stop."""
    async with lanes.taken(transfer, endless=endless) as stopping:
        begun.set()
        waiting = [asyncio.ensure_future(event.wait()) for event in (stopping, ended)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return stopping.is_set()


async def test_draining_ends_what_is_endless_and_waits_for_the_rest():
    lanes, events = Lanes(), [asyncio.Event() for _ in range(4)]
    stream = asyncio.create_task(one(lanes, "a", endless=True, begun=events[0], ended=events[1]))
    segment = asyncio.create_task(one(lanes, "b", endless=False, begun=events[2], ended=events[3]))
    await events[0].wait()
    await events[2].wait()
    draining = asyncio.create_task(lanes.drain())
    assert await stream
    assert not draining.done()
    with pytest.raises(Problem) as refused:
        async with lanes.taken("c"):
            raise AssertionError("nothing new begins")
    assert (refused.value.status, refused.value.code) == (503, "closing")
    events[3].set()
    assert not await segment
    await draining


async def test_where_nothing_runs_draining_is_over_at_once():
    lanes = Lanes()
    async with lanes.taken("a"):
        pass
    await lanes.drain()


async def test_a_newer_request_ends_an_older_one_of_the_same_transfer_alone():
    lanes, events = Lanes(), [asyncio.Event() for _ in range(4)]
    older = asyncio.create_task(one(lanes, "a", endless=False, begun=events[0], ended=events[1]))
    other = asyncio.create_task(one(lanes, "b", endless=False, begun=events[2], ended=events[3]))
    await events[0].wait()
    await events[2].wait()
    async with lanes.taken("a"):
        assert await older
    events[3].set()
    assert not await other
