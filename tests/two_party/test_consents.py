"""A holder takes consents: signed by the person, delivered by their wallet, in order; a stop is always taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import (
    Consent,
    Delivery,
    Link,
    LogEntry,
    MemberEntry,
    OutboxMessage,
    Person,
    Study,
    WalletConsent,
)
from connector.services.wallet.views import Answer
from contracts.study import StudyRequest, study_digest
from policy.consent import ConsentRecord
from tests.two_party import story
from tests.two_party.puppet import Key, Puppet
from tests.two_party.space import until

CONSENTS = "/consent/consents"
YES = Answer("yes", {story.RECORDS: None})


class Wallet:
    """A wallet played by hand, with one person linked at the hospital and a study of the research group."""

    def __init__(self, puppet: Puppet, hospital, study: StudyRequest, person: str) -> None:
        self.puppet, self.hospital, self.study, self.person = puppet, hospital, study, person
        self.key = Key()
        self.link = story.urn()

    async def know(self) -> None:
        """Have the person linked, as a code would have done."""
        await self.hospital.add(
            Person(id=self.person, source="records", source_id=self.person),
            Link(id=self.link, person=self.person, wallet=self.puppet.id, wallet_person=story.urn(),
                 person_key=self.key.bare, linked_at=datetime.now(UTC)),
        )  # fmt: skip

    def claims(self, state: str = "given", before: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """A consent record; the next version of `before` when that is given."""
        given = state == "given"
        now = datetime.now(UTC)
        claims = {
            "id": before["id"] if before else story.urn(), "version": before["version"] + 1 if before else 1,
            "previous": ConsentRecord.from_json(before).digest() if before else None, "state": state,
            "study": self.study.id, "study_digest": study_digest(self.study), "link": self.link,
            "holder": self.hospital.id, "wallet": self.puppet.id,
            "recipients": list(self.study.recipients) if given else [],
            "purposes": list(self.study.purposes) if given else [],
            "data": [{"dataset": story.RECORDS, "categories": None}] if given else [], "window": None,
            "decided_at": now, "valid_until": now + timedelta(days=100),
            "words": {"version": "study-page/1", "language": "en", "digest": study_digest(self.study)},
            "signer": {"kind": "self", "authority": None},
            "on_withdrawal": "erase" if state == "withdrawn" else None,
        }  # fmt: skip
        return ConsentRecord.from_json(claims | changes).to_json()

    def body(self, claims: dict[str, Any], *, signer=None, deliverer=None, **delivery: Any) -> dict[str, str]:
        digest = ConsentRecord.from_json(claims).digest()
        told = {"consent_digest": digest, "holder": self.hospital.id, "delivered_at": "2026-11-21T12:00:00Z"} | delivery
        return {
            "consent": self.puppet.say(StatementType.CONSENT, claims, signer=signer or self.key),
            "delivery": self.puppet.say(StatementType.DELIVERY, told, signer=deliverer),
        }

    async def send(self, claims: dict[str, Any], voice: Puppet | None = None, **how: Any):
        return await (voice or self.puppet).post(self.hospital, CONSENTS, self.body(claims, **how))

    def heard(self, answer) -> dict[str, Any]:
        """The claims of an acknowledgement, after checking the hospital's signature."""
        assert answer.status_code == 200, answer.text
        keys = [self.hospital.context.signer.public_jwk]
        return read_statement(answer.json()["acknowledgement"], StatementType.ACKNOWLEDGEMENT, keys)


@pytest.fixture
async def wallet(space, hospital):
    """A wallet by hand and a study that the hospital approved."""
    puppet = await Puppet.raised(space.client, "wallet")
    await puppet.join(hospital, role="wallet")
    study = StudyRequest.read(story.study_claims("urn:concord:research:0", (hospital.id, story.RECORDS)))
    await hospital.add(
        Study(id=study.id, organisation=study.organisation, digest=study_digest(study), standing="approved",
              document=study.wire(), jws="")
    )  # fmt: skip
    made = Wallet(puppet, hospital, study, story.urn())
    await made.know()
    yield made
    await puppet.close()


async def kept(hospital):
    return [(one.version, one.state, one.current) for one in await hospital.find(Consent, order="version")]


