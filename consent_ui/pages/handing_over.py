"""A person connects their record: at the place that keeps it (`/record`), and at their wallet (`/hand-over`).

The place's page posts a one-time code to the wallet by a form of its own; it stands in no address. A cookie of the
wallet is not sent with a form from another site, so the wallet keeps the code for ten minutes. It answers with a page,
not with a redirect: browsers hold a redirect that follows a form against the page where the form stood.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from connector.problems import Problem, missing
from consent_ui import forms, session
from consent_ui.rendering import segment
from consent_ui.visit import AtRecord, Patient, Visit, go, look

router = APIRouter(include_in_schema=False)

CODE_COOKIE = "concord_hand_over"
CODE_SECONDS = 600


@router.get("/record")
async def record(visit: AtRecord) -> Response:
    """How the person's own record stands here, and which wallet to connect it to."""
    return await record_page(visit)


async def record_page(visit: Visit) -> Response:
    """The page, again with what was chosen when something is wrong."""
    mine = await visit.services.hand_over.mine(visit.actor)
    wallets = [(one.id, one.name, "") for one in mine.wallets]
    return visit.page("record/home.html", 400 if visit.form.errors else 200, mine=mine, wallets=wallets)


@router.post("/record/hand-over")
async def hand(visit: AtRecord) -> Response:
    """The code, in a form that takes it to the wallet when the person presses the button."""
    mine = await visit.services.hand_over.mine(visit.actor)
    wallet = visit.form.chosen("wallet", {one.id for one in mine.wallets}, "Choose your wallet")
    if not visit.form.errors:
        try:
            handing = await visit.services.hand_over.hand(visit.actor, wallet)
        except Problem as problem:
            visit.note(problem, "wallet")
        else:
            visit.allow_form_to(handing.origin)
            return visit.page("record/hand_over.html", handing=handing)
    return await record_page(visit)


@router.post("/record/wrong")
async def wrong(visit: AtRecord) -> Response:
    """The person says that the link of their record is wrong."""
    await visit.services.disputes.open_mine(visit.actor, visit.form.text("reason")[:2000])
    return go("/record")


@router.post("/hand-over")
async def bring(request: Request) -> Response:
    """A browser brings a code from a place's page. Nobody needs to be signed in; nothing happens yet."""
    form = await forms.read(request)
    visit = await look(request)
    origin = request.headers.get("origin", "null").lower()
    try:
        value, name = await visit.services.wallet.links.bring(form.text("holder"), form.text("code"), origin)
    except Problem as problem:
        if problem.code == "foreign-form":
            raise session.ForeignForm from None
        raise
    page = visit.page("public/brought.html", holder_name=name)
    session.remember(request, page, value, CODE_COOKIE, CODE_SECONDS)
    return page


@router.get("/hand-over")
async def ask(visit: Patient) -> Response:
    """Whether the record there and the person signed in here belong together."""
    value = session.cookie_value(visit.request, CODE_COOKIE)
    brought = await visit.services.wallet.links.brought(visit.actor, value or "")
    return visit.page("patient/hand_over.html", brought=brought)


@router.post("/hand-over/answer")
async def answer(visit: Patient) -> Response:
    """Connect, or throw the code away."""
    value = session.cookie_value(visit.request, CODE_COOKIE) or ""
    said = visit.form.chosen("together", ("yes", "no"), "Say whether it is yours")
    if visit.form.errors:
        brought = await visit.services.wallet.links.brought(visit.actor, value)
        return visit.page("patient/hand_over.html", 400, brought=brought)
    made = await visit.services.wallet.links.take(visit.actor, value, said == "yes")
    onward = go(f"/me/links?linked={made.link}" if made else "/me/links")
    session.forget(visit.request, onward, CODE_COOKIE)
    return onward


@router.get("/me/links/{link}/wrong")
async def check_wrong(visit: Patient, link: str) -> Response:
    """What happens when a link is said to be wrong."""
    return await wrong_page(visit, link)


async def wrong_page(visit: Visit, link: str) -> Response:
    """The page about one link of the person's. Raises Problem 404."""
    made = (await visit.services.wallet.home(visit.actor)).links
    found = next((one for one in made if one.link == link), None)
    if found is None:
        raise missing("There is no such link of yours")
    return visit.page("patient/link_wrong.html", 400 if visit.form.errors else 200, place=found)


@router.post("/me/links/{link}/wrong")
async def say_wrong(visit: Patient, link: str) -> Response:
    """Say it: from now on nothing is shared from there."""
    reason = visit.form.text("reason")
    if len(reason) > 2000:
        visit.form.refuse("reason", f"Use at most 2000 characters here; this has {len(reason)}")
        return await wrong_page(visit, link)
    await visit.services.wallet.links.doubt(visit.actor, link, reason)
    return go(f"/me/links?doubted={segment(link)}")
