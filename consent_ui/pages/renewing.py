"""Extending a yes under the same words, on one page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from connector.services.wallet.views import PermissionCard
from consent_ui.visit import Patient, Visit, go

router = APIRouter(prefix="/me/studies/{study_id}/renew", include_in_schema=False)


async def _card(visit: Visit, study_id: str) -> PermissionCard:
    given = await visit.services.wallet.permissions(visit.actor)
    found: PermissionCard | None = next((one for one in given if one.study == study_id and one.renew), None)
    if found is None:
        raise missing("There is no yes of yours to this study that can be made longer")
    return found


async def _page(visit: Visit, study_id: str) -> Response:
    study = await visit.services.wallet.study(visit.actor, study_id)
    status = 400 if visit.form.errors else 200
    return visit.page("patient/renew.html", status, study=study, card=await _card(visit, study_id))


@router.get("")
async def ask(visit: Patient, study_id: str) -> Response:
    """How much longer, or not at all."""
    return await _page(visit, study_id)


@router.post("")
async def renew(visit: Patient, study_id: str) -> Response:
    """Extend it, or leave it to end by itself."""
    form = visit.form
    said = form.chosen("longer", ("study", "day", "no"), "Choose one of the answers")
    until = form.day("last", "Fill in the last day, or choose another answer") if said == "day" else None
    if said == "no":
        return go("/me")
    if not form.errors:
        try:
            number = await visit.services.wallet.renewals.renew(visit.actor, study_id, until)
        except Problem as problem:
            visit.note(problem, "longer", "last")
        else:
            return go(f"/me/receipts/{number}")
    return await _page(visit, study_id)
