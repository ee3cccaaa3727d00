"""Finding out whose code it is: asking, approving, refusing, opening. Stewards and officers have the same pages."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from connector.services.reidentifying import DAYS, GROUNDS, Asking, CaseRow, Found
from consent_ui.rendering import segment
from consent_ui.visit import Staff, Visit, go

router = APIRouter(include_in_schema=False)


@router.get("/codes")
async def cases(visit: Staff) -> Response:
    """Every case, and the form for a new one."""
    return await _list(visit)


@router.post("/codes")
async def ask(visit: Staff) -> Response:
    """Ask that a code be traced back."""
    form = visit.form
    code = form.required("code", "Write the code name").strip()
    agreement = form.required("agreement", "Choose the contract")
    ground = form.chosen("ground", GROUNDS, "Choose why it has to be known")
    reason = form.required("reason", "Say what happened")
    if not form.errors:
        try:
            row = await visit.services.reidentifying.ask(visit.actor, Asking(agreement, code, ground, reason))
        except Problem as problem:
            visit.note(problem, "code", "agreement", "ground", "reason")
        else:
            return go(f"{_side(visit)}/codes/{segment(row.id)}")
    return await _list(visit)


@router.get("/codes/{id}")
async def case(visit: Staff, id: str) -> Response:
    """One case."""
    return await _one(visit, id)


@router.post("/codes/{id}/approve")
async def approve(visit: Staff, id: str) -> Response:
    """Approve it, as somebody else than who asked."""
    try:
        await visit.services.reidentifying.approve(visit.actor, id, visit.form.text("note"))
    except Problem as problem:
        visit.note(problem, "note")
        return await _one(visit, id)
    return go(f"{_side(visit)}/codes/{segment(id)}")


@router.post("/codes/{id}/refuse")
async def refuse(visit: Staff, id: str) -> Response:
    """Refuse it, or take it back."""
    why = visit.form.required("why", "Say why not")
    if not visit.form.errors:
        try:
            await visit.services.reidentifying.refuse(visit.actor, id, why)
        except Problem as problem:
            visit.note(problem, "why")
        else:
            return go(f"{_side(visit)}/codes/{segment(id)}")
    return await _one(visit, id)


@router.post("/codes/{id}/open")
async def opened(visit: Staff, id: str) -> Response:
    """See whose code it is, once. The page is the only place where it stands."""
    try:
        found = await visit.services.reidentifying.open(visit.actor, id)
    except Problem as problem:
        visit.note(problem, "open")
        return await _one(visit, id)
    return await _one(visit, id, found)


async def _list(visit: Visit) -> Response:
    rows = await visit.services.reidentifying.rows(visit.actor)
    contracts = await visit.services.reidentifying.contracts(visit.actor)
    status = 400 if visit.form.errors else 200
    return visit.page(
        "staff/codes.html", status, rows=rows, contracts=contracts, grounds=GROUNDS, days=DAYS, side=_side(visit)
    )


async def _one(visit: Visit, id: str, found: Found | None = None) -> Response:
    rows = await visit.services.reidentifying.rows(visit.actor)
    row = next((one for one in rows if one.id == id), None)
    if row is None:
        raise missing("There is no such case here")
    status = 400 if visit.form.errors else 200
    can = _can(visit, row)
    return visit.page("staff/code.html", status, row=row, found=found, can=can, grounds=GROUNDS, side=_side(visit))


def _can(visit: Visit, row: CaseRow) -> set[str]:
    """What whoever looks may do with a case."""
    if row.standing not in ("asked", "approved"):
        return set()
    mine = visit.actor.account
    approved = any(one.by == mine for one in row.approvals)
    may = {"refuse"}
    if mine != row.asked_by and not approved:
        may.add("approve")
    if row.standing == "approved" and (approved or mine == row.asked_by):
        may.add("open")
    return may


def _side(visit: Visit) -> str:
    return f"/{visit.actor.role}"
