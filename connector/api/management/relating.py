"""Who belongs to whom: sign-ins tied to people, links that may be wrong (holder), authorities over people (wallet)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field

from connector.api.management.door import Called, ManagementRoute, Officer, Operator, Sent
from connector.api.management.membership import Made
from connector.api.management.people import Recorded, person
from connector.services.exchange.disputes import DisputeRow
from connector.services.wallet.authorities import AuthorityDraft, AuthorityRow

router = APIRouter(route_class=ManagementRoute, tags=["relations"])


@dataclass(frozen=True, slots=True)
class Settled:
    """How something stands from now on."""

    id: str
    standing: str


class TieSent(Sent):
    """The sign-in provider's name for a person."""

    subject: str = Field(min_length=1, max_length=200)


class DisputeSent(Sent):
    """Why the link of a person may be wrong, and whose record it may really be (a person's id, or empty)."""

    reason: str = Field(min_length=1, max_length=2000)
    other: str = Field("", max_length=200)


class OutcomeSent(Sent):
    """How a dispute ends: kept, ended or moved; `other` is the right person for one that is moved."""

    outcome: str
    other: str = Field("", max_length=200)
    note: str = Field("", max_length=2000)


class AuthoritySent(Sent):
    """Somebody's authority to decide for a person. `studies` null is all; `until` null is until it ends by itself."""

    account: str
    proxy: str
    kind: str
    evidence: str = Field(min_length=1, max_length=400)
    jurisdiction: str = Field(min_length=2, max_length=6)
    studies: list[str] | None = Field(None, max_length=200)
    begins: AwareDatetime | None = None
    until: AwareDatetime | None = None


class RenewalSent(Sent):
    """A yes to extend, up to and including a day (null: to the study's end)."""

    account: str
    study: str
    until: date | None = None


@router.post("/patients/{id}/sign-in", status_code=201)
async def tie(called: Called, actor: Operator, id: str, sent: TieSent) -> Made:
    """Tie a sign-in to a person here, once somebody has seen who they are."""
    return Made(await called.hand_over.tie(actor, id, sent.subject))


@router.post("/patients/{id}/sign-in/untie")
async def untie(called: Called, actor: Operator, id: str) -> Settled:
    """Take it back."""
    await called.hand_over.untie(actor, id)
    return Settled(id, "untied")


@router.get("/disputes")
async def disputes(called: Called, actor: Operator) -> list[DisputeRow]:
    """Links that may be wrong, the open ones first."""
    return await called.disputes.rows(actor)


@router.post("/patients/{id}/dispute", status_code=201)
async def dispute(called: Called, actor: Operator, id: str, sent: DisputeSent) -> Made:
    """Say that the link of a person may be wrong: nothing of theirs is released until it is settled."""
    return Made(await called.disputes.open(actor, id, sent.reason, sent.other))


@router.post("/disputes/{id}/settle")
async def settle(called: Called, actor: Officer, id: str, sent: OutcomeSent) -> Settled:
    """Settle a dispute."""
    await called.disputes.settle(actor, id, sent.outcome, sent.other, sent.note)
    return Settled(id, sent.outcome)


@router.get("/authorities")
async def authorities(called: Called, actor: Operator) -> list[AuthorityRow]:
    """Who may decide for whom."""
    return await called.wallet.authorities.rows(actor)


@router.post("/authorities", status_code=201)
async def open_authority(called: Called, actor: Operator, sent: AuthoritySent) -> Made:
    """Record an authority whose evidence was seen."""
    fields = {name: getattr(sent, name) for name in type(sent).model_fields}
    return Made(await called.wallet.authorities.open(actor, AuthorityDraft(**fields)))


@router.post("/authorities/{id}/end")
async def end_authority(called: Called, actor: Operator, id: str) -> Settled:
    """End an authority now; what was allowed by it rests until the person is asked."""
    await called.wallet.authorities.end(actor, id)
    return Settled(id, "ended")


@router.post("/consents/renew", status_code=201)
async def renew(request: Request, called: Called, sent: RenewalSent) -> Recorded:
    """Extend a person's yes under the same words."""
    whom = await person(request, called, sent.account)
    return Recorded(await called.wallet.renewals.renew(whom, sent.study, sent.until))
