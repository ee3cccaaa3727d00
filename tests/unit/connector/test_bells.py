"""A bell that rings wakes everybody who waits, and nobody who looked before it rang sleeps through it."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from connector.bells import LocalBells


@pytest.fixture
async def bells():
    return LocalBells(asyncio.get_running_loop())


async def test_a_ring_wakes_everybody_who_waits_for_that_bell_and_nobody_else(bells):
    waiting = [asyncio.create_task(bells.wait("a")) for _ in range(3)]
    other = asyncio.create_task(bells.wait("b"))
    await asyncio.sleep(0)
    bells.ring("a")
    assert await asyncio.gather(*waiting) == [True] * 3
    assert not other.done()
    other.cancel()


async def test_waiting_ends_when_the_time_is_up(bells):
    assert await bells.wait("a", timeout=0.001) is False


async def test_a_ring_between_looking_and_waiting_is_not_lost(bells):
    seen = bells.count("a")
    bells.ring("a")
    assert await bells.wait("a", timeout=5, seen=seen) is True


async def test_a_bell_never_heard_of_before_is_not_lost_either(bells):
    seen = bells.count("new")
    bells.ring_from_thread({"new"})
    assert await bells.wait("new", timeout=5, seen=seen) is True


async def test_without_having_looked_one_waits_for_the_next_ring_only(bells):
    bells.ring("a")
    assert await bells.wait("a", timeout=0.001) is False


async def test_rings_from_other_threads_arrive(bells):
    seen = bells.count("a")
    threads = [threading.Thread(target=bells.ring_from_thread, args=({"a", "b"},)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert await bells.wait("a", timeout=5, seen=seen)
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("seed", range(8))
async def test_a_worker_that_looks_and_waits_misses_nothing(bells, seed):
    """The pattern of every job: count, look, wait. Whatever is added before a ring is found without a timeout."""
    chance, todo, done = random.Random(seed), [], []

    async def worker():
        while len(done) < 200:
            seen = bells.count("work")
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)  # looking takes a while
            done.extend(todo)
            todo.clear()
            if len(done) < 200:
                await bells.wait("work", seen=seen)

    async def producer():
        for number in range(200):
            todo.append(number)
            bells.ring("work")
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(worker(), producer())
    assert done == list(range(200))


async def test_a_cancelled_wait_leaves_nothing_behind(bells):
    task = asyncio.create_task(bells.wait("a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bells.ring("a")
    assert not bells._waiting


@pytest.mark.parametrize("limit", [None, 60])
@pytest.mark.parametrize("order", [["ring", "cancel"], ["cancel", "ring"]])
async def test_a_cancellation_that_meets_a_ring_is_not_lost(bells, limit, order):
    """Else a worker that is told to end goes on waiting for ever, and the process does not stop."""
    task = asyncio.create_task(bells.wait("a", timeout=limit))
    await asyncio.sleep(0)
    for act in order:
        if act == "ring":
            bells.ring("a")
        else:
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_bells_that_ring_for_nobody_take_no_room(bells):
    """Every process has a bell of its own: a connector that runs for a year rings millions of different ones."""
    for number in range(1000):
        bells.ring(f"about:{number}")
        assert await bells.wait(f"gone:{number}", timeout=0) is False
    assert len(bells._waiting) + len(bells._rung) == 0


def test_a_ring_after_the_loop_has_ended_is_nothing():
    loop = asyncio.new_event_loop()
    bells = LocalBells(loop)
    loop.close()
    bells.ring_from_thread({"a"})
