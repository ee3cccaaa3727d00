"""A contract's terms are changed: proposed by one side, accepted by a person of the other, and alike at both."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import Agreement, Amendment, ContractEnding, Dataset, LogEntry, Notice, Tombstone, Transfer
from connector.services.contracting.views import NarrowingDraft
from connector.services.exchange.changes import CANNOT_BE_READ
from contracts.agreement import make_agreement
from policy.instants import wire
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Voice
from tests.two_party.releases import (
    Stage,
    content_of,
    hospital_stage,
    lines_of,
    opened_by_hand,
    smallest_bundles,
)
from tests.two_party.space import Party, until

SOONER = datetime.now(UTC).date() + timedelta(days=60)
SHORTER = NarrowingDraft(until=SOONER)
ROLE = {"provider": "steward", "consumer": "researcher"}


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Two people's records at the hospital, and a contract about them."""
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))


class Sides:
    """Both sides of one contract, either of which may be the proposer."""

    def __init__(self, trio: Trio, agreement: str, proposer: str = "consumer") -> None:
        parties = {"provider": trio.hospital, "consumer": trio.research}
        self.trio = trio
        self.agreement = agreement
        self.proposer_role, self.other_role = proposer, "provider" if proposer == "consumer" else "consumer"
        self.proposer, self.other = parties[self.proposer_role], parties[self.other_role]
        self.provider, self.consumer = trio.hospital, trio.research

    async def propose(self, draft: NarrowingDraft = SHORTER, reason: str = "We need it for less.") -> str:
        return await narrow(self.proposer, self.proposer_role, self.agreement, draft, reason)

    async def arrived(self, amendment: str) -> Amendment:
        return await self.other.eventually(Amendment, amendment)

    async def answer(self, amendment: str, verb: str, *reason: str) -> None:
        await self.arrived(amendment)
        await getattr(self.other.services.amendments, verb)(
            self.other.acting(ROLE[self.other_role]), amendment, *reason
        )

    async def withdraw(self, amendment: str) -> None:
        actor = self.proposer.acting(ROLE[self.proposer_role])
        await self.proposer.services.amendments.withdraw(actor, amendment)

    async def settled(self, amendment: str, standing: str, *parties: Party) -> list[Amendment]:
        return [
            await party.eventually(Amendment, amendment, where=lambda one: one.standing == standing)
            for party in parties or (self.proposer, self.other)
        ]

    async def standing(self) -> list[list[tuple[str, str]]]:
        """Every agreement with its standing, at the provider and at the consumer."""
        return [
            sorted((one.id, one.standing) for one in await party.find(Agreement))
            for party in (self.provider, self.consumer)
        ]

    async def alike(self, expected: list[str]) -> None:
        """Both sides know the same agreements, and these are their standings in the order they were made."""

        async def look() -> bool:
            ours, theirs = await self.standing()
            made = {one.id: one.made_at for one in await self.provider.find(Agreement)}
            return ours == theirs and [state for _id, state in sorted(ours, key=lambda one: made[one[0]])] == expected

        await until(look, f"both sides to know agreements {expected}")


async def narrow(party: Party, role: str, agreement: str, draft: NarrowingDraft, reason: str = "") -> str:
    return str(await party.services.amendments.narrow(party.acting(ROLE[role]), agreement, draft, reason))


@pytest.fixture(params=["consumer", "provider"])
async def sides(trio: Trio, request) -> Sides:
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    return Sides(trio, agreement, request.param)


@pytest.fixture(params=["consumer", "provider"])
async def lossy(relayed_trio: Trio, request) -> Sides:
    agreement, _ = await story.agreed(relayed_trio.research, relayed_trio.hospital)
    return Sides(relayed_trio, agreement, request.param)


