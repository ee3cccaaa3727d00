"""One visit to one page: who asks, at which participant, with which form; and the dependencies that let them in.

Every page of a role declares its visitor (`Patient`, `Researcher`, ...). Letting in checks, in this order: signed in,
right role, and for anything that changes something the form's origin and token. No route can forget it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

from connector.problems import Problem, forbidden, unavailable
from consent_ui import forms, rendering, session
from consent_ui.forms import Form
from consent_ui.navigation import AREAS, Area, area, role_words

if TYPE_CHECKING:
    from connector.services.accounts import Session
    from connector.services.actors import Actor
    from connector.services.registry import Services
    from connector.wiring import Participant

TAKES_A_FILE = ("/answer", "/opt-out")
"""How the addresses of the desk's pages end where a scan or a recording may come along."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
MENDABLE = frozenset({400, 404, 409, 410, 422})


@dataclass(slots=True)
class Visit:
    """What a page needs to answer. `form` is what was sent, empty on a first look."""

    request: Request
    participant: Participant
    session: Session | None
    form: Form = field(default_factory=Form)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def services(self) -> Services:
        """What the connector does for people."""
        return self.participant.services

    @property
    def actor(self) -> Actor:
        """Who asks, in which role; `SignInNeeded` when nobody does."""
        if self.session is None:
            raise session.SignInNeeded
        return self.session.actor

    @property
    def area(self) -> Area | None:
        """The pages of the acting role."""
        return area(self.participant.identity.role, self.session.actor.role) if self.session else None

    def page(self, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """The page as an answer; every template also sees the visit, its form, its area and `now`."""
        given = {
            "visit": self,
            "form": self.form,
            "area": self.area,
            "now": self.now,
            "session": self.session,
            "role_words": role_words,
        }
        return HTMLResponse(rendering.render(template, given | values), status)

    def allow_form_to(self, origin: str) -> None:
        """Let a form of this page go to one other origin, and tell that origin where the form stood."""
        self.request.state.form_origin = origin

    def note(self, problem: Problem, field: str, *others: str) -> None:
        """Show a refusal on the field it is about: the one it names when that is one of `others`, else `field`.

        What no change of the form can mend stays a problem page.
        """
        if problem.status not in MENDABLE:
            raise problem
        self.form.refuse(problem.where if problem.where in others else field, problem.detail or problem.title)


def download(value: object, name: str) -> JSONResponse:
    """A JSON file to keep."""
    return JSONResponse(value, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def go(address: str) -> RedirectResponse:
    """Answer a form by another page, so that a reload repeats nothing."""
    return RedirectResponse(address, 303)


def participant_of(request: Request) -> Participant:
    """The running participant of the connector's app; 503 until it has started."""
    running: Participant | None = getattr(request.app.state.connector.state, "participant", None)
    if running is None:
        raise unavailable("This connector is starting. Nothing was done.")
    return running


async def look(request: Request) -> Visit:
    """A visit by anybody, signed in or not."""
    participant = participant_of(request)
    accounts, value = participant.services.accounts, session.cookie_value(request)
    return Visit(request, participant, await accounts.session(value, request.scope["path"]))


async def enter(request: Request) -> Visit:
    """A visit by somebody signed in; a form they send must be theirs."""
    if request.method in SAFE_METHODS:
        visit = await look(request)
        if visit.session is None:
            raise session.SignInNeeded
        return visit
    session.check_origin(request)
    form = await _sent(request)
    request.state.form = form
    visit = await look(request)
    visit.form = form
    if visit.session is None:
        raise session.Interrupted
    session.check_token(form.text(session.TOKEN_FIELD), visit.session.csrf)
    return visit


async def _sent(request: Request) -> Form:
    """The form of a request; one with a file only on pages that take one, and from somebody who is signed in."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != forms.MULTIPART or not request.url.path.endswith(TAKES_A_FILE):
        return await forms.read(request)
    if (await look(request)).session is None:
        request.state.form = Form()
        raise session.Interrupted
    return await forms.read_with_file(request)


def entering(role: str) -> Callable[[Request], Awaitable[Visit]]:
    """Let in who acts in this role, where the role has pages."""

    async def let_in(request: Request) -> Visit:
        visit = await enter(request)
        if visit.area is None or visit.area.role != role:
            raise forbidden(f"This page is for: {AREAS[role].words}. You are signed in for something else.")
        return visit

    return let_in


SIDES = {"research": "researcher", "steward": "steward"}
"""First step of an address -> whose pages lie below it: a contract has the same pages at both of its sides."""


async def enter_side(request: Request) -> Visit:
    """Let in who acts for the side of a contract that the address is about."""
    side = request.url.path.lstrip("/").partition("/")[0]
    return await entering(SIDES[side])(request)


STAFF = ("steward", "dpo")
"""Roles with the same pages about what leaves: the first step of an address says which of the two looks."""


async def enter_staff(request: Request) -> Visit:
    """Let in who acts in the role that the address begins with."""
    return await entering(request.url.path.lstrip("/").partition("/")[0])(request)


Anybody = Annotated[Visit, Depends(look)]
SignedIn = Annotated[Visit, Depends(enter)]
Patient = Annotated[Visit, Depends(entering("patient"))]
AtRecord = Annotated[Visit, Depends(entering("record"))]
Researcher = Annotated[Visit, Depends(entering("researcher"))]
Steward = Annotated[Visit, Depends(entering("steward"))]
Side = Annotated[Visit, Depends(enter_side)]
Dpo = Annotated[Visit, Depends(entering("dpo"))]
Staff = Annotated[Visit, Depends(enter_staff)]
