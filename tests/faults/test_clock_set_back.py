"""The clock of a machine is set back by an hour: nothing waits for it to come round again, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.records import Agreement, Consent, LogEntry, MemberEntry, Negotiation, OutboxMessage, Release
from connector.services import patience
from connector.services.delivery import LONGEST_WAIT, bring_back, stranded
from connector.services.evidence import Evidence
from connector.wiring import Plugs
from tests import postgres
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, many_records, smallest_bundles
from tests.two_party.space import Party, make_empty_store, opened, until

HOUR = timedelta(hours=1)


class Clock:
    """What the machine of one participant, or of several, says the time is."""

    def __init__(self) -> None:
        self.off = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off

    def set_back(self) -> None:
        self.off -= HOUR


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_empty_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(params=["sqlite", "postgresql"])
async def space(request: Any, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    if request.param == "postgresql":
        postgres.needed()
    monkeypatch.setattr("tests.two_party.space.ENGINE", request.param)
    async with opened(tmp_path, empty_store) as made:
        yield made


async def trio_with(space: Any, clocks: dict[str, Clock]) -> Trio:
    """A hospital, a research group and a wallet that know each other, each by its own clock."""
    made = [
        await space.add(name, name, plugs=lambda _founded, name=name: Plugs(clock=clocks[name]))
        for name in ("hospital", "research", "wallet")
    ]
    await space.introduce()
    return Trio(*made, space)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def trio(space: Any, clock: Clock) -> Trio:
    """All of them on machines that set their clocks back together."""
    return await trio_with(space, dict.fromkeys(("hospital", "research", "wallet"), clock))


async def nothing_is_left(*parties: Party) -> None:
    """Every outbox is empty, every log is as it was signed."""
    for party in parties:
        await party.quiet()
    for party in parties:
        await until(lambda party=party: _integrated(party), "every entry to have its place")
        verdict = await Evidence(party.context).verify()
        assert verdict.ok, verdict.what
        assert [(one.kind, one.error, one.attempts) for one in await party.find(OutboxMessage, standing="dead")] == []


async def _integrated(party: Party) -> bool:
    return not await party.find(LogEntry, position=None)


async def failed_once(party: Party) -> OutboxMessage:
    """What waits there, once it has been tried in vain."""

    async def look() -> OutboxMessage | None:
        waiting = await party.find(OutboxMessage, standing="waiting")
        return waiting[0] if waiting and waiting[0].attempts else None

    found: OutboxMessage = await until(look, "a first try in vain")
    return found


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_what_was_put_off_by_the_old_time_does_not_wait_until_that_comes_round_again(
    trio: Trio, clock: Clock, restarted: bool
):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.stop()
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    waiting = await failed_once(trio.research)
    assert waiting.due_at is not None
    if restarted:
        await trio.research.stop()
    clock.set_back()
    assert waiting.due_at > clock() + LONGEST_WAIT
    if restarted:
        await trio.research.start()
    await trio.hospital.start()
    assert (await story.outcome(trio.research, pid)).state == "FINALIZED"
    await nothing_is_left(trio.hospital, trio.research)
    steps = await trio.research.find(LogEntry, kind="negotiation.finalized")
    assert [one.subject for one in steps] == [pid]


async def test_a_lane_keeps_its_order_over_a_restart_at_an_earlier_time(trio: Trio, clock: Clock):
    """A yes that waits, and then, by an earlier clock, the no that follows it: the no is what counts in the end."""
    somebody = await story.linked_patient(trio.wallet, trio.hospital)
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    await trio.hospital.stop()
    await said(trio.wallet, somebody, study, "yes")
    [yes] = await trio.wallet.find(OutboxMessage, standing="waiting")
    await trio.wallet.stop()
    clock.set_back()
    await trio.wallet.start()
    stopping = asyncio.create_task(trio.wallet.services.wallet.withdraw(somebody.actor, study, "erase"))
    both = await until(lambda: two_wait(trio.wallet), "the stop to wait behind the yes")
    assert both[0].id == yes.id
    assert both[0].lane == both[1].lane
    assert (both[1].created_at or clock()) < (yes.created_at or clock())
    await trio.hospital.start()
    await stopping
    await nothing_is_left(trio.wallet, trio.hospital)
    [newest] = (await trio.hospital.find(Consent, order="-version"))[:1]
    assert newest.state == "withdrawn"
    arrived = [one.id for one in sorted(both, key=lambda one: one.sequence)]
    sent = [await trio.wallet.get(OutboxMessage, one) for one in arrived]
    assert [one.standing for one in sent if one] == ["delivered", "delivered"]


async def said(wallet: Party, somebody: story.Patient, study: str, decision: str) -> None:
    """They answer the study, about everything of theirs it asks for."""
    from connector.services.wallet.views import Answer
    from tests.two_party.releases import RECORD_KINDS

    chosen = {story.RECORDS: RECORD_KINDS} if decision == "yes" else {}
    await wallet.services.wallet.answer(somebody.actor, study, Answer(decision, chosen))


async def two_wait(party: Party) -> list[OutboxMessage]:
    waiting = await party.find(OutboxMessage, standing="waiting", order="sequence")
    return waiting if len(waiting) == 2 else []


async def test_a_stop_counts_before_and_after_the_change(trio: Trio, clock: Clock, tmp_path: Path):
    """Who stopped in the hour that comes a second time has stopped; who stops in it is followed at once."""
    stage: Stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await many_records(stage, 300)
    await stage.everybody_agrees()
    order = await stage.order_of_release()
    everybody = await stage.received(await stage.transfer())
    clock.off += 2 * HOUR
    await stage.withdraw(order[0], "stop")
    two = await stage.received(await stage.transfer())
    clock.set_back()
    silent = await stage.received(await stage.transfer())
    assert silent.people == 0  # the wallet was heard of in a time to come: that is no sign of life
    await trio.wallet.stop()
    await trio.wallet.start()
    await until(lambda: heard(trio.hospital, trio.wallet, clock()), "the wallet's next sign of life")
    again = await stage.received(await stage.transfer())
    assert (everybody.people, two.people, again.people) == (3, 2, 2)
    await stage.withdraw(order[1])
    one = await stage.received(await stage.transfer())
    assert one.people == 1
    await nothing_is_left(trio.hospital, trio.research, trio.wallet)
    assert {one.standing for one in await trio.hospital.find(Release)} == {"complete"}


async def heard(party: Party, other: Party, by: datetime) -> bool:
    entry = await party.get(MemberEntry, other.id)
    return entry is not None and entry.heard_at is not None and entry.heard_at <= by


async def test_a_yes_of_the_hour_that_comes_again_waits_for_it(trio: Trio, clock: Clock, tmp_path: Path):
    """A consent counts from the moment it names: before that moment nothing leaves, and then it does."""
    stage: Stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 1))
    await stage.everybody_agrees()
    clock.set_back()
    assert (await stage.received(await stage.transfer())).bytes == 0
    clock.off += HOUR
    assert (await stage.received(await stage.transfer())).bytes > 0
    await nothing_is_left(trio.hospital, trio.research, trio.wallet)


async def test_a_contract_that_is_younger_than_now_can_be_ended(trio: Trio, clock: Clock):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    clock.set_back()
    await trio.research.services.endings.end(trio.research.acting("researcher"), agreement, "We are done.")
    await nothing_is_left(trio.research, trio.hospital)
    kept = [await party.get(Agreement, agreement) for party in (trio.research, trio.hospital)]
    assert [one.standing for one in kept if one] == ["ended", "ended"]


async def test_a_clock_wrong_alone_loses_nothing_however_long_it_takes_to_be_put_right(
    space: Any, monkeypatch: pytest.MonkeyPatch
):
    """Nobody takes the tokens of one whose clock is an hour behind: that is no answer to what it asked."""
    monkeypatch.setattr(patience, "_LONGEST", 0.02)
    clocks = {name: Clock() for name in ("hospital", "research", "wallet")}
    trio = await trio_with(space, clocks)
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.quiet()
    clocks["research"].set_back()
    pid = await story.ask(trio.research, trio.hospital, offer, study)

    async def tried_often() -> OutboxMessage | None:
        found = await trio.research.find(OutboxMessage, about=pid)
        assert [one.standing for one in found] == ["waiting"]
        return found[0] if found[0].attempts > patience.TRIES + 2 else None

    waiting = await until(tried_often, "more tries than a no would take")
    assert waiting.error == "status 401 (clocks-apart)"
    why = await trio.research.services.why.explain(trio.research.acting("operator"), pid)
    assert (why.causes[0].code, why.standing) == ("clocks-apart", "held-up")
    clocks["research"].off = timedelta()
    assert (await story.outcome(trio.research, pid)).state == "FINALIZED"
    await nothing_is_left(trio.hospital, trio.research)
    [theirs] = await trio.hospital.find(Negotiation)
    assert theirs.their_pid == pid


async def test_only_what_would_wait_longer_than_anything_waits_is_brought_back(trio: Trio, clock: Clock):
    await trio.hospital.context.tasks.close()  # nobody delivers
    now, lane = clock(), {"lane": "l", "recipient": "r", "url": "u"}
    soon = OutboxMessage(id="soon", due_at=now + timedelta(minutes=1), **lane)
    dead = OutboxMessage(id="dead", due_at=now + timedelta(hours=20), dead_at=now, reason="unreachable", **lane)
    late = OutboxMessage(id="late", due_at=now + HOUR, **lane)
    held = OutboxMessage(id="held", due_at=now, lease="x", leased_until=now + HOUR, **lane)
    gone = OutboxMessage(id="gone", due_at=now + HOUR, standing="delivered", **lane)
    await trio.hospital.add(soon, dead, gone)
    store = trio.hospital.store
    assert not await store.read(lambda tx: stranded(tx, now))
    for one, changes in ((late, {"due_at": now}), (held, {"lease": "", "leased_until": None})):
        await trio.hospital.add(one)
        assert await store.read(lambda tx: stranded(tx, now))
        await store.write(lambda tx: bring_back(tx, now))
        assert not await store.read(lambda tx: stranded(tx, now))
        found = await trio.hospital.get(OutboxMessage, one.id)
        assert {name: getattr(found, name) for name in changes} == changes
    assert [await trio.hospital.get(OutboxMessage, one.id) for one in (soon, dead, gone)] == [soon, dead, gone]
