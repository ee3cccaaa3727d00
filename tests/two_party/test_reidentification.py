"""Whose code it is: one asks, two others approve, one of them the officer; it is opened once, and the person told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import HandedOver, LogEntry, ReidentificationCase, UseOfData
from connector.services.reidentifying import Asking
from connector.services.sealed import SealedInTransaction
from tests.two_party import sourced

REASON = "The receiver saw a shadow on an image that nobody had noticed."


@pytest.fixture
async def desk(trio, tmp_path):
    """A hospital that handed over two people; Ann has a wallet."""
    stage = await sourced.stage(trio, tmp_path / "first")
    await stage.answer("ann")
    people = [await sourced.person(trio, "ann"), await sourced.person(trio, "ben")]

    def hand_over(tx):
        for person in people:
            tx.put(HandedOver(agreement=stage.agreement, person=person, recipient=trio.research.id))
        domain = trio.hospital.context.vault.domain(stage.agreement, SealedInTransaction(tx))
        return {person: coder.code for person, coder in domain.people(people).items()}

    codes = await trio.hospital.store.write(hand_over)
    return Desk(trio, stage, people, codes)


class Desk:
    """What the tests share: staff with accounts of their own."""

    def __init__(self, trio, stage, people, codes) -> None:
        self.trio, self.stage, self.codes = trio, stage, codes
        self.ann, self.ben = people
        self.service = trio.hospital.services.reidentifying
        self.asker = trio.hospital.acting("steward", "asker", "Ada Ask")
        self.officer = trio.hospital.acting("dpo", "officer", "Otto Officer")
        self.steward = trio.hospital.acting("steward", "second", "Sam Second")

    async def ask(self, person=None, **changes):
        asked = Asking(self.stage.agreement, self.codes[person or self.ann], "finding", REASON)
        return await self.service.ask(self.asker, replace(asked, **changes))

    async def approved(self, person=None):
        case = await self.ask(person)
        await self.service.approve(self.officer, case.id)
        return await self.service.approve(self.steward, case.id, "Spoke with the ward.")


async def refused(coroutine) -> Problem:
    with pytest.raises(Problem) as caught:
        await coroutine
    return caught.value


async def test_two_approve_then_it_is_opened_once_and_the_person_is_told(desk):
    case = await desk.approved()
    assert (case.standing, case.missing) == ("approved", 0)
    found = await desk.service.open(desk.asker, case.id)
    assert (found.person, found.number, found.told) == (desk.ann, "ann", True)
    await desk.trio.hospital.quiet()
    [use] = await desk.trio.wallet.find(UseOfData, kind="reidentified")
    assert REASON in use.reason
    assert use.recipient_name == "Hospital One"
    again = await refused(desk.service.open(desk.officer, case.id))
    assert again.status == 409
    kinds = [entry.kind for entry in await desk.trio.hospital.find(LogEntry, subject=case.id, order="sequence")]
    assert kinds == [f"reidentification.{what}" for what in ("asked", "approved", "approved", "opened")]


async def test_who_has_no_wallet_is_to_be_told_by_letter(desk):
    case = await desk.approved(desk.ben)
    found = await desk.service.open(desk.officer, case.id)
    assert (found.number, found.told) == ("ben", False)


async def test_who_asks_does_not_approve_and_nobody_approves_twice(desk):
    case = await desk.ask()
    assert (await refused(desk.service.approve(desk.asker, case.id))).status == 403
    await desk.service.approve(desk.officer, case.id)
    assert (await refused(desk.service.approve(desk.officer, case.id))).status == 409
    assert (await refused(desk.service.open(desk.officer, case.id))).status == 409


async def test_two_stewards_are_not_enough(desk):
    case = await desk.ask()
    await desk.service.approve(desk.steward, case.id)
    case = await desk.service.approve(desk.trio.hospital.acting("steward", "third", "Tim"), case.id)
    assert case.standing == "asked"
    assert (await refused(desk.service.open(desk.steward, case.id))).status == 409


async def test_one_person_in_two_roles_counts_once(desk):
    case = await desk.ask()
    await desk.service.approve(desk.officer, case.id)
    again = await refused(desk.service.approve(replace(desk.officer, role="steward"), case.id))
    assert again.status == 409


async def test_nobody_else_opens_it_and_no_other_role_gets_near(desk):
    case = await desk.approved()
    assert (await refused(desk.service.open(desk.trio.hospital.acting("dpo", "other", "Eve"), case.id))).status == 403
    for role in ("researcher", "patient", "operator"):
        actor = desk.trio.hospital.acting(role, "x", "X")
        assert (await refused(desk.service.rows(actor))).status == 403
        assert (await refused(desk.service.open(actor, case.id))).status == 403


async def test_after_its_deadline_it_cannot_be_opened(desk):
    case = await desk.approved()
    past = {"deadline": datetime.now(UTC) - timedelta(seconds=1)}
    await desk.trio.hospital.store.write(lambda tx: tx.alter(ReidentificationCase, past, id=case.id))
    [row] = await desk.service.rows(desk.officer)
    assert row.standing == "lapsed"
    late = await refused(desk.service.open(desk.asker, case.id))
    assert late.status == 409
    assert "lapsed" in late.detail


async def test_a_code_whose_secret_is_destroyed_leads_to_nobody(desk):
    case = await desk.approved()
    vault = desk.trio.hospital.context.vault

    def destroy(tx):
        return vault.domain(desk.stage.agreement, SealedInTransaction(tx)).destroy(desk.ann)

    assert await desk.trio.hospital.store.write(destroy)
    assert (await refused(desk.service.open(desk.asker, case.id))).status == 404


async def test_a_code_of_another_contract_leads_to_nobody(desk):
    vault = desk.trio.hospital.context.vault
    other = await desk.trio.hospital.store.write(
        lambda tx: vault.domain("urn:uuid:other", SealedInTransaction(tx)).person(desk.ann).code
    )
    case = await desk.ask(code=other)
    await desk.service.approve(desk.officer, case.id)
    await desk.service.approve(desk.steward, case.id)
    assert (await refused(desk.service.open(desk.asker, case.id))).status == 404


@pytest.mark.parametrize(
    ("changes", "where"),
    [({"code": "abc"}, "code"), ({"ground": "curiosity"}, "ground"), ({"reason": "because"}, "reason"),
     ({"days": 0}, "days"), ({"days": 31}, "days")],
)  # fmt: skip
async def test_what_is_asked_wrongly_says_where(desk, changes, where):
    assert (await refused(desk.ask(**changes))).where == where


async def test_a_refused_case_is_over(desk):
    case = await desk.ask()
    row = await desk.service.refuse(desk.officer, case.id, "It is known already.")
    assert (row.standing, row.settled_why) == ("refused", "It is known already.")
    assert (await refused(desk.service.approve(desk.steward, case.id))).status == 409


async def test_nothing_kept_of_a_case_says_who_it_is_before_it_is_opened(desk):
    case = await desk.approved()
    kept = await desk.trio.hospital.get(ReidentificationCase, case.id)
    assert kept.person == ""
    for entry in await desk.trio.hospital.find(LogEntry, subject=case.id):
        assert desk.ann not in (entry.body or "")
        assert desk.codes[desk.ann] not in (entry.body or "")


async def sealed_by(desk, person, text):
    """A text as a profile's `sealed` leaves it in a line about this person."""

    def query(tx):
        domain = desk.trio.hospital.context.vault.domain(desk.stage.agreement, SealedInTransaction(tx))
        return domain.known_people([person])[person].seal(text)

    return await desk.trio.hospital.store.read(query)


