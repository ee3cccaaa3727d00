"""A person stops: the holder tells whoever received them, recipients answer signed, the person watches it happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.identity.statements import StatementType, read_statement
from connector.records import (
    Agreement,
    Consent,
    HandedOver,
    Link,
    Notice,
    OutboxMessage,
    RecipientProgress,
    Sealed,
    Tombstone,
    UseOfData,
    WalletConsent,
    WalletLink,
)
from connector.services.exchange.consents import Delivered
from connector.services.sealed import SealedInTransaction
from connector.services.wallet.views import Answer
from policy.consent import ConsentRecord
from policy.instants import wire
from tests.two_party import story
from tests.two_party.puppet import Key, Puppet, Voice
from tests.two_party.space import until

YES = Answer("yes", {story.RECORDS: None})


class Told:
    """A person at a real wallet and hospital whose data a recipient played by hand has received."""

    def __init__(self, trio, puppet, somebody, study) -> None:
        self.trio, self.puppet, self.somebody, self.study = trio, puppet, somebody, study
        self.agreement = story.urn()
        self.code = ""

    async def hand_over(self) -> None:
        """As a release would have done: the person has a code in the agreement, and the recipient received them."""
        hospital = self.trio.hospital

        def command(tx):
            handed = HandedOver(agreement=self.agreement, person=self.somebody.person, study=self.study,
                                recipient=self.puppet.id)  # fmt: skip
            tx.put(handed)
            return (
                hospital.context.vault.domain(self.agreement, SealedInTransaction(tx)).person(self.somebody.person).code
            )

        self.code = await hospital.store.write(command)

    async def withdraw(self, kind="erase"):
        return await self.trio.wallet.services.wallet.withdraw(self.somebody.actor, self.study, kind)

    async def notice(self) -> Notice:
        found = await until(lambda: self._told(), "the recipient to have been told")
        return found[0]

    async def _told(self):
        return [one for one in await self.trio.hospital.find(Notice) if one.told_at]

    def received(self, heard) -> tuple[int, Any]:
        """How a recipient answers a notice."""
        if heard.method == "GET":
            return 410, {}  # what was erased is gone
        if "notice" not in heard.body:
            return 200, {}
        claims = self.claims(heard)
        said = {"notice": claims["notice"], "agreement": claims["agreement"], "answer": "received", "at": now()}
        return 200, {"statement": self.puppet.say(StatementType.STATEMENT, said)}

    def claims(self, heard) -> dict[str, Any]:
        keys = [self.trio.hospital.context.signer.public_jwk]
        return read_statement(heard.body["notice"], StatementType.NOTICE, keys)

    def statement(self, notice: str, answer: str = "erased", signer=None, **changes: Any) -> dict[str, str]:
        said = {
            "notice": notice, "agreement": self.agreement, "answer": answer, "at": now(), "objects": 1, "lines": 7,
            "bytes": 700, "bytes_after": 0, "remaining": [], "ground": None, "backups_by": None,
            "held": [{"id": story.urn(), "kind": "received", "lines": 7, "bytes": 700}],
        } | changes  # fmt: skip
        return {"statement": self.puppet.say(StatementType.STATEMENT, said, signer=signer)}

    async def progress(self):
        return await self.trio.wallet.services.wallet.progress(self.somebody.actor, self.study)


def now() -> str:
    return wire(datetime.now(UTC))


@pytest.fixture
async def told(trio, puppet):
    return await told_by_hand(trio, puppet)


async def told_by_hand(trio, puppet) -> Told:
    """Somebody who said yes and was handed over to the puppet."""
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


async def test_a_recipient_is_told_by_its_own_code_only(told):
    await told.withdraw()
    notice = await told.notice()
    [heard] = [one for one in told.puppet.heard if one.path == "/consent/withdrawals"]
    claims = told.claims(heard)
    assert (claims["code"], claims["kind"], claims["agreement"]) == (told.code, "erase", told.agreement)
    assert told.somebody.person not in str(claims)
    assert told.somebody.actor.account not in str(claims)
    assert (notice.received_at is not None, notice.recipient) == (True, told.puppet.id)


async def test_once_told_the_persons_secret_is_destroyed_and_the_code_forgotten(told):
    hospital = told.trio.hospital
    await told.withdraw()
    await told.notice()
    known = await hospital.store.read(
        lambda tx: hospital.context.vault.domain(told.agreement, SealedInTransaction(tx)).known(told.somebody.person)
    )
    assert known is None
    assert not await hospital.find(Sealed)
    messages = [message.body for message in await hospital.find(OutboxMessage, kind="exchange.withdrawal")]
    assert told.code not in str(messages)


async def test_a_recipient_that_is_down_keeps_the_secret_until_it_was_told(told):
    told.puppet.answering = lambda heard: (503, {})
    await told.withdraw()
    await until(lambda: len(told.puppet.heard) > 1, "two attempts")
    assert not await told._told()
    assert await told.trio.hospital.find(Sealed)
    told.puppet.answering = told.received
    await told.notice()
    assert not await told.trio.hospital.find(Sealed)


async def test_the_person_sees_who_was_told_and_what_they_did(told):
    await told.withdraw()
    notice = (await told.notice()).id
    for answer in ("stopped", "erased"):
        sent = await told.puppet.post(told.trio.hospital, "/consent/statements", told.statement(notice, answer))
        assert sent.status_code == 200, sent.text
    done = await until(lambda: finished(told), "the person to see the end")
    [holder] = done.holders
    [recipient] = holder.recipients
    assert (holder.state, recipient.name, recipient.lines, recipient.verified) == ("reached", "Puppet", 7, True)
    assert all((recipient.told_at, recipient.received_at, recipient.stopped_at, recipient.erased_at))


async def finished(told):
    progress = await told.progress()
    return progress if progress.finished else None


async def test_a_statement_with_ground_for_an_exception_is_shown_as_that(told):
    await told.withdraw()
    notice = (await told.notice()).id
    kept = told.statement(notice, "exception", remaining=["one sealed archive"], ground="A court asked for it.")
    assert (await told.puppet.post(told.trio.hospital, "/consent/statements", kept)).status_code == 200
    done = await until(lambda: finished(told), "the person to see the exception")
    assert done.holders[0].recipients[0].exception == "A court asked for it."
    assert done.holders[0].recipients[0].erased_at is None


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"notice": "urn:uuid:00000000-0000-4000-8000-000000000000"}, 404),
        ({"agreement": "urn:uuid:00000000-0000-4000-8000-000000000000"}, 403), ({"signer": Key()}, 400),
        ({"answer": "received"}, 400), ({"answer": "promised"}, 400), ({"objects": -1}, 400), ({"lines": None}, 400),
        ({"remaining": ["everything"]}, 400), ({"at": "yesterday"}, 400), ({"extra": 1}, 400),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)  # fmt: skip
async def test_a_statement_that_is_not_what_it_should_be_changes_nothing(told, wrong, status):
    await told.withdraw()
    before = await told.notice()
    body = told.statement(**({"notice": before.id} | wrong))
    assert (await told.puppet.post(told.trio.hospital, "/consent/statements", body)).status_code == status
    assert await told.trio.hospital.get(Notice, before.id) == before


async def test_another_member_cannot_state_what_a_recipient_did(told, space):
    await told.withdraw()
    before = await told.notice()
    other = await Puppet.raised(space.client, "other")
    await other.join(told.trio.hospital)
    try:
        body = told.statement(before.id, signer=other.signer)
        assert (await other.post(told.trio.hospital, "/consent/statements", body)).status_code == 404
    finally:
        await other.close()
    assert (await told.trio.hospital.get(Notice, before.id)).erased_at is None


async def test_the_same_statement_twice_is_kept_and_forwarded_once(told):
    await told.withdraw()
    notice = (await told.notice()).id
    body = told.statement(notice)
    for _ in range(2):
        assert (await told.puppet.post(told.trio.hospital, "/consent/statements", body)).status_code == 200
    await told.trio.hospital.quiet()
    found = await told.trio.hospital.get(Notice, notice)
    assert len(found.answers["statements"]) == 2  # received, erased
    # received, erased, and what our own look at the recipient found
    assert len(await told.trio.hospital.find(OutboxMessage, kind="exchange.progress")) == 3


@pytest.mark.parametrize("answer", [{}, {"statement": 7}, {"statement": "a.b.c"}, {"statement": "signed"}])
async def test_a_recipient_that_answers_nonsense_is_told_again_until_it_signs(told, answer):
    """A maintenance page answers 200 too: the code must not be forgotten before its recipient signed for it."""
    signing, asked = told.puppet.answering, []

    def nonsense(heard):
        if "notice" not in heard.body:
            return 200, {}
        asked.append(heard)
        if len(asked) > 2:
            return signing(heard)
        if answer.get("statement") != "signed":
            return 200, answer
        return 200, {"statement": told.puppet.say(StatementType.STATEMENT, {"answer": "stopped"})}

    told.puppet.answering = nonsense
    await told.withdraw()
    await until(lambda: asked, "the first notice")
    assert await told.trio.hospital.find(Sealed)
    notice = await told.notice()
    assert len(asked) == 3
    assert notice.received_at is not None
    assert not await told.trio.hospital.find(Sealed)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413])
async def test_a_notice_is_never_given_up_for_a_status(told, status):
    """A firewall in front of a recipient, or one that is wrong about us, does not end a person's stop."""
    signing, asked = told.puppet.answering, []

    def refusing(heard):
        if "notice" not in heard.body:
            return 200, {}
        asked.append(heard)
        return (status, {"type": "urn:concord:problem:invalid"}) if len(asked) < 3 else signing(heard)

    told.puppet.answering = refusing
    await told.withdraw()
    assert (await told.notice()).received_at is not None


