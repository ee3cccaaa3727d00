"""Contracts are made by workers on Celery and Redis, whatever becomes of a worker or of Redis on the way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from connector.records import Job, OutboxMessage
from connector.services.evidence import Evidence
from connector.services.leases import LEASE
from tests import brokers, postgres
from tests.faults.workers import Mailbox, WorkerProcess, by_workers
from tests.two_party import story
from tests.two_party.conftest import empty_store, space  # noqa: F401 - fixtures
from tests.two_party.space import Party, Space, until

MANY = 6
PATIENCE = 90.0


@dataclass
class Stage:
    """A hospital whose messages workers deliver, and a research group that does its own."""

    hospital: Party
    research: Party
    broker: brokers.Broker
    mail: Mailbox
    offer: dict
    study: str
    stack: AsyncExitStack
    pids: list[str] = field(default_factory=list)

    async def worker(self, concurrency: int = 2) -> WorkerProcess:
        made = WorkerProcess(self.hospital.running.settings.directory)
        self.stack.push_async_callback(made.end)
        await made.start(concurrency)
        return made

    async def ask(self, count: int = MANY) -> None:
        asked = (story.ask(self.research, self.hospital, self.offer, self.study) for _ in range(count))
        self.pids += await asyncio.gather(*asked)

    async def concluded(self) -> None:
        """Every contract was made, nothing waits, and the log is as it was signed."""
        for pid in self.pids:
            await until(lambda pid=pid: self._final(pid), "a contract", seconds=PATIENCE)
        await until(self._empty, "an empty outbox", seconds=PATIENCE)
        verdict = await Evidence(self.hospital.context).verify()
        assert verdict.ok, verdict.what

    async def _final(self, pid: str) -> bool:
        return (await story.outcome(self.research, pid)).state == "FINALIZED"

    async def _empty(self) -> bool:
        return not await self.hospital.find(OutboxMessage, standing="waiting")

    async def sent(self) -> list[OutboxMessage]:
        return await self.hospital.find(OutboxMessage, kind="dsp.negotiation", standing="delivered")


@pytest.fixture
async def stage(space: Space) -> AsyncIterator[Stage]:  # noqa: F811
    brokers.needed()
    postgres.needed()
    broker = brokers.Broker()
    broker.found()
    hospital = await space.add("hospital", "hospital", plugs=by_workers(broker))
    research = await space.add("research", "research")
    await space.introduce()
    offer = await story.offer_dataset(hospital)
    async with AsyncExitStack() as stack:
        stack.callback(broker.remove)
        first = WorkerProcess(hospital.running.settings.directory)
        stack.push_async_callback(first.end)
        await first.start()
        study = await story.approved_study(research, hospital)
        await first.end(signal.SIGTERM)
        yield Stage(hospital, research, broker, Mailbox(research), offer, study, stack)


async def test_workers_make_the_contracts_and_two_never_send_the_same_message(stage: Stage):
    assert stage.hospital.running.hands is None
    first, second = await asyncio.gather(stage.worker(), stage.worker())
    await stage.ask(2 * MANY)
    await stage.concluded()
    sent = await stage.sent()
    assert len(sent) > 2 * MANY
    assert set(stage.mail.came.values()) == {1}
    # None twice; 0: the peer's next message came before its answer, and said that it had it.
    assert {one.attempts for one in sent} <= {0, 1}
    assert [await one.end(signal.SIGTERM) for one in (first, second)] == [0, 0]


async def test_without_a_worker_nothing_is_sent_and_the_first_that_comes_sends_it(stage: Stage):
    await stage.ask(1)
    assert [one.attempts for one in await stage.hospital.find(OutboxMessage, standing="waiting")] == [0]
    stage.broker.flush()  # what was told meanwhile is forgotten
    await stage.worker()
    await stage.concluded()


@pytest.mark.parametrize("fault", ["flushed", "restarted"])
async def test_redis_forgets_everything_in_the_middle_and_nothing_is_lost(stage: Stage, fault: str):
    await stage.worker()
    stage.mail.open.clear()
    await stage.ask()
    await until(lambda: stage.mail.came, "a delivery to be under way", seconds=PATIENCE)
    if fault == "flushed":
        stage.broker.flush()
    else:
        await asyncio.to_thread(stage.broker.stop)
        await stage.ask(1)  # nobody can be told
        await asyncio.to_thread(stage.broker.start)
    stage.mail.open.set()
    await stage.ask(1)
    await stage.concluded()


async def test_a_worker_killed_in_the_middle_of_a_delivery_loses_nothing(stage: Stage):
    worker, stage.mail.open = await stage.worker(), asyncio.Event()
    await stage.ask()
    await until(lambda: len(stage.mail.came) >= 2, "deliveries to be under way", seconds=PATIENCE)
    await worker.end()
    stage.mail.open.set()
    await stage.worker()
    await stage.concluded()


async def test_a_worker_that_stood_still_past_its_lease_settles_nothing(stage: Stage):
    sleeper, stage.mail.open = await stage.worker(), asyncio.Event()
    await stage.ask(1)
    await until(lambda: stage.mail.came, "a delivery to be under way", seconds=PATIENCE)
    taken, *_ = await stage.hospital.find(OutboxMessage, standing="waiting", order="sequence")
    assert taken.lease
    sleeper.send(signal.SIGSTOP)
    await stage.worker()

    async def taken_over() -> bool:
        [row] = await stage.hospital.find(OutboxMessage, id=taken.id)
        return row.lease not in ("", taken.lease)

    await until(taken_over, "the other worker to take it", seconds=PATIENCE)
    stage.mail.open.set()
    await stage.concluded()
    [row] = await stage.hospital.find(OutboxMessage, id=taken.id)
    assert row.lease != taken.lease
    sleeper.send(signal.SIGCONT)
    await asyncio.sleep(0)
    await stage.ask(1)
    await stage.concluded()
    assert await stage.hospital.find(OutboxMessage, id=taken.id) == [row]
    assert (row.delivered_at - row.created_at) >= LEASE


async def test_a_log_is_verified_by_a_worker(stage: Stage):
    dpo, officer = stage.hospital.services.dpo, stage.hospital.acting("dpo")
    asked = asyncio.create_task(dpo.verify(officer))
    [job] = await until(lambda: stage.hospital.find(Job, kind="log.verify"), "the job")
    assert (job.standing, job.attempts) == ("waiting", 0)
    await stage.worker()
    verdict = await asked
    assert verdict.ok, verdict.what
    [done] = await stage.hospital.find(Job, kind="log.verify")
    assert (done.standing, done.attempts) == ("done", 1)
    assert not (await dpo.verify(officer, ["no checkpoint at all"])).ok
