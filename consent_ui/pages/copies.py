"""People who stopped, as a recipient sees them; and what was made of their data, to be rebuilt, erased or explained."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.visit import Dpo, Researcher, Visit, go

router = APIRouter(include_in_schema=False)
ACTS = ("rebuilt", "erased", "anonymous", "published")


@router.get("/research/withdrawals")
async def withdrawals(visit: Researcher, done: str = "") -> Response:
    """People who stopped, by code, what was deleted, and what is still to be done by people."""
    found = await visit.services.research.home(visit.actor)
    derived = visit.services.derivations
    return visit.page(
        "research/withdrawals.html",
        withdrawals=found.withdrawals,
        tasks=await derived.tasks(visit.actor),
        copies=await derived.all(visit.actor),
        done=done,
    )


@router.get("/research/withdrawals/copies/{id}")
async def copy(visit: Researcher, id: str) -> Response:
    """One thing that was made of received data, and what can be said about it."""
    return await copy_page(visit, id)


async def copy_page(visit: Visit, id: str) -> Response:
    """The form, again with what is wrong."""
    found = await visit.services.derivations.get(visit.actor, id)
    return visit.page("research/copy.html", 400 if visit.form.errors else 200, copy=found)


@router.post("/research/withdrawals/copies/{id}")
async def settle(visit: Researcher, id: str) -> Response:
    """Say what was done with it."""
    act = visit.form.chosen("act", set(ACTS), "Choose what you did")
    derived = visit.services.derivations
    if not visit.form.errors:
        try:
            if act == "rebuilt":
                await derived.rebuilt(visit.actor, id)
            elif act == "erased":
                await derived.erased(visit.actor, id)
            else:
                await derived.stays(visit.actor, id, act, visit.form.text("ground"))
        except Problem as problem:
            visit.note(problem, "act", "ground")
        else:
            return go("/research/withdrawals?done=settled")
    return await copy_page(visit, id)


@router.get("/dpo/copies")
async def officers_copies(visit: Dpo, done: str = "") -> Response:
    """What was made of received data here, and what of it waits for people."""
    copies = await visit.services.derivations.all(visit.actor)
    return visit.page("dpo/copies.html", copies=copies, done=done)


@router.get("/dpo/copies/{id}")
async def officers_copy(visit: Dpo, id: str) -> Response:
    """One of them, to state a ground on which it stays."""
    return await exception_page(visit, id)


async def exception_page(visit: Visit, id: str) -> Response:
    """The form, again with what is wrong."""
    found = await visit.services.derivations.get(visit.actor, id)
    return visit.page("dpo/copy.html", 400 if visit.form.errors else 200, copy=found)


@router.post("/dpo/copies/{id}")
async def exception(visit: Dpo, id: str) -> Response:
    """State the ground: the answer to everybody concerned becomes an exception."""
    try:
        await visit.services.derivations.stays(visit.actor, id, "exception", visit.form.text("ground"))
    except Problem as problem:
        visit.note(problem, "ground", "ground")
        return await exception_page(visit, id)
    return go("/dpo/copies?done=settled")
