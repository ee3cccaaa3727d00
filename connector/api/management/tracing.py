"""Codes to trace back: the cases, and asking for one. Approving and opening is done in the portal, by people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Sent
from connector.services.reidentifying import DAYS, LONGEST_SEALED, MOST_SEALED, Asking, CaseRow, Unsealed

router = APIRouter(route_class=ManagementRoute, tags=["vault"])


class AskingSent(Sent):
    """The code as the receiver has it, the contract, the ground (finding, safety, data, law), why, how many days."""

    agreement: str = Field(max_length=200)
    code: str = Field(max_length=100)
    ground: str
    reason: str = Field(max_length=2000)
    days: int = DAYS


class RefusalSent(Sent):
    """Why a case is refused or taken back."""

    why: str = Field(max_length=2000)


class SealedSent(Sent):
    """Sealed texts, as they stand in what the receiver has."""

    sealed: list[Annotated[str, Field(max_length=LONGEST_SEALED)]] = Field(min_length=1, max_length=MOST_SEALED)


@router.get("/reidentifications")
async def cases(called: Called, actor: Officer) -> list[CaseRow]:
    """Every case, those that are open first. None says who it is."""
    return await called.reidentifying.rows(actor)


@router.post("/reidentifications", status_code=201)
async def ask(called: Called, actor: Officer, sent: AskingSent) -> CaseRow:
    """Ask that a code be traced back; two people approve it in the portal."""
    asked = Asking(sent.agreement, sent.code, sent.ground, sent.reason, sent.days)
    return await called.reidentifying.ask(actor, asked)


@router.post("/reidentifications/{id}/refuse")
async def refuse(called: Called, actor: Officer, id: str, sent: RefusalSent) -> CaseRow:
    """Refuse it; it is over then."""
    return await called.reidentifying.refuse(actor, id, sent.why)


@router.post("/reidentifications/{id}/unseal")
async def unseal(called: Called, actor: Officer, id: str, sent: SealedSent) -> Unsealed:
    """Open sealed texts of the person of an approved case, before its deadline; the person is told."""
    return await called.reidentifying.unseal(actor, id, sent.sealed)
