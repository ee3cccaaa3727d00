"""Deadlines: the job sleeps exactly until something falls due, does it once, and outlives a fault of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from connector.bells import LocalBells
from connector.jobs.deadlines import OVERDUE, Deadlines
from connector.problems import conflict
from connector.records import LogEntry, Negotiation, OutboxMessage, PersonAsked
from connector.services.contracting.questions import BELL, ask_people
from connector.storage import SqliteStore
from tests.two_party.space import until

START = datetime(2027, 1, 1, tzinfo=UTC)


class Moves:
    """What negotiations are asked to do."""

    def __init__(self, store) -> None:
        self.store = store
        self.made: list[tuple[str, object]] = []
        self.fault: Exception | None = None
        self.meanwhile = None

    async def move(self, pid, move, by=None, *, first=None):
        if self.fault is not None:
            raise self.fault
        if self.meanwhile is not None:
            await self.meanwhile()

        def command(tx):
            first(tx, tx.get(Negotiation, pid))
            tx.alter(Negotiation, {"parting": {"rank": 3}}, pid=pid)

        await self.store.write(command)
        self.made.append((pid, move))


class Office:
    """A store, a clock that a test sets, and the job."""

    def __init__(self, path) -> None:
        self.now = START
        self.bells = LocalBells(asyncio.get_running_loop())
        self.store = SqliteStore(path, self.bells.ring_from_thread)
        self.context = SimpleNamespace(store=self.store, bells=self.bells, clock=lambda: self.now, log=self.log)
        self.moves = Moves(self.store)
        self.job = Deadlines(self.context, self.moves)
        self.logged: list[str] = []

    def log(self, tx, kind, subject, body):
        self.logged.append(kind)

    async def asked(self, pid: str, days: int) -> None:
        process = Negotiation(
            pid=pid, role="provider", counterparty="urn:c", their_pid="urn:t", state="REQUESTED",
            steps={"steps": [["REQUESTED", START.isoformat(), "consumer"]]},
        )  # fmt: skip
        await self.store.write(lambda tx: tx.add(process))
        await self.store.write(lambda tx: ask_people(tx, self.context, process, 1, days))

    async def at(self, **passed) -> float | None:
        self.now = START + timedelta(**passed)
        return await self.job.catch_up()

    async def find(self, kind, **conditions):
        return await self.store.read(lambda tx: tx.find(kind, **conditions))


@pytest.fixture
async def office(tmp_path):
    made = Office(tmp_path / "store.db")
    yield made
    await asyncio.get_running_loop().run_in_executor(None, made.store.close)


async def test_nothing_asked_means_no_next_moment(office):
    assert await office.job.catch_up() is None


async def test_it_sleeps_until_half_time_then_until_the_end(office):
    await office.asked("a", 10)
    assert await office.at() == timedelta(days=5).total_seconds()
    assert await office.at(days=5) == timedelta(days=5).total_seconds()
    assert office.logged.count("negotiation.reminded") == 1
    assert await office.at(days=10) is None
    assert office.moves.made == [("a", OVERDUE)]
    assert not await office.find(PersonAsked)


async def test_the_nearest_of_several_decides(office):
    await office.asked("a", 10)
    await office.asked("b", 4)
    assert await office.at() == timedelta(days=2).total_seconds()
    assert await office.at(days=2) == timedelta(days=2).total_seconds()
    assert [one.pid for one in await office.find(Negotiation) if one.reminded_at] == ["b"]


async def test_a_process_that_was_away_past_the_end_ends_without_a_late_reminder(office):
    await office.asked("a", 10)
    await office.at(days=30)
    assert office.moves.made == [("a", OVERDUE)]
    assert "negotiation.reminded" not in office.logged


async def test_what_has_moved_on_is_neither_reminded_nor_ended(office):
    await office.asked("a", 10)
    await office.store.write(lambda tx: tx.alter(Negotiation, {"state": "AGREED"}, pid="a"))
    assert await office.at(days=11) is None
    assert office.moves.made == []
    assert not await office.find(PersonAsked)


async def test_an_answer_under_way_counts_as_one(office):
    await office.asked("a", 10)
    sent = OutboxMessage(id="m", lane="l", kind="dsp.negotiation", about="a", standing="waiting")
    await office.store.write(lambda tx: tx.add(sent))
    assert await office.at(days=11) is None
    assert office.moves.made == []


async def test_an_end_that_could_not_be_written_is_tried_again(office):
    await office.asked("a", 10)
    office.moves.fault = OSError("no space")
    with pytest.raises(OSError, match="no space"):
        await office.at(days=11)
    office.moves.fault = None
    await office.job.catch_up()
    assert office.moves.made == [("a", OVERDUE)]


async def test_somebody_who_answers_at_the_last_moment_wins(office):
    await office.asked("a", 10)
    office.moves.fault = conflict("A message of ours is still on its way")
    assert await office.at(days=11) is None
    assert not await office.find(PersonAsked)


async def test_a_question_raised_at_the_last_moment_has_a_time_of_its_own(office):
    """We counter and they answer, between the look at what is due and the end: the new request is not ended."""
    await office.asked("a", 10)

    async def answered():
        steps = [["REQUESTED", START.isoformat(), "consumer"], ["OFFERED", START.isoformat(), "provider"]]
        steps.append(["REQUESTED", START.isoformat(), "consumer"])
        await office.store.write(lambda tx: tx.alter(Negotiation, {"steps": {"steps": steps}}, pid="a"))
        [process] = await office.find(Negotiation)
        await office.store.write(lambda tx: ask_people(tx, office.context, process, 1, 10))

    office.moves.meanwhile = answered
    await office.at(days=11)
    assert office.moves.made == []
    [asked] = await office.find(PersonAsked)
    assert asked.answer_by == START + timedelta(days=21)


async def test_asked_again_it_keeps_its_deadline(office):
    await office.asked("a", 10)
    office.now = START + timedelta(days=3)
    [process] = await office.find(Negotiation)
    await office.store.write(lambda tx: ask_people(tx, office.context, process, 2, 30))
    [asked] = await office.find(PersonAsked)
    assert (asked.answer_by, asked.needed) == (START + timedelta(days=10), 2)
    assert (await office.find(Negotiation))[0].answer_by == START + timedelta(days=10)


async def test_the_job_is_woken_by_a_new_question_and_never_in_between(office):
    rounds: list[datetime] = []
    caught = office.job.catch_up

    async def counted():
        rounds.append(office.now)
        return await caught()

    office.job.catch_up = counted
    running = asyncio.create_task(office.job.run())
    try:
        await asyncio.sleep(0.05)
        assert len(rounds) == 1
        await office.asked("a", 10)
        await until(lambda: len(rounds) == 2, "the job to look again")
        office.bells.ring("outbox")
        await asyncio.sleep(0.05)
        assert len(rounds) == 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert BELL == "deadlines"
    assert not await office.find(LogEntry)
