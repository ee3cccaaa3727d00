"""Pruning: old messages of what is over are forgotten, in portions; what may still be asked for stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from connector.jobs import pruning
from connector.jobs.pruning import Pruning
from connector.records import InboxMessage, Job, Negotiation, OutboxMessage, Transfer, UsedToken
from connector.storage import SqliteStore
from tests.two_party.space import until

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OLD, RECENT = NOW - timedelta(days=91), NOW - timedelta(days=89)


class Office:
    """A store and the job, in whose clock it is always `NOW`."""

    def __init__(self, path) -> None:
        self.store = SqliteStore(path)
        settings = SimpleNamespace(keep_messages_days=90, keep_dead_letters_days=90, keep_jobs_days=30)
        self.job = Pruning(SimpleNamespace(store=self.store, clock=lambda: NOW, settings=settings))

    async def add(self, *records) -> None:
        await self.store.write(lambda tx: [tx.add(one) for one in records] and None)

    async def received(self) -> set[str]:
        return {one.message_id for one in await self.store.read(lambda tx: tx.find(InboxMessage))}

    async def sent(self) -> set[str]:
        return {one.id for one in await self.store.read(lambda tx: tx.find(OutboxMessage))}


def message(id: str, about: str = "", at: datetime = OLD) -> InboxMessage:
    return InboxMessage(
        sender="peer", message_id=id, digest="", status=200, answer={"a": 1}, received_at=at, about=about
    )


def negotiation(pid: str, state: str) -> Negotiation:
    return Negotiation(pid=pid, role="provider", counterparty="peer", their_pid="theirs", state=state)


def transfer(pid: str, state: str) -> Transfer:
    return Transfer(pid=pid, role="provider", counterparty="peer", their_pid="theirs", agreement="a", state=state)


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.setattr(pruning, "_PORTION", 3)
    made = Office(tmp_path / "store.db")
    yield made
    made.store.close()


async def test_old_messages_of_what_is_over_go_and_recent_ones_stay(office):
    await office.add(
        negotiation("n", "FINALIZED"), negotiation("m", "TERMINATED"), transfer("t", "COMPLETED"),
        message("1", "n"), message("2", "m"), message("3", "t"), message("4", "never known"), message("5"),
        message("6", "n", RECENT), message("7", "t", RECENT),
    )  # fmt: skip
    await office.job.prune()
    assert await office.received() == {"6", "7"}


@pytest.mark.parametrize(
    "going_on",
    [
        negotiation("p", "REQUESTED"), negotiation("p", "VERIFIED"), transfer("p", "STARTED"),
        transfer("p", "SUSPENDED"), transfer("p", ""),
    ],
    ids=lambda one: f"{type(one).__name__} {one.state or 'new'}",
)  # fmt: skip
async def test_messages_of_a_process_that_goes_on_stay_however_old_they_are(office, going_on):
    await office.add(going_on, message("1", "p", NOW - timedelta(days=4000)))
    await office.job.prune()
    assert await office.received() == {"1"}


@pytest.mark.parametrize("same_moment", [True, False])
async def test_what_stays_does_not_hide_what_goes_behind_it(office, same_moment):
    moments = [OLD if same_moment else OLD + timedelta(seconds=n // 2) for n in range(20)]
    kept = [message(f"kept {n}", "p", moment) for n, moment in enumerate(moments)]
    late = OLD + timedelta(hours=1)
    await office.add(transfer("p", "STARTED"), *kept, *(message(f"old {n}", "", late) for n in range(10)))
    await office.job.prune()
    assert await office.received() == {one.message_id for one in kept}


async def test_our_own_go_once_they_were_settled_that_long_ago_and_never_while_they_wait(office):
    def sent(id, standing, **at):
        return OutboxMessage(id=id, lane=id, standing=standing, **({"created_at": OLD} | at))

    await office.add(
        sent("delivered", "delivered", delivered_at=OLD), sent("refused", "dead", dead_at=OLD, reason="refused"),
        sent("buried", "dead"),
        sent("delivered lately", "delivered", delivered_at=RECENT), sent("refused lately", "dead", dead_at=RECENT),
        sent("buried lately", "dead", created_at=RECENT),
        sent("waits", "waiting"), sent("dead of silence", "waiting", dead_at=OLD, reason="unreachable"),
        *(sent(f"more {n}", "delivered", delivered_at=OLD) for n in range(10)),
    )  # fmt: skip
    await office.job.prune()
    assert await office.sent() == {"delivered lately", "refused lately", "buried lately", "waits", "dead of silence"}


async def test_no_transaction_removes_more_than_a_portion(office):
    sizes = []
    write = office.store.write

    async def counted(command):
        before = len(await office.received()) + len(await office.sent())
        await write(command)
        sizes.append(before - len(await office.received()) - len(await office.sent()))

    await office.add(*(message(str(n), "", OLD + timedelta(seconds=n)) for n in range(10)))
    await office.add(*(OutboxMessage(id=str(n), lane="", standing="delivered", delivered_at=OLD) for n in range(10)))
    office.store.write = counted
    await office.job.prune()
    assert sum(sizes) == 20
    assert max(sizes) <= 3


async def test_a_fault_of_its_own_does_not_end_the_job(office, monkeypatch, caplog):
    monkeypatch.setattr(pruning, "_DAY", 0.01)
    await office.add(message("1"))
    read, faults = office.store.read, [OSError(), OSError()]

    async def failing(query):
        if faults:
            raise faults.pop()
        return await read(query)

    monkeypatch.setattr(office.store, "read", failing)
    task = asyncio.create_task(office.job.run())

    async def gone() -> bool:
        return not faults and not await office.received()

    await until(gone, "the old message to be gone")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "messages cannot be pruned: OSError" in caplog.text


async def test_dead_letters_have_a_time_of_their_own(office):
    office.job._context.settings.keep_dead_letters_days = 200
    await office.add(
        OutboxMessage(id="delivered", lane="a", standing="delivered", delivered_at=OLD),
        OutboxMessage(id="dead", lane="b", standing="dead", dead_at=OLD),
        OutboxMessage(id="long dead", lane="c", standing="dead", dead_at=NOW - timedelta(days=201)),
        OutboxMessage(id="waits", lane="d", standing="waiting", dead_at=NOW - timedelta(days=4000)),
    )
    await office.job.prune()
    assert await office.sent() == {"dead", "waits"}


async def test_jobs_that_ended_and_tokens_that_were_used_are_forgotten_in_portions(office):
    long_ago, lately = NOW - timedelta(days=31), NOW - timedelta(days=29)
    await office.add(
        *(Job(id=f"old {number}", standing="done", ended_at=long_ago) for number in range(7)),
        Job(id="failed", standing="failed", ended_at=long_ago), Job(id="recent", standing="failed", ended_at=lately),
        Job(id="waits", standing="waiting", due_at=long_ago), Job(id="between", standing="done", ended_at=lately),
        *(UsedToken(issuer=f"peer {one % 2}", jti=str(one), until=NOW - timedelta(days=2)) for one in range(7)),
        UsedToken(issuer="peer 1", jti="young", until=NOW - timedelta(hours=23)),
        UsedToken(issuer="peer 1", jti="endless"),
    )  # fmt: skip
    await office.job.prune()
    assert {one.id for one in await office.store.read(lambda tx: tx.find(Job))} == {"recent", "waits", "between"}
    left = await office.store.read(lambda tx: tx.find(UsedToken))
    assert {one.jti for one in left} == {"young", "endless"}
