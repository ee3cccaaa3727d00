"""A stop in all studies closes the gate for the person everywhere, and waits for what is under way."""

from __future__ import annotations

import asyncio

import pytest

from connector.problems import Problem
from connector.services.gate import EVERY, ReleaseGate, closed_for


async def test_while_it_is_closed_nothing_of_the_person_is_handed_over_in_any_study():
    gate = ReleaseGate()
    async with closed_for(gate, ["ann"]):
        assert not gate.is_open(("ann", "one"))
        assert not gate.is_open(("ann", "another"))
        assert gate.is_open(("ben", "one"))
        async with gate.hand_over([("ann", "one"), ("ben", "one")]) as allowed:
            assert allowed == {("ben", "one")}
    assert gate.is_open(("ann", "one"))


async def test_it_waits_for_a_hand_over_under_way_in_whichever_study():
    gate = ReleaseGate()
    order = []

    async def stop():
        async with closed_for(gate, ["ann"]):
            order.append("stopped")

    async with gate.hand_over([("ann", "one"), ("ann", "another")]):
        task = asyncio.create_task(stop())
        await asyncio.sleep(0.05)
        order.append("handed over")
    await task
    assert order == ["handed over", "stopped"]


async def test_a_hand_over_that_does_not_end_lets_nothing_be_committed():
    gate = ReleaseGate()
    patiently = gate.closing
    gate.closing = lambda keys: patiently(keys, patience=0.05)
    async with gate.hand_over([("ann", "one")]), gate.closing([("ann", EVERY)]) as quiet:
        assert not quiet
    async with gate.hand_over([("ann", "one")]):
        with pytest.raises(Problem) as refused:
            await commit(gate)
    assert refused.value.status == 503


async def commit(gate):
    async with closed_for(gate, ["ann"]):
        raise AssertionError("committed while bytes were under way")


async def test_afterwards_the_gate_remembers_nobody():
    gate = ReleaseGate()
    async with gate.hand_over([("ann", "one"), ("ann", EVERY)]):
        pass
    async with closed_for(gate, ["ann", "ben"]):
        pass
    assert not gate._closed
    assert not gate._under_way
