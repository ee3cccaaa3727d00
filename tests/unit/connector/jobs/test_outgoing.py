"""The body of an upload as a release hands its chunks over: room, taking, a receiver that is gone, a proper end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from connector.jobs.outgoing import Outgoing
from connector.outbound.answer import Answer
from connector.outbound.faults import Unreachable, Why

DONE = Answer(200, {}, b"")


class Client:
    """Takes parts as a test wants, in place of `Outbound.upload`."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.go_on = asyncio.Event()
        self.ends: Answer | Exception | None = None

    async def upload(self, parts: AsyncIterator[bytes]) -> Answer:
        await self.go_on.wait()
        async for part in parts:
            self.taken.append(part)
            if self.ends is not None:
                break
            self.go_on.clear()
            await self.go_on.wait()
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends or DONE


async def test_there_is_room_when_the_client_asks_and_again_when_it_has_written() -> None:
    client = Client()
    body = Outgoing(client.upload)
    waiting = asyncio.ensure_future(body.ready())
    await asyncio.sleep(0.01)
    assert not waiting.done(), "there is no connection yet"
    client.go_on.set()
    assert await waiting
    await body.send(b"one")
    assert client.taken == [b"one"]
    waiting = asyncio.ensure_future(body.ready())
    await asyncio.sleep(0.01)
    assert not waiting.done(), "the first is still being written"
    client.go_on.set()
    assert await waiting
    client.ends = None
    assert await body.end() is DONE
    assert client.taken == [b"one"]


async def test_an_answer_before_the_end_leaves_no_room_and_wakes_who_waits_for_it() -> None:
    client = Client()
    body = Outgoing(client.upload)
    client.go_on.set()
    client.ends = Answer(410, {}, b"")
    gone = asyncio.ensure_future(body.gone())
    assert await body.ready()
    await body.send(b"one")
    await asyncio.wait_for(gone, 1)
    assert body.over
    assert not await body.ready()
    await asyncio.wait_for(body.send(b"two"), 1)
    assert client.taken == [b"one"]
    assert (await body.end()).status == 410


async def test_a_break_is_raised_at_the_end_and_a_body_that_is_closed_is_cut() -> None:
    client = Client()
    body = Outgoing(client.upload)
    client.go_on.set()
    client.ends = Unreachable(Why.CONNECTION)
    assert await body.ready()
    await body.send(b"one")
    with pytest.raises(Unreachable):
        await body.end()
    cut = Outgoing(Client().upload)
    await cut.close()
    assert cut.over
