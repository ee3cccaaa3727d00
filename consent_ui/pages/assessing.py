"""How easily somebody could be singled out in releases: the same pages for stewards and officers."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.rendering import segment
from consent_ui.visit import Staff, Visit, go

router = APIRouter(include_in_schema=False)


@router.get("/risk")
async def reports(visit: Staff, agreement: str = "", dataset: str = "") -> Response:
    """The newest reports, of one contract or dataset if named, and the button for a trial of that."""
    return await _list(visit, agreement, dataset)


@router.post("/risk")
async def measure(visit: Staff) -> Response:
    """A trial of what a release under a contract, or of a whole dataset, would bring."""
    agreement, dataset = visit.form.text("agreement"), visit.form.text("dataset")
    desk = visit.services.risk
    try:
        made = await (desk.of_agreement(visit.actor, agreement) if agreement else desk.of_dataset(visit.actor, dataset))
    except Problem as problem:
        visit.note(problem, "measure")
        return await _list(visit, agreement, dataset)
    return go(f"/{visit.actor.role}/risk/{segment(made.id)}")


@router.get("/risk/{id}")
async def report(visit: Staff, id: str) -> Response:
    """One report in plain words, with its figures."""
    found = await visit.services.risk.show(visit.actor, id)
    return visit.page("staff/risk.html", report=found, side=f"/{visit.actor.role}")


async def _list(visit: Visit, agreement: str, dataset: str) -> Response:
    rows = await visit.services.risk.reports(visit.actor, agreement or None, dataset or None)
    status = 400 if visit.form.errors else 200
    side = f"/{visit.actor.role}"
    return visit.page("staff/risks.html", status, rows=rows, agreement=agreement, dataset=dataset, side=side)
