"""The door: welcome page, signing in and out, choosing the acting role."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from starlette.responses import Response

from consent_ui import session
from consent_ui.navigation import area
from consent_ui.visit import Anybody, SignedIn, Visit, go

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(visit: Anybody) -> Response:
    """The acting role's home, or what this place is."""
    if visit.session is None:
        return visit.page("public/welcome.html")
    if visit.area is None:
        return visit.page("public/no_pages.html")
    return go(visit.area.home)


@router.get("/sign-in")
async def sign_in(
    visit: Anybody,
    hint: Annotated[str | None, Query(alias="as", max_length=200)] = None,
    onward: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """Off to the sign-in provider; a cookie remembers where to come back to."""
    elsewhere = public_address(visit)
    if elsewhere:
        return go(elsewhere)
    address, state = await visit.services.accounts.begin_sign_in(session.safe_next(onward), hint)
    answer = go(address)
    session.remember(visit.request, answer, state, session.STATE_COOKIE, session.STATE_SECONDS)
    return answer


def public_address(visit: Visit) -> str:
    """This same page at the portal's own public address, when the browser came by another name."""
    public = urlsplit(str(visit.participant.settings.public_url))
    here = visit.request.url
    if (public.scheme, public.netloc) == (here.scheme, here.netloc):
        return ""
    return f"{public.scheme}://{public.netloc}/sign-in" + (f"?{here.query}" if here.query else "")


@router.get("/sign-in/callback")
async def signed_in(visit: Anybody) -> Response:
    """Back from the provider: a new session, never the one that was there before."""
    state = session.cookie_value(visit.request, session.STATE_COOKIE)
    if state is None:
        return go("/sign-in")
    query = dict(visit.request.query_params)
    before = session.cookie_value(visit.request)
    opened, value, onward = await visit.services.accounts.finish_sign_in(state, query, before)
    fitting = area(visit.participant.identity.role, opened.actor.role)
    answer = go(session.safe_next(onward) if onward != "/" or fitting is None else fitting.home)
    session.forget(visit.request, answer, session.STATE_COOKIE)
    session.remember(visit.request, answer, value)
    return answer


@router.post("/sign-out")
async def sign_out(visit: SignedIn) -> Response:
    """End the session here, for good."""
    if visit.session is not None:
        await visit.services.accounts.sign_out(visit.session.id)
    answer = go("/")
    session.forget(visit.request, answer)
    return answer


@router.post("/role")
async def choose_role(visit: SignedIn) -> Response:
    """Act in another of one's own roles."""
    if visit.session is not None:
        await visit.services.accounts.choose_role(visit.session.id, visit.form.text("role"))
    return go("/")
