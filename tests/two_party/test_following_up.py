"""What a holder makes sure of itself: its own look at a recipient, answers noted by hand, consents it ends itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.problems import Problem
from connector.records import Agreement, Consent, LogEntry, Notice, Sealed, WalletConsent
from connector.services.committed import records_differ
from connector.services.exchange import speech
from connector.services.wallet.views import Answer
from policy.canonical import digest
from policy.consent import ConsentRecord
from tests.two_party import story
from tests.two_party.puppet import Voice
from tests.two_party.releases import BUNDLES, Stage, hospital_stage
from tests.two_party.space import until
from tests.two_party.test_withdrawals import Told, now
from tests.two_party.timed import timed_trio

YES = Answer("yes", {story.RECORDS: None})


@pytest.fixture
async def told(trio, puppet):
    """A person received by a recipient played by hand."""
    await puppet.join(trio.wallet)
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    somebody = await story.linked_patient(trio.wallet, trio.hospital)
    await trio.wallet.services.wallet.answer(somebody.actor, study, YES)
    await trio.wallet.quiet()
    made = Told(trio, puppet, somebody, study)
    puppet.answering = made.received
    await made.hand_over()
    return made


def looked_at(told, status: int, body: Any) -> None:
    """How the recipient answers when the holder looks whether something is gone."""
    asked: list[str] = []

    def answering(heard):
        if heard.method != "GET":
            return told.received(heard)
        asked.append(heard.path)
        return status, body(heard.path) if callable(body) else body

    told.puppet.answering = answering
    told.asked = asked


def still_here(state: str):
    def body(path: str) -> dict[str, str]:
        notice, object = path.replace("%3A", ":").rsplit("/", 2)[1:]
        return {"notice": notice, "object": object, "state": state}

    return body


async def erased(told) -> Notice:
    await told.withdraw()
    notice = (await told.notice()).id
    sent = await told.puppet.post(told.trio.hospital, "/consent/statements", told.statement(notice))
    assert sent.status_code == 200, sent.text
    return await told.trio.hospital.eventually(Notice, notice, where=lambda found: found.check)


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (410, {}, "gone"), (200, still_here("here"), "here"), (200, still_here("stays"), "unknown"),
        (200, still_here("stated"), "unknown"), (200, {}, "unknown"), (404, {}, "unknown"), (401, {}, "unknown"),
        (503, {}, "unreachable"),
    ],
    ids=["gone", "here", "stays", "by-its-word", "nonsense", "unknown", "refused", "down"],
)  # fmt: skip
async def test_only_what_answers_gone_is_shown_as_checked(told, status, body, found):
    looked_at(told, status, body)
    notice = await erased(told)
    assert (notice.check, bool(notice.escalated_at)) == (found, found != "gone")
    assert len(told.asked) == len(notice.held["objects"])
    assert all(path.startswith("/consent/erasures/") for path in told.asked)

    async def seen():
        [recipient] = (await told.progress()).holders[0].recipients
        return recipient if recipient.check == found else None

    recipient = await until(seen, "the person to see what was found")
    assert recipient.verified is (found == "gone")
    assert (await told.progress()).finished is (found == "gone")
    [row] = await told.trio.hospital.services.withdrawals.list(told.trio.hospital.acting("dpo"))
    assert row.needs_officer is (found != "gone")


async def test_an_erasure_of_lines_that_stand_in_no_object_is_not_believed(told):
    looked_at(told, 410, {})
    await told.withdraw()
    notice = (await told.notice()).id
    empty = told.statement(notice, objects=0, lines=0, bytes=0, held=[])
    await told.puppet.post(told.trio.hospital, "/consent/statements", empty)
    found = await told.trio.hospital.eventually(Notice, notice, where=lambda one: one.check)
    assert (found.check, told.asked) == ("nothing", [])


# A recipient that speaks no exchange.


@pytest.fixture
async def by_hand(space):
    """A person received by a recipient that speaks no exchange; with a clock."""
    trio, clock = await timed_trio(space)
    stage = await hospital_stage(trio, BUNDLES)
    await stage.answer((await stage.source_ids())[0])
    await stage.received(await stage.transfer())
    member = stage.holder.context.members.known(stage.research.id)
    await stage.holder.context.members.put(member.model_copy(update={"consent": None}))
    await stage.withdraw(next(iter(stage.people)))
    await stage.wallet.quiet()
    [notice] = await stage.holder.find(Notice)
    return stage, clock, notice


def officer(stage: Stage):
    return stage.holder.acting("dpo")


async def seen(stage: Stage):
    actor = next(iter(stage.people.values())).actor
    return await stage.wallet.services.wallet.progress(actor, stage.study)


async def test_who_cannot_be_told_by_message_is_told_by_hand_with_the_code(by_hand):
    stage, _, notice = by_hand
    desk = stage.holder.services.withdrawals
    [row] = await desk.list(officer(stage), open_only=True)
    assert (row.by_hand, row.needs_officer, row.told_at) == (True, True, None)
    assert row.code
    assert await stage.holder.find(Sealed)
    row = await desk.note(officer(stage), notice.id, "told", "Letter of 3 May")
    assert (row.code, row.told_at is not None, len(row.notes)) == (None, True, 1)
    assert len(await stage.holder.find(Sealed)) == 0, "the secret goes once they were told"


async def test_what_they_answer_is_noted_seen_by_the_person_and_kept_as_evidence(by_hand):
    stage, _, notice = by_hand
    desk = stage.holder.services.withdrawals
    row = await desk.note(officer(stage), notice.id, "erased", "Signed letter of 9 May, file 12")
    assert (row.standing, row.needs_officer) == ("done", False)
    entries = await stage.holder.find(LogEntry, subject=notice.id, kind="withdrawal.noted")
    assert row.notes[-1].evidence == "Signed letter of 9 May, file 12"
    assert "file 12" not in str(entries[0].body), "words could name somebody, and the log is for ever"
    [kept] = (await stage.holder.get(Notice, notice.id)).answers["notes"]
    assert json.loads(entries[0].body)["note"] == digest(kept)

    async def done():
        found = await seen(stage)
        return found if found.finished else None

    [recipient] = (await until(done, "the person to see it")).holders[0].recipients
    assert (recipient.by_hand, recipient.verified, recipient.erased_at is not None) == (True, False, True)
    with pytest.raises(Problem) as refused:
        await desk.note(officer(stage), notice.id, "stopped", "Again")
    assert refused.value.status == 409


async def test_an_exception_needs_its_ground_and_the_person_reads_it(by_hand):
    stage, _, notice = by_hand
    desk = stage.holder.services.withdrawals
    for answer, ground in (("exception", ""), ("erased", "GDPR art. 17(3)(d)"), ("promised", "")):
        with pytest.raises(Problem) as refused:
            await desk.note(officer(stage), notice.id, answer, "A letter", ground)
        assert refused.value.status == 400
    await desk.note(officer(stage), notice.id, "exception", "A letter", "GDPR art. 17(3)(d)")

    async def told():
        [recipient] = (await seen(stage)).holders[0].recipients
        return recipient.exception

    assert await until(told, "the ground") == "GDPR art. 17(3)(d)"


@pytest.mark.parametrize("role", ["steward", "researcher", "patient"])
async def test_nobody_but_the_officer_notes(by_hand, role):
    stage, _, notice = by_hand
    with pytest.raises(Problem) as refused:
        await stage.holder.services.withdrawals.note(stage.holder.acting(role), notice.id, "told", "A letter")
    assert refused.value.status == 403


async def test_the_ladder_is_the_same_without_messages(by_hand):
    stage, clock, notice = by_hand
    for hours, where in ((25, lambda n: n.reminded_at), (48, lambda n: n.escalated_at), (121, lambda n: not n.next_at)):
        clock.forward(stage.holder, hours=hours)
        await stage.holder.eventually(Notice, notice.id, where=where)
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "suspended"
    await stage.holder.services.withdrawals.note(officer(stage), notice.id, "erased", "A letter at last")
    await stage.holder.services.suspending.lift(officer(stage), stage.agreement, "They answered")
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "active"


async def test_who_answers_by_itself_is_not_noted_by_hand(told):
    told.puppet.answering = lambda heard: (503, {})
    await told.withdraw()
    await told.trio.wallet.quiet()
    [notice] = await told.trio.hospital.find(Notice)
    desk = told.trio.hospital.services.withdrawals
    with pytest.raises(Problem) as refused:
        await desk.note(told.trio.hospital.acting("dpo"), notice.id, "erased", "They said so on the phone")
    assert refused.value.code == "not-by-hand"


# A holder ends a consent itself.


@pytest.mark.parametrize(("state", "kind"), [("terminated", "controller"), ("invalidated", "authority")])
async def test_a_holder_ends_a_consent_and_the_person_sees_whose_word_it_is(told, state, kind):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [given] = await hospital.find(Consent)
    await hospital.services.standings.end(hospital.acting("steward"), given.id, state, "The court decided on 3 May")
    mine = await wallet.eventually(WalletConsent, given.id, 2, where=lambda found: found.current)
    assert (mine.state, mine.record["signer"]) == (
        state, {"kind": kind, "authority": "The court decided on 3 May"},
    )  # fmt: skip
    notice = await told.notice()
    assert notice.kind == "erase"
    shown = await told.progress()
    assert [(one.state, one.reason) for one in shown.by_holder] == [(state, "The court decided on 3 May")]
    assert [card.state for card in await wallet.services.wallet.permissions(told.somebody.actor)] == [state]
    assert [one.state for one in await hospital.find(Consent, current=True)] == [state]
    for party in (hospital, wallet):  # the log still fits what is kept
        assert await party.context.store.read(records_differ) == ""


async def test_after_an_end_by_the_holder_the_person_may_say_yes_anew(told):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [given] = await hospital.find(Consent)
    await hospital.services.standings.end(hospital.acting("dpo"), given.id, "terminated", "Given up")
    await wallet.eventually(WalletConsent, given.id, 2)
    await wallet.services.wallet.answer(told.somebody.actor, told.study, YES)
    await wallet.quiet()
    assert [(one.version, one.state) for one in await hospital.find(Consent, current=True)] == [(3, "given")]


async def test_a_stop_that_crosses_the_holders_own_end_is_taken(told):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    await wallet.stop()
    [given] = await hospital.find(Consent)
    await hospital.services.standings.end(hospital.acting("dpo"), given.id, "terminated", "Given up")
    await hospital.stop()
    await wallet.start()
    await told.withdraw("stop")
    await hospital.start()
    await wallet.quiet()
    await hospital.quiet()
    [current] = await wallet.find(WalletConsent, current=True)
    assert (current.version, current.state) == (2, "withdrawn")
    assert [(one.version, one.state) for one in await hospital.find(Consent, current=True)] == [(2, "terminated")]
    assert (await told.progress()).holders[0].state == "reached"


@pytest.mark.parametrize(
    "word",
    [
        {"state": "given"}, {"state": "withdrawn"}, {"state": "terminated"},
        {"state": "terminated", "signer": {"kind": "authority", "authority": "A court"}},
        {"state": "invalidated", "signer": {"kind": "proxy", "authority": "A parent"}},
    ],
    ids=["a-yes", "a-stop", "as-the-person", "as-another-kind", "as-a-proxy"],
)  # fmt: skip
async def test_a_holder_speaks_for_nobody_but_itself(told, space, word):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [given] = await wallet.find(WalletConsent)
    said = given.record | {"version": 2, "previous": given.digest} | word
    body = {"consent": speech.say(hospital.context, speech.CONSENT, said)}
    answer = await Voice.of(hospital, space.client).post(wallet, "/consent/standings", body)
    assert answer.status_code == 400
    assert [one.version for one in await wallet.find(WalletConsent)] == [1]


async def test_a_person_speaks_for_no_holder(told, space):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [given] = await wallet.find(WalletConsent)
    signer = await wallet.store.read(lambda tx: wallet.services.wallet.people.signer(tx, told.somebody.actor.account))
    ended = {"version": 2, "previous": given.digest, "state": "terminated"}
    for word in (ended, ended | {"signer": {"kind": "controller", "authority": "We"}}):
        record = ConsentRecord.from_json(given.record | word)
        delivery = {"consent_digest": record.digest(), "holder": hospital.id, "delivered_at": now()}
        body = {
            "consent": speech.say(wallet.context, speech.CONSENT, record.to_json(), signer),
            "delivery": speech.say(wallet.context, speech.DELIVERY, delivery),
        }  # fmt: skip
        answer = await Voice.of(wallet, space.client).post(hospital, "/consent/consents", body)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (400, "consent-not-accepted")
    assert [one.state for one in await hospital.find(Consent)] == ["given"]


async def test_what_is_erased_stays_erased_whatever_is_stated_late(told):
    looked_at(told, 410, {})
    before = await erased(told)
    for answer in ("stopped", "erased"):
        held = [{"id": story.urn(), "kind": "received", "lines": 9, "bytes": 900}]
        late = told.statement(before.id, answer, lines=9, bytes=900, held=held)
        sent = await told.puppet.post(told.trio.hospital, "/consent/statements", late)
        assert sent.status_code == 200, sent.text
        after = await told.trio.hospital.get(Notice, before.id)
        assert (after.erased_at, after.stopped_at, after.next_at) == (before.erased_at, before.stopped_at, None)
        assert after.lines == (7 if answer == "stopped" else 9)


@pytest.mark.parametrize(("state", "reason"), [("given", "So"), ("withdrawn", "So"), ("terminated", " ")])
async def test_a_holder_ends_only_with_a_reason_and_never_says_yes(told, state, reason):
    hospital = told.trio.hospital
    [given] = await hospital.find(Consent)
    with pytest.raises(Problem) as refused:
        await hospital.services.standings.end(hospital.acting("steward"), given.id, state, reason)
    assert refused.value.status == 400
    assert [one.version for one in await hospital.find(Consent)] == [1]
