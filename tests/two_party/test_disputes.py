"""A link may be wrong: nothing of either person leaves until it is settled, and nothing moves silently."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import (
    Agreement,
    Consent,
    HandedOver,
    Link,
    LinkDispute,
    LogEntry,
    Notice,
    Person,
    WalletConsent,
    WalletLink,
)
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from connector.services.sealed import SealedInTransaction
from connector.services.wallet.views import Answer
from tests.two_party import sourced, story
from tests.two_party.puppet import Key
from tests.two_party.space import until

NOTHING: dict[str, set[str]] = {"ann": set(), "eva": set()}
YES = Answer("yes", {story.RECORDS: None})


class Case:
    """Two people of a hospital that a contract is about: Ann, who is linked and said yes, and Eva, who may be meant."""

    def __init__(self, trio, ann, eva, study, agreement) -> None:
        self.trio, self.ann, self.eva, self.study, self.agreement = trio, ann, eva, study, agreement

    @property
    def disputes(self):
        return self.trio.hospital.services.disputes

    async def say(self, reason="The record is her twin's", other=""):
        return await self.disputes.open(self.trio.hospital.acting("steward"), self.ann.person, reason, other)

    async def settle(self, dispute, outcome, other="", note=""):
        await self.disputes.settle(self.trio.hospital.acting("dpo"), dispute, outcome, other, note)

    async def reasons(self) -> dict[str, set[str]]:
        """Why Ann and Eva would be refused now (nothing when they would not)."""
        hospital = self.trio.hospital
        people = [self.ann.person, self.eva.person]

        def query(tx):
            contract = contract_of(tx, tx.get(Agreement, self.agreement), "records")
            return judge_people(tx, hospital.context, contract, people, datetime.now(UTC))

        judged = await hospital.store.read(query)
        names = {self.ann.person: "ann", self.eva.person: "eva"}
        return {
            names[one.person]: set() if one.decision.outcome == "permit" else {why.code for why in one.decision.because}
            for one in judged
        }

    async def wallet_link(self, **conditions):
        await self.trio.hospital.quiet()
        return await self.trio.wallet.find(WalletLink, account=self.ann.actor.account, **conditions)


@pytest.fixture
async def case(trio) -> Case:
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    ann = await story.linked_patient(trio.wallet, trio.hospital, "Ann Example")
    eva = await story.linked_patient(trio.wallet, trio.hospital, "Eva Example")
    for one in (ann, eva):
        await trio.wallet.services.wallet.answer(one.actor, study, YES)
    await trio.wallet.quiet()
    done = await story.outcome(trio.research, await story.ask(trio.research, trio.hospital, offer, study))
    ours = await story.counterpart(trio.hospital, done.pid)
    return Case(trio, ann, eva, study, ours.agreement)


async def test_from_the_dispute_on_nothing_of_either_person_is_released(case):
    assert await case.reasons() == NOTHING
    await case.say(other=case.eva.person)
    assert all("link-disputed" in why for why in (await case.reasons()).values())
    [link] = await case.wallet_link()
    assert link.standing == "disputed"
    [card] = await case.trio.wallet.services.wallet.permissions(case.ann.actor)
    assert card.state == "disputed"


async def test_a_link_that_was_right_goes_on_as_before(case):
    dispute = await case.say(other=case.eva.person)
    await case.settle(dispute, "kept")
    assert await case.reasons() == NOTHING
    [link] = await case.wallet_link()
    assert link.standing == "active"
    with pytest.raises(Problem) as again:
        await case.settle(dispute, "ended")
    assert again.value.status == 409


async def test_a_moved_link_is_a_new_one_and_no_consent_moves_with_it(case):
    other = str(story.urn())
    await case.trio.hospital.add(Person(id=other, source="records", source_id="n-7", name="Anna Example"))
    dispute = await case.say()
    await case.settle(dispute, "moved", other, "Passport seen")
    old = await case.trio.hospital.find(Link, person=case.ann.person)
    [new] = await case.trio.hospital.find(Link, person=other)
    assert [one.standing for one in old] == ["ended"]
    assert (new.standing, new.wallet_person, new.person_key) == ("active", old[0].wallet_person, old[0].person_key)
    assert not await case.trio.hospital.find(Consent, person=other)
    assert not await case.trio.hospital.find(Consent, person=case.ann.person, current=True)
    links = {one.id: one.standing for one in await case.wallet_link()}
    assert links == {old[0].id: "ended", new.id: "active"}
    [asked] = (await case.trio.wallet.services.wallet.home(case.ann.actor)).waiting
    assert asked.why == "link-ended"
    await case.trio.wallet.services.wallet.answer(case.ann.actor, case.study, YES)
    await case.trio.wallet.quiet()
    [consent] = await case.trio.hospital.find(Consent, person=other)
    assert (consent.link, consent.version, consent.state) == (new.id, 1, "given")
    assert not (await case.trio.wallet.services.wallet.home(case.ann.actor)).waiting
    [settled] = await case.trio.hospital.find(LinkDispute)
    assert "Passport seen" in settled.reason


async def test_what_was_released_under_a_wrong_link_is_to_be_erased(case, puppet):
    hospital = case.trio.hospital

    def hand_over(tx):
        tx.put(HandedOver(agreement="urn:a", person=case.ann.person, study=case.study, recipient=puppet.id))
        return hospital.context.vault.domain("urn:a", SealedInTransaction(tx)).person(case.ann.person).code

    code = await hospital.store.write(hand_over)
    await case.settle(await case.say(), "ended")
    [notice] = await hospital.find(Notice)
    assert (notice.kind, notice.person, notice.recipient) == ("erase", case.ann.person, puppet.id)
    heard = await until(lambda: [one for one in puppet.heard if "notice" in one.body], "the recipient to be told")
    claims = read_statement(heard[0].body["notice"], StatementType.NOTICE, [hospital.context.signer.public_jwk])
    assert (claims["code"], claims["kind"]) == (code, "erase")
    assert (await case.reasons())["ann"]


async def test_the_person_says_so_at_their_wallet(case):
    wallet = case.trio.wallet
    [link] = await wallet.find(WalletLink, account=case.ann.actor.account)
    await wallet.services.wallet.links.doubt(case.ann.actor, link.id, "I was never there")
    await wallet.quiet()
    [dispute] = await case.trio.hospital.find(LinkDispute)
    assert (dispute.opened_by, dispute.reason, dispute.person) == ("wallet", "I was never there", case.ann.person)
    assert "link-disputed" in (await case.reasons())["ann"]
    assert not (await case.reasons())["eva"]
    assert "never there" not in str(await case.trio.hospital.find(LogEntry)) + str(await wallet.find(LogEntry))
    with pytest.raises(Problem):
        await wallet.services.wallet.links.doubt(case.eva.actor, link.id, "")


async def test_a_doubt_counts_only_when_the_person_signed_it(case, puppet):
    await puppet.join(case.trio.hospital, role="wallet")
    link = story.urn()
    key, person = Key(), story.urn()
    await case.trio.hospital.add(
        Person(id=person, source="records", source_id=person),
        Link(id=link, person=person, wallet=puppet.id, wallet_person=story.urn(), person_key=key.bare),
    )
    claims = {"link": link, "holder": case.trio.hospital.id, "wallet": puppet.id, "reason": None,
              "at": "2026-11-21T12:00:00Z"}  # fmt: skip
    for signer, changes in ((Key(), {}), (key, {"holder": "urn:concord:other:00000000"})):
        body = {"doubt": puppet.say(StatementType.LINK_DOUBT, claims | changes, signer=signer)}
        assert (await puppet.post(case.trio.hospital, "/consent/doubts", body)).status_code in (400, 403)
    assert not await case.trio.hospital.find(LinkDispute)
    body = {"doubt": puppet.say(StatementType.LINK_DOUBT, claims, signer=key)}
    answers = [await puppet.post(case.trio.hospital, "/consent/doubts", body) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert len(await case.trio.hospital.find(LinkDispute)) == 1


async def test_only_the_officer_settles_and_only_staff_say_whose_it_is(case):
    hospital = case.trio.hospital
    with pytest.raises(Problem) as patient:
        await case.disputes.open(hospital.acting("patient"), case.ann.person, "x")
    dispute = await case.say()
    with pytest.raises(Problem) as steward:
        await case.disputes.settle(hospital.acting("steward"), dispute, "kept")
    assert {patient.value.status, steward.value.status} == {403}
    for outcome, other in (("moved", ""), ("moved", case.ann.person), ("moved", story.urn()), ("lost", "")):
        with pytest.raises(Problem) as wrong:
            await case.settle(dispute, outcome, other)
        assert wrong.value.status == 400
    with pytest.raises(Problem) as taken:
        await case.settle(dispute, "moved", case.eva.person)
    assert taken.value.status == 409
    assert "link-disputed" in (await case.reasons())["ann"]


async def test_while_a_link_is_disputed_no_second_one_is_made(case):
    await case.say()
    code = await story.link_code(case.trio.hospital, case.ann.person)
    stranger = await story.patient(case.trio.wallet, case.trio.hospital, "Bob")
    with pytest.raises(Problem) as refused:
        await case.trio.wallet.services.wallet.link(stranger.actor, case.trio.hospital.id, code)
    assert refused.value.status == 409
    assert len(await case.trio.hospital.find(Link, person=case.ann.person)) == 1


async def test_saying_it_twice_at_once_is_one_dispute(case):
    found = await asyncio.gather(*(case.say(f"reason {number}") for number in range(5)))
    assert len(set(found)) == 1
    assert len(await case.trio.hospital.find(LinkDispute)) == 1


async def test_a_hand_over_under_way_ends_before_the_dispute_is_recorded(case):
    gate = case.trio.hospital.context.gate
    async with gate.hand_over([(case.ann.person, case.study)]) as allowed:
        assert allowed
        saying = asyncio.create_task(case.say(other=case.eva.person))
        await until(lambda: not gate.is_open((case.eva.person, case.study)), "the gate to close for both")
        assert not await case.trio.hospital.find(LinkDispute)
    await saying
    assert len(await case.trio.hospital.find(LinkDispute)) == 1


async def test_an_answer_to_an_ended_link_is_no_answer_any_more(case):
    await case.settle(await case.say(), "ended")
    await case.wallet_link()
    with pytest.raises(Problem):
        await case.trio.wallet.services.wallet.answer(case.ann.actor, case.study, YES)
    [card] = await case.trio.wallet.services.wallet.permissions(case.ann.actor)
    assert card.state == "link-ended"
    kept = await case.trio.wallet.find(WalletConsent, account=case.ann.actor.account)
    assert [one.state for one in kept] == ["given"]


async def test_two_records_that_the_source_makes_one_are_stopped_until_somebody_has_looked(trio, tmp_path):
    stage = await sourced.stage(trio, tmp_path / "first")
    await stage.answer("ann")
    await stage.answer("ben", "no")
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "refused"}
    replaced = [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]
    merged = sourced.write(
        tmp_path / "second", "merged", sourced.patient("ben", active=False, link=replaced), sourced.patient("ann"),
        sourced.observation("obs-ben", "ann"),
    )  # fmt: skip
    await sourced.take_in(trio, merged)
    assert await sourced.pulled(stage) == {"ann": "link-disputed", "ben": "refused"}
    [dispute] = await trio.hospital.find(LinkDispute)
    assert dispute.opened_by == "source"
    await trio.hospital.services.disputes.settle(trio.hospital.acting("dpo"), dispute.id, "kept")
    await sourced.take_in(trio, merged)
    assert len(await trio.hospital.find(LinkDispute)) == 1, "what was settled stays settled"
    assert (await sourced.pulled(stage))["ann"] == "released"


async def test_records_of_people_without_a_wallet_are_stopped_as_well_and_only_let_go_on(trio, tmp_path):
    await sourced.stage(trio, tmp_path / "first")
    same = [{"other": {"reference": "Patient/ben"}, "type": "replaces"},
            {"other": {"reference": "Patient/nobody"}, "type": "replaces"},
            {"other": {"reference": "Patient/ben"}, "type": "seealso"}]  # fmt: skip
    await sourced.take_in(trio, sourced.write(tmp_path / "second", "merged", sourced.patient("ann", link=same)))
    [dispute] = await trio.hospital.find(LinkDispute)
    assert dispute.link == ""
    disputes, officer = trio.hospital.services.disputes, trio.hospital.acting("dpo")
    with pytest.raises(Problem) as refused:
        await disputes.settle(officer, dispute.id, "ended")
    assert refused.value.status == 409
    await disputes.settle(officer, dispute.id, "kept")
    assert not await trio.hospital.find(LinkDispute, settled_at=None)
