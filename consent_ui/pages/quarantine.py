"""What leak checks held back: where something was found, and destroying it. Stewards and officers have the same pages.

The sealed lines are not shown here: an officer opens them by the command line or the API, where no browser keeps them.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.rendering import segment
from consent_ui.visit import Staff, Visit, go

router = APIRouter(include_in_schema=False)


@router.get("/quarantine")
async def held(visit: Staff) -> Response:
    """Everything that was held back."""
    rows = await visit.services.quarantine.rows(visit.actor)
    return visit.page("staff/quarantine.html", rows=rows, side=_side(visit))


@router.get("/quarantine/{id}")
async def one(visit: Staff, id: str) -> Response:
    """Where in one person's records something was found."""
    return await _one(visit, id)


@router.post("/quarantine/{id}/clear")
async def clear(visit: Staff, id: str) -> Response:
    """Destroy the sealed lines."""
    why = visit.form.required("reason", "Say what was done about it")
    if not visit.form.errors:
        try:
            await visit.services.quarantine.clear(visit.actor, id, why)
        except Problem as problem:
            visit.note(problem, "reason")
        else:
            return go(f"{_side(visit)}/quarantine/{segment(id)}")
    return await _one(visit, id)


async def _one(visit: Visit, id: str) -> Response:
    row = await visit.services.quarantine.row(visit.actor, id)
    return visit.page("staff/quarantined.html", 400 if visit.form.errors else 200, row=row, side=_side(visit))


def _side(visit: Visit) -> str:
    return f"/{visit.actor.role}"