async def test_a_signed_statement_counts_as_told_even_if_the_answer_was_lost(told):
    told.puppet.answering = lambda heard: (503, {})
    await told.withdraw()
    notice = (await until(lambda: told.trio.hospital.find(Notice), "the notice"))[0]
    body = told.statement(notice.id)
    assert (await told.puppet.post(told.trio.hospital, "/consent/statements", body)).status_code == 200
    found = await told.trio.hospital.get(Notice, notice.id)
    assert found.told_at is not None
    assert found.erased_at is not None
    assert not await told.trio.hospital.find(OutboxMessage, kind="exchange.withdrawal", standing="waiting")


async def test_stop_without_deletion_keeps_the_secret(told):
    await told.withdraw("stop")
    notice = await told.notice()
    assert notice.kind == "stop"
    assert await told.trio.hospital.find(Sealed)


async def test_a_pause_asks_nobody_to_delete(told):
    """A wallet may deliver a suspended consent: recipients stop, and keep what they have."""
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [given] = await wallet.find(WalletConsent)
    paused = ConsentRecord.from_json(
        given.record | {"version": 2, "previous": given.digest, "state": "suspended", "recipients": [], "purposes": [],
                        "data": [], "window": None, "decided_at": now()}
    )  # fmt: skip
    [link] = await hospital.find(Link)
    delivered = Delivered(paused, paused.to_json(), "", paused.digest(), link)
    desk = hospital.services.consent_desk
    sender = hospital.context.members.active(wallet.id)
    await hospital.store.write(lambda tx: desk._commit(tx, sender, delivered))
    notice = await told.notice()
    assert notice.kind == "pause"
    assert await hospital.find(Sealed)


