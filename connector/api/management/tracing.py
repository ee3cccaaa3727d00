"""Codes to trace back: the cases, and asking for one. Approving and opening is done in the portal, by people."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Sent
from connector.services.reidentifying import DAYS, Asking, CaseRow

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
