"""Answers that staff take down for people without a wallet: the same record, chain, stop, notices and receipt."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime

import pytest

from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import CaptureEvidence, Consent, Link, LogEntry, Notice, Person, Study
from connector.services.holding.assisted import DeskAnswer
from connector.services.holding.evidence_files import Evidence, protocol
from contracts.study import StudyRequest, study_digest
from policy.consent import ConsentRecord, follows
from tests.two_party import releases, sourced, story
from tests.two_party.space import until

SCAN = Evidence("application/pdf", b"%PDF-1.7 a signed form")


@pytest.fixture
async def counter(trio, tmp_path):
    return Counter(trio, await sourced.stage(trio, tmp_path / "first"))


class Counter:
    """A desk with somebody in front of it."""

    def __init__(self, trio, stage) -> None:
        self.trio, self.stage = trio, stage
        self.desk, self.steward = trio.hospital.services.desk, trio.hospital.acting("steward")

    async def person(self, who="ann") -> str:
        return await sourced.person(self.trio, who)

    async def say(self, decision="yes", who="ann", **changes):
        script = await self.desk.script(self.steward, await self.person(who), self.stage.study)
        said = {
            "decision": decision, "channel": "paper", "read_out": True, "digest": script.digest, "evidence": SCAN,
            "datasets": {self.stage.dataset: None} if decision == "yes" else {},
        }  # fmt: skip
        answer = DeskAnswer(**(said | changes))
        return await self.desk.record(self.steward, await self.person(who), self.stage.study, answer)


async def test_a_yes_on_paper_releases_the_persons_data(counter):
    assert await sourced.pulled(counter.stage) == {"ann": "not-linked", "ben": "not-linked"}
    done = await counter.say()
    assert (done.state, done.version, done.recipients) == ("given", 1, [])
    assert await sourced.pulled(counter.stage) == {"ann": "released", "ben": "not-linked"}


async def test_the_record_says_how_it_was_taken_and_is_signed_by_the_holder(counter):
    await counter.say()
    hospital = counter.trio.hospital
    [kept] = await hospital.find(Consent)
    [link] = await hospital.find(Link)
    assert (link.wallet, link.made_by, link.standing) == (hospital.id, "desk", "active")
    claims = read_statement(kept.jws, StatementType.CONSENT, [hospital.context.signer.public_jwk])
    record = ConsentRecord.from_json(claims)
    assert (record.wallet, record.holder, record.signer.kind) == (hospital.id, hospital.id, "self")
    assert (record.capture.channel, record.capture.interface) == ("paper", "desk-page/1")
    assert "steward" in record.capture.assistant
    evidence = await hospital.get(CaptureEvidence, await counter.person(), record.capture.evidence)
    assert (evidence.body, evidence.person, evidence.taken_by) == (SCAN.body, await counter.person(), "steward")


async def test_a_change_and_a_stop_are_next_versions_of_the_same_record(counter):
    first = await counter.say()
    changed = await counter.say(datasets={counter.stage.dataset: ["vital-signs"]})
    stopped = await counter.say("erase", channel="phone", read_out=False, evidence=None)
    assert {one.consent for one in (first, changed, stopped)} == {first.consent}
    rows = await counter.trio.hospital.find(Consent, order="version")
    records = [ConsentRecord.from_json(row.record) for row in rows]
    assert [str(one.state) for one in records] == ["given", "given", "withdrawn"]
    assert follows(records[0], records[1])
    assert follows(records[1], records[2])
    assert [row.current for row in rows] == [False, False, True]
    assert (await sourced.pulled(counter.stage))["ann"] == "withdrawn"


async def test_a_stop_at_the_desk_is_told_to_every_recipient_and_bites_while_a_release_runs(counter):
    for who in ("ann", "ben"):
        await counter.say(who=who)
    await releases.many_records(counter.stage, 4000)
    first, second = await counter.stage.order_of_release()
    pid, token = await releases.opened_by_hand(counter.stage)
    async with releases.pulling(counter.trio.hospital, pid, token) as reader:
        await reader.until(lambda body: len(body) > 20_000)
        await counter.say("erase", who=second)
        done = await counter.say("erase", who=first)
        body = await reader.to_the_end()
    assert done.recipients == ["Research One"]
    patients = [one for one in map(json.loads, body.splitlines()[:-1]) if one["resourceType"] == "Patient"]
    assert len(patients) == 1
    [notice] = await counter.trio.hospital.find(Notice)
    told = await until(lambda: received(counter, notice.id), "the recipient to have been told")
    assert told.kind == "erase"


async def received(counter, id):
    found = await counter.trio.hospital.get(Notice, id)
    return found if found.received_at else None


async def test_nothing_is_posted_to_a_wallet_that_is_ourselves(counter):
    await counter.say()
    await sourced.pulled(counter.stage)
    await counter.say("erase")
    await counter.trio.hospital.quiet()
    [notice] = await counter.trio.hospital.find(Notice)
    assert (await until(lambda: erased(counter, notice.id), "the recipient's statement")).lines == 2


async def erased(counter, id):
    found = await counter.trio.hospital.get(Notice, id)
    return found if found.erased_at else None


@pytest.mark.parametrize("form", ["json", "jws", "html", "pdf"])
async def test_the_receipt_is_the_same_as_a_wallets(counter, form):
    done = await counter.say()
    paper = await counter.desk.receipt(counter.steward, done.consent, form)
    assert paper.body
    if form == "json":
        receipt = json.loads(paper.body)
        assert read_statement(receipt["signed"], StatementType.RECEIPT, [receipt["key"]]) == receipt["receipt"]
        assert done.consent in paper.body.decode()


async def test_there_is_no_receipt_at_the_desk_for_what_a_wallet_recorded(counter):
    await counter.stage.answer("ann")
    [kept] = await counter.trio.hospital.find(Consent)
    with pytest.raises(Problem) as refused:
        await counter.desk.receipt(counter.steward, kept.id, "json")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"read_out": False}, "read_out"), ({"evidence": None}, "evidence"), ({"channel": "portal"}, "channel"),
        ({"decision": "perhaps"}, "decision"), ({"datasets": {}}, "datasets"),
        ({"datasets": {"other": None}}, "datasets"),
        ({"evidence": Evidence("application/pdf", b"no pdf")}, "evidence"),
        ({"evidence": Evidence("text/html", b"<p>")}, "evidence"), ({"evidence": protocol("  ")}, "evidence"),
        ({"evidence": Evidence("text/plain", b"\xff\xfe")}, "evidence"),
        ({"evidence": Evidence("application/pdf", b"%PDF-" + bytes(11 * 1024 * 1024))}, "evidence"),
    ],
)  # fmt: skip
async def test_a_yes_that_lacks_what_it_takes_is_not_recorded(counter, changes, where):
    with pytest.raises(Problem) as refused:
        await counter.say(**changes)
    assert refused.value.where == where
    assert not await counter.trio.hospital.find(Consent)
    assert not await counter.trio.hospital.find(Link)


async def test_a_yes_to_words_that_changed_meanwhile_is_not_recorded(counter):
    with pytest.raises(Problem) as refused:
        await counter.say(digest="0" * 64)
    assert refused.value.status == 409


@pytest.mark.parametrize("decision", ["stop", "erase", "pause"])
async def test_there_must_be_something_to_stop(counter, decision):
    with pytest.raises(Problem) as refused:
        await counter.say(decision)
    assert refused.value.status == 409


async def test_a_pause_rests_and_a_yes_goes_on(counter):
    await counter.say()
    await counter.say("pause")
    assert (await sourced.pulled(counter.stage))["ann"] == "suspended"
    await counter.say()
    assert (await sourced.pulled(counter.stage))["ann"] == "released"


async def test_a_no_is_taken_without_any_paper(counter):
    done = await counter.say("no", channel="phone", read_out=False, evidence=None, digest="")
    assert done.state == "refused"
    assert (await sourced.pulled(counter.stage))["ann"] == "refused"


async def test_somebody_with_a_wallet_answers_there(counter):
    await counter.stage.answer("ann", "no")
    with pytest.raises(Problem) as refused:
        await counter.say()
    assert refused.value.code == "has-a-wallet"
    assert (await counter.desk.person(counter.steward, await counter.person())).standing == "wallet"


async def test_who_gets_a_wallet_later_is_asked_anew_and_nothing_moves(counter):
    await counter.say()
    assert (await sourced.pulled(counter.stage))["ann"] == "released"
    somebody = await story.patient(counter.trio.wallet, counter.trio.hospital)
    person = await counter.person()
    await counter.trio.wallet.services.wallet.link(
        somebody.actor, counter.trio.hospital.id, await story.link_code(counter.trio.hospital, person)
    )
    links = {link.made_by: link for link in await counter.trio.hospital.find(Link, person=person)}
    assert links["desk"].standing == "ended"
    assert links["desk"].ended_at is not None
    assert await counter.trio.hospital.find(LogEntry, kind="link.ended", subject=links["desk"].id)
    assert (await sourced.pulled(counter.stage))["ann"] == "no-consent"
    home = await counter.trio.wallet.services.wallet.home(somebody.actor)
    assert [card.id for card in home.waiting] == [counter.stage.study]


async def test_the_person_chooses_kinds_of_data_and_dates_at_the_desk_too(counter):
    done = await counter.say(datasets={counter.stage.dataset: ["laboratory"]})
    [kept] = await counter.trio.hospital.find(Consent, id=done.consent)
    assert kept.record["data"] == [{"dataset": counter.stage.dataset, "categories": ["laboratory"]}]
    received_ = await counter.stage.received(await counter.stage.transfer())
    assert [line["resourceType"] for line in releases.lines_of(received_.path)] in ([], ["Patient"])


async def test_what_is_read_out_is_the_study_as_wallets_show_it(counter):
    script = await counter.desk.script(counter.steward, await counter.person(), counter.stage.study)
    [kept] = [one for one in await counter.trio.hospital.find(Study) if one.id == counter.stage.study]
    study = StudyRequest.read(kept.document)
    assert (script.digest, script.words) == (study_digest(study), study.words.model_dump())
    assert [one.dataset for one in script.datasets] == [counter.stage.dataset]


@pytest.mark.parametrize("role", ["researcher", "patient", "dpo"])
async def test_only_staff_of_the_desk_take_answers_down(counter, role):
    with pytest.raises(Problem) as refused:
        await counter.desk.script(counter.trio.hospital.acting(role), await counter.person(), counter.stage.study)
    assert refused.value.status == 403


async def test_whoever_looks_at_the_evidence_is_logged(counter):
    await counter.say()
    [kept] = await counter.trio.hospital.find(CaptureEvidence)
    paper = await counter.desk.evidence(counter.trio.hospital.acting("dpo"), kept.digest)
    assert paper.body == SCAN.body
    assert await counter.trio.hospital.find(LogEntry, kind="evidence.opened", subject=kept.digest)


async def test_two_members_of_staff_at_once_record_one_answer(counter):
    import asyncio

    done = await asyncio.gather(counter.say(), counter.say(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Problem", "Recorded"]
    assert len(await counter.trio.hospital.find(Link)) == 1


async def test_the_api_takes_an_answer_down(counter, space):
    hospital = counter.trio.hospital
    headers = {"Authorization": f"Bearer {hospital.app.state.running.token}"}
    base = f"{hospital.direct}/api/desk/people/{await counter.person()}"
    script = (await space.client.get(f"{base}/studies/{counter.stage.study}", headers=headers)).json()
    body = {
        "study": counter.stage.study, "decision": "yes", "channel": "phone", "read_out": True,
        "digest": script["digest"], "datasets": {counter.stage.dataset: None},
        "evidence": {"media_type": "text/plain", "body": base64.b64encode(b"Spoken on the phone.").decode()},
    }  # fmt: skip
    done = await space.client.post(f"{base}/answers", json=body, headers=headers)
    assert done.status_code == 201, done.text
    receipt = f"{hospital.direct}/api/desk/receipts/{done.json()['consent']}"
    printed = await space.client.get(receipt, params={"format": "pdf"}, headers=headers)
    assert printed.content.startswith(b"%PDF-")
    bad = await space.client.post(
        f"{base}/answers", json=body | {"evidence": {"media_type": "text/plain", "body": "%"}}, headers=headers
    )
    assert bad.status_code == 400


async def test_a_no_after_a_stop_asks_for_no_more_than_the_stop_did_and_erasing_is_still_possible(counter):
    await counter.say()
    await sourced.pulled(counter.stage)
    aloud = {"channel": "phone", "read_out": False, "evidence": None}
    await counter.say("stop", **aloud)
    await counter.say("no", **aloud)
    assert [one.kind for one in await counter.trio.hospital.find(Notice)] == ["stop"]
    await counter.say("erase", **aloud)
    assert sorted(one.kind for one in await counter.trio.hospital.find(Notice)) == ["erase", "stop"]


async def test_a_receipt_of_the_desk_says_how_to_stop_at_the_desk(counter):
    done = await counter.say()
    page = (await counter.desk.receipt(counter.steward, done.consent, "html")).body.decode()
    assert "Tell Hospital One at the desk" in page
    assert "/me/" not in page
    receipt = (await counter.desk.receipt(counter.steward, done.consent, "json")).body.decode()
    assert "/me/" not in receipt
    assert "wallet" not in page.lower()


async def test_a_minor_says_yes_by_somebody_with_an_authority_and_no_by_themselves(counter):
    hospital = counter.trio.hospital
    born = date(datetime.now(UTC).year - 9, 1, 1)
    await hospital.store.write(lambda tx: tx.alter(Person, {"born": born}, source_id="ann"))
    with pytest.raises(Problem) as refused:
        await counter.say()
    assert refused.value.where == "authority"
    await counter.say(authority="parent")
    [kept] = await hospital.find(Consent)
    signer = ConsentRecord.from_json(kept.record).signer
    assert (signer.kind, signer.authority, signer.until.year) == ("proxy", "parent", born.year + 18)
    assert (await sourced.pulled(counter.stage))["ann"] == "released"
    await counter.say("no", evidence=None)
    with pytest.raises(Problem) as refused:
        await counter.say(authority="parent")
    assert refused.value.code == "own-no"


async def test_what_a_person_answered_in_their_wallet_stands_at_the_desk_too(counter):
    await counter.stage.answer("ann")
    [shown] = await counter.desk.studies(counter.steward, await counter.person())
    assert (shown.state, shown.consent) == ("given", "")


async def test_who_answered_at_the_desk_has_no_wallet_and_may_choose_one(counter):
    await counter.say()
    person, hospital = await counter.person(), counter.trio.hospital
    [row] = [one for one in await hospital.services.steward.patients(counter.steward, "") if one.id == person]
    assert not row.linked
    account = await hospital.services.hand_over.tie(counter.steward, person, "ann@hospital")
    actor = hospital.acting("patient", account, "Ann")
    assert (await hospital.services.hand_over.mine(actor)).standing == ""
    handing = await hospital.services.hand_over.hand(actor, counter.trio.wallet.id)
    assert handing.code
