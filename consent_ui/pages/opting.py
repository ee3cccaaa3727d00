"""A person's standing choice: no research use of their data at all (Regulation (EU) 2025/327, art. 71)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.visit import Patient, Visit, go

router = APIRouter(prefix="/me", include_in_schema=False)


@router.get("/opt-out")
async def stand(visit: Patient) -> Response:
    """How the person stands, what a change would change, and the button that changes it."""
    return await opt_out_page(visit)


async def opt_out_page(visit: Visit) -> Response:
    """The page, again with what was wrong."""
    page = await visit.services.wallet.opt_outs.page(visit.actor)
    return visit.page("patient/opt_out.html", 400 if visit.form.errors else 200, page=page)


@router.post("/opt-out")
async def change(visit: Patient) -> Response:
    """Opt out, or take that back."""
    wanted = visit.form.chosen("choice", ("out", "in"), "Choose what you want")
    opt_outs = visit.services.wallet.opt_outs
    if wanted:
        try:
            await (opt_outs.opt_out if wanted == "out" else opt_outs.opt_in)(visit.actor)
        except Problem as problem:
            if problem.status != 409:
                raise
            if problem.code != "conflict":  # what was done already needs no words
                visit.note(problem, "choice")
                return await opt_out_page(visit)
        return go("/me/opt-out")
    return await opt_out_page(visit)
