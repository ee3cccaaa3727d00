"""After a stop commits no later decision permits and not one byte leaves, whatever runs beside it.

Whoever asks, decides and hands over at the same time as the person stops sees either the state before the commit or
the no; nobody who begins afterwards sees a yes.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from connector.records import Agreement, Consent, HandedOver
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from tests.two_party.releases import BUNDLES, Stage, hospital_stage, many_records, opened_by_hand, pulling
from tests.two_party.space import until

STOPS = ("erase", "stop", "pause")


@pytest.fixture
async def stage(trio) -> Stage:
    made = await hospital_stage(trio, BUNDLES)
    for one in await made.source_ids():
        await made.answer(one)
    return made


class Watch:
    """Decides about one person over and over, and notes what was seen, in the order in which it began and ended."""

    def __init__(self, stage: Stage, person: str) -> None:
        self.stage, self.person = stage, person
        self.seen: list[tuple[float, float, bool]] = []
        self.stopping = asyncio.Event()

    async def run(self, seed: int) -> None:
        chance, loop = random.Random(seed), asyncio.get_running_loop()
        while not self.stopping.is_set():
            began = loop.time()
            permits = await self._decide()
            self.seen.append((began, loop.time(), permits))
            await asyncio.sleep(chance.random() / 300)

    async def _decide(self) -> bool:
        context = self.stage.holder.context

        def query(tx) -> bool:
            contract = contract_of(tx, tx.get(Agreement, self.stage.agreement), "records")
            return judge_people(tx, context, contract, [self.person], context.clock())[0].decision.permits

        return bool(await self.stage.holder.store.read(query))


async def stop(stage: Stage, one: str, kind: str) -> None:
    actor, wallet = stage.people[one].actor, stage.wallet.services.wallet
    await (wallet.pause(actor, stage.study) if kind == "pause" else wallet.withdraw(actor, stage.study, kind))


async def committed(stage: Stage, person: str) -> float:
    """The moment, by our clock, by which the stop had been committed."""

    async def look() -> bool:
        found = await stage.holder.find(Consent, person=person, current=True)
        return bool(found) and found[0].state != "given"

    await until(look, "the stop to be committed")
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("kind", STOPS)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_decision_that_begins_after_the_commit_permits(stage, kind, seed):
    one = sorted(stage.people)[seed % len(stage.people)]
    watch = Watch(stage, stage.people[one].person)
    watchers = [asyncio.create_task(watch.run(seed * 100 + number)) for number in range(6)]
    await until(lambda: len(watch.seen) > 20, "decisions to be made")
    await stop(stage, one, kind)
    after = await committed(stage, watch.person)
    await until(lambda: sum(began > after for began, _, _ in watch.seen) > 20, "decisions after the commit")
    watch.stopping.set()
    await asyncio.gather(*watchers)
    assert any(permits for began, ended, permits in watch.seen if ended < after)
    assert not [1 for began, _, permits in watch.seen if began > after and permits]


@pytest.mark.parametrize("kind", STOPS)
async def test_not_one_byte_is_handed_over_after_the_commit_however_many_pull(stage, kind):
    await many_records(stage, 400)
    one = sorted(stage.people)[0]
    person = stage.people[one].person
    opened = [await opened_by_hand(stage) for _ in range(4)]

    async def pull(pid: str, token: str) -> bytes:
        async with pulling(stage.holder, pid, token) as reader:
            return await reader.to_the_end()

    pulls = [asyncio.create_task(pull(pid, token)) for pid, token in opened]
    await until(lambda: stage.holder.find(HandedOver, person=person), "the person to leave")
    await stop(stage, one, kind)
    await committed(stage, person)
    [before] = await stage.holder.find(HandedOver, person=person)
    await asyncio.gather(*pulls)
    [after] = await stage.holder.find(HandedOver, person=person)
    assert after.last_at == before.last_at
    [version] = await stage.holder.find(Consent, person=person, current=True)
    assert after.last_at <= version.committed_at


async def test_stops_goings_on_and_decisions_in_any_order_end_with_what_was_said_last(stage):
    one = sorted(stage.people)[0]
    actor, wallet = stage.people[one].actor, stage.wallet.services.wallet
    watch = Watch(stage, stage.people[one].person)
    watchers = [asyncio.create_task(watch.run(number)) for number in range(4)]
    for _ in range(4):
        await wallet.pause(actor, stage.study)
        await wallet.resume(actor, stage.study)
    await wallet.withdraw(actor, stage.study, "erase")
    await stage.wallet.quiet()
    after = asyncio.get_running_loop().time()
    await until(lambda: sum(began > after for began, _, _ in watch.seen) > 20, "decisions after the last word")
    watch.stopping.set()
    await asyncio.gather(*watchers)
    assert not [1 for began, _, permits in watch.seen if began > after and permits]
    versions = await stage.holder.find(Consent, person=watch.person, order="version")
    assert [one.state for one in versions] == ["given", *["suspended", "given"] * 4, "withdrawn"]