async def test_either_side_proposes_and_on_acceptance_a_new_contract_stands_at_both(sides: Sides):
    amendment = await sides.propose()
    await sides.answer(amendment, "accept")
    ours, theirs = await sides.settled(amendment, "accepted")
    assert ours.made == theirs.made
    await sides.alike(["replaced", "active"])
    new = [await party.get(Agreement, ours.made) for party in (sides.provider, sides.consumer)]
    assert new[0].policy == new[1].policy
    assert (new[0].policy["assigner"], new[0].policy["assignee"]) == (sides.provider.id, sides.consumer.id)
    for made in new:
        assert (made.replaces, made.root, made.until.date()) == (sides.agreement, sides.agreement, SOONER)
    for party in (sides.provider, sides.consumer):
        signed = await party.get(Amendment, amendment)
        proposal = read_statement(signed.proposal, StatementType.PROPOSED_TERMS, [key_of(sides.proposer)])
        answer = read_statement(signed.answer or signed.outcome, StatementType.ANSWER_TO_TERMS, [key_of(sides.other)])
        assert (proposal["amendment"], answer["answer"]) == (amendment, "accepted")
        provider_says = signed.outcome or signed.answer
        contract = read_statement(provider_says, StatementType.ANSWER_TO_TERMS, [key_of(sides.provider)])["contract"]
        assert contract == new[0].policy


def key_of(party: Party) -> dict[str, str]:
    return party.context.signer.public_jwk


async def test_people_read_what_a_proposal_would_change(sides: Sides):
    amendment = await sides.propose()
    await sides.arrived(amendment)
    [shown] = await sides.other.services.contract_changes.waiting(sides.other.acting(ROLE[sides.other_role]))
    [difference] = shown.differences
    assert (difference.term, difference.change) == ("until", "narrower")
    assert (shown.can_answer, shown.can_withdraw, shown.by_us) == (True, False, False)
    assert shown.reason == "We need it for less."
    ours = await sides.proposer.services.contract_changes.amendment(
        sides.proposer.acting(ROLE[sides.proposer_role]), amendment
    )
    assert (ours.can_answer, ours.can_withdraw, ours.differences) == (False, True, shown.differences)
    assert await sides.proposer.services.contract_changes.waiting(sides.proposer.acting("operator")) == []


async def test_declined_it_leaves_the_contract_as_it_was_and_says_why_at_both_sides(sides: Sides):
    amendment = await sides.propose()
    await sides.answer(amendment, "decline", "We need the whole year.")
    for one in await sides.settled(amendment, "declined"):
        assert one.answer_reason == "We need the whole year."
    await sides.alike(["active"])
    again = await sides.propose()
    await sides.answer(again, "accept")
    await sides.alike(["replaced", "active"])


async def test_taken_back_it_cannot_be_accepted_any_more(sides: Sides):
    amendment = await sides.propose()
    await sides.arrived(amendment)
    await sides.withdraw(amendment)
    await sides.settled(amendment, "withdrawn")
    with pytest.raises(Problem) as refused:
        await sides.answer(amendment, "accept")
    assert refused.value.status == 409


async def test_one_proposal_at_a_time(sides: Sides):
    amendment = await sides.propose()
    await sides.arrived(amendment)
    for party, role in ((sides.proposer, sides.proposer_role), (sides.other, sides.other_role)):
        with pytest.raises(Problem) as refused:
            await narrow(party, role, sides.agreement, SHORTER)
        assert refused.value.status == 409


