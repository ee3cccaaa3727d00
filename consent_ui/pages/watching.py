"""What a data protection officer settles: emergencies to review, consents at sources that nobody can rely on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from consent_ui.rendering import segment
from consent_ui.visit import Dpo, Visit, go

router = APIRouter(prefix="/dpo", include_in_schema=False)

VERDICTS = (
    ("justified", "It was justified", "The person reads that you looked at it, and what you found."),
    ("not-justified", "It was not justified", "The person reads that, and what follows from it."),
)


@router.get("/emergencies")
async def emergencies(visit: Dpo) -> Response:
    """Every emergency, those that wait for a verdict first."""
    return visit.page("dpo/emergencies.html", rows=await visit.services.emergencies.rows(visit.actor))


@router.get("/emergencies/{id}")
async def emergency(visit: Dpo, id: str) -> Response:
    """One emergency, and the verdict."""
    return await emergency_page(visit, id)


async def emergency_page(visit: Visit, id: str) -> Response:
    """The page, again with what was written."""
    rows = await visit.services.emergencies.rows(visit.actor)
    found = next((row for row in rows if row.id == id), None)
    if found is None:
        raise missing("There is no such emergency here")
    return visit.page("dpo/emergency.html", 400 if visit.form.errors else 200, row=found, verdicts=VERDICTS)


@router.post("/emergencies/{id}")
async def review(visit: Dpo, id: str) -> Response:
    """Record the verdict; the person is told."""
    form = visit.form
    verdict = form.chosen("verdict", {key for key, _, _ in VERDICTS}, "Choose what you found")
    if not form.errors:
        try:
            await visit.services.emergencies.review(visit.actor, id, verdict, form.text("note"))
        except Problem as problem:
            visit.note(problem, "verdict", "note")
        else:
            return go("/dpo/emergencies")
    return await emergency_page(visit, id)


@router.get("/source-consents")
async def unclear(visit: Dpo, settled: str = "") -> Response:
    """Consents at sources that stop somebody because nobody can rely on them."""
    return await unclear_page(visit, settled)


async def unclear_page(visit: Visit, settled: str = "") -> Response:
    """The queue, again with what was written."""
    rows = await visit.services.source_consents.unclear(visit.actor)
    return visit.page("dpo/source_consents.html", 400 if visit.form.errors else 200, rows=rows, settled=settled)


@router.post("/source-consents")
async def set_aside(visit: Dpo) -> Response:
    """This one is no consent of the person: it counts no more."""
    form = visit.form
    source, id, digest = (form.text(name) for name in ("source", "id", "digest"))
    reason = form.required("reason", "Say why this is not a consent")
    if not form.errors:
        try:
            await visit.services.source_consents.set_aside(visit.actor, source, id, digest, reason)
        except Problem as problem:
            visit.note(problem, "reason")
        else:
            return go(f"/dpo/source-consents?settled={segment(id)}")
    return await unclear_page(visit)
