"""Stopping or pausing a study in two steps, and watching it happen."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from consent_ui.rendering import segment
from consent_ui.visit import Patient, go

router = APIRouter(prefix="/me/studies/{study_id}", include_in_schema=False)

KINDS = ("erase", "stop", "pause")
LOOK_AGAIN = "3"
"""Seconds until the progress page is shown anew, for those who asked for that."""


@router.get("/stop")
async def ask(visit: Patient, study_id: str) -> Response:
    """Step 1: how to stop."""
    return visit.page("patient/stop.html", study=await visit.services.wallet.study(visit.actor, study_id))


@router.post("/stop")
async def check(visit: Patient, study_id: str) -> Response:
    """Step 2: what will happen, and the button that makes it happen."""
    study = await visit.services.wallet.study(visit.actor, study_id)
    kind = visit.form.chosen("kind", (*KINDS, "limit", "later"), "Choose how you want to stop, or think about it")
    if visit.form.errors:
        return visit.page("patient/stop.html", 400, study=study)
    if kind == "limit":
        return go(f"/me/studies/{segment(study_id)}/limit")
    if kind == "later":
        return go("/me/permissions")
    return visit.page("patient/stop_check.html", study=study, kind=kind)


@router.post("/stopped")
async def stop(visit: Patient, study_id: str) -> Response:
    """Stop, then show how it goes."""
    kind = visit.form.chosen("kind", KINDS, "Choose how you want to stop")
    if not kind:
        return go(f"/me/studies/{segment(study_id)}/stop")
    if kind == "pause":
        await visit.services.wallet.pause(visit.actor, study_id)
    else:
        await visit.services.wallet.withdraw(visit.actor, study_id, kind)
    return go(f"/me/studies/{segment(study_id)}/stopped")


@router.get("/stopped")
async def progress(visit: Patient, study_id: str, watch: bool = False) -> Response:
    """Each place and each receiver: told, stopped, deleted, checked; what waits says for how long."""
    shown = await visit.services.wallet.progress(visit.actor, study_id)
    watching = watch and not shown.finished
    page = visit.page("patient/stopped.html", progress=shown, watching=watching)
    if watching:
        page.headers["Refresh"] = LOOK_AGAIN
    return page
