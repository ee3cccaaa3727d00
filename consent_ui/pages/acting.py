"""People who act for me, and for whom I act: on what ground, until when, what they did; and switching between them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from consent_ui.visit import Patient, go

router = APIRouter(prefix="/me/people", include_in_schema=False)


@router.get("")
async def people(visit: Patient) -> Response:
    """Both lists, and everything that was done for the person."""
    page = await visit.services.wallet.authorities.page(visit.actor)
    return visit.page("patient/people.html", page=page)


@router.post("/act")
async def act(visit: Patient) -> Response:
    """Act for somebody; without an authority, for oneself again."""
    if visit.session is not None:
        await visit.services.accounts.act_for(visit.session.id, visit.form.text("authority"))
    return go("/me")


@router.get("/{authority}/end")
async def check_end(visit: Patient, authority: str) -> Response:
    """What it means that somebody may not act any more."""
    page = await visit.services.wallet.authorities.page(visit.actor)
    found = next((one for one in [*page.for_me, *page.by_me] if one.id == authority and one.may_end), None)
    return visit.page("patient/end_authority.html", one=found) if found else go("/me/people")


@router.post("/{authority}/end")
async def end(visit: Patient, authority: str) -> Response:
    """End it now."""
    await visit.services.wallet.authorities.end(visit.actor, authority)
    return go("/me/people")


@router.post("/{authority}/seen")
async def seen(visit: Patient, authority: str) -> Response:
    """The person has read that somebody may act for them."""
    await visit.services.wallet.authorities.seen(visit.actor, authority)
    return go("/me")
