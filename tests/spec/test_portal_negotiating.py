"""What people do about contracts in the portal, over real connectors: every form filled in wrongly, then rightly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from connector.records import Agreement, ContractEnding, Negotiation, NegotiationRule, PeerAcceptance, Transfer
from connector.services.contracting import NarrowingDraft
from tests.browser.negotiating import FOREIGN, WITHOUT_FETCHING, Deciding, in_days
from tests.browser.neighbourhood import settled
from tests.browser.reader import Reader
from tests.two_party.space import Party, until

GROUP, HOSPITAL = "Northgate Heart Study Group", "St. Elisabeth Hospital"
At = Callable[[Party, str], Awaitable[Reader]]
RECORDS = "Records on heart and blood pressure"


@pytest.fixture
async def deciding(tmp_path: Path) -> AsyncIterator[Deciding]:
    async with settled(tmp_path, WITHOUT_FETCHING) as made:
        deciding = Deciding(made)
        await deciding.hire()
        yield deciding


@pytest.fixture
async def at() -> AsyncIterator[At]:
    """Somebody signed in at a participant's portal."""
    async with AsyncExitStack() as windows:

        async def signed_in(party: Party, subject: str) -> Reader:
            reader = await windows.enter_async_context(Reader(party.url))
            return await reader.sign_in(subject)

        yield signed_in


async def reached(party: Party, pid: str, state: str) -> Negotiation:
    return await party.eventually(Negotiation, pid, where=lambda one: one.state == state)


def day(name: str, day: int, month: int, year: int) -> dict[str, str]:
    return {f"{name}-day": str(day), f"{name}-month": str(month), f"{name}-year": str(year)}


