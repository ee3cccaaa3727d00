"""From the moment a stop may commit, nothing about that person is being handed over, whatever the order of things."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.services.gate import ReleaseGate

ANN, BOB, CAT = ("ann", "study"), ("bob", "study"), ("cat", "study")
PEOPLE = (ANN, BOB, CAT)


async def test_an_open_gate_lets_everybody_through():
    gate = ReleaseGate()
    async with gate.hand_over([ANN, BOB]) as allowed:
        assert allowed == {ANN, BOB}


async def test_while_a_stop_is_taken_that_person_is_left_out_and_others_pass():
    gate = ReleaseGate()
    async with gate.closing([ANN]) as quiet:
        assert quiet
        assert not gate.is_open(ANN)
        async with gate.hand_over([ANN, BOB]) as allowed:
            assert allowed == {BOB}
    assert gate.is_open(ANN)


async def test_another_study_of_the_same_person_is_another_matter():
    gate = ReleaseGate()
    async with gate.closing([("ann", "other")]), gate.hand_over([ANN]) as allowed:
        assert allowed == {ANN}


async def test_a_stop_waits_for_the_hand_over_under_way():
    gate, order, begun = ReleaseGate(), [], asyncio.Event()

    async def handing_over():
        async with gate.hand_over([ANN]):
            begun.set()
            await asyncio.sleep(0.02)
            order.append("handed over")

    task = asyncio.create_task(handing_over())
    await begun.wait()
    async with gate.closing([ANN]) as quiet:
        order.append("committed")
    assert quiet
    assert order == ["handed over", "committed"]
    await task


async def test_a_hand_over_that_does_not_end_makes_the_stop_say_so_and_the_gate_opens_again():
    gate = ReleaseGate()
    async with gate.hand_over([ANN]):
        async with gate.closing([ANN], patience=0.01) as quiet:
            assert quiet is False
            assert not gate.is_open(ANN)
        assert gate.is_open(ANN)
    async with gate.closing([ANN], patience=0.01) as quiet:
        assert quiet


async def test_a_failing_commit_opens_the_gate_again():
    gate = ReleaseGate()
    with pytest.raises(RuntimeError):
        async with gate.closing([ANN]):
            raise RuntimeError
    assert gate.is_open(ANN)


async def test_two_stops_of_one_person_keep_the_gate_closed_until_both_are_through():
    gate = ReleaseGate()
    async with gate.closing([ANN]):
        async with gate.closing([ANN]):
            pass
        assert not gate.is_open(ANN)
    assert gate.is_open(ANN)


async def test_a_hand_over_that_fails_or_is_given_up_does_not_hold_up_a_stop():
    gate = ReleaseGate()
    with pytest.raises(RuntimeError):
        async with gate.hand_over([ANN]):
            raise RuntimeError

    async def endless():
        async with gate.hand_over([ANN]):
            await asyncio.sleep(3600)

    tasks = [asyncio.create_task(endless()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
        task.cancel()
    async with gate.closing([ANN], patience=1) as quiet:
        assert quiet
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_hand_overs_given_up_twice_at_once_still_wake_the_stop():
    """A cancelled hand-over has no second chance to say that it ended: saying so must not wait for anything."""
    gate = ReleaseGate()

    async def endless():
        async with gate.hand_over([ANN]):
            await asyncio.sleep(3600)

    tasks = [asyncio.create_task(endless()) for _ in range(3)]
    await asyncio.sleep(0)
    stop = asyncio.create_task(_closed(gate))
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    assert await stop
    await asyncio.gather(*tasks, return_exceptions=True)


async def _closed(gate):
    async with gate.closing([ANN], patience=1) as quiet:
        return quiet


async def test_a_stop_given_up_while_waiting_opens_the_gate_again():
    gate = ReleaseGate()
    async with gate.hand_over([ANN]):
        stop = asyncio.create_task(_closed(gate))
        await asyncio.sleep(0)
        assert not gate.is_open(ANN)
        stop.cancel()
        await asyncio.gather(stop, return_exceptions=True)
        assert gate.is_open(ANN)


class Watch:
    """Runs hand-overs and stops at random moments and notes every breach of the promise."""

    def __init__(self, seed: int) -> None:
        self.gate, self.chance = ReleaseGate(), random.Random(seed)
        self.moving: list[set] = []
        self.stopped: list = []
        self.breaches: list[str] = []

    async def pause(self) -> None:
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)

    async def hand_over(self, people) -> None:
        await self.pause()
        async with self.gate.hand_over(people) as allowed:
            if allowed & set(self.stopped):
                self.breaches.append("begun for somebody whose stop is being committed")
            self.moving.append(allowed)
            try:
                await self.pause()
            finally:
                self.moving.remove(allowed)

    async def stop(self, people) -> None:
        await self.pause()
        async with self.gate.closing(people) as quiet:
            if not quiet or any(set(people) & moving for moving in self.moving):
                self.breaches.append("committed while a hand-over was under way")
            self.stopped.extend(people)
            await self.pause()
            for person in people:
                self.stopped.remove(person)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    acts=st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)), max_size=30
    ),
    given_up=st.sets(st.integers(0, 30), max_size=5),
)
def test_no_schedule_lets_a_hand_over_and_a_commit_of_the_same_person_overlap(seed, acts, given_up):
    async def play():
        watch = Watch(seed)
        tasks = [asyncio.create_task((watch.stop if stop else watch.hand_over)(people)) for stop, people in acts]
        for number in given_up:
            if number < len(tasks):
                await watch.pause()
                if not acts[number][0]:
                    tasks[number].cancel()
        outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
        return watch

    watch = asyncio.run(play())
    assert not watch.breaches
    assert not watch.gate._closed
    assert not watch.gate._under_way
