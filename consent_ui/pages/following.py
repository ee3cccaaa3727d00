"""Withdrawals a data protection officer follows up: who is late, what was noted by hand, contracts that rest."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.visit import Dpo, Visit, go

router = APIRouter(prefix="/dpo", include_in_schema=False)

ANSWERS = (
    ("told", "They were told", "The code is forgotten here once you note this. Where it is to be erased, for good."),
    ("stopped", "They stopped using it", ""),
    ("erased", "They erased it", ""),
    ("exception", "They keep something", "Write the legal ground below."),
)
"""What can be noted by hand -> words, and what follows."""
WAYS = (
    ("terminated", "We end it", "For example because the study was given up."),
    ("invalidated", "It is struck out", "A court or an authority decided so, or it was proven to be an error."),
)


@router.get("/overdue")
async def overdue(visit: Dpo) -> Response:
    """What needs the officer, what waits, and contracts that rest."""
    services = visit.services
    rows = await services.withdrawals.list(visit.actor, open_only=True)
    return visit.page(
        "dpo/overdue.html",
        pressing=[row for row in rows if row.needs_officer],
        waiting=[row for row in rows if not row.needs_officer],
        resting=await services.suspending.list(visit.actor),
    )


@router.get("/overdue/contracts/{agreement:path}")
async def resting(visit: Dpo, agreement: str) -> Response:
    """One contract that rests, and letting it go on."""
    return await resting_page(visit, agreement)


@router.post("/overdue/contracts/{agreement:path}")
async def lift(visit: Dpo, agreement: str) -> Response:
    """Let every contract with this recipient go on."""
    reason = visit.form.required("reason", "Write why the contracts may go on")
    if not visit.form.errors:
        try:
            await visit.services.suspending.lift(visit.actor, agreement, reason)
            return go("/dpo/overdue?lifted=1")
        except Problem as problem:
            visit.note(problem, "reason")
    return await resting_page(visit, agreement)


@router.get("/overdue/{notice}")
async def one(visit: Dpo, notice: str) -> Response:
    """One withdrawal at one recipient."""
    return await notice_page(visit, notice)


@router.post("/overdue/{notice}")
async def note(visit: Dpo, notice: str) -> Response:
    """Note what a recipient answered that speaks no exchange."""
    form = visit.form
    answer = form.chosen("answer", {key for key, _, _ in ANSWERS}, "Choose what they answered")
    evidence = form.required("evidence", "Write how you know, for example the date of a letter")
    ground = form.text("ground")
    if answer == "exception" and not ground:
        form.refuse("ground", "Write the legal ground on which they keep it")
    if not form.errors:
        try:
            said = ground if answer == "exception" else ""
            await visit.services.withdrawals.note(visit.actor, notice, answer, evidence, said)
            return go(f"/dpo/overdue/{notice}?noted=1")
        except Problem as problem:
            visit.note(problem, "answer", "evidence", "ground")
    return await notice_page(visit, notice)


@router.get("/consents")
async def consents(visit: Dpo) -> Response:
    """The consents that stand here, by id."""
    return visit.page("dpo/consents.html", held=await visit.services.standings.list(visit.actor))


@router.get("/consents/{consent}/end")
async def ask_end(visit: Dpo, consent: str) -> Response:
    """Ending one as the data holder: what follows, and why."""
    return visit.page("dpo/consent_end.html", consent=consent, ways=WAYS)


@router.post("/consents/{consent}/end")
async def end(visit: Dpo, consent: str) -> Response:
    """End it; the person's wallet is told."""
    form = visit.form
    state = form.chosen("state", {key for key, _, _ in WAYS}, "Choose how it ends")
    reason = form.required("reason", "Write why, for the person to read", 400)
    if not form.errors:
        try:
            await visit.services.standings.end(visit.actor, consent, state, reason)
            return go("/dpo/consents?ended=1")
        except Problem as problem:
            visit.note(problem, "reason", "state")
    return visit.page("dpo/consent_end.html", 400, consent=consent, ways=WAYS)


async def notice_page(visit: Visit, notice: str) -> Response:
    """One withdrawal with its form, if it is followed up by hand."""
    row = await visit.services.withdrawals.one(visit.actor, notice)
    noted = bool(visit.request.query_params.get("noted"))
    return visit.page("dpo/notice.html", 400 if visit.form.errors else 200, row=row, answers=ANSWERS, noted=noted)


async def resting_page(visit: Visit, agreement: str) -> Response:
    """A contract that rests; 404 for one that does not."""
    rows = await visit.services.suspending.list(visit.actor)
    found = next((row for row in rows if row.agreement == agreement and row.role == "provider"), None)
    if found is None:
        raise Problem(404, "not-suspended", "This contract does not rest")
    return visit.page("dpo/resting.html", 400 if visit.form.errors else 200, row=found)