async def test_a_consent_is_kept_acknowledged_and_logged(hospital, wallet):
    claims = wallet.claims()
    acknowledged = wallet.heard(await wallet.send(claims))
    assert (acknowledged["consent"], acknowledged["effect"], acknowledged["recipients"]) == (claims["id"], "active", [])
    [found] = await hospital.find(Consent)
    assert (found.person, found.study, found.record, found.current) == (wallet.person, wallet.study.id, claims, True)
    assert [entry.kind for entry in await hospital.find(LogEntry, subject=claims["id"])] == ["consent.given"]
    assert (await hospital.get(MemberEntry, wallet.puppet.id)).heard_at is not None


async def test_the_same_version_again_gets_the_same_answer_and_no_second_effect(hospital, wallet):
    claims = wallet.claims()
    first, again = [wallet.heard(await wallet.send(claims)) for _ in range(2)]
    assert first == again
    assert len(await hospital.find(Consent)) == len(await hospital.find(LogEntry, subject=claims["id"])) == 1


async def test_an_older_version_played_again_is_superseded_and_changes_nothing(hospital, wallet):
    given = wallet.claims()
    await wallet.send(given)
    assert wallet.heard(await wallet.send(wallet.claims("withdrawn", given)))["effect"] == "stopped"
    assert wallet.heard(await wallet.send(given))["effect"] == "superseded"
    assert await kept(hospital) == [(1, "given", False), (2, "withdrawn", True)]


async def test_the_same_version_with_other_content_is_refused(hospital, wallet):
    given = wallet.claims()
    await wallet.send(given)
    assert (await wallet.send(given | {"on_withdrawal": "stop"})).status_code == 409
    assert len(await hospital.find(Consent)) == 1


async def test_a_link_nobody_gave_and_somebody_elses_link_get_the_same_answer(space, hospital, wallet):
    other = await Puppet.raised(space.client, "other-wallet")
    await other.join(hospital, role="wallet")
    try:
        unknown = await wallet.send(wallet.claims(link=story.urn()))
        foreign = await wallet.send(wallet.claims(), other, deliverer=other.signer)
    finally:
        await other.close()
    assert (unknown.status_code, unknown.content) == (foreign.status_code, foreign.content)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:concord:problem:unknown-person")
    assert not await hospital.find(Consent)


async def test_an_ended_link_is_as_good_as_none(hospital, wallet):
    await hospital.store.write(lambda tx: tx.alter(Link, {"standing": "ended"}, id=wallet.link))
    assert (await wallet.send(wallet.claims())).status_code == 404


async def test_a_consent_signed_by_somebody_else_is_refused(hospital, wallet):
    for signer in (Key(), wallet.puppet.signer):
        answer = await wallet.send(wallet.claims(), signer=signer)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:concord:problem:bad-statement")
    assert not await hospital.find(Consent)


async def test_a_delivery_countersigned_by_somebody_else_is_refused(hospital, wallet):
    assert (await wallet.send(wallet.claims(), deliverer=wallet.key)).status_code == 400
    assert not await hospital.find(Consent)


@pytest.mark.parametrize(
    ("delivery", "status"), [({"consent_digest": "0" * 64}, 400), ({"holder": "urn:concord:other:00000000"}, 403)]
)
async def test_a_delivery_about_something_else_is_refused(hospital, wallet, delivery, status):
    assert (await wallet.send(wallet.claims(), **delivery)).status_code == status
    assert not await hospital.find(Consent)


@pytest.mark.parametrize("named", ["holder", "wallet"])
async def test_a_consent_that_names_another_holder_or_wallet_is_refused(hospital, wallet, named):
    answer = await wallet.send(wallet.claims(**{named: "urn:concord:other:00000000"}))
    assert answer.status_code == 403
    assert not await hospital.find(Consent)


FAULTS = {
    "skips a version": {"version": 3}, "other predecessor": {"previous": "0" * 64}, "no predecessor": {},
    "back in time": {"decided_at": datetime(2020, 1, 1, tzinfo=UTC)},
}  # fmt: skip


@pytest.mark.parametrize("broken", FAULTS)
async def test_a_yes_that_does_not_follow_is_refused(hospital, wallet, broken):
    given = wallet.claims()
    if broken != "no predecessor":
        await wallet.send(given)
    answer = await wallet.send(wallet.claims("given", given, **FAULTS[broken]))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:concord:problem:broken-chain")


