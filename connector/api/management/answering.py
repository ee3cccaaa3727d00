"""What people decide about contracts: requests to approve, offers to answer, rules, members accepted by name."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from connector.api.management.consuming import Begun
from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.contracting import NarrowingDraft, OfferDraft, QuestionRow, QuestionView, RuleRow
from connector.services.membership import AcceptanceRow

router = APIRouter(route_class=ManagementRoute, tags=["contracting"])


class NarrowingSent(Sent):
    """What a counter-offer narrows; what is left out stays. `until` and the dates of the records are whole days.

    `times` are durations by name: stop, erase, backups, freshness. `risk` is what an assessment of risk must find
    at least, by name: min_k, min_l, max_t, max_unique.
    """

    purposes: list[str] = Field(default_factory=list, max_length=100)
    until: date | None = None
    categories: list[str] = Field(default_factory=list, max_length=100)
    recipients: list[str] = Field(default_factory=list, max_length=100)
    records_from: date | None = None
    records_until: date | None = None
    times: dict[str, Annotated[str, Field(max_length=40)]] = Field(default_factory=dict, max_length=4)
    risk: dict[str, Annotated[str, Field(max_length=40)]] = Field(default_factory=dict, max_length=4)

    def draft(self) -> NarrowingDraft:
        """As the service takes it."""
        return NarrowingDraft(**{name: getattr(self, name) for name in NarrowingSent.model_fields})


class AnswerSent(Sent):
    """An answer to terms that somebody read: `terms` is their `terms_digest`, as the view of the negotiation gives it.

    Where other terms stand by now, nothing is done: 409, code "terms-changed".
    """

    terms: str = Field(pattern="^[0-9a-f]{64}$", description="The terms_digest of the terms that were read.")


class CounterSent(NarrowingSent, AnswerSent):
    """An answer by narrower terms."""


class OfferSent(NarrowingSent):
    """A first offer to a participant: a dataset of ours, for a study of theirs or as published, narrowed or not."""

    consumer: str = Field(min_length=1, max_length=256)
    dataset: str = Field(min_length=1, max_length=2048)
    study: str = ""
    purpose: str = ""

    def offered(self) -> OfferDraft:
        """As the service takes it."""
        return OfferDraft(self.consumer, self.dataset, self.study, self.purpose, self.draft())


class YesSent(AnswerSent):
    """Yes, with a remark for our own records."""

    note: str = Field("", max_length=2000)


class NoSent(AnswerSent):
    """Why not, for the other side to read."""

    reason: str = Field(min_length=1, max_length=2000)


class RuleSent(Sent):
    """A standing rule; an empty dataset or counterparty means any."""

    answer: Literal["accept", "refuse", "person", "quorum"]
    dataset: str = Field("", max_length=2048)
    counterparty: str = Field("", max_length=256)
    days: int = Field(14, ge=1, le=365)
    reason: str = Field("", max_length=500)


class RulePlace(Sent):
    """Which rule is meant."""

    dataset: str = Field("", max_length=2048)
    counterparty: str = Field("", max_length=256)


class AcceptanceSent(Sent):
    """Why a member is accepted by name, and until when."""

    why: str = Field(min_length=1, max_length=2000)
    until: AwareDatetime | None = None


@router.get("/approvals")
async def approvals(called: Called, actor: Operator) -> list[QuestionRow]:
    """Requests that wait for a person's verdict, the most pressing first."""
    return await called.approvals.list(actor)


@router.get("/approvals/{pid}")
async def approval(called: Called, actor: Operator, pid: str) -> QuestionView:
    """One of them, with how it differs from what was published."""
    return await called.approvals.show(actor, pid)


@router.post("/approvals/{pid}/approve", status_code=204)
async def approve(called: Called, actor: Operator, pid: str, sent: YesSent) -> None:
    """Say yes to exactly the terms that were read."""
    await called.approvals.approve(actor, pid, sent.terms, sent.note)


@router.post("/approvals/{pid}/refuse", status_code=204)
async def refuse(called: Called, actor: Operator, pid: str, sent: NoSent) -> None:
    """Say no: the negotiation ends."""
    await called.approvals.refuse(actor, pid, sent.terms, sent.reason)


@router.post("/approvals/{pid}/counter", status_code=204)
async def counter_request(called: Called, actor: Operator, pid: str, sent: CounterSent) -> None:
    """Answer with a narrower offer."""
    await called.approvals.counter(actor, pid, sent.terms, sent.draft())


@router.post("/offers", status_code=201)
async def offer(called: Called, actor: Operator, sent: OfferSent) -> Begun:
    """Make the first offer to a participant."""
    return Begun(await called.approvals.offer(actor, sent.offered()))


@router.get("/negotiations/waiting")
async def offers(called: Called, actor: Operator) -> list[QuestionRow]:
    """Offers made to us that wait for an answer, the most pressing first."""
    return await called.offers.list(actor)


@router.post("/negotiations/{pid}/accept", status_code=204)
async def accept(called: Called, actor: Operator, pid: str, sent: AnswerSent) -> None:
    """Take the offer that was read."""
    await called.offers.accept(actor, pid, sent.terms)


@router.post("/negotiations/{pid}/counter", status_code=204)
async def counter_offer(called: Called, actor: Operator, pid: str, sent: CounterSent) -> None:
    """Answer with a narrower request."""
    await called.offers.counter(actor, pid, sent.terms, sent.draft())


@router.post("/negotiations/{pid}/decline", status_code=204)
async def decline(called: Called, actor: Operator, pid: str, sent: NoSent) -> None:
    """Say no to an offer: the negotiation ends."""
    await called.offers.decline(actor, pid, sent.terms, sent.reason)


@router.get("/rules")
async def rules(called: Called, actor: Operator) -> list[RuleRow]:
    """Standing rules, those about one participant first."""
    return await called.rules.list(actor)


@router.post("/rules", status_code=201)
async def set_rule(called: Called, actor: Operator, sent: RuleSent) -> RuleRow:
    """Make a rule, or replace the one for the same dataset and participant."""
    return await called.rules.set(
        actor, sent.answer, dataset=sent.dataset, counterparty=sent.counterparty, days=sent.days, reason=sent.reason
    )


@router.post("/rules/remove", status_code=204)
async def remove_rule(called: Called, actor: Operator, sent: RulePlace) -> None:
    """Take a rule away."""
    await called.rules.remove(actor, dataset=sent.dataset, counterparty=sent.counterparty)


@router.get("/acceptances")
async def acceptances(called: Called, actor: Operator) -> list[AcceptanceRow]:
    """Members accepted by name although they cannot prove erasure."""
    return await called.membership.acceptances(actor)


@router.post("/members/{id}/accept", status_code=201)
async def accept_member(called: Called, actor: Operator, id: str, sent: AcceptanceSent) -> AcceptanceRow:
    """Accept a member by name."""
    return await called.membership.accept(actor, id, sent.why, sent.until)


@router.post("/members/{id}/revoke", status_code=200)
async def revoke_acceptance(called: Called, actor: Operator, id: str) -> AcceptanceRow:
    """Take an acceptance back."""
    return await called.membership.revoke(actor, id)
