"""A person's own pages: home, linked places, permissions, receipts, who used their data."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.visit import Patient, Visit, download, go

router = APIRouter(prefix="/me", include_in_schema=False)


@router.get("")
async def home(visit: Patient) -> Response:
    """What waits, who uses the person's data, and how to stop it."""
    wallet = visit.services.wallet
    return visit.page(
        "patient/home.html", home=await wallet.home(visit.actor), opt_out=await wallet.opt_outs.page(visit.actor)
    )


@router.get("/permissions")
async def permissions(visit: Patient) -> Response:
    """Every answer given, and what it allows today."""
    wallet = visit.services.wallet
    given, opt_out = await wallet.permissions(visit.actor), await wallet.opt_outs.page(visit.actor)
    return visit.page("patient/permissions.html", permissions=given, opt_out=opt_out)


@router.get("/everything.json")
async def everything(visit: Patient) -> Response:
    """All the wallet keeps about the person, to take away."""
    return download(await visit.services.wallet.export(visit.actor), "everything-kept-about-me.json")


@router.get("/links")
async def links(visit: Patient, linked: str = "") -> Response:
    """The linked places, and the form that links one more; `linked` is the link just made."""
    return await links_page(visit, linked)


async def links_page(visit: Visit, just_linked: str = "") -> Response:
    """The places page, again with what was typed when something is wrong."""
    places = await visit.services.wallet.holders(visit.actor)
    made = (await visit.services.wallet.home(visit.actor)).links
    return visit.page(
        "patient/links.html",
        400 if visit.form.errors else 200,
        linked=made,
        open=[(place.id, place.name, "") for place in places if not place.linked],
        just_linked=next((link.holder_name for link in made if link.link == just_linked), ""),
    )


@router.post("/links")
async def link(visit: Patient) -> Response:
    """Link a place by the one-time code it gave the person."""
    form = visit.form
    places = await visit.services.wallet.holders(visit.actor)
    holder = form.chosen("holder", {place.id for place in places}, "Choose the place that gave you the code")
    code = form.required("code", "Write the link code the place gave you", 40)
    if not form.errors:
        try:
            made = await visit.services.wallet.link(visit.actor, holder, code)
        except Problem as problem:
            visit.note(problem, "code")
        else:
            return go(f"/me/links?linked={made.link}")
    return await links_page(visit)


@router.get("/uses")
async def uses(visit: Patient) -> Response:
    """Who received the person's data or was refused it, month by month, and what this list covers."""
    return visit.page(
        "patient/uses.html",
        uses=await visit.services.wallet.uses(visit.actor),
        coverage=await visit.services.wallet.coverage(visit.actor),
    )
