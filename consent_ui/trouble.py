"""When something goes wrong: a page that says what happened, what is safe and what to do. No trace, no blame."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connector.problems import Problem
from consent_ui import rendering, session
from consent_ui.forms import Form


@dataclass(frozen=True, slots=True)
class Trouble:
    """The words of a problem page."""

    title: str
    happened: str
    safe: str
    do: str


NOTHING_DONE = "Nothing was changed and nothing was sent."
TROUBLES = {
    400: Trouble(
        "This could not be read",
        "Something in the address or in the form is not what this page expects.",
        NOTHING_DONE,
        "Go back one page and try again. If you followed a link, it may be incomplete.",
    ),
    401: Trouble("Please sign in", "We do not know who is asking.", NOTHING_DONE, "Sign in and try again."),
    403: Trouble(
        "This page is not for your account",
        "You are signed in, but your role does not open this page.",
        NOTHING_DONE,
        "Go to your own home page, or sign in with another account.",
    ),
    404: Trouble(
        "We cannot find this page",
        "There is nothing at this address, or it is not yours to see.",
        "Nothing was changed. Your permissions and records are as they were.",
        "Check the address, or start from your home page.",
    ),
    405: Trouble("This does not work here", "The page was asked in a way it does not know.", NOTHING_DONE, "Go back."),
    409: Trouble(
        "Something changed meanwhile",
        "This step does not fit the present state any more.",
        NOTHING_DONE,
        "Open the page again to see how things stand now.",
    ),
    413: Trouble("That was too much text", "The form was larger than we accept.", NOTHING_DONE, "Shorten the text."),
    415: Trouble(
        "This could not be read", "That was not a form of this portal.", NOTHING_DONE, "Go back and try again."
    ),
    429: Trouble(
        "Please wait a moment",
        "There were too many tries in a short time. This protects accounts against guessing.",
        NOTHING_DONE,
        "Wait a minute, then try again.",
    ),
    500: Trouble(
        "Something went wrong on our side",
        "This page could not be finished. It is not your fault.",
        "What you had saved before is still saved. Your last step may not have been.",
        "Go back and look whether it is there. If not, try again in a few minutes.",
    ),
    503: Trouble(
        "This is not available right now",
        "Something this page needs does not answer at the moment.",
        "What you had saved before is still saved.",
        "Try again in a few minutes.",
    ),
}


def show(request: Request, status: int, words: Trouble, reference: str = "") -> HTMLResponse:
    """The problem as a page of its own; it needs nothing from the store, so it works when the store does not."""
    values = {"trouble": words, "status": status, "reference": reference, "participant": _name(request)}
    return HTMLResponse(rendering.render("public/problem.html", values), status)


def _name(request: Request) -> str:
    running = getattr(request.app.state.connector.state, "participant", None)
    return running.identity.name if running else ""


def words_for(status: int) -> Trouble:
    """The nearest words for a status."""
    return TROUBLES.get(status) or TROUBLES[500 if status >= 500 else 400]


async def on_problem(request: Request, error: Problem) -> Response:
    """A refusal by a service: its own sentence, with what is safe and what to do beside it."""
    if error.status == 401:
        return await on_sign_in_needed(request, error)
    plain = words_for(error.status)
    happened = error.detail if error.status < 500 and error.detail else plain.happened
    accepted = f"What would work: {error.accepted}." if error.accepted else plain.do
    page = show(request, error.status, Trouble(plain.title, happened, plain.safe, accepted))
    if error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page


async def on_http_error(request: Request, error: Exception) -> Response:
    """An address or a method that does not exist, or a form that cannot be read."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    return show(request, status, words_for(status))


async def on_sign_in_needed(request: Request, _error: Exception) -> Response:
    """Sign in first, then come back to this page; a form goes back to where it can be read again."""
    return RedirectResponse(session.sign_in_address(request) if request.method == "GET" else "/sign-in", 303)


async def on_interrupted(request: Request, _error: Exception) -> Response:
    """The session ended while a form was open: keep what was typed and offer to send it again."""
    form: Form = request.state.form
    participant = request.app.state.connector.state.participant
    current = await participant.services.accounts.session(session.cookie_value(request))
    values = {
        "participant": participant.identity.name,
        "signed_in": current is not None,
        "token": current.csrf if current else "",
        "fields": form.hidden(session.TOKEN_FIELD),
        "address": request.url.path,
    }
    return HTMLResponse(rendering.render("public/interrupted.html", values), 401 if current is None else 409)


async def on_foreign_form(request: Request, _error: Exception) -> Response:
    """A form from another site."""
    words = Trouble(
        "This form did not come from here",
        "Another website, or an old copy of a page, tried to send something in your name. We refused it.",
        NOTHING_DONE,
        "Open the page here and fill it in again.",
    )
    return show(request, 403, words)


def on_failure(request: Request) -> tuple[HTMLResponse, str]:
    """The page for a failure of ours, and the reference that also stands in the log."""
    reference = secrets.token_hex(4)
    return show(request, 500, TROUBLES[500], reference), reference


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    Problem: on_problem,
    HTTPException: on_http_error,
    RequestValidationError: on_http_error,
    session.SignInNeeded: on_sign_in_needed,
    session.Interrupted: on_interrupted,
    session.ForeignForm: on_foreign_form,
}