@pytest.mark.parametrize("broken", FAULTS)
async def test_a_stop_is_taken_whatever_was_lost_before_it(hospital, wallet, broken):
    given = wallet.claims()
    if broken != "no predecessor":
        await wallet.send(given)
    answer = await wallet.send(wallet.claims("withdrawn", given, **FAULTS[broken]))
    assert answer.status_code == 200
    kept = await hospital.store.read(lambda tx: tx.find(Consent, id=given["id"], current=True))
    assert [consent.state for consent in kept] == ["withdrawn"]


async def test_a_yes_to_a_study_that_was_not_approved_is_refused_but_a_no_is_taken(hospital, wallet):
    await hospital.store.write(lambda tx: tx.alter(Study, {"standing": "waiting"}, id=wallet.study.id))
    assert (await wallet.send(wallet.claims())).status_code == 400
    assert wallet.heard(await wallet.send(wallet.claims("refused")))["effect"] == "stopped"
    assert await kept(hospital) == [(1, "refused", True)]


async def test_a_yes_to_another_version_of_the_study_is_refused(hospital, wallet):
    assert (await wallet.send(wallet.claims(study_digest="0" * 64))).status_code == 400
    assert not await hospital.find(Consent)


async def test_a_withdrawal_is_taken_when_the_study_is_not_approved_any_more(hospital, wallet):
    given = wallet.claims()
    await wallet.send(given)
    await hospital.store.write(lambda tx: tx.alter(Study, {"standing": "refused"}, id=wallet.study.id))
    assert wallet.heard(await wallet.send(wallet.claims("withdrawn", given)))["effect"] == "stopped"


async def test_a_proxy_gets_round_a_persons_own_no_by_no_detour(hospital, wallet):
    proxy = {"kind": "proxy", "authority": "parent"}
    own = wallet.claims("refused")
    between = wallet.claims("suspended", own, signer=proxy)
    for one in (own, between):
        assert (await wallet.send(one)).status_code == 200
    refused = await wallet.send(wallet.claims("given", between, signer=proxy))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:concord:problem:broken-chain")
    assert wallet.heard(await wallet.send(wallet.claims("given", between)))["effect"] == "active"


async def test_a_second_record_of_the_same_person_and_study_leaves_one_that_decides(hospital, wallet):
    first, second = wallet.claims(), wallet.claims()
    await wallet.send(first)
    await wallet.send(second)
    assert [one.id for one in await hospital.find(Consent, current=True)] == [second["id"]]
    await wallet.send(wallet.claims("withdrawn", first))
    [decides] = await hospital.find(Consent, current=True)
    assert (decides.id, decides.state) == (first["id"], "withdrawn")


async def test_a_stop_waits_for_a_hand_over_and_says_later_when_that_does_not_end(hospital, wallet):
    given = wallet.claims()
    await wallet.send(given)
    gate = hospital.context.gate
    gate.closing = partial(gate.closing, patience=0.1)
    async with gate.hand_over([(wallet.person, wallet.study.id)]) as allowed:
        assert allowed
        answer = await wallet.send(wallet.claims("withdrawn", given))
        assert answer.status_code == 503
        assert await kept(hospital) == [(1, "given", True)]
    assert wallet.heard(await wallet.send(wallet.claims("withdrawn", given)))["effect"] == "stopped"


async def test_a_heartbeat_says_that_the_wallet_is_alive(hospital, wallet):
    assert (await wallet.puppet.post(hospital, "/consent/heartbeat", {"links": 1})).json() == {}
    assert (await hospital.get(MemberEntry, wallet.puppet.id)).heard_at is not None


async def test_a_change_of_standing_does_not_make_us_forget_when_a_wallet_was_last_heard(hospital, wallet):
    await wallet.puppet.post(hospital, "/consent/heartbeat", {"links": 1})
    heard = (await hospital.get(MemberEntry, wallet.puppet.id)).heard_at
    for standing in ("suspended", "active"):
        await hospital.context.members.set_standing(wallet.puppet.id, standing)
    entry = await hospital.get(MemberEntry, wallet.puppet.id)
    assert (entry.standing, entry.heard_at) == ("active", heard)


