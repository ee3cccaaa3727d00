"""A steward's contracts: every one in which we provide the data, and the room of each."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from consent_ui.pages.contracting.transfers import possible
from consent_ui.visit import Steward

router = APIRouter(prefix="/steward/contracts", include_in_schema=False)


@router.get("")
async def contracts(visit: Steward) -> Response:
    """Every contract in which we provide."""
    found = await visit.services.contracts.agreements(visit.actor, "provider")
    return visit.page("contracting/contracts.html", agreements=found)


@router.get("/{agreement:path}")
async def room(visit: Steward, agreement: str, done: str = "") -> Response:
    """The contract room as the provider sees it."""
    return visit.page(
        "contracting/room.html",
        room=await visit.services.contracts.room(visit.actor, agreement),
        history=await visit.services.contract_changes.history(visit.actor, agreement),
        duties=await visit.services.duties.list(visit.actor, agreement),
        requested=False,
        done=done,
        possible=possible,
    )
