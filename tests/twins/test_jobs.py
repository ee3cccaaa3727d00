"""What asking for a job promises (`connector.services.jobs`), whoever does it.

The embedded runner on both stores, and workers that are told by Celery on a real Redis.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.bells import LocalBells
from connector.jobs import posting, runner
from connector.jobs.broker import DELIVER, DO, answering, application, prefix_of, queue_of
from connector.jobs.consuming import Consuming
from connector.jobs.posting import Posting, posting_to
from connector.jobs.runner import LOST, TRIES, JobRunner
from connector.problems import Problem, conflict, unavailable
from connector.records import Job, OutboxMessage
from connector.services.delivery import Deliveries
from connector.services.jobs import Jobs, ended_bell
from connector.services.leases import LEASE
from connector.services.tally import Tally
from connector.services.tracing import NO_TRACES
from connector.storage import SqliteStore
from connector.storage.postgres import PostgresStore
from tests import brokers, postgres
from tests.two_party.space import until

WAYS = ("embedded, sqlite", "embedded, postgresql", "celery, postgresql")
KIND = "count"


class Process:
    """As much of a process of a participant as jobs need. `works` whether it does jobs, or only asks for them."""

    def __init__(self, way: str, place: Path, stack: AsyncExitStack, *, works: bool) -> None:
        self.id = f"urn:concord:{place.name}"
        self.celery, self.stack, self.works = way.startswith("celery"), stack, works
        self.bells = LocalBells(asyncio.get_running_loop())
        self.store: Any = (
            SqliteStore(place / "store.db", self.bells.ring_from_thread)
            if way.endswith("sqlite")
            else PostgresStore(postgres.needed().belonging_to(place), self.bells.ring_from_thread)
        )
        self.jobs, self.late = Jobs(self.clock), timedelta()
        self.done: Counter[str] = Counter()
        self.context: Any = SimpleNamespace(
            store=self.store, bells=self.bells, clock=self.clock, jobs=self.jobs, tally=Tally(),
            deliveries=Deliveries(self.clock), traces=NO_TRACES,
        )  # fmt: skip
        self.jobs.on(KIND, self.work)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.late

    async def start(self) -> None:
        shared = isinstance(self.store, PostgresStore)
        bell = "near/looked" if self.celery else "jobs"
        self.runner = JobRunner(self.context, 4, shared=shared, bell=bell)
        if self.celery:
            self.jobs.posted = True
            url = brokers.needed().url
            self._run(Posting(self.context, posting_to(self.id, url), lanes=False).run())
            if self.works:
                consuming = Consuming(self.id, url, self._nothing, self.runner.take, 4)
                consuming.start()
                self.stack.push_async_callback(consuming.close)
        if self.works:
            self._run(self.runner.run())
        await asyncio.sleep(0)

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.stack.push_async_callback(end)

    async def _nothing(self, _lane: str) -> None:
        """No letters here."""

    async def work(self, job: Job) -> dict[str, Any]:
        self.done[job.id] += 1
        return {"n": (job.argument or {})["n"]}

    async def ask(self, n: int = 1, **more: Any) -> str:
        return await self.store.write(lambda tx: self.jobs.ask(tx, KIND, "about", {"n": n}, **more))

    async def job(self, id: str) -> Job:
        found: Job = await self.store.read(lambda tx: tx.get(Job, id))
        return found

    async def ended(self, id: str) -> Job:
        async def look() -> Job | None:
            found = await self.job(id)
            return found if found.standing != "waiting" else None

        ended: Job = await until(look, "the job to end")
        return ended


@pytest.fixture(params=WAYS)
async def processes(request, tmp_path_factory):
    """Makes processes of one participant."""
    place = tmp_path_factory.mktemp("jobs")
    if request.param.startswith("celery"):
        brokers.needed()
    async with AsyncExitStack() as stack:
        made: list[Process] = []

        def make(*, works: bool = True) -> Process:
            if request.param.endswith("sqlite") and made:
                made.append(made[0])  # one process only, which asks and works
            else:
                made.append(Process(request.param, place, stack, works=works))
            return made[-1]

        stack.callback(lambda: [one.store.close() for one in dict.fromkeys(made)])
        yield make


@pytest.fixture
async def process(processes) -> Process:
    return processes()


async def test_what_is_asked_for_is_done_once_and_its_outcome_kept(process: Process):
    await process.start()
    id = await process.ask(7)
    job = await process.ended(id)
    assert (job.standing, job.outcome, job.error, job.lease, job.attempts) == ("done", {"n": 7}, "", "", 1)
    assert job.ended_at is not None
    assert process.done == {id: 1}


async def test_the_bell_of_a_job_rings_when_it_has_ended(process: Process):
    await process.start()
    bell = ended_bell("one")
    seen = process.bells.count(bell)
    await process.ask(id="one")
    assert await process.bells.wait(bell, timeout=20, seen=seen)
    assert (await process.job("one")).standing == "done"


async def test_what_was_not_committed_is_not_done(process: Process):
    await process.start()

    def command(tx):
        process.jobs.ask(tx, KIND, "about", {"n": 1}, id="never")
        raise conflict("no")

    with pytest.raises(Problem):
        await process.store.write(command)
    id = await process.ask()
    await process.ended(id)
    assert process.done == {id: 1}


async def test_a_job_asked_for_twice_under_one_id_is_done_once_and_a_failed_one_again(process: Process):
    await process.start()
    for _ in range(2):
        await process.ask(id="same")
    await process.ended("same")
    await process.ask(id="same")
    await process.store.write(lambda tx: tx.alter(Job, {"standing": "failed"}, id="same"))
    await process.ask(id="same")
    await until(lambda: process.done["same"] == 2, "it to be done anew")
    assert (await process.ended("same")).standing == "done"


async def test_a_no_is_final_and_told_by_its_code(process: Process):
    async def work(job: Job) -> dict[str, Any]:
        process.done[job.id] += 1
        raise conflict("it cannot be", "some-code")

    process.jobs.on(KIND, work)
    await process.start()
    job = await process.ended(await process.ask())
    assert (job.standing, job.error, job.outcome) == ("failed", "some-code", None)
    assert process.done == {job.id: 1}


async def test_what_fails_for_now_is_tried_again(process: Process):
    async def work(job: Job) -> dict[str, Any]:
        process.done[job.id] += 1
        if process.done[job.id] == 1:
            raise unavailable("not now")
        if process.done[job.id] == 2:
            raise ValueError("a fault of ours")
        return {}

    process.jobs.on(KIND, work)
    await process.start()
    job = await process.ended(await process.ask())
    assert (job.standing, job.attempts) == ("done", 3)


async def test_a_job_that_is_never_done_is_given_up(process: Process):
    await process.start()
    exhausted = Job(id="poison", kind=KIND, argument={"n": 1}, attempts=TRIES, due_at=process.clock())
    await process.store.write(lambda tx: [tx.add(exhausted), tx.ring("jobs")])
    job = await process.ended("poison")
    assert (job.standing, job.error) == ("failed", LOST)
    assert not process.done


async def test_a_paused_job_waits_for_its_time(process: Process):
    await process.start()
    id = await process.ask(pause=0.4)
    job = await process.ended(id)
    assert job.ended_at >= job.due_at


async def test_nobody_takes_what_nobody_here_does(process: Process):
    await process.start()
    await process.store.write(lambda tx: process.jobs.ask(tx, "another kind", "about", {}, id="foreign"))
    await process.ended(await process.ask())
    assert (await process.job("foreign")).attempts == 0


async def test_several_processes_share_the_work_and_do_each_job_once(processes):
    asking, other = processes(), processes()
    for one in dict.fromkeys((asking, other)):
        await one.start()
    ids = await asyncio.gather(*(asking.ask(n) for n in range(40)))
    for id in ids:
        assert (await asking.ended(id)).standing == "done"
    done = asking.done if asking is other else asking.done + other.done
    assert done == Counter(dict.fromkeys(ids, 1))


async def test_what_somebody_died_with_is_taken_after_its_lease_and_not_before(process: Process):
    now = process.clock()
    dead = Job(id="dead", kind=KIND, argument={"n": 1}, attempts=1, due_at=now, lease="gone", leased_until=now + LEASE)
    await process.store.write(lambda tx: tx.add(dead))
    await process.start()
    await process.ended(await process.ask())
    assert (await process.job("dead")).lease == "gone"
    process.late = 2 * LEASE
    process.bells.ring(process.runner._bell)
    assert (await process.ended("dead")).attempts == 2


async def test_a_lease_written_by_a_clock_that_was_set_back_since_holds_nobody_off(process: Process):
    now = process.clock()
    far = Job(id="far", kind=KIND, argument={"n": 1}, due_at=now, lease="gone", leased_until=now + timedelta(hours=1))
    await process.store.write(lambda tx: tx.add(far))
    await process.start()
    assert (await process.ended("far")).standing == "done"


async def test_a_job_asked_for_before_the_clock_was_set_back_is_done_at_once(process: Process):
    process.late = timedelta(hours=1)
    id = await process.ask()
    process.late = timedelta()
    await process.start()
    assert (await process.ended(id)).standing == "done"


async def test_a_hint_with_nothing_to_do_in_it_takes_no_turn_to_write(process: Process, monkeypatch):
    later = await process.ask(pause=60)
    written, write = [], process.store.write
    monkeypatch.setattr(process.store, "write", lambda command: written.append(command) or write(command))
    hands = JobRunner(process.context, 4, shared=True)
    for id in (later, "nobody's"):
        await hands.take(id)
    assert not written
    process.late = timedelta(minutes=2)
    await hands.take(later)
    assert written
    assert (await process.job(later)).standing == "done"


async def test_whoever_comes_back_late_settles_nothing(process: Process):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(_job: Job) -> dict[str, Any]:
        entered.set()
        await leave.wait()
        return {"from": "the late one"}

    process.jobs.on(KIND, work)
    await process.start()
    id = await process.ask()
    await entered.wait()
    theirs = {"lease": "another", "leased_until": process.clock() + LEASE}
    await process.store.write(lambda tx: tx.alter(Job, theirs, id=id))
    leave.set()
    await until(lambda: id not in process.runner._running, "it to have tried")
    job = await process.job(id)
    assert (job.standing, job.lease, job.outcome) == ("waiting", "another", None)


async def test_a_process_that_ends_lets_others_begin_at_once(processes):
    first = processes()
    entered = asyncio.Event()

    async def never(_job: Job) -> dict[str, Any]:
        entered.set()
        await asyncio.Event().wait()
        return {}

    first.jobs.on(KIND, never)
    running = asyncio.create_task(JobRunner(first.context, 4, shared=True).run())
    await first.ask(id="left")
    first.bells.ring("jobs")
    await entered.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    left = await first.job("left")
    assert (left.standing, left.lease, left.attempts) == ("waiting", "", 0)


async def test_the_broker_tells_of_jobs_and_of_lanes_without_a_look_at_the_table(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(runner, "SWEEP", 3600.0)
    place = tmp_path_factory.mktemp("jobs")
    url, lanes = brokers.needed().url, asyncio.Queue[str]()
    async with AsyncExitStack() as stack:
        process = Process(WAYS[2], place, stack, works=False)
        stack.callback(process.store.close)
        consuming = Consuming(process.id, url, lanes.put, JobRunner(process.context, 4, shared=True).take, 4)
        await process.start()
        consuming.start()
        stack.push_async_callback(consuming.close)
        for n in range(3):
            assert (await process.ended(await process.ask(n))).outcome == {"n": n}
            await asyncio.to_thread(posting_to(process.id, url)(), DELIVER, f"lane {n}")
            async with asyncio.timeout(20):
                assert await lanes.get() == f"lane {n}"
        async with asyncio.timeout(20):
            assert await asyncio.to_thread(answering, process.id, url, 10.0)


@pytest.mark.parametrize("fault", ["flush", "away"])
async def test_work_goes_on_whatever_becomes_of_redis(tmp_path_factory, fault: str, monkeypatch):
    broker = brokers.Broker()
    brokers.needed()
    broker.found()
    monkeypatch.setattr(brokers, "needed", lambda: broker)
    place = tmp_path_factory.mktemp("jobs")
    async with AsyncExitStack() as stack:
        stack.callback(broker.remove)
        process = Process(WAYS[2], place, stack, works=True)
        stack.callback(process.store.close)
        await process.start()
        await process.ended(await process.ask())
        await asyncio.to_thread(broker.flush if fault == "flush" else broker.stop)
        for _ in range(3):
            assert (await process.ended(await process.ask())).standing == "done"
        if fault == "away":
            await asyncio.to_thread(broker.start)
        monkeypatch.setattr(runner, "SWEEP", 3600.0)  # from here on only what the broker says
        monkeypatch.setattr(posting, "_REST", 0.0)
        process.bells.ring(process.runner._bell)

        async def told() -> bool:
            id = await process.ask()
            await asyncio.sleep(0.5)
            return (await process.job(id)).standing == "done"

        await until(told, "the broker to tell again", seconds=60)


async def test_what_redis_holds_names_jobs_and_nothing_else(tmp_path_factory):
    broker = brokers.needed()
    place = tmp_path_factory.mktemp("jobs")
    async with AsyncExitStack() as stack:
        process = Process(WAYS[2], place, stack, works=False)
        stack.callback(process.store.close)
        await process.start()
        argument = {"n": 1, "secret": "a value of a record"}
        await process.store.write(lambda tx: process.jobs.ask(tx, KIND, "urn:person:7", argument, id="the-job"))
        prefix = prefix_of(process.id)

        def said() -> bytes:
            with broker.client() as client:
                kept = [key for key in client.keys(f"{prefix}*") if client.type(key) == b"list"]
                return b"".join(client.lindex(key, 0) for key in kept)

        await until(said, "the message")
        message = said()
        assert b"concord.do" in message
        assert b"secret" not in message
        assert b"urn:person" not in message
        assert process.id.encode() not in message
        assert all(key.startswith("concord:") for key in broker.held())


async def test_what_redis_holds_of_a_letter_names_no_lane(tmp_path_factory):
    """A lane may be that of one person's link."""
    place = tmp_path_factory.mktemp("jobs")
    async with AsyncExitStack() as stack:
        process = Process(WAYS[2], place, stack, works=False)
        stack.callback(process.store.close)
        deliveries, broker = process.context.deliveries, brokers.needed()
        deliveries.departures.posted = True
        process._run(Posting(process.context, posting_to(process.id, broker.url), lanes=True).run())
        letter = {"recipient": "r", "url": "u", "kind": "k", "body": {}, "about": "x", "lane": "link:urn:person:7"}

        def told() -> bytes:
            with broker.client() as client:
                queue = f"{prefix_of(process.id)}{queue_of(process.id, DELIVER)}"
                return b"".join(base64.b64decode(json.loads(one)["body"]) for one in client.lrange(queue, 0, -1))

        async def sent_and_told() -> bool:  # whoever tells begins to listen some time
            await process.store.write(lambda tx: deliveries.send(tx, id="the-letter", **letter))
            await process.store.write(lambda tx: tx.remove(OutboxMessage, id="the-letter"))
            return bool(told())

        await until(sent_and_told, "the message")
        assert b"the-letter" in told()
        assert b"urn:person" not in told()


