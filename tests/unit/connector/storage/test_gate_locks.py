"""The release gate across processes: two gates on one database behave as one gate in one process."""

from __future__ import annotations

import asyncio
import random
import time

import psycopg
import pytest

from connector.problems import Problem
from connector.services.gate import EVERY, ReleaseGate, under
from connector.storage.gate_locks import GateLocks

ANN, BOB = ("ann", "study"), ("bob", "study")


@pytest.fixture
def locks(url):
    made = [GateLocks(url), GateLocks(url)]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def gates(locks):
    """Two serving processes of one participant."""
    return [ReleaseGate(one) for one in locks]


async def test_a_stop_waits_for_a_hand_over_of_another_process(gates):
    order, begun = [], asyncio.Event()

    async def handing_over():
        async with gates[0].hand_over([ANN, under("a")]) as allowed:
            assert allowed == {ANN, under("a")}
            begun.set()
            await asyncio.sleep(0.05)
            order.append("handed over")

    task = asyncio.create_task(handing_over())
    await begun.wait()
    async with gates[1].closing([ANN]) as quiet:
        order.append("committed")
    await task
    assert quiet
    assert order == ["handed over", "committed"]


@pytest.mark.parametrize("stopped", [ANN, ("ann", EVERY), under("a")], ids=["consent", "person", "contract"])
async def test_while_a_stop_is_taken_no_process_hands_over(gates, stopped):
    async with gates[1].closing([stopped]) as quiet:
        assert quiet
        for gate in gates:
            async with gate.hand_over([ANN, under("a")]) as allowed:
                assert stopped not in allowed
                assert ANN not in allowed or stopped == under("a")
    async with gates[0].hand_over([ANN, under("a")]) as allowed:
        assert allowed == {ANN, under("a")}


async def test_a_hand_over_that_does_not_end_makes_a_stop_elsewhere_say_so(gates):
    async with gates[0].hand_over([ANN]), gates[1].closing([ANN], patience=0.05) as quiet:
        assert not quiet
    async with gates[1].closing([ANN]) as quiet:
        assert quiet


async def test_a_stop_that_waits_goes_before_hand_overs_that_come_later(gates):
    first = gates[0].hand_over([ANN])
    await first.__aenter__()
    closing = gates[1].closing([ANN])
    waiting = asyncio.create_task(closing.__aenter__())
    await asyncio.to_thread(_until_somebody_waits, gates[0]._shared._url)
    async with gates[0].hand_over([ANN]) as allowed:
        late = allowed
    await first.__aexit__(None, None, None)
    assert await waiting
    await closing.__aexit__(None, None, None)
    assert late == set()


def _until_somebody_waits(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2000):
            if connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone():
                return
            time.sleep(0.005)
    pytest.fail("nobody waits")


async def test_a_process_that_died_holds_nobody_up(gates, locks):
    async with gates[0].hand_over([ANN]):
        pid = locks[0]._session.info.backend_pid
        with psycopg.connect(locks[0]._url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        async with gates[1].closing([ANN]) as quiet:
            assert quiet
    async with gates[0].hand_over([ANN]) as allowed:
        assert allowed == {ANN}


async def test_a_hand_over_given_up_while_it_was_asking_leaves_nothing_behind(gates):
    for _ in range(30):
        task = asyncio.create_task(_pass(gates[0]))
        await asyncio.sleep(random.random() / 500)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with gates[1].closing([ANN], patience=1) as quiet:
        assert quiet


async def _pass(gate: ReleaseGate) -> None:
    async with gate.hand_over([ANN]):
        await asyncio.sleep(0.001)


async def test_without_the_server_nothing_is_handed_over():
    gate = ReleaseGate(locks := GateLocks("postgresql://somebody@127.0.0.1:1/nothing"))
    with pytest.raises(Problem):
        async with gate.hand_over([ANN]):
            pytest.fail("it was let through")
    with pytest.raises(Problem):
        async with gate.closing([ANN]):
            pytest.fail("it was closed")
    locks.close()


async def test_nothing_is_handed_over_by_any_process_while_any_is_closed(gates):
    """Random hand-overs and stops in both: never is somebody inside whom a stop has closed."""
    inside: list[tuple[str, str]] = []
    shut: list[tuple[str, str]] = []
    people = [(f"p{n}", "s") for n in range(4)]
    chance = random.Random(7)

    async def hand_over(gate):
        async with gate.hand_over(chance.sample(people, 2)) as allowed:
            assert not set(shut) & allowed
            inside.extend(allowed)
            await asyncio.sleep(chance.random() / 300)
            assert not set(shut) & allowed
            for one in allowed:
                inside.remove(one)

    async def stop(gate):
        keys = chance.sample(people, 2)
        async with gate.closing(keys) as quiet:
            if quiet:
                assert not set(keys) & set(inside)
                shut.extend(keys)
                await asyncio.sleep(chance.random() / 300)
                for one in keys:
                    shut.remove(one)

    await asyncio.gather(*(chance.choice((hand_over, stop))(chance.choice(gates)) for _ in range(120)))
    assert not inside
    assert not shut
