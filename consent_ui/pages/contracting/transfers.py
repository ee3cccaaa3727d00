"""Pausing, resuming and ending a transfer, at either side of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from consent_ui.pages.contracting.rooms import side
from consent_ui.rendering import segment
from consent_ui.visit import Side, Visit, go

if TYPE_CHECKING:
    from connector.services.rooms.views import TransferRow

router = APIRouter(prefix="/transfers", include_in_schema=False)

ACTS = ("pause", "end")
LONGEST = 500
OVER = ("completed", "terminated", "broken")


def possible(row: TransferRow) -> list[str]:
    """What can be done with a transfer now, by us: pause, resume, end."""
    if row.state in OVER or row.deciding in ("completing", "ending"):
        return []
    paused_by_them = row.state == "suspended" and row.suspended_by not in ("", row.role)
    running = row.state == "started" and not row.deciding
    resumable = row.state == "suspended" and not paused_by_them and not row.deciding
    return [*(["pause"] if running else []), *(["resume"] if resumable else []), "end"]


@router.post("/{pid:path}/resume")
async def resume(visit: Side, pid: str) -> Response:
    """Let a transfer that we paused go on."""
    row = await visit.services.transfer_desk.transfer(visit.actor, pid)
    await visit.services.transfer_desk.resume(visit.actor, pid)
    return back_to(visit, row, "resumed")


@router.get("/{pid:path}/{act}")
async def ask(visit: Side, pid: str, act: str) -> Response:
    """What pausing or ending means, before the button."""
    return await act_page(visit, pid, act)


async def act_page(visit: Visit, pid: str, act: str) -> Response:
    """The page before pausing or ending; back to the contract when that is not possible any more."""
    if act not in ACTS:
        raise missing("There is no such step for a transfer.")
    row = await visit.services.transfer_desk.transfer(visit.actor, pid)
    if act not in possible(row):
        return back_to(visit, row, "late")
    return visit.page("contracting/transfer_act.html", 400 if visit.form.errors else 200, row=row, act=act)


@router.post("/{pid:path}/{act}")
async def do(visit: Side, pid: str, act: str) -> Response:
    """Pause the transfer, or end it."""
    if act not in ACTS:
        raise missing("There is no such step for a transfer.")
    row = await visit.services.transfer_desk.transfer(visit.actor, pid)
    reason = visit.form.required("reason", "Give the reason. The other side reads it", LONGEST)
    if visit.form.errors:
        return await act_page(visit, pid, act)
    try:
        if act == "pause":
            await visit.services.transfer_desk.suspend(visit.actor, pid, reason)
        else:
            await visit.services.transfer_desk.end(visit.actor, pid, reason)
    except Problem as problem:
        if problem.status != 400:
            raise
        visit.note(problem, "reason")
        return await act_page(visit, pid, act)
    return back_to(visit, row, "paused" if act == "pause" else "transfer-ended")


def back_to(visit: Visit, row: TransferRow, done: str) -> Response:
    """The contract the transfer belongs to."""
    return go(f"{side(visit)}/contracts/{segment(row.agreement)}?done={done}")