async def test_a_wallet_that_is_back_is_sent_at_once_what_waits_for_it(hospital, wallet):
    later = datetime.now(UTC) + timedelta(hours=1)
    url = f"{wallet.puppet.url}/consent/uses"
    waiting = OutboxMessage(id=story.urn(), lane="l", recipient=wallet.puppet.id, url=url, body={}, due_at=later)
    await hospital.add(waiting)
    await wallet.puppet.post(hospital, "/consent/heartbeat", {"links": 1})
    await until(lambda: wallet.puppet.heard, "the waiting message")


# A real wallet.


async def linked(trio):
    """A linked person and a study their wallet shows."""
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    return await story.linked_patient(trio.wallet, trio.hospital), study


async def test_an_answer_in_the_wallet_reaches_the_holder_and_the_receipt_says_so(trio):
    somebody, study = await linked(trio)
    receipt = await trio.wallet.services.wallet.answer(somebody.actor, study, YES)
    await trio.wallet.eventually(Delivery, receipt.number, 1, where=lambda found: found.standing == "acknowledged")
    [ours], [theirs] = await trio.wallet.find(WalletConsent), await trio.hospital.find(Consent)
    assert (ours.record, ours.jws, ours.digest) == (theirs.record, theirs.jws, theirs.digest)
    shown = await trio.wallet.services.wallet.receipt(somebody.actor, receipt.number)
    assert [delivery.state for delivery in shown.deliveries] == ["acknowledged"]


async def test_a_change_of_mind_is_a_chain_of_versions_at_both_sides(trio):
    somebody, study = await linked(trio)
    wallet = trio.wallet.services.wallet
    number = (await wallet.answer(somebody.actor, study, YES)).number
    await wallet.withdraw(somebody.actor, study, "erase")
    await wallet.answer(somebody.actor, study, YES)
    await wallet.withdraw(somebody.actor, study, "stop")
    await trio.wallet.eventually(Delivery, number, 4, where=lambda found: found.standing == "acknowledged")
    states = [(1, "given", False), (2, "withdrawn", False), (3, "given", False), (4, "withdrawn", True)]
    assert await kept(trio.hospital) == states
    assert [
        (one.version, one.state, one.current) for one in await trio.wallet.find(WalletConsent, order="version")
    ] == states


async def test_a_consent_given_while_the_holder_is_down_arrives_in_order_when_it_is_back(trio):
    somebody, study = await linked(trio)
    wallet = trio.wallet.services.wallet
    await trio.hospital.stop()
    number = (await wallet.answer(somebody.actor, study, YES)).number
    progress = await wallet.withdraw(somebody.actor, study, "erase")
    assert [holder.state for holder in progress.holders] == ["not-yet-reached"]
    await trio.hospital.start()
    await trio.wallet.eventually(Delivery, number, 2, where=lambda found: found.standing == "acknowledged")
    assert await kept(trio.hospital) == [(1, "given", False), (2, "withdrawn", True)]


async def test_two_people_answer_for_themselves_only(trio):
    ann, study = await linked(trio)
    bob = await story.linked_patient(trio.wallet, trio.hospital, "Bob Example")
    wallet = trio.wallet.services.wallet
    yes = await wallet.answer(ann.actor, study, YES)
    no = await wallet.answer(bob.actor, study, Answer("no"))
    await trio.wallet.quiet()
    by_person = {one.person: one.state for one in await trio.hospital.find(Consent)}
    assert by_person == {ann.person: "given", bob.person: "refused"}
    with pytest.raises(Problem) as foreign:
        await wallet.receipt(bob.actor, yes.number)
    assert foreign.value.status == 404
    assert no.number != yes.number


async def test_a_holder_whose_acknowledgement_does_not_verify_does_not_block_a_later_withdrawal(trio, monkeypatch):
    somebody, study = await linked(trio)
    monkeypatch.setattr("connector.jobs.courier.TRIES", 1)
    real = trio.hospital.services.consent_desk.receive

    async def garbled(sender, body):
        return {"acknowledgement": (await real(sender, body))["acknowledgement"][:-8] + "AAAAAAAA"}

    trio.hospital.services.consent_desk.receive = garbled
    wallet = trio.wallet.services.wallet
    number = (await wallet.answer(somebody.actor, study, YES)).number
    await trio.wallet.eventually(Delivery, number, 1, where=lambda found: found.standing == "refused")
    trio.hospital.services.consent_desk.receive = real
    await wallet.withdraw(somebody.actor, study, "erase")
    await trio.wallet.eventually(Delivery, number, 2, where=lambda found: found.standing == "acknowledged")
