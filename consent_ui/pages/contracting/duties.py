"""What a research group owes under a contract and a person has to state: a report, the publication of results."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.rendering import segment
from consent_ui.visit import Researcher, Visit, go

router = APIRouter(prefix="/research/contracts/duties", include_in_schema=False)

FIELDS = ("link", "digest", "words")


@router.get("/{id}")
async def ask(visit: Researcher, id: str) -> Response:
    """The form for stating that a duty is done."""
    return await page(visit, id)


async def page(visit: Visit, id: str) -> Response:
    """The form, with its errors if any; the contract where nothing can be stated (any more)."""
    found = (await visit.services.duties.show(visit.actor, id)).row
    if not found.can_state:
        return go(f"/research/contracts/{segment(found.agreement)}")
    return visit.page("contracting/duty.html", 400 if visit.form.errors else 200, duty=found)


@router.post("/{id}")
async def state(visit: Researcher, id: str) -> Response:
    """State it, then show the contract."""
    found = (await visit.services.duties.show(visit.actor, id)).row
    given = {name: visit.form.text(name) for name in FIELDS}
    if not any(given.values()):
        visit.form.refuse("link", "Give a link, the fingerprint of a document, or a few words")
        return await page(visit, id)
    try:
        await visit.services.duties.state(visit.actor, id, **given)
    except Problem as problem:
        if problem.where not in FIELDS:
            raise
        visit.note(problem, "link", *FIELDS)
        return await page(visit, id)
    return go(f"/research/contracts/{segment(found.agreement)}?done=stated")
