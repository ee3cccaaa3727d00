"""A recipient that does not answer: it is reminded, the officer is called in, then every contract with it rests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.problems import Problem
from connector.records import Agreement, LogEntry, Notice, OutboxMessage, Transfer
from connector.services.exchange import speech
from contracts import exchange as wire
from tests.two_party import story
from tests.two_party.releases import BUNDLES, Stage, agree, hospital_stage, many_records, opened_by_hand, pulling
from tests.two_party.space import until
from tests.two_party.timed import timed_trio


@pytest.fixture
async def staged(space):
    """A contract under which one person was received, and a clock."""
    trio, clock = await timed_trio(space)
    stage = await hospital_stage(trio, BUNDLES)
    for one in (await stage.source_ids())[:2]:
        await stage.answer(one)
    await stage.received(await stage.transfer())
    return stage, clock


def somebody(stage: Stage) -> str:
    return sorted(stage.people)[0]


async def silent(stage: Stage) -> Notice:
    """The recipient is gone, then the person stops."""
    await stage.research.stop()
    await stage.withdraw(somebody(stage))
    await stage.wallet.quiet()
    [notice] = await stage.holder.find(Notice)
    return notice


async def noticed(stage: Stage, notice: Notice, where) -> Notice:
    return await stage.holder.eventually(Notice, notice.id, where=where)


async def shown(stage: Stage, where):
    """What the person sees of the recipient, once it is so."""

    async def look():
        found = await stage.wallet.services.wallet.progress(stage.people[somebody(stage)].actor, stage.study)
        [recipient] = found.holders[0].recipients
        return recipient if where(recipient) else None

    return await until(look, "the person to see it")


async def suspended(stage: Stage, clock) -> Notice:
    """As far as the ladder goes."""
    notice = await silent(stage)
    for hours, where in ((25, lambda n: n.reminded_at), (48, lambda n: n.escalated_at), (121, lambda n: not n.next_at)):
        clock.forward(stage.holder, hours=hours)
        await noticed(stage, notice, where)
    return await stage.holder.get(Notice, notice.id)


async def test_the_dates_of_a_notice_are_those_of_the_contract(staged):
    stage, _ = staged
    notice = await silent(stage)
    spans = [moment - notice.effective_at for moment in (notice.stop_by, notice.deadline, notice.backups_by)]
    assert spans == [timedelta(hours=24), timedelta(days=30), timedelta(days=90)]
    assert notice.next_at == notice.stop_by


async def test_who_is_late_is_reminded_and_the_person_sees_it_in_words(staged):
    stage, clock = staged
    notice = await silent(stage)
    clock.forward(stage.holder, hours=23)
    assert not (await shown(stage, lambda one: one.due)).overdue
    clock.forward(stage.holder, hours=2)
    late = await noticed(stage, notice, lambda found: found.reminded_at)
    assert (late.overdue_at is not None, late.escalated_at) == (True, None)
    mine = {"about": notice.id, "recipient": stage.research.id}
    waiting = await stage.holder.find(OutboxMessage, **mine, standing="waiting", order="sequence")
    assert [one.kind for one in waiting] == ["exchange.withdrawal", "exchange.reminder"]
    seen = await shown(stage, lambda one: one.overdue and one.reminded_at)
    assert seen.escalated_at is None


async def test_then_the_officer_is_called_in_and_then_every_contract_rests(staged):
    stage, clock = staged
    other = stage.agreement
    await agree(stage)  # a second contract with the same recipient
    notice = await suspended(stage, clock)
    kinds = [entry.kind for entry in await stage.holder.find(LogEntry, subject=notice.id, order="sequence")]
    assert kinds[-3:] == ["withdrawal.overdue", "withdrawal.escalated", "withdrawal.suspended"]
    standings = {one.id: one.standing for one in await stage.holder.find(Agreement)}
    assert standings == {other: "suspended", stage.agreement: "suspended"}
    seen = await shown(stage, lambda one: one.suspended_at)
    assert seen.overdue
    assert seen.escalated_at
    [row] = await stage.holder.services.withdrawals.list(stage.holder.acting("dpo"), open_only=True)
    assert (row.standing, row.needs_officer, row.suspended_at is not None) == ("overdue", True, True)


async def test_while_a_contract_rests_nothing_opens_under_it(staged):
    stage, clock = staged
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.to_the_end()
        assert reader.status == 200
    await suspended(stage, clock)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.to_the_end()
        assert reader.status == 410
    assert "suspended" in await refused_transfer(stage)


async def refused_transfer(stage: Stage) -> str:
    """Why a transfer that is asked for now is not begun."""
    await stage.research.start()
    agreement = await stage.research.get(Agreement, stage.agreement)
    pid = await stage.research.services.transfers.ask(agreement)
    over = await stage.research.eventually(Transfer, pid, where=lambda found: found.state == "TERMINATED")
    return str(over.reason)


async def test_a_running_release_stops_at_the_next_chunk(staged):
    stage, clock = staged
    await many_records(stage, 3000)
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.until(lambda body: body)
        await stage.holder.store.write(lambda tx: stage.holder.services.suspending.suspend(tx, stage.research.id))
        await reader.to_the_end()
        assert not reader.whole
    clock.forward(stage.holder)


async def test_it_is_lifted_by_the_officer_once_the_recipient_has_answered(staged):
    stage, clock = staged
    notice = await suspended(stage, clock)
    officer, suspending = stage.holder.acting("dpo"), stage.holder.services.suspending
    with pytest.raises(Problem) as refused:
        await suspending.lift(officer, stage.agreement, "They promised")
    assert (refused.value.status, refused.value.code) == (409, "still-overdue")
    await stage.research.start()
    clock.forward(stage.holder)
    done = await noticed(stage, notice, lambda found: found.erased_at and found.check)
    assert (done.check, done.next_at) == ("gone", None)
    rests = await stage.research.eventually(Agreement, stage.agreement, where=lambda one: one.standing == "suspended")
    assert rests.suspended_why
    assert await suspending.lift(officer, stage.agreement, "They have erased it now") == [stage.agreement]
    await stage.research.eventually(Agreement, stage.agreement, where=lambda one: one.standing == "active")
    seen = await shown(stage, lambda one: one.verified)
    assert (seen.overdue, seen.suspended_at, seen.check) == (False, None, "gone")


@pytest.mark.parametrize("role", ["steward", "researcher", "patient"])
async def test_nobody_but_the_officer_lifts(staged, role):
    stage, _ = staged
    await stage.holder.store.write(lambda tx: stage.holder.services.suspending.suspend(tx, stage.research.id))
    with pytest.raises(Problem) as refused:
        await stage.holder.services.suspending.lift(stage.holder.acting(role), stage.agreement, "Please")
    assert refused.value.status == 403


async def test_a_contract_made_while_others_rest_rests_too(staged):
    stage, _ = staged
    await stage.holder.store.write(lambda tx: stage.holder.services.suspending.suspend(tx, stage.research.id))
    before = stage.agreement
    await agree(stage)
    assert stage.agreement != before
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "suspended"


async def test_a_recipient_that_stops_late_has_its_time_to_erase_all_the_same(staged):
    stage, clock = staged
    notice = await silent(stage)
    clock.forward(stage.holder, hours=25)
    await noticed(stage, notice, lambda found: found.overdue_at)
    await stage.research.start()
    clock.forward(stage.holder)
    done = await noticed(stage, notice, lambda found: found.erased_at)
    assert (done.overdue_at, done.escalated_at, done.next_at) == (None, None, None)
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "active"


async def test_a_reminder_brings_back_a_statement_that_was_lost(staged):
    stage, clock = staged
    await stage.withdraw(somebody(stage))
    [notice] = await until(lambda: stage.holder.find(Notice, erased_at__ne=None), "the deletion")
    forgotten = {"erased_at": None, "stopped_at": None, "check": "", "next_at": notice.stop_by, "answers": None}
    await stage.holder.store.write(lambda tx: tx.alter(Notice, forgotten, id=notice.id))
    clock.forward(stage.holder, hours=25)
    again = await noticed(stage, notice, lambda found: found.erased_at)
    assert (again.next_at, again.lines) == (None, notice.lines)


async def test_a_statement_that_comes_again_reopens_nothing(staged):
    stage, _ = staged
    await stage.withdraw(somebody(stage))
    [notice] = await until(lambda: stage.holder.find(Notice, erased_at__ne=None, check="gone"), "the deletion")
    stopped = notice.answers["statements"][1]
    kept = {**notice.answers, "statements": [one for one in notice.answers["statements"] if one != stopped]}
    await stage.holder.store.write(lambda tx: tx.alter(Notice, {"answers": kept}, id=notice.id))
    address = stage.research.context.members.exchange(stage.holder.id)
    sent = await stage.research.context.members.post(stage.holder.id, f"{address}/statements", {"statement": stopped})
    assert sent.status == 200
    now = await stage.holder.get(Notice, notice.id)
    assert (now.erased_at, now.next_at, now.lines) == (notice.erased_at, None, notice.lines)


async def test_a_suspension_is_heard_from_the_provider_only_and_ends_nothing_that_is_over(staged):
    stage, _ = staged
    await stage.research.store.write(lambda tx: tx.alter(Agreement, {"standing": "ended"}, id=stage.agreement))
    await stage.holder.store.write(lambda tx: stage.holder.services.suspending.suspend(tx, stage.research.id))
    await stage.holder.quiet()
    assert (await stage.research.get(Agreement, stage.agreement)).standing == "ended"
    address = stage.research.context.members.exchange(stage.holder.id)
    words = stage.research.context
    said = wire.Suspension(agreement=stage.agreement, standing="active", why="We want on", at=words.clock())
    body = {"suspension": speech.say(words, speech.SUSPENSION, said.wire())}
    assert (await words.members.post(stage.holder.id, f"{address}/suspensions", body)).status == 404
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "suspended"


async def test_a_reminder_about_nothing_we_know_is_refused(staged):
    stage, _ = staged
    context = stage.holder.context
    said = wire.Reminder(notice=story.urn(), agreement=stage.agreement, kind="erase", due=context.clock(),
                         at=context.clock())  # fmt: skip
    address = context.members.exchange(stage.research.id)
    body = {"reminder": speech.say(context, speech.REMINDER, said.wire())}
    assert (await context.members.post(stage.research.id, f"{address}/reminders", body)).status == 404