# The recipient's own side.


@pytest.fixture
async def recipient(trio, puppet):
    """A research group with an agreement with a holder played by hand."""
    await puppet.join(trio.research, role="hospital")
    agreement = story.urn()
    await trio.research.add(
        Agreement(id=agreement, role="consumer", counterparty=puppet.id, negotiation=story.urn(), dataset="d")
    )
    return trio.research, puppet, agreement


def notice_of(puppet, agreement, **changes: Any) -> dict[str, str]:
    moment = datetime.now(UTC)
    claims = {
        "notice": story.urn(), "agreement": agreement, "study": story.urn(), "code": "p-123", "kind": "erase",
        "effective_at": wire(moment), "stop_by": wire(moment + timedelta(days=1)),
        "deadline": wire(moment + timedelta(days=30)), "backups_by": wire(moment + timedelta(days=90)), "cut": {},
    } | changes  # fmt: skip
    return {"notice": puppet.say(StatementType.NOTICE, claims)}


async def test_a_notice_is_answered_with_a_signed_received_before_anything_else_happens(recipient):
    research, puppet, agreement = recipient
    answer = await puppet.post(research, "/consent/withdrawals", notice_of(puppet, agreement))
    assert answer.status_code == 200, answer.text
    said = read_statement(answer.json()["statement"], StatementType.STATEMENT, [research.context.signer.public_jwk])
    assert (said["answer"], said["agreement"]) == ("received", agreement)
    assert (await research.get(Tombstone, agreement, "p-123")).received_at is not None


async def test_the_same_notice_twice_is_received_once(recipient):
    research, puppet, agreement = recipient
    body = notice_of(puppet, agreement)
    answers = [await puppet.post(research, "/consent/withdrawals", body) for _ in range(2)]
    keys = [research.context.signer.public_jwk]
    first, again = [read_statement(one.json()["statement"], StatementType.STATEMENT, keys) for one in answers]
    assert first == again
    assert len(await research.find(Tombstone)) == 1