async def test_of_crossing_proposals_the_providers_counts_at_both_sides(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    theirs, ours = await asyncio.gather(
        narrow(trio.research, "consumer", agreement, SHORTER),
        narrow(trio.hospital, "provider", agreement, NarrowingDraft(until=SOONER - timedelta(days=20))),
    )
    sides = Sides(trio, agreement, "provider")
    await trio.research.eventually(Amendment, theirs, where=lambda one: one.standing == "superseded")
    assert await trio.hospital.get(Amendment, theirs) is None
    await sides.answer(ours, "accept")
    await sides.alike(["replaced", "active"])


async def test_lost_answers_and_requests_leave_one_new_contract(lossy: Sides):
    for path in ("/consent/amendments", "/consent/answers"):
        for party in (lossy.proposer, lossy.other):
            party.relay.lose_answer(path)
            party.relay.lose_request(path)
    amendment = await lossy.propose()
    await lossy.answer(amendment, "accept")
    await lossy.settled(amendment, "accepted")
    await lossy.alike(["replaced", "active"])
    assert lossy.other.relay.lost + lossy.proposer.relay.lost >= 2


async def test_a_yes_that_crosses_a_withdrawal_ends_as_the_provider_decided(lossy: Sides):
    amendment = await lossy.propose()
    await lossy.arrived(amendment)
    for party in (lossy.proposer, lossy.other):
        party.relay.lose_request("/consent/answers", times=2)
    await asyncio.gather(lossy.withdraw(amendment), lossy.answer(amendment, "accept"))
    if lossy.proposer_role == "consumer":
        await lossy.settled(amendment, "accepted")
        await lossy.alike(["replaced", "active"])
    else:
        await lossy.settled(amendment, "withdrawn", lossy.provider)
        await lossy.consumer.eventually(
            Amendment, amendment, where=lambda one: one.standing in ("withdrawn", "declined")
        )
        await lossy.alike(["active"])


async def test_an_end_that_crosses_a_yes_ends_the_new_contract_too(lossy: Sides):
    amendment = await lossy.propose()
    await lossy.arrived(amendment)
    for party in (lossy.proposer, lossy.other):
        for path in ("/consent/answers", "/consent/endings"):
            party.relay.lose_request(path)
    ender = lossy.proposer.acting(ROLE[lossy.proposer_role])
    await asyncio.gather(
        lossy.answer(amendment, "accept"), lossy.proposer.services.endings.end(ender, lossy.agreement, "It is over.")
    )
    await until(lambda: nothing_active(lossy), "no contract to stand any more")
    await lossy.provider.quiet()
    await lossy.consumer.quiet()
    ours, theirs = await lossy.standing()
    assert [id for id, _state in ours] == [id for id, _state in theirs]
    assert {state for _id, state in ours + theirs} <= {"ended", "replaced"}


async def nothing_active(sides: Sides) -> bool:
    return all(state in ("ended", "replaced") for side in await sides.standing() for _id, state in side)


def longer(policy: dict, days: int) -> dict:
    """The same policy, ending that many days from now."""
    changed = deepcopy(policy)
    for permission in changed["permission"]:
        for constraint in permission["constraint"]:
            if constraint["leftOperand"] == "dateTime":
                constraint["rightOperand"] = wire((datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0))
    return changed


async def test_terms_wider_than_the_datasets_offer_are_neither_proposed_nor_accepted_by_its_provider(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    found = await trio.hospital.get(Agreement, agreement)
    wider = longer(found.policy, 4000)
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.amendments.propose(trio.hospital.acting("steward"), agreement, wider)
    assert (refused.value.status, refused.value.code) == (409, "not-permitted")
    amendment = await trio.research.services.amendments.propose(trio.research.acting("researcher"), agreement, wider)
    await trio.hospital.eventually(Amendment, amendment)
    with pytest.raises(Problem) as no:
        await trio.hospital.services.amendments.accept(trio.hospital.acting("steward"), amendment)
    assert (no.value.status, no.value.code) == (409, "not-permitted")
    assert len(await trio.hospital.find(Agreement)) == 1


async def test_terms_narrowed_before_may_be_widened_again_within_the_offer(sides: Sides):
    before = await sides.provider.get(Agreement, sides.agreement)
    first = await sides.propose()
    await sides.answer(first, "accept")
    [done, _] = await sides.settled(first, "accepted")
    sides.agreement = done.made
    amendment = await sides.proposer.services.amendments.propose(
        sides.proposer.acting(ROLE[sides.proposer_role]), done.made, before.policy
    )
    await sides.answer(amendment, "accept")
    await sides.alike(["replaced", "replaced", "active"])
    third = (await sides.settled(amendment, "accepted"))[0].made
    assert (await sides.consumer.get(Agreement, third)).root == before.id


async def test_what_is_no_longer_permitted_when_the_consumer_says_yes_is_not_made(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    sides = Sides(trio, agreement, "provider")
    amendment = await sides.propose()
    await sides.arrived(amendment)
    await trio.hospital.store.write(lambda tx: tx.alter(Dataset, {"offer": None}, id=story.RECORDS))
    await sides.answer(amendment, "accept")
    await sides.settled(amendment, "lapsed", trio.hospital)
    await sides.settled(amendment, "declined", trio.research)
    await sides.alike(["active"])


@pytest.mark.parametrize("change", ["nothing", "study", "selection"])
async def test_a_proposal_that_is_no_change_of_this_contract_is_refused_where_it_is_made(trio: Trio, change: str):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    policy = deepcopy((await trio.research.get(Agreement, agreement)).policy)
    for constraint in policy["permission"][0]["constraint"]:
        if constraint["leftOperand"].endswith(change):
            constraint["rightOperand"] = "a" * 64
    with pytest.raises(Problem) as refused:
        await trio.research.services.amendments.propose(trio.research.acting("researcher"), agreement, policy)
    assert refused.value.status == 400


async def test_a_stranger_to_the_contract_proposes_and_answers_nothing(trio: Trio, puppet):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    amendment = await narrow(trio.research, "consumer", agreement, SHORTER)
    known = await trio.hospital.eventually(Amendment, amendment)
    now = wire(datetime.now(UTC))
    policy = {**known.policy, "@id": story.urn(), "assignee": puppet.id}
    claims = {"amendment": story.urn(), "agreement": agreement, "by": puppet.id, "policy": policy, "selection": None,
              "reason": None, "proposed_at": now, "answer_by": wire(datetime.now(UTC) + timedelta(days=1))}  # fmt: skip
    jws = puppet.say(StatementType.PROPOSED_TERMS, claims)
    assert (await puppet.post(trio.hospital, "/consent/amendments", {"proposal": jws})).status_code == 404
    said = {"amendment": amendment, "agreement": agreement, "proposal_digest": known.digest, "by": puppet.id,
            "answer": "withdrawn", "reason": None, "contract": None, "at": now}  # fmt: skip
    jws = puppet.say(StatementType.ANSWER_TO_TERMS, said)
    assert (await puppet.post(trio.hospital, "/consent/answers", {"answer": jws})).status_code == 404
    forged = puppet.say(StatementType.ANSWER_TO_TERMS, said | {"by": trio.research.id})
    assert (await puppet.post(trio.hospital, "/consent/answers", {"answer": forged})).status_code == 403
    assert (await trio.hospital.get(Amendment, amendment)).standing == "open"


async def test_transfers_end_with_the_old_terms_and_begin_anew_under_the_same_codes(stage: Stage):
    await stage.everybody_agrees()
    before = await stage.received(await stage.transfer())
    open_before, _token = await opened_by_hand(stage)
    new = await amended(stage)
    ended = await stage.holder.eventually(Transfer, open_before, where=lambda one: one.parting or one.reason)
    assert ended.state == "TERMINATED" or ended.held
    stage.agreement = new
    after = await stage.received(await stage.transfer())
    assert after.verified, after.finding
    assert codes_in(before.path) == codes_in(after.path)
    assert content_of(before.path)  # what came under the old terms stays until the contract ends


async def amended(stage: Stage) -> str:
    """The contract of a stage, amended; returns the new one."""
    amendment = await narrow(stage.research, "consumer", stage.agreement, SHORTER)
    await stage.holder.eventually(Amendment, amendment)
    await stage.holder.services.amendments.accept(stage.holder.acting("steward"), amendment)
    done = await stage.research.eventually(Amendment, amendment, where=lambda one: one.standing == "accepted")
    return str(done.made)


def codes_in(path: str) -> set[str | None]:
    return {code_of(orjson.dumps(line)) for line in lines_of(path)}


async def test_a_withdrawal_after_an_amendment_reaches_what_came_before_it(stage: Stage):
    ann, ben = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    before = await stage.received(await stage.transfer())
    old, stage.agreement = stage.agreement, await amended(stage)
    after = await stage.received(await stage.transfer())
    await stage.withdraw(ann)
    for agreement in (old, stage.agreement):
        await until(lambda agreement=agreement: _erased(stage, agreement), "the recipient to have erased")
        await until(lambda agreement=agreement: _stated(stage, agreement), "the statement to be there")
    left = codes_in(before.path), codes_in(after.path)
    assert left[0] == left[1]
    assert len(left[0]) == 1


async def _erased(stage: Stage, agreement: str) -> list[Tombstone]:
    return [one for one in await stage.research.find(Tombstone, agreement=agreement) if one.erased_at]


async def _stated(stage: Stage, agreement: str) -> list[Notice]:
    return [one for one in await stage.holder.find(Notice, agreement=agreement) if one.erased_at]


async def test_somebody_who_stopped_under_the_old_terms_is_not_sent_under_the_new_ones(stage: Stage):
    ann, ben = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    await stage.received(await stage.transfer())
    await stage.withdraw(ann, "stop")
    await until(lambda: _told(stage), "the recipient to be told")
    stage.agreement = await amended(stage)
    await stage.answer(ann)
    after = await stage.received(await stage.transfer())
    assert len(codes_in(after.path)) == 1


async def _told(stage: Stage) -> list[Notice]:
    return [one for one in await stage.holder.find(Notice) if one.told_at]


async def test_the_end_of_an_amended_contract_deletes_what_came_under_all_of_its_terms(stage: Stage):
    ann, _ben = await stage.source_ids()
    await stage.answer(ann)
    before = await stage.received(await stage.transfer())
    stage.agreement = await amended(stage)
    after = await stage.received(await stage.transfer())
    await stage.holder.services.endings.end(stage.holder.acting("steward"), stage.agreement, "It is over.")
    found = await stage.holder.eventually(ContractEnding, stage.agreement, where=lambda one: one.erased_at)
    assert (found.objects, found.lines) == (2, before.lines + after.lines)


# --- nobody agrees for the other side ---------------------------------------------------------------------------------


async def provider_says(sides: Sides, amendment: str, answer: str = "accepted", **changes) -> int:
    """What the consumer answers when the provider's key says this about a proposal; nothing else is at fault."""
    known = await sides.consumer.get(Amendment, amendment)
    voice = Voice.of(sides.provider, sides.trio.space.client)
    now = datetime.now(UTC)
    contract = make_agreement(story.urn(), known.policy, story.RECORDS, sides.provider.id, sides.consumer.id, now)
    claims = {"amendment": amendment, "agreement": sides.agreement, "proposal_digest": known.digest, "reason": None,
              "by": sides.provider.id, "answer": answer, "contract": contract if answer == "accepted" else None,
              "at": wire(now)} | changes  # fmt: skip
    said = {"answer": voice.say(StatementType.ANSWER_TO_TERMS, claims)}
    return (await voice.post(sides.consumer, "/consent/answers", said)).status_code


@pytest.mark.parametrize("answered", [False, True])
async def test_a_provider_cannot_say_yes_to_its_own_proposal_for_the_consumer(trio: Trio, answered: bool):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    sides = Sides(trio, agreement, "provider")
    amendment = await sides.propose()
    await sides.arrived(amendment)
    if answered:
        await sides.answer(amendment, "decline", "No, never.")
    assert await provider_says(sides, amendment) == 409
    assert [one.standing for one in await trio.research.find(Agreement)] == ["active"]
    assert (await trio.research.get(Amendment, amendment)).standing == ("declined" if answered else "open")


@pytest.mark.parametrize("over", ["declined", "withdrawn"])
async def test_a_provider_cannot_accept_what_it_declined_or_what_was_taken_back_before(trio: Trio, over: str):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    sides = Sides(trio, agreement, "consumer")
    amendment = await sides.propose()
    await sides.arrived(amendment)
    if over == "declined":
        await sides.answer(amendment, "decline", "Too short.")
    else:
        await sides.withdraw(amendment)
    await sides.settled(amendment, over)
    assert await provider_says(sides, amendment) == 409
    await sides.alike(["active"])


async def test_a_provider_neither_accepts_late_nor_withdraws_for_the_consumer_nor_speaks_twice(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    sides = Sides(trio, agreement, "consumer")
    amendment = await sides.propose()
    assert await provider_says(sides, amendment, "withdrawn") == 403
    assert await provider_says(sides, amendment, at=wire(datetime.now(UTC) + timedelta(days=31))) == 409
    before = len(await trio.research.find(LogEntry, subject=amendment))
    for _ in range(3):
        assert await provider_says(sides, amendment, "declined", reason="no") == 200
    assert len(await trio.research.find(LogEntry, subject=amendment)) == before + 1


# --- rules and several persons ----------------------------------------------------------------------------------------


def steward(trio: Trio, account: str):
    return trio.hospital.acting("steward", account, account.capitalize())


async def ruled(trio: Trio, answer: str, proposer: str) -> Sides:
    """A contract, and then a rule about its further terms."""
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    await trio.hospital.services.rules.set(steward(trio, "ann"), answer, reason="No changes this year.")
    return Sides(trio, agreement, proposer)


async def votes(trio: Trio, amendment: str) -> tuple:
    """What the provider's people see of a proposal, in its list of what waits and in the history of the contract."""
    changes, reader = trio.hospital.services.contract_changes, steward(trio, "cat")
    shown = await changes.amendment(reader, amendment)
    assert shown in (await changes.history(reader, shown.agreement)).amendments
    assert (shown in await changes.waiting(reader)) == (shown.can_approve or shown.can_answer)
    return shown.standing, shown.approved, shown.needed, shown.can_approve


async def test_where_two_persons_are_needed_one_steward_alone_changes_nothing(trio: Trio):
    sides = await ruled(trio, "quorum", "consumer")
    amendment = await sides.propose()
    await sides.arrived(amendment)
    accept = trio.hospital.services.amendments.accept
    await accept(steward(trio, "ann"), amendment)
    assert await votes(trio, amendment) == ("open", 1, 2, True)
    with pytest.raises(Problem) as twice:
        await accept(steward(trio, "ann"), amendment)
    assert twice.value.status == 409
    guest = type(steward(trio, "eve"))("eve", "Eve", "steward", trio.research.id)
    with pytest.raises(Problem) as own:
        await accept(guest, amendment)
    assert own.value.status == 403
    assert len(await trio.hospital.find(Agreement)) == 1
    await accept(steward(trio, "ben"), amendment)
    await sides.settled(amendment, "accepted")
    await sides.alike(["replaced", "active"])
    assert await votes(trio, amendment) == ("accepted", 2, 2, False)
    kinds = [one.kind for one in await trio.hospital.find(LogEntry, subject=amendment, order="sequence")]
    assert kinds == ["amendment.received", *["amendment.verdict-approve"] * 2, "amendment.accepted"]


async def test_our_own_proposal_is_carried_out_when_the_consumer_and_a_second_person_said_yes(trio: Trio):
    sides = await ruled(trio, "quorum", "provider")
    amendment = await trio.hospital.services.amendments.narrow(steward(trio, "ann"), sides.agreement, SHORTER)
    assert await votes(trio, amendment) == ("open", 1, 2, True)
    await sides.answer(amendment, "accept")
    await trio.hospital.eventually(Amendment, amendment, where=lambda one: one.answer)
    await trio.research.quiet()
    assert (await trio.research.get(Amendment, amendment)).standing == "answering"
    assert await votes(trio, amendment) == ("open", 1, 2, True)
    with pytest.raises(Problem) as alone:
        await trio.hospital.services.amendments.accept(steward(trio, "ann"), amendment)
    assert alone.value.status == 409
    await trio.hospital.services.amendments.accept(steward(trio, "ben"), amendment)
    await sides.settled(amendment, "accepted")
    await sides.alike(["replaced", "active"])


async def test_a_second_person_may_speak_before_the_consumer_does(trio: Trio):
    sides = await ruled(trio, "quorum", "provider")
    amendment = await trio.hospital.services.amendments.narrow(steward(trio, "ann"), sides.agreement, SHORTER)
    await trio.hospital.services.amendments.accept(steward(trio, "ben"), amendment)
    assert await votes(trio, amendment) == ("open", 2, 2, False)
    assert len(await trio.hospital.find(Agreement)) == 1
    await sides.answer(amendment, "accept")
    await sides.alike(["replaced", "active"])


async def test_a_proposal_that_waits_for_a_second_person_can_be_taken_back_after_the_consumers_yes(trio: Trio):
    sides = await ruled(trio, "quorum", "provider")
    amendment = await sides.propose()
    await sides.answer(amendment, "accept")
    await trio.hospital.eventually(Amendment, amendment, where=lambda one: one.answer)
    await sides.withdraw(amendment)
    await sides.settled(amendment, "withdrawn")
    await sides.alike(["active"])


async def test_a_rule_that_refuses_takes_no_changed_terms_whoever_proposes_them(trio: Trio):
    sides = await ruled(trio, "accept", "provider")
    first = await sides.propose()
    await sides.arrived(first)
    await trio.hospital.services.rules.set(steward(trio, "ann"), "refuse", reason="No changes this year.")
    await sides.answer(first, "accept")
    await sides.settled(first, "lapsed", trio.hospital)
    [told] = await sides.settled(first, "declined", trio.research)
    assert told.answer_reason == "No changes this year."
    with pytest.raises(Problem) as ours:
        await sides.propose()
    second = await narrow(trio.research, "consumer", sides.agreement, SHORTER)
    await trio.hospital.eventually(Amendment, second)
    with pytest.raises(Problem) as theirs:
        await trio.hospital.services.amendments.accept(steward(trio, "ann"), second)
    assert [(one.value.status, one.value.code) for one in (ours, theirs)] == [(409, "refused-by-rule")] * 2
    await sides.alike(["active"])


# --- terms that nobody can read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999999Z", "24:00", "-0001-01-01T00:00:00Z", "1"])
async def test_terms_that_are_not_understood_are_refused_on_arrival(sides: Sides, moment: str):
    found = await sides.other.get(Agreement, sides.agreement)
    policy = {key: deepcopy(value) for key, value in found.policy.items() if key != "timestamp"}
    policy["permission"][0]["constraint"].append(
        {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": moment}
    )
    now = datetime.now(UTC)
    claims = {"amendment": story.urn(), "agreement": sides.agreement, "by": sides.proposer.id, "reason": None,
              "policy": policy | {"@id": story.urn(), "@type": "Offer"}, "selection": found.selection,
              "proposed_at": wire(now), "answer_by": wire(now + timedelta(days=3))}  # fmt: skip
    voice = Voice.of(sides.proposer, sides.trio.space.client)
    said = {"proposal": voice.say(StatementType.PROPOSED_TERMS, claims)}
    answer = await voice.post(sides.other, "/consent/amendments", said)
    assert (answer.status_code, await sides.other.find(Amendment)) == (400, [])


async def test_a_proposal_that_cannot_be_read_leaves_the_others_to_be_read(sides: Sides, caplog):
    amendment = await sides.propose()
    await sides.arrived(amendment)
    good = await sides.other.get(Amendment, amendment)
    await sides.other.add(replace(good, id=story.urn(), selection="broken"))
    shown = await sides.other.services.contract_changes.waiting(sides.other.acting(ROLE[sides.other_role]))
    assert sorted(one.sentences == [CANNOT_BE_READ] for one in shown) == [False, True]
    assert "a proposal cannot be read: ValueError" in caplog.text
