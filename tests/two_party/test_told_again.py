"""Somebody says yes again after an erasure, and stops again: the second time is told like the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import Agreement, HandedOver, LogEntry, Notice, Sealed
from tests.two_party.space import until
from tests.two_party.test_withdrawals import YES, Told, told_by_hand


@pytest.fixture
async def told(trio, puppet):
    return await told_by_hand(trio, puppet)


async def stated(told: Told, notice: Notice, answer: str = "erased", **changes) -> None:
    sent = await told.puppet.post(
        told.trio.hospital, "/consent/statements", told.statement(notice.id, answer, **changes)
    )
    assert sent.status_code == 200, sent.text


async def erased_and_given_again(told: Told) -> tuple[str, Notice]:
    """The code under which they were erased, and the notice; then they said yes and were handed over again."""
    await told.withdraw()
    notice, code = await told.notice(), told.code
    await stated(told, notice)
    await told.trio.wallet.services.wallet.answer(told.somebody.actor, told.study, YES)
    await told.trio.wallet.quiet()
    await told.hand_over()
    assert told.code != code
    return code, notice


async def told_of(told: Told, kind: str) -> list[str]:
    """The codes under which the recipient was told this, in order."""
    await told.trio.wallet.quiet()
    await told.trio.hospital.quiet()
    heard = [told.claims(one) for one in told.puppet.heard if one.path == "/consent/withdrawals"]
    return [one["code"] for one in heard if one["kind"] == kind]


async def test_a_second_erasure_is_told_under_the_second_code(told):
    first, before = await erased_and_given_again(told)
    await told.withdraw()
    assert await told_of(told, "erase") == [first, told.code]
    [after] = [one for one in await told.trio.hospital.find(Notice) if one.id != before.id]
    assert (after.erased_at, after.next_at is not None) == (None, True)
    assert not await told.trio.hospital.find(Sealed)
    seen = await told.progress()
    assert (seen.finished, seen.holders[0].recipients[0].erased_at) == (False, None)
    await stated(told, after)
    assert await until(lambda: finished(told), "the person to see the second end")


async def finished(told: Told):
    progress = await told.progress()
    return progress if progress.finished else None


@pytest.mark.parametrize("kind", ["stop", "pause"])
async def test_a_stop_or_pause_after_an_erasure_is_told_too(told, kind):
    await erased_and_given_again(told)
    wallet = told.trio.wallet.services.wallet
    await (told.withdraw("stop") if kind == "stop" else wallet.pause(told.somebody.actor, told.study))
    assert await told_of(told, kind) == [told.code]


async def test_a_stop_before_the_erasure_does_not_stand_for_one_after_it(told):
    await told.withdraw("stop")
    await told.notice()
    await erased_and_given_again(told)
    await told.withdraw("stop")
    codes = await told_of(told, "stop")
    assert (len(codes), codes[-1]) == (2, told.code)


async def test_a_contract_is_lifted_once_the_stronger_notice_is_answered(told):
    """The recipient's tombstone knows the newest notice only: nobody could ever answer the one it overtook."""
    hospital = told.trio.hospital
    await told.withdraw("stop")
    first = await told.notice()
    past = datetime.now(UTC) - timedelta(days=40)
    late = {"stop_by": past, "deadline": past, "overdue_at": past, "reminded_at": past, "escalated_at": past}
    await hospital.store.write(lambda tx: tx.alter(Notice, late, id=first.id))
    await hospital.add(Agreement(id="urn:a", role="provider", counterparty=told.puppet.id, negotiation="n",
                                 dataset="x", standing="suspended", suspended_at=past))  # fmt: skip
    suspending, officer = hospital.services.suspending, hospital.acting("dpo")
    with pytest.raises(Problem, match=r".*") as refused:
        await suspending.lift(officer, "urn:a", "Not yet")
    assert refused.value.code == "still-overdue"
    await told.withdraw("erase")
    await told_of(told, "erase")
    [second] = [one for one in await hospital.find(Notice) if one.id != first.id]
    assert (await hospital.get(Notice, first.id)).overtaken_by == second.id
    await stated(told, second)
    assert await suspending.lift(officer, "urn:a", "They answered") == ["urn:a"]
    rows = {row.notice: row for row in await hospital.services.withdrawals.list(officer)}
    assert (rows[first.id].standing, rows[first.id].needs_officer) == ("overtaken", False)


async def test_a_late_answer_to_an_overtaken_notice_puts_nobody_on_the_ladder(told):
    told.puppet.answering = lambda heard: (503, {})
    await told.withdraw("stop")
    await until(lambda: told.trio.hospital.find(Notice), "the first notice")
    await told.withdraw("erase")
    await until(lambda: _both(told), "the second notice")
    told.puppet.answering = told.received
    await told_of(told, "erase")
    [stop] = await told.trio.hospital.find(Notice, kind="stop")
    assert (stop.received_at is not None, stop.next_at) == (True, None)


async def _both(told: Told) -> bool:
    return len(await told.trio.hospital.find(Notice)) == 2


async def test_nothing_held_is_not_believed_of_a_recipient_that_we_sent_something(told):
    hospital = told.trio.hospital
    await hospital.store.write(lambda tx: tx.alter(HandedOver, {"resources": 131}, agreement=told.agreement))
    await told.withdraw()
    notice = await told.notice()
    await stated(told, notice, objects=0, lines=0, bytes=0, held=[])
    looked = await hospital.eventually(Notice, notice.id, where=lambda one: one.check)
    assert (looked.check, looked.escalated_at is not None) == ("unknown", True)
    [row] = await hospital.services.withdrawals.list(hospital.acting("dpo"))
    assert row.needs_officer


async def test_nothing_held_is_believed_where_nothing_was_sent(told):
    await told.withdraw()
    notice = await told.notice()
    await stated(told, notice, objects=0, lines=0, bytes=0, held=[])
    looked = await told.trio.hospital.eventually(Notice, notice.id, where=lambda one: one.check)
    assert (looked.check, looked.escalated_at) == ("nothing", None)


async def test_keeping_something_waits_for_the_officer_to_accept_the_ground(told):
    hospital = told.trio.hospital
    desk, officer = hospital.services.withdrawals, hospital.acting("dpo")
    await told.withdraw()
    notice = await told.notice()
    await stated(told, notice, "exception", ground="no", remaining=["one archive"])
    assert [row.needs_officer for row in await desk.list(officer)] == [True]
    with pytest.raises(Problem) as refused:
        await desk.note(officer, notice.id, "erased", "They say so")
    assert refused.value.code == "not-by-hand"
    done = await desk.note(officer, notice.id, "exception", "Dr Miller about Ann", "GDPR art. 17(3)(d)")
    assert (done.needs_officer, done.exception) == (False, "no")
    [entry] = await hospital.find(LogEntry, kind="withdrawal.noted")
    assert "Ann" not in entry.body
    with pytest.raises(Problem):
        await desk.note(officer, notice.id, "exception", "Again", "GDPR art. 17(3)(d)")


async def test_no_ground_keeps_a_recipient_from_stopping(told):
    await told.withdraw("stop")
    notice = await told.notice()
    await stated(told, notice, "exception", ground="no", remaining=["all of it"])
    found = await told.trio.hospital.get(Notice, notice.id)
    assert (found.stopped_at, found.next_at) == (None, found.stop_by)
    [row] = await told.trio.hospital.services.withdrawals.list(told.trio.hospital.acting("dpo"))
    assert (row.standing, row.needs_officer) == ("waiting", True)
