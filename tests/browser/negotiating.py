"""A neighbourhood in the middle of deciding: requests that wait, offers to answer, changes, ends, missing proofs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connector.records import Agreement, Negotiation, PersonAsked
from connector.services.actors import Actor
from connector.services.contracting import NarrowingDraft, OfferDraft
from connector.wiring import Plugs
from tests.browser.neighbourhood import PURPOSE, Neighbourhood
from tests.two_party import story
from tests.two_party.space import until

FOREIGN = "urn:example:coastal-registry"
WITHOUT_FETCHING = Plugs(fetching=False)
"""For the research group: a transfer that started stays as it is, to be paused and ended by people."""


@dataclass
class Deciding:
    """The people who decide, and what they decide about."""

    made: Neighbourhood

    @property
    def an(self) -> Actor:
        return self.made.hospital.acting("steward", "an", "An De Smet")

    @property
    def pieter(self) -> Actor:
        return self.made.hospital.acting("steward", "pieter", "Pieter Claes")

    @property
    def lies(self) -> Actor:
        return self.made.research.acting("researcher", "lies", "Lies Van Damme")

    async def hire(self) -> None:
        """A second steward, who can sign in."""
        operator = self.made.hospital.acting("operator")
        await self.made.hospital.services.accounts.open_account(operator, "pieter", "Pieter Claes", ["steward"])

    async def rule(self, answer: str, **place: str) -> None:
        await self.made.hospital.services.rules.set(self.an, answer, **place)

    async def ask(self, *, study: bool = True) -> tuple[str, str]:
        """The research group asks; returns its pid and, once it has arrived, the hospital's."""
        made = self.made
        named = (made.study, PURPOSE) if study else ("", "")
        pid = await made.research.services.research.negotiate(self.lies, made.hospital.id, made.dataset, "", *named)
        arrived = await until(lambda: made.hospital.find(Negotiation, their_pid=pid), "the request at the hospital")
        return pid, arrived[0].pid

    async def waits(self) -> tuple[str, str]:
        """The research group asks, and a person at the hospital is asked."""
        theirs, ours = await self.ask()
        await until(lambda: self.made.hospital.find(PersonAsked, negotiation=ours), "the question to a person")
        return theirs, ours

    async def offered(self, draft: NarrowingDraft) -> str:
        """The hospital answers a request with narrower terms; returns the pid of the research group."""
        theirs, ours = await self.waits()
        await self.made.hospital.services.approvals.counter(
            self.an, ours, await story.terms(self.made.hospital, ours), draft
        )
        await until(lambda: self.made.research.find(PersonAsked, negotiation=theirs), "the offer to a person")
        return theirs

    async def countered(self, theirs: str, ours: str) -> None:
        """The hospital answers a request with narrower terms, and the group that offer with still narrower ones."""
        hospital, research = self.made.hospital, self.made.research
        draft = NarrowingDraft(until=in_days(300))
        await hospital.services.approvals.counter(self.pieter, ours, await story.terms(hospital, ours), draft)
        await until(lambda: research.find(PersonAsked, negotiation=theirs), "the offer to a person")
        narrower = NarrowingDraft(until=in_days(290))
        await research.services.offers.counter(self.lies, theirs, await story.terms(research, theirs), narrower)
        await until(lambda: hospital.services.approvals.list(self.an), "the answer to a person")

    async def contract(self) -> str:
        """A contract that the rules accepted at once."""
        pid, _ = await self.ask()
        await self.made.research.eventually(Negotiation, pid, where=lambda one: one.state == "FINALIZED")
        agreement = (await self.made.research.find(Negotiation, pid=pid))[0].agreement
        for party in (self.made.research, self.made.hospital):
            await party.eventually(Agreement, agreement, where=lambda one: one.standing == "active")
        return str(agreement)

    async def knows_foreign(self) -> None:
        """A participant in the hospital's register that does not speak the consent exchange."""
        members = self.made.hospital.context.members
        like = members.known(self.made.research.id)
        told = {"id": FOREIGN, "name": "Coastal Registry", "consent": None, "fingerprint": "0" * 64}
        await members.put(like.model_copy(update=told))


def in_days(days: int) -> date:
    return (datetime.now(UTC) + timedelta(days=days)).date()


async def hurry(deciding: Deciding, pid: str) -> None:
    """As if the request had waited for most of its time."""
    hospital, now = deciding.made.hospital, datetime.now(UTC)

    def command(tx) -> None:
        asked = tx.get(PersonAsked, pid)
        tx.change(asked, asked_at=now - timedelta(days=12), answer_by=now + timedelta(hours=30))

    await hospital.store.write(command)


async def played(made: Neighbourhood) -> Deciding:
    """Something of everything, as it would stand on the pages of a busy week."""
    deciding = Deciding(made)
    hospital, research = made.hospital.services, made.research.services
    await deciding.hire()
    kept, over = await deciding.contract(), await deciding.contract()
    draft = NarrowingDraft(categories=["laboratory"], until=in_days(300))
    await hospital.amendments.narrow(deciding.an, kept, draft, "The blood tests are enough for this question.")
    await research.research.request_transfer(deciding.lies, kept)
    await hospital.endings.end(deciding.an, over, "The ethics board stopped this part of the study.")
    await deciding.rule("person")
    await deciding.rule("quorum", counterparty=made.research.id, dataset=made.dataset)
    await deciding.offered(NarrowingDraft(until=in_days(200), records_from=date(2020, 1, 1)))
    for urgent in (True, False):
        _, pid = await deciding.waits()
        if urgent:
            terms = await story.terms(made.hospital, pid)
            await hospital.approvals.approve(deciding.pieter, pid, terms, "The study board agreed.")
            await hurry(deciding, pid)
    await hospital.approvals.offer(deciding.an, OfferDraft(made.research.id, made.dataset, made.study, PURPOSE))
    await deciding.knows_foreign()
    month = datetime.now(UTC) + timedelta(days=30)
    await hospital.membership.accept(
        deciding.an, FOREIGN, "A pilot of one month. They write a letter each time.", month
    )
    await made.hospital.quiet()
    await made.research.quiet()
    return deciding