@pytest.mark.parametrize("whose", ["nobody's", "another holder's", "our own as provider"])
async def test_a_notice_about_an_agreement_that_is_not_theirs_is_refused(recipient, whose):
    research, puppet, _ = recipient
    agreement = story.urn()
    if whose != "nobody's":
        role, counterparty = (
            ("consumer", "urn:concord:other:0") if whose == "another holder's" else ("provider", puppet.id)
        )
        await research.add(Agreement(id=agreement, role=role, counterparty=counterparty, negotiation="n", dataset="d"))
    answer = await puppet.post(research, "/consent/withdrawals", notice_of(puppet, agreement))
    assert answer.status_code == 400
    assert not await research.find(Tombstone)


# The wallet's side: what holders tell it.


@pytest.fixture
async def watching(told):
    """A withdrawal of which the wallet has heard that the recipient was told."""
    await told.withdraw()
    notice = await told.notice()
    progress = await told.trio.wallet.eventually(RecipientProgress, notice.id, where=lambda found: found.received_at)
    return told, progress


async def tell(told, space, progress, by=None, **changes: Any):
    """The hospital (or `by`) tells the wallet about progress."""
    hospital, wallet = told.trio.hospital, told.trio.wallet
    body = {
        "consent": progress.consent, "version": progress.version, "holder": hospital.id, "recipient": told.puppet.id,
        "recipient_name": "Puppet", "notice": progress.notice, **told.statement(progress.notice),
    } | changes  # fmt: skip
    voice = by or Voice.of(hospital, space.client)
    kept = {name: value for name, value in progress.tracking.items() if name != "jws"} | {"at": now()}
    return await voice.post(wallet, "/consent/progress", {"tracking": voice.say(StatementType.TRACKING, kept)} | body)


async def test_a_statement_the_recipient_did_not_sign_proves_nothing(watching, space):
    told, progress = watching
    forged = told.statement(progress.notice, signer=Key())
    assert (await tell(told, space, progress, **forged)).status_code == 200
    found = await told.trio.wallet.get(RecipientProgress, progress.notice)
    assert found.erased_at is None


async def test_a_signed_statement_that_lacks_what_it_must_say_proves_nothing(watching, space):
    told, progress = watching
    empty = {"statement": told.puppet.say(StatementType.STATEMENT, {"notice": progress.notice, "answer": "erased"})}
    assert (await tell(told, space, progress, **empty)).status_code == 200
    assert (await told.trio.wallet.get(RecipientProgress, progress.notice)).erased_at is None


async def test_a_holder_cannot_name_another_recipient_for_a_known_notice(watching, space):
    told, progress = watching
    friend = await Puppet.raised(space.client, "friend")
    await friend.join(told.trio.wallet)
    try:
        forged = told.statement(progress.notice, signer=friend.signer)
        answer = await tell(told, space, progress, recipient=friend.id, **forged)
    finally:
        await friend.close()
    assert answer.status_code == 403
    assert (await told.trio.wallet.get(RecipientProgress, progress.notice)).erased_at is None


async def test_only_the_holder_itself_tells_about_its_recipients(watching, space):
    told, progress = watching
    stranger = await Puppet.raised(space.client, "stranger")
    await stranger.join(told.trio.wallet, role="hospital")
    try:
        as_hospital = await tell(told, space, progress, by=stranger)
        as_itself = await tell(told, space, progress, by=stranger, holder=stranger.id)
    finally:
        await stranger.close()
    assert (as_hospital.status_code, as_itself.status_code) == (403, 404)


async def test_a_use_is_one_line_however_often_it_is_told_and_only_for_the_holders_own_people(told, space):
    hospital, wallet = told.trio.hospital, told.trio.wallet
    [link] = await wallet.find(WalletLink)
    use = {
        "link": link.id, "at": now(), "kind": "release", "recipient": told.puppet.id, "recipient_name": "Puppet",
        "study": told.study, "agreement": told.agreement, "resources": 12, "reason": None,
    }  # fmt: skip
    voice = Voice.of(hospital, space.client)
    for uses in ([use], [use], [use | {"link": story.urn()}], [use | {"at": "0001-01-01T00:00:00Z"}]):
        assert (await voice.post(wallet, "/consent/uses", {"uses": uses})).status_code == 200
    stranger = await Puppet.raised(space.client, "stranger")
    await stranger.join(wallet, role="hospital")
    try:
        assert (await stranger.post(wallet, "/consent/uses", {"uses": [use | {"resources": 99}]})).status_code == 200
    finally:
        await stranger.close()
    lines = await wallet.find(UseOfData, order="at")
    assert [line.resources for line in lines] == [12, 12]
    assert lines[0].at.year == 1
    assert len(await wallet.services.wallet.uses(told.somebody.actor)) == 2


async def test_consent_stays_withdrawn_whatever_recipients_say(watching):
    told, _ = watching
    assert [one.state for one in await told.trio.hospital.find(Consent, current=True)] == ["withdrawn"]
