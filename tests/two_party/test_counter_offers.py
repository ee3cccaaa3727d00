"""Offers answered by narrower ones, in both directions, between two connectors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from connector.problems import Problem
from connector.records import Agreement, Dataset, LogEntry, Negotiation, PersonAsked, SourceRecord
from connector.services.contracting import NarrowingDraft, OfferDraft
from connector.services.processes.moves import Accept, MakeOffer
from contracts.terms import Selection, bound_terms, terms_digest
from policy.categories import category_of
from tests.two_party import story
from tests.two_party.releases import Stage, hospital_stage, lines_of, smallest_bundles
from tests.two_party.space import until

SOON = (datetime.now(UTC) + timedelta(days=90)).date()


async def stands(party, pid: str, state: str) -> Negotiation:
    return await party.eventually(Negotiation, pid, where=lambda found: found.state == state)


async def waiting(party, pid: str) -> PersonAsked:
    """Until people here are asked about a negotiation."""
    process = await party.get(Negotiation, pid)

    async def look():
        rows = await (party.services.approvals if process.role == "provider" else party.services.offers).list(
            party.acting("operator")
        )
        return [row for row in rows if row.pid == pid]

    return await until(look, f"a question about {pid} at {party.founded.name}")


@pytest.fixture
async def asked(trio) -> tuple[str, str]:
    """A request that waits for the steward: its pid at the research group and at the hospital."""
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.services.rules.set(trio.hospital.acting("steward"), "person")
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    theirs = str((await stands(trio.research, pid, "REQUESTED")).their_pid)
    await waiting(trio.hospital, theirs)
    return pid, theirs


def steward(trio, account="steward"):
    return trio.hospital.acting("steward", account, f"Steward {account}")


def researcher(trio):
    return trio.research.acting("researcher")


async def the_end(trio, pid):
    ours, theirs = await story.outcome(trio.research, pid), await story.counterpart(trio.hospital, pid)
    assert ours.state == theirs.state
    return ours, theirs


async def test_a_request_answered_by_a_narrower_offer_becomes_a_contract_on_the_narrower_terms(trio, asked):
    pid, theirs = asked
    draft = NarrowingDraft(until=SOON, categories=["laboratory"])
    await trio.hospital.services.approvals.counter(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), draft
    )
    await waiting(trio.research, pid)

    view = await trio.research.services.offers.show(researcher(trio), pid)
    assert view.can == ["accept", "counter", "decline"]
    changes = {one.term: one for one in view.rounds[-1].differences}
    assert set(changes) == {"until", "data"}
    assert {one.change for one in changes.values()} == {"narrower"}
    assert changes["data"].after == "Laboratory results"
    assert view.fit.verdict == "compatible"
    assert any(str(SOON.year) in line for line in view.fit.beyond)
    assert [one.ours for one in view.rounds] == [True, False]
    assert view.standing.categories == [("laboratory", "Laboratory results")]
    assert view.standing.until == SOON

    await trio.research.services.offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED", ours.reason
    [mine], [yours] = await trio.research.find(Agreement), await trio.hospital.find(Agreement)
    chosen = Selection.read({"cohort": None, "variables": ["laboratory"], "period": None})
    assert mine.selection == yours.selection == chosen.wire()
    assert bound_terms(mine.policy).selection == chosen.digest
    assert mine.until.date() == yours.until.date() == SOON
    assert mine.digest == yours.digest == terms_digest(mine.policy)


async def test_a_narrower_request_in_answer_to_an_offer_is_agreed_to(trio, asked):
    pid, theirs = asked
    approvals, offers = trio.hospital.services.approvals, trio.research.services.offers
    await approvals.counter(
        steward(trio),
        theirs,
        await story.terms(trio.hospital, theirs),
        NarrowingDraft(categories=["laboratory", "conditions"]),
    )
    await waiting(trio.research, pid)
    await offers.counter(
        researcher(trio), pid, await story.terms(trio.research, pid), NarrowingDraft(categories=["laboratory"])
    )
    await waiting(trio.hospital, theirs)  # other terms than those the steward offered: a person is asked again
    view = await approvals.show(steward(trio), theirs)
    assert [one.term for one in view.rounds[-1].differences] == ["data"]
    await approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED", ours.reason
    [contract] = await trio.hospital.find(Agreement)
    assert contract.selection["variables"] == ["laboratory"]
    assert [step[0] for step in ours.steps["steps"]] == [
        "REQUESTED", "OFFERED", "REQUESTED", "AGREED", "VERIFIED", "FINALIZED",
    ]  # fmt: skip


async def test_without_a_rule_a_narrower_request_needs_nobody_at_the_provider(trio, asked):
    pid, theirs = asked
    await trio.hospital.services.approvals.counter(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON)
    )
    await waiting(trio.research, pid)
    await trio.hospital.services.rules.remove(steward(trio))
    await trio.research.services.offers.counter(
        researcher(trio), pid, await story.terms(trio.research, pid), NarrowingDraft(categories=["laboratory"])
    )
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED", ours.reason


async def test_an_answer_to_an_offer_that_does_not_stand_any_more_counts_for_nothing(trio, asked):
    """A colleague asks for less and the provider answers that with a new offer, while the old page is still open."""
    pid, theirs = asked
    approvals, offers = trio.hospital.services.approvals, trio.research.services.offers

    async def offered(draft: NarrowingDraft) -> str:
        await approvals.counter(steward(trio), theirs, await story.terms(trio.hospital, theirs), draft)
        await waiting(trio.research, pid)
        return (await offers.show(researcher(trio), pid)).terms_digest

    read = await offered(NarrowingDraft(until=SOON))
    await offers.counter(researcher(trio), pid, read, NarrowingDraft(until=SOON - timedelta(days=1)))
    await waiting(trio.hospital, theirs)
    now = await offered(NarrowingDraft(categories=["laboratory"]))
    assert now != read
    for answer in (
        offers.accept(researcher(trio), pid, read),
        offers.counter(researcher(trio), pid, read, NarrowingDraft(categories=["conditions"])),
        offers.decline(researcher(trio), pid, read, "Too little"),
    ):
        with pytest.raises(Problem) as stale:
            await answer
        assert (stale.value.status, stale.value.code) == (409, "terms-changed")
    with pytest.raises(Problem) as stale:  # the same, by the transaction that writes
        await offers._move(researcher(trio), pid, read, Accept())
    assert stale.value.code == "terms-changed"
    await trio.research.quiet()
    assert (await trio.research.get(Negotiation, pid)).state == "OFFERED"
    view = await trio.research.services.research.negotiation(researcher(trio), pid)
    assert view.terms_digest == now
    await offers.accept(researcher(trio), pid, now)
    assert (await the_end(trio, pid))[0].state == "FINALIZED"


async def test_a_declined_offer_ends_both_sides_with_the_researchers_reason(trio, asked):
    pid, theirs = asked
    await trio.hospital.services.approvals.counter(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON)
    )
    await waiting(trio.research, pid)
    await trio.research.services.offers.decline(
        researcher(trio), pid, await story.terms(trio.research, pid), "Too short for us"
    )
    ours, other = await the_end(trio, pid)
    assert (ours.state, ours.reason) == ("TERMINATED", other.reason)
    assert ours.reason == {"code": "declined", "reason": ["Too short for us"]}


async def test_an_offer_with_exactly_the_terms_asked_for_is_accepted_at_once(trio, asked):
    pid, theirs = asked
    process = await trio.hospital.get(Negotiation, theirs)
    same = process.offer | {"@id": story.urn()}
    await trio.hospital.services.negotiations.move(theirs, MakeOffer(same))
    accepted = await stands(trio.hospital, theirs, "ACCEPTED")
    assert not await trio.research.find(PersonAsked)
    assert (await trio.research.get(Negotiation, pid)).answer_by is None
    await waiting(trio.hospital, accepted.pid)  # nobody has spoken for these terms yet, so the rule asks
    await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED"


@pytest.mark.parametrize(
    ("draft", "where"),
    [
        (NarrowingDraft(), "terms"),
        (NarrowingDraft(until=SOON + timedelta(days=4000)), "until"),
        (NarrowingDraft(purposes=["https://w3id.org/dpv#Marketing"]), "purposes"),
        (NarrowingDraft(recipients=["urn:concord:somebody:00000000"]), "recipients"),
        (NarrowingDraft(categories=["genomes"]), "data"),
    ],
)
async def test_what_is_not_narrower_is_refused_by_the_field_that_is_wrong_and_nothing_is_sent(
    trio, asked, draft, where
):
    _, theirs = asked
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.approvals.counter(
            steward(trio), theirs, await story.terms(trio.hospital, theirs), draft
        )
    assert (refused.value.status, refused.value.where) == (400, where)
    assert refused.value.accepted
    await trio.hospital.quiet()
    assert (await trio.hospital.get(Negotiation, theirs)).state == "REQUESTED"


async def test_an_end_in_the_past_is_refused(trio, asked):
    yesterday = NarrowingDraft(until=datetime.now(UTC).date() - timedelta(days=1))
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.approvals.counter(
            steward(trio), asked[1], await story.terms(trio.hospital, asked[1]), yesterday
        )
    assert (refused.value.status, refused.value.where) == (400, "until")


async def test_terms_our_own_policy_would_refuse_are_not_offered(trio, asked):
    """A recipient that is not the one who asks: within the study, but nobody could use the contract."""
    _, theirs = asked
    process = await trio.hospital.get(Negotiation, theirs)
    term = {"leftOperand": "recipient", "operator": "isAnyOf", "rightOperand": ["urn:concord:a:1", trio.research.id]}
    process.offer["permission"][0]["constraint"].append(term)
    await trio.hospital.store.write(lambda tx: tx.change(process, offer=process.offer, study=None))
    draft = NarrowingDraft(recipients=["urn:concord:a:1"])
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.approvals.counter(
            steward(trio), theirs, await story.terms(trio.hospital, theirs), draft
        )
    assert refused.value.status == 409
    assert refused.value.code == "policy-refuses"


async def test_only_who_is_asked_can_answer_and_only_once(trio, asked):
    pid, theirs = asked
    offers, approvals = trio.research.services.offers, trio.hospital.services.approvals
    with pytest.raises(Problem) as early:
        await offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    with pytest.raises(Problem) as other_side:
        await approvals.show(steward(trio), pid)
    with pytest.raises(Problem) as role:
        await approvals.approve(trio.hospital.acting("researcher"), theirs, await story.terms(trio.hospital, theirs))
    assert (early.value.status, other_side.value.status, role.value.status) == (409, 404, 403)
    await approvals.counter(steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON))
    with pytest.raises(Problem) as again:
        await approvals.counter(
            steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(categories=["laboratory"])
        )
    assert again.value.status == 409


async def test_an_offer_with_a_term_that_is_not_understood_can_only_be_declined(trio, asked):
    pid, theirs = asked
    process = await trio.hospital.get(Negotiation, theirs)
    strange = orjson.loads(orjson.dumps(process.offer))
    strange["permission"][0]["constraint"].append(
        {"leftOperand": "Membership", "operator": "eq", "rightOperand": "gold"}
    )
    await trio.hospital.services.negotiations.move(theirs, MakeOffer(strange))
    await waiting(trio.research, pid)
    view = await trio.research.services.offers.show(researcher(trio), pid)
    assert (view.can, view.understood) == (["decline"], False)
    with pytest.raises(Problem) as refused:
        await trio.research.services.offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    assert refused.value.code == "policy-not-understood"


# --- offers nobody asked for ------------------------------------------------------------------------------------------


async def test_a_provider_makes_the_first_offer_and_the_researcher_takes_it(trio):
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    draft = OfferDraft(trio.research.id, story.RECORDS, study, narrowing=NarrowingDraft(categories=["laboratory"]))
    theirs = await trio.hospital.services.approvals.offer(steward(trio), draft)
    offered = await stands(trio.hospital, theirs, "OFFERED")
    pid = str(offered.their_pid)
    await waiting(trio.research, pid)
    view = await trio.research.services.research.negotiation(researcher(trio), pid)
    assert (view.initiator, view.can, len(view.rounds)) == ("provider", ["accept", "counter", "decline"], 1)
    home = await trio.research.services.research.home(researcher(trio))
    assert [one.act for one in home.waiting] == ["Answer the offer"]
    await trio.research.services.offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    ours = await story.outcome(trio.research, pid)
    assert ours.state == "FINALIZED", ours.reason
    kept = await trio.hospital.eventually(Agreement, ours.agreement, where=lambda one: one.standing == "active")
    assert kept.selection["variables"] == ["laboratory"]
    assert kept.study == study


async def test_a_provider_does_not_offer_what_its_own_policy_refuses(trio):
    await story.offer_dataset(trio.hospital)
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS))  # not approved
    for draft in (OfferDraft(trio.research.id, story.RECORDS, study), OfferDraft(trio.research.id, story.RECORDS)):
        with pytest.raises(Problem) as refused:
            await trio.hospital.services.approvals.offer(steward(trio), draft)
        assert refused.value.code == "policy-refuses"
    assert not await trio.hospital.find(Negotiation)


# --- a plain request --------------------------------------------------------------------------------------------------


async def test_an_offer_asked_for_exactly_as_it_stands_is_refused_where_each_person_must_agree(trio):
    offer = await story.offer_dataset(trio.hospital)
    pid = await trio.research.services.asking.start_as_offered(researcher(trio), trio.hospital.id, story.RECORDS, offer)
    ours, _ = await the_end(trio, pid)
    assert (ours.state, ours.reason["code"]) == ("TERMINATED", "study-not-named")
    assert terms_digest(ours.offers["offers"][0]["policy"]) == terms_digest(offer)


async def test_an_offer_that_needs_no_study_is_agreed_to_exactly_as_it_stands(trio):
    offer = {
        "@id": story.urn(), "@type": "Offer",
        "permission": [{"action": "use", "constraint": [
            {"leftOperand": "purpose", "operator": "isA", "rightOperand": story.RESEARCH}]}],
    }  # fmt: skip
    await trio.hospital.add(
        Dataset(id=story.RECORDS, source="records", title="Open", offer_id=offer["@id"], offer=offer, profile="p:1")
    )
    pid = await trio.research.services.asking.start_as_offered(researcher(trio), trio.hospital.id, story.RECORDS, offer)
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED", ours.reason


# --- what is released -------------------------------------------------------------------------------------------------


async def test_only_the_narrower_selection_is_released(trio, tmp_path):
    """The study asks for everything; the contract was narrowed to laboratory results: nothing else leaves."""
    some = smallest_bundles(tmp_path / "bundles", 1)
    stage: Stage = await hospital_stage(trio, some)
    await stage.answer((await stage.source_ids())[0])
    await trio.hospital.services.rules.set(steward(trio), "person")
    dataset = await trio.hospital.get(Dataset, stage.dataset)
    pid = await story.ask(trio.research, trio.hospital, dataset.offer, stage.study, dataset=stage.dataset)
    theirs = str((await stands(trio.research, pid, "REQUESTED")).their_pid)
    await waiting(trio.hospital, theirs)
    await trio.hospital.services.approvals.counter(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(categories=["laboratory"])
    )
    await waiting(trio.research, pid)
    await trio.research.services.offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    done = await story.outcome(trio.research, pid)
    assert done.state == "FINALIZED", done.reason
    await story.counterpart(trio.hospital, pid)

    held = {record.category for record in await trio.hospital.find(SourceRecord, source=stage.source)}
    assert {"laboratory", "claims"} < held
    stage.agreement = str(done.agreement)
    received = await stage.received(await stage.transfer())
    arrived = await asyncio.to_thread(lines_of, received.path)
    assert {category_of(line) for line in arrived} == {"laboratory"}


async def test_who_countered_and_who_accepted_stands_in_the_logs(trio, asked):
    pid, theirs = asked
    await trio.hospital.services.approvals.counter(
        steward(trio, "s1"), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON)
    )
    await waiting(trio.research, pid)
    await trio.research.services.offers.accept(researcher(trio), pid, await story.terms(trio.research, pid))
    await the_end(trio, pid)
    here = {entry.kind: orjson.loads(entry.body) for entry in await trio.hospital.find(LogEntry, subject=theirs)}
    assert here["negotiation.verdict-offer"]["by"] == {"account": "s1", "role": "steward"}
    assert here["negotiation.makeoffer-decided"]["by"]["actor"]["account"] == "s1"
    there = {entry.kind for entry in await trio.research.find(LogEntry, subject=pid)}
    assert {"negotiation.person-asked", "negotiation.accept-decided", "negotiation.finalized"} <= there