async def test_whoever_can_write_into_redis_has_no_say_over_a_worker(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(runner, "SWEEP", 3600.0)  # only what the broker says
    place = tmp_path_factory.mktemp("jobs")
    async with AsyncExitStack() as stack:
        process = Process(WAYS[2], place, stack, works=True)
        stack.callback(process.store.close)
        await process.start()
        url = brokers.needed().url
        await until(lambda: asyncio.to_thread(answering, process.id, url), "the worker to answer")
        made = application(process.id, url)
        stack.callback(made.close)

        def order(command: str, **arguments: Any) -> str:
            return repr(made.control.broadcast(command, arguments=arguments, reply=True, timeout=1.0, limit=1))

        for command, arguments in (("cancel_consumer", {"queue": queue_of(process.id, DO)}), ("conf", {})):
            said = await asyncio.to_thread(order, command, **arguments)
            assert "'ok'" not in said
            assert "broker_url" not in said
        assert (await process.ended(await process.ask())).standing == "done"
        assert await asyncio.to_thread(answering, process.id, url)


def test_a_lease_changes_hands_only_by_its_end():
    from connector.services.leases import is_free

    now = datetime.now(UTC)
    held = Job(id="a", lease="me", leased_until=now + LEASE)
    assert not is_free(held, now)
    assert is_free(held, now, "me")
    assert is_free(held, now + LEASE)
    assert is_free(replace(held, leased_until=now + timedelta(hours=1)), now)
    assert is_free(replace(held, lease=""), now)