async def test_a_request_that_waits_is_read_in_words_and_approved_by_two_people(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    await deciding.rule("quorum")
    theirs, ours = await deciding.waits()
    an = await at(hospital, "an")
    assert f"{GROUP} asks for a contract: {RECORDS}" in an.page.text
    assert "0 of 2 people have said yes" in an.page.text
    page = await an.follow("Read and answer")
    for words in ("How it differs from your published offer", "Kinds of data", "Only for the study that is named",
                  "Narrower", "from 1 January 2016 until 31 December 2027", "days left",
                  "Two people must say yes"):  # fmt: skip
        assert words in page.text, words
    assert "odrl" not in page.html.lower()
    await an.send("Record this answer")
    assert (an.status, an.errors) == (400, {"decision": "Choose your answer"})
    await an.send("Record this answer", decision="approve", reason="The board agreed.")
    assert "It now waits for one more person." in an.page.text
    assert "The board agreed." in an.page.text
    await an.send("Record this answer", decision="approve")
    assert an.status == 400
    assert "spoken on exactly these terms already" in an.errors["decision"]
    assert (await research.get(Negotiation, theirs)).state == "REQUESTED"
    pieter = await at(hospital, "pieter")
    await pieter.open(f"/steward/negotiations/{ours}")
    await pieter.send("Record this answer", decision="approve")
    await reached(research, theirs, "FINALIZED")
    await reached(hospital, ours, "FINALIZED")
    page = await pieter.open(f"/steward/negotiations/{ours}")
    assert "Open the contract" in page.links
    assert "No request waits for your answer." in (await pieter.open("/steward/negotiations")).text


async def test_a_page_opened_before_the_terms_changed_answers_nothing(deciding: Deciding, at: At):
    """An reads and goes for coffee; Pieter counters and the group answers with other terms; An presses her button."""
    hospital, research = deciding.made.hospital, deciding.made.research
    await deciding.rule("person")
    theirs, ours = await deciding.waits()
    an, late = await at(hospital, "an"), await at(hospital, "an")
    await an.open(f"/steward/negotiations/{ours}")
    await late.open(f"/steward/negotiations/{ours}")
    await late.send("Record this answer", decision="counter")
    await deciding.countered(theirs, ours)
    page = await an.send("Record this answer", decision="approve", reason="The board agreed.")
    assert (an.status, list(an.errors)) == (400, ["decision"])
    assert an.errors["decision"].startswith("The terms have changed since you read them, and nothing was done")
    assert "The board agreed." in page.html
    assert (await hospital.get(Negotiation, ours)).state == "REQUESTED"
    assert await hospital.find(Agreement) == []
    await late.send("Check this offer", categories=["laboratory"])
    assert late.path == f"/steward/negotiations/{ours}?said=changed"
    assert "Read them again, then answer." in late.page.text
    await an.send("Record this answer", decision="approve")
    await reached(research, theirs, "FINALIZED")


async def test_a_refusal_needs_its_reason_and_the_research_group_reads_it(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    await deciding.rule("person")
    theirs, ours = await deciding.waits()
    an = await at(hospital, "an")
    await an.open(f"/steward/negotiations/{ours}")
    await an.send("Record this answer", decision="refuse")
    assert an.errors == {"reason": "Give the reason for the refusal, so that they can ask again on other terms"}
    await an.send("Record this answer", decision="refuse", reason="Ask again without dates before 2020.")
    assert "Your no is sent with your reason" in an.page.text
    await reached(research, theirs, "TERMINATED")
    lies = await at(research, "lies")
    page = await lies.open(f"/research/negotiations/{theirs}")
    assert "Ask again without dates before 2020." in page.text


async def test_a_counter_offer_can_only_be_narrower_and_is_checked_before_it_is_sent(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    await deciding.rule("person")
    theirs, ours = await deciding.waits()
    an = await at(hospital, "an")
    await an.open(f"/steward/negotiations/{ours}")
    await an.send("Record this answer", decision="counter")
    assert an.path.partition("?")[0] == f"/steward/negotiations/{ours}/counter"
    await an.send("Check this offer")
    assert an.errors["until"].startswith("Nothing here is narrower")
    await an.send("Check this offer", **day("until", 1, 1, 2099), **day("records_from", 1, 1, 2001))
    assert "an earlier day: the contract may not run longer" in an.errors["until"]
    assert an.errors["records_from"] == "Choose 1 January 2016 or a later day"
    empty = {f"until-{part}": "" for part in ("day", "month", "year")}
    page = await an.send("Check this offer", **empty, **day("records_from", 1, 1, 2020), categories=["laboratory"])
    for words in ("2 terms change", "Laboratory results", "From 1 January 2020 to 31 December 2027"):
        assert words in page.text, words
    await an.send("Change something")
    await an.send("Check this offer")
    await an.send("Send this offer")
    assert "Your narrower offer is sent." in an.page.text
    await reached(research, theirs, "OFFERED")
    lies = await at(research, "lies")
    await until(lambda: deciding.made.research.services.offers.list(deciding.lies), "the offer to a person")
    await lies.open("/research")
    assert f"{HOSPITAL} offers you {RECORDS}" in lies.page.text
    page = await lies.follow("Read and answer")
    assert "What they changed in your request" in page.text
    await lies.send("Send this answer", decision="accept")
    await reached(research, theirs, "FINALIZED")
    agreement = (await hospital.find(Agreement))[0]
    assert agreement.selection["variables"] == ["laboratory"]


async def test_a_researcher_answers_an_offer_with_narrower_terms_or_declines_it(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    await deciding.rule("person")
    pid = await deciding.offered(NarrowingDraft(until=in_days(300)))
    lies = await at(research, "lies")
    await lies.open(f"/research/negotiations/{pid}")
    await lies.send("Send this answer", decision="decline")
    assert list(lies.errors) == ["reason"]
    await lies.send("Send this answer", decision="counter")
    await lies.send("Check this request", categories=["laboratory", "conditions"])
    await lies.send("Send this request")
    assert "Your narrower request is sent." in lies.page.text
    await until(lambda: hospital.services.approvals.list(deciding.an), "the request to a person")
    ours = (await hospital.services.approvals.list(deciding.an))[0].pid
    an = await at(hospital, "an")
    page = await an.open(f"/steward/negotiations/{ours}")
    assert "How it went so far, in 3 rounds" in page.text
    assert "What they changed in your offer" in page.text
    second = await deciding.offered(NarrowingDraft(until=in_days(200)))
    await lies.open(f"/research/negotiations/{second}")
    await lies.send("Send this answer", decision="decline", reason="Too short for the study.")
    await reached(research, second, "TERMINATED")
    assert "Your no is sent with your reason" in lies.page.text


async def test_rules_are_set_listed_and_taken_away(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    an = await at(hospital, "an")
    page = await an.open("/steward/negotiations/rules")
    assert "Everybody else" in page.text
    await an.follow("Set a rule")
    await an.send("Set this rule", answer="refuse", days="0")
    assert list(an.errors) == ["counterparty", "dataset", "days", "reason"]
    await an.send("Set this rule", dataset="*", counterparty=research.id, answer="quorum", days="9", reason="")
    assert "The rule is set." in an.page.text
    assert "Two people must say yes" in an.page.text
    rules = await hospital.find(NegotiationRule)
    assert [(one.dataset, one.counterparty, one.answer, one.days) for one in rules] == [("", research.id, "quorum", 9)]
    page = await an.follow("Take away")
    assert "Take this rule away?" in page.text
    assert await hospital.find(NegotiationRule) != []
    await an.send("Take the rule away")
    assert "The rule is taken away." in an.page.text
    assert await hospital.find(NegotiationRule) == []
    await an.open("/steward/negotiations/rules/remove?dataset=&counterparty=urn:nobody")
    assert an.status == 404


async def test_a_steward_makes_the_first_offer_and_the_research_group_takes_it(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    an = await at(hospital, "an")
    await an.open("/steward/negotiations/offer")
    await an.send("Go on to the terms")
    assert list(an.errors) == ["consumer", "dataset", "study"]
    chosen = {"consumer": research.id, "dataset": deciding.made.dataset, "study": deciding.made.study}
    await an.send("Go on to the terms", **chosen)
    await an.send("Check this offer", **day("until", 1, 2, 2020))
    assert an.errors == {"until": "Choose a day in the future"}
    end = in_days(300)
    await an.send("Check this offer", **day("until", end.day, end.month, end.year))
    await an.send("Send this offer")
    assert "Your offer is sent." in an.page.text
    await until(lambda: research.services.offers.list(deciding.lies), "the offer at the research group")
    lies = await at(research, "lies")
    page = await lies.follow("Read and answer")
    assert "They made the first offer." in page.text
    assert "None is named" not in page.text
    [study] = await research.services.research.studies(deciding.lies)
    assert study.title in page.text
    await lies.send("Send this answer", decision="accept")
    await until(lambda: research.find(Agreement, standing="active"), "the contract")
    await an.open("/steward/negotiations/offer/terms?consumer=urn:nobody&dataset=urn:nothing")
    assert an.status == 404


async def test_an_offer_is_asked_for_exactly_as_it_stands_and_the_page_says_what_that_means(deciding: Deciding, at: At):
    research = deciding.made.research
    lies = await at(research, "lies")
    await lies.open("/research/catalogue")
    page = await lies.follow(RECORDS)
    assert "the contract names no study of yours" in page.text
    await lies.send("Ask exactly as offered")
    assert lies.path.startswith("/research/negotiations/urn:")
    assert [one.study for one in await research.find(Negotiation)] == [None]
    assert "None is named" in lies.page.text


async def test_a_change_of_a_contract_is_proposed_read_as_differences_and_answered(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    agreement = await deciding.contract()
    an, lies = await at(hospital, "an"), await at(research, "lies")
    await an.open(f"/steward/contracts/{agreement}")
    await an.follow("Propose narrower terms")
    await an.send("Check this proposal", reason="Less is enough.")
    assert an.errors["until"].startswith("Nothing here is narrower")
    await an.send("Check this proposal", categories=["laboratory"])
    await an.send("Send this proposal")
    assert "Your proposal is sent." in an.page.text
    assert an.path.startswith("/steward/contracts/proposals/urn:")
    await hospital.quiet()
    await lies.open("/research")
    page = await lies.follow("Read and answer")
    for words in ("Kinds of data", "Narrower", "Less is enough.", "The present terms hold until you accept."):
        assert words in page.text, words
    await lies.send("Record this answer", decision="decline")
    assert list(lies.errors) == ["reason"]
    await lies.send("Record this answer", decision="accept", reason="")
    assert "You accepted the change." in lies.page.text
    await hospital.eventually(Agreement, agreement, where=lambda one: one.standing == "replaced")
    await research.eventually(Agreement, agreement, where=lambda one: one.standing == "replaced")
    page = await lies.open(f"/research/contracts/{agreement}")
    assert "was replaced by one with changed terms" in page.text
    await lies.follow("Open the contract that replaced it")
    assert "It replaced an earlier contract" in lies.page.text
    await lies.follow("Propose narrower terms")
    await lies.send("Check this proposal", **day("records_from", 1, 1, 2019))
    await lies.send("Send this proposal")
    await lies.send("Take this proposal back")
    assert "Taken back" in lies.page.text


async def test_an_early_end_says_what_follows_before_the_button_and_both_sides_see_it(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    agreement = await deciding.contract()
    an = await at(hospital, "an")
    await an.open(f"/steward/contracts/{agreement}")
    page = await an.follow("End this contract early")
    for words in ("Not one more record leaves", "Within 30 days", "They must delete everything", "cannot be undone"):
        assert words in page.text, words
    await an.send("End this contract")
    assert an.errors == {"reason": "Give the reason. Both sides keep it"}
    assert await hospital.find(ContractEnding) == []
    await an.send("End this contract", reason="The study was stopped.")
    assert "You ended it" in an.page.text
    await research.eventually(ContractEnding, agreement)
    lies = await at(research, "lies")
    page = await lies.open(f"/research/contracts/{agreement}")
    for words in (f"{HOSPITAL} ended it", "The study was stopped.", "Nothing opens under it any more"):
        assert words in page.text, words
    assert "Request the data" not in [words for form in page.forms for words in form.buttons]
    await an.open(f"/steward/contracts/{agreement}/end")
    assert an.path == f"/steward/contracts/{agreement}"
    await an.send("Act as data protection officer")
    page = await an.open("/dpo/unproven")
    assert "No receiver is late" in page.text


async def test_a_transfer_is_paused_resumed_and_ended_with_a_reason_the_other_side_reads(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    agreement = await deciding.contract()
    pid = await research.services.research.request_transfer(deciding.lies, agreement)
    await research.eventually(Transfer, pid, where=lambda one: one.state == "STARTED")
    an, lies = await at(hospital, "an"), await at(research, "lies")
    await an.open(f"/steward/contracts/{agreement}")
    await an.follow("Pause this transfer")
    await an.send("Pause this transfer")
    assert list(an.errors) == ["reason"]
    await an.send("Pause this transfer", reason="We check one device.")
    assert "You paused the transfer." in an.page.text
    await research.eventually(Transfer, pid, where=lambda one: one.state == "SUSPENDED")
    page = await lies.open(f"/research/contracts/{agreement}")
    for words in ("Paused", f"{HOSPITAL} paused it.", "We check one device.", "Only they can let it go on."):
        assert words in page.text, words
    assert not any("Let it go on" in words for form in page.forms for words in form.buttons)
    await hospital.quiet()
    await an.open(f"/steward/contracts/{agreement}")
    await an.send("Let it go on")
    await research.eventually(Transfer, pid, where=lambda one: one.state == "STARTED")
    await lies.open(f"/research/contracts/{agreement}")
    await lies.follow("End this transfer")
    await lies.send("End this transfer")
    assert list(lies.errors) == ["reason"]
    await lies.send("End this transfer", reason="We have what we need.")
    assert "You ended the transfer." in lies.page.text
    await until(lambda: hospital.find(Transfer, state="TERMINATED"), "the end at the hospital")
    assert "We have what we need." in (await an.open(f"/steward/contracts/{agreement}")).text
    await lies.open(f"/research/transfers/{pid}/pause")
    assert "that step is not possible any more" in lies.page.text


async def test_a_participant_without_proof_of_deletion_is_accepted_by_name_for_all_to_see(deciding: Deciding, at: At):
    hospital = deciding.made.hospital
    await deciding.knows_foreign()
    an = await at(hospital, "an")
    await an.open("/steward/contracts")
    page = await an.follow("Participants accepted without proof of deletion")
    assert "followed up by hand" in page.text
    await an.send("Accept without proof", **day("until", 1, 1, 2020))
    assert list(an.errors) == ["member", "why", "until"]
    empty = {f"until-{part}": "" for part in ("day", "month", "year")}
    await an.send("Accept without proof", member=FOREIGN, why="A pilot. They write a letter each time.", **empty)
    assert "Accepted." in an.page.text
    assert "Coastal Registry" in an.page.text
    await an.send("Act as data protection officer")
    page = await an.open("/dpo/unproven")
    for words in ("Coastal Registry", "A pilot. They write a letter each time.", "by An De Smet", "No end date"):
        assert words in page.text, words
    await an.send("Act as data steward")
    await an.open("/steward/contracts/accepted")
    page = await an.follow("Take it back")
    assert "Contracts already made go on" in page.text
    await an.send("Take it back")
    assert "Taken back." in an.page.text
    assert (await hospital.get(PeerAcceptance, FOREIGN)).revoked_at is not None


async def test_a_steward_and_a_researcher_see_only_their_own_side(deciding: Deciding, at: At):
    hospital, research = deciding.made.hospital, deciding.made.research
    agreement = await deciding.contract()
    an, lies = await at(hospital, "an"), await at(research, "lies")
    for reader, paths in (
        (an, ("/research/negotiations", f"/research/contracts/{agreement}/end")),
        (lies, ("/steward/negotiations", f"/steward/contracts/{agreement}/end", "/steward/contracts/accepted")),
    ):
        for path in paths:
            await reader.open(path)
            assert reader.status == 403, path
