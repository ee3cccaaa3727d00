"""What leak checks held back: where something was found, opening it with a reason, destroying it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Sent
from connector.services.releasing.quarantine import LONGEST, Opened, QuarantineRow

router = APIRouter(route_class=ManagementRoute, tags=["dpo"])


class ReasonSent(Sent):
    """Why; the log keeps it."""

    reason: str = Field(max_length=LONGEST)


@router.get("/quarantine")
async def quarantine(called: Called, actor: Officer) -> list[QuarantineRow]:
    """What was held back because an identifier was found in it: where, how often, when; never what."""
    return await called.quarantine.rows(actor)


@router.get("/quarantine/{id}")
async def quarantined(called: Called, actor: Officer, id: str) -> QuarantineRow:
    """One of them."""
    return await called.quarantine.row(actor, id)


@router.post("/quarantine/{id}/open", response_model=Opened)
async def open_quarantine(called: Called, actor: Officer, id: str, sent: ReasonSent) -> JSONResponse:
    """The lines as they would have left; each look is logged with its reason."""
    found = await called.quarantine.open(actor, id, sent.reason)
    return JSONResponse({"id": found.id, "lines": found.lines}, headers={"Cache-Control": "no-store"})


@router.post("/quarantine/{id}/clear")
async def clear_quarantine(called: Called, actor: Officer, id: str, sent: ReasonSent) -> QuarantineRow:
    """Destroy the sealed lines, and say why they are not needed any more."""
    return await called.quarantine.clear(actor, id, sent.reason)
