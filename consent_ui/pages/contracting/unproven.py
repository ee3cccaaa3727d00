"""Where deletion is not proven: participants accepted by name all the same, and ended contracts without a statement."""

from __future__ import annotations

from datetime import UTC, datetime, time

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui import participants
from consent_ui.visit import Dpo, Steward, Visit, go

router = APIRouter(include_in_schema=False)

LONGEST = 2000
HERE = "/steward/contracts/accepted"


@router.get("/dpo/unproven")
async def followed(visit: Dpo) -> Response:
    """For the data protection officer: what has to be followed up by hand."""
    return visit.page(
        "contracting/unproven.html",
        accepted=await visit.services.membership.acceptances(visit.actor),
        endings=await visit.services.contract_changes.ends_not_proven(visit.actor),
        contracts={row.id: row for row in await visit.services.dpo.contracts(visit.actor)},
    )


@router.get("/steward/contracts/accepted")
async def accepted(visit: Steward, done: str = "") -> Response:
    """For the steward: who was accepted by name, and the form to accept somebody."""
    return await accepted_page(visit, done)


async def accepted_page(visit: Visit, done: str = "") -> Response:
    """The list with its form, again with what was written when something is wrong."""
    found = await visit.services.membership.acceptances(visit.actor)
    in_force = {one.member for one in found if one.standing == "in-force"}
    unable = [one for one in await participants.known(visit) if not one.proves and one.id not in in_force]
    return visit.page(
        "contracting/accepted.html", 400 if visit.form.errors else 200, accepted=found, done=done,
        members=participants.options(unable),
    )  # fmt: skip


@router.post("/steward/contracts/accepted")
async def accept(visit: Steward) -> Response:
    """Accept a participant that cannot prove deletion, by name and with the reason."""
    form = visit.form
    unable = {one.id for one in await participants.known(visit) if not one.proves}
    member = form.chosen("member", unable, "Choose whom you accept")
    why = form.required("why", "Say why you accept them, and how deletion will be followed up", LONGEST)
    until = form.day("until", "", needed=False)
    if until and until <= visit.now.date():
        form.refuse("until", "Choose a day in the future")
    if form.errors:
        return await accepted_page(visit)
    end = datetime.combine(until, time(23, 59, 59), UTC) if until else None
    try:
        await visit.services.membership.accept(visit.actor, member, why, end)
    except Problem as problem:
        visit.note(problem, "member", "why", "until")
        return await accepted_page(visit)
    return go(f"{HERE}?done=accepted")


@router.get("/steward/contracts/accepted/{member:path}/revoke")
async def ask_revoke(visit: Steward, member: str) -> Response:
    """What taking it back means, before the button."""
    found = await visit.services.membership.acceptances(visit.actor)
    row = next((one for one in found if one.member == member and one.standing == "in-force"), None)
    return visit.page("contracting/revoke.html", row=row) if row else go(HERE)


@router.post("/steward/contracts/accepted/{member:path}/revoke")
async def revoke(visit: Steward, member: str) -> Response:
    """Take the acceptance back."""
    await visit.services.membership.revoke(visit.actor, member)
    return go(f"{HERE}?done=revoked")