async def test_a_sealed_text_is_opened_within_an_approved_case_logged_and_the_person_is_told_once(desk):
    sealed = [await sealed_by(desk, desk.ann, text) for text in ("Example", "Ann")]
    case = await desk.approved()
    found = await desk.service.unseal(desk.asker, case.id, sealed)
    assert (found.texts, found.told) == (["Example", "Ann"], True)
    await desk.service.unseal(desk.officer, case.id, sealed[:1])
    await desk.trio.hospital.quiet()
    assert len(await desk.trio.wallet.find(UseOfData, kind="reidentified")) == 1
    entries = await desk.trio.hospital.find(LogEntry, subject=case.id, kind="reidentification.unsealed")
    assert len(entries) == 2
    assert not any("Example" in str(one.body) for one in entries)
    assert (await desk.service.open(desk.asker, case.id)).person == desk.ann
    assert (await desk.service.unseal(desk.asker, case.id, sealed)).texts == ["Example", "Ann"]


async def test_nothing_is_unsealed_without_two_people_by_others_after_the_deadline_or_after_a_refusal(desk):
    sealed = [await sealed_by(desk, desk.ann, "Example")]
    case = await desk.ask()
    await desk.service.approve(desk.officer, case.id)
    assert (await refused(desk.service.unseal(desk.officer, case.id, sealed))).status == 409
    await desk.service.approve(desk.steward, case.id)
    stranger = desk.trio.hospital.acting("dpo", "other", "Eve")
    assert (await refused(desk.service.unseal(stranger, case.id, sealed))).status == 403
    for role in ("researcher", "patient", "operator"):
        assert (await refused(desk.service.unseal(replace(desk.asker, role=role), case.id, sealed))).status == 403
    past = datetime.now(UTC) - timedelta(seconds=1)
    await desk.trio.hospital.store.write(lambda tx: tx.alter(ReidentificationCase, {"deadline": past}, id=case.id))
    assert (await refused(desk.service.unseal(desk.asker, case.id, sealed))).code == "case-over"
    other = await desk.approved()
    await desk.service.refuse(desk.officer, other.id, "Not needed.")
    assert (await refused(desk.service.unseal(desk.asker, other.id, sealed))).code == "case-over"
    assert (await refused(desk.service.unseal(desk.asker, "urn:uuid:none", sealed))).status == 404
    assert not await desk.trio.hospital.find(LogEntry, kind="reidentification.unsealed")


async def test_a_text_sealed_for_somebody_else_opens_nothing_and_says_which(desk):
    case = await desk.approved()
    texts = [await sealed_by(desk, desk.ann, "Ann"), await sealed_by(desk, desk.ben, "Ben")]
    fault = await refused(desk.service.unseal(desk.asker, case.id, texts))
    assert fault.code == "not-sealed-for-them"
    assert "Text 2" in fault.detail
    assert texts[1] not in str(fault)
    for wrong in ([], ["x"] * 101, ["x" * 70_000]):
        assert (await refused(desk.service.unseal(desk.asker, case.id, wrong))).status == 400
    assert (await refused(desk.service.unseal(desk.asker, case.id, ["not base64!"]))).status == 409
