"""Turns: a few of each party, a few in all, in order, and nobody starves."""

from __future__ import annotations

import asyncio

import pytest

from connector.jobs.turns import Turns


class Hall:
    """Who holds a place, and who came in when. A test lets people out by name."""

    def __init__(self, each: int, together: int) -> None:
        self.turns = Turns(each, together)
        self.entered: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _visit(self, name: str) -> None:
        async with self.turns.of(name.rstrip("0123456789")):
            self.entered.append(name)
            await self.leave[name].wait()

    async def come(self, *names: str) -> None:
        for name in names:
            self.leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._visit(name))
            await self.settled()

    async def out(self, name: str) -> list[str]:
        """Let somebody out; who came in for it."""
        before = len(self.entered)
        self.leave[name].set()
        await self.settled()
        return self.entered[before:]

    async def cancel(self, name: str) -> None:
        self.tasks[name].cancel()
        await self.settled()

    @staticmethod
    async def settled() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def hall():
    made = Hall(each=2, together=4)
    yield made
    for task in made.tasks.values():
        task.cancel()
    await asyncio.gather(*made.tasks.values(), return_exceptions=True)


async def test_one_party_has_no_more_places_than_its_own_and_its_queue_keeps_its_order(hall):
    await hall.come("a1", "a2", "a3", "a4")
    assert hall.entered == ["a1", "a2"]
    assert await hall.out("a2") == ["a3"]
    assert await hall.out("a1") == ["a4"]


async def test_others_pass_a_party_that_has_all_its_places(hall):
    await hall.come(*(f"a{n}" for n in range(60)), "b1")
    assert hall.entered == ["a0", "a1", "b1"]


async def test_a_free_place_goes_to_the_party_that_holds_the_fewest(hall):
    await hall.come("a1", "a2", "b1", "b2", "a3", "b3", "c1")
    assert len(hall.entered) == 4
    assert await hall.out("a1") == ["c1"]


async def test_among_equals_the_one_served_longest_ago_is_next(hall):
    await hall.come("a1", "b1", "c1", "d1", "e1", "e2", "f1", "f2")
    came = [one for leaver in ("a1", "b1", "c1", "d1") for one in await hall.out(leaver)]
    assert came == ["e1", "f1", "e2", "f2"]


async def test_who_gives_up_waiting_takes_no_place_and_holds_up_nobody(hall):
    await hall.come("a1", "a2", "a3", "a4")
    await hall.cancel("a3")
    assert await hall.out("a1") == ["a4"]


async def test_a_place_given_to_somebody_who_is_cancelled_at_that_moment_goes_on_to_the_next(hall):
    await hall.come("a1", "a2", "a3", "a4")
    hall.leave["a1"].set()
    hall.tasks["a1"].cancel()
    await asyncio.sleep(0)  # a1 has left and a3 has been let in, but has not run yet
    await hall.cancel("a3")
    assert hall.entered == ["a1", "a2", "a4"]


async def test_all_places_are_free_again_when_everybody_has_left_whichever_way(hall):
    names = [f"{party}{n}" for party in "abc" for n in range(4)]
    await hall.come(*names)
    for name in names:
        await hall.cancel(name)
    hall.entered.clear()
    await hall.come("x1", "x2", "y1", "y2")
    assert hall.entered == ["x1", "x2", "y1", "y2"]
    assert not hall.turns._waiting
