"""Sharing less: a pause of everything, going on, and a limit to fewer data or dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.wallet.pausing import Limit
from consent_ui.rendering import segment
from consent_ui.visit import Patient, Visit, go

if TYPE_CHECKING:
    from connector.services.wallet.views import SharedData

router = APIRouter(prefix="/me", include_in_schema=False)


@router.get("/pause")
async def ask(visit: Patient) -> Response:
    """What a pause of everything does, and the button."""
    return visit.page("patient/pause_all.html", home=await visit.services.wallet.home(visit.actor))


@router.post("/paused")
async def pause(visit: Patient) -> Response:
    """Everything rests."""
    await visit.services.wallet.pause_everything(visit.actor)
    return go("/me/paused")


@router.get("/paused")
async def paused(visit: Patient) -> Response:
    """What rests now, and going on."""
    cards = await visit.services.wallet.permissions(visit.actor)
    return visit.page("patient/paused.html", resting=[card for card in cards if card.state == "suspended"])


@router.post("/resumed")
async def resume_all(visit: Patient) -> Response:
    """Everything goes on as before."""
    await visit.services.wallet.resume_everything(visit.actor)
    return go("/me/permissions")


@router.post("/studies/{study_id}/resumed")
async def resume(visit: Patient, study_id: str) -> Response:
    """One study goes on as before."""
    await visit.services.wallet.resume(visit.actor, study_id)
    return go("/me/permissions")


@router.get("/studies/{study_id}/limit")
async def narrow(visit: Patient, study_id: str) -> Response:
    """Which data and which dates stay; what is shared now is ticked, so that leaving it changes nothing."""
    for number, one in enumerate(await visit.services.wallet.shared(visit.actor, study_id), 1):
        visit.form.fields[f"data-{number}"] = [key for key, _ in one.categories]
    return await limit_page(visit, study_id)


@router.post("/studies/{study_id}/limit")
async def limit(visit: Patient, study_id: str) -> Response:
    """Share less from now on."""
    shared = await visit.services.wallet.shared(visit.actor, study_id)
    wanted = read_limit(visit, shared)
    if visit.form.errors:
        return await limit_page(visit, study_id)
    try:
        await visit.services.wallet.limit(visit.actor, study_id, wanted)
    except Problem as problem:
        visit.note(problem, "data-1", "window")
        return await limit_page(visit, study_id)
    return go(f"/me/studies/{segment(study_id)}/limited")


@router.get("/studies/{study_id}/limited")
async def limited(visit: Patient, study_id: str) -> Response:
    """What is shared now, and what that did not change."""
    return visit.page(
        "patient/limited.html",
        study=await visit.services.wallet.study(visit.actor, study_id),
        shared=await visit.services.wallet.shared(visit.actor, study_id),
    )


async def limit_page(visit: Visit, study_id: str) -> Response:
    """The form, with its errors if any."""
    return visit.page(
        "patient/limit.html",
        400 if visit.form.errors else 200,
        study=await visit.services.wallet.study(visit.actor, study_id),
        shared=await visit.services.wallet.shared(visit.actor, study_id),
    )


def read_limit(visit: Visit, shared: list[SharedData]) -> Limit:
    """What the form says stays; a dataset of which nothing is ticked does not."""
    form, stays = visit.form, dict[str, list[str] | None]()
    for number, one in enumerate(shared, 1):
        keys = [key for key, _ in one.categories if form.has(f"data-{number}", key)]
        if keys:
            stays[one.dataset] = None if len(keys) == len(one.categories) else keys
    start = form.day("since", "", needed=False)
    end = form.day("until", "", needed=False)
    if not stays:
        form.refuse("data-1", "Tick what the study may still use. To share nothing, stop instead")
    return Limit(stays, start, end)
