"""The allowance of an address, asked before anything of a request is read (`connector.services.limits`)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

import orjson
from fastapi.responses import HTMLResponse, Response
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.api.doors import place
from connector.api.dsp import BASE, error_body
from connector.api.faults import again, answer
from connector.identity.access import token_hash
from connector.problems import Problem
from connector.services.limits import PEERS, too_often

if TYPE_CHECKING:
    from connector.wiring import Participant

_HEALTH = "/health/"
_NO_PAGES: Final = ("/dsp/", "/consent/", "/data/", "/api/", "/idp", _HEALTH, "/.well-known/", "/cds-services")
"""Addresses at which a session says nothing."""
_COOKIES: Final = ("__Host-concord_session", "concord_session")
"""What the portal calls the cookie of a session, over https and without."""
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Please wait a moment</title></head>
<body><main><h1>Please wait a moment</h1><p>Too many requests came from where you are. Nothing was changed.</p>
<p>Try again in {seconds} s.</p></main></body></html>"""


class Limited:
    """ASGI middleware around everything this participant answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429 in the form of the address."""
        participant: Participant | None = (
            getattr(scope["app"].state, "participant", None) if scope["type"] == "http" else None
        )
        if participant is not None:
            wait = _wait(participant, scope)
            if wait:
                refused = too_often(wait)
                participant.context.tally.add("refusal", refused.code)
                await _refusal(scope, refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _wait(participant: Participant, scope: Scope) -> float:
    path, here, context = scope["path"], place(scope), participant.context
    if path.startswith(_HEALTH) and _is_loopback(here):
        return 0.0
    if path.startswith(PEERS):
        return context.limits.of_address(here, path, member=context.members.named(_stated(scope, b"authorization")))
    return context.limits.of_address(here, path, session="" if path.startswith(_NO_PAGES) else _session(scope))


def _stated(scope: Scope, field: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == field), "")


def _session(scope: Scope) -> str:
    """The id of the session that a request names; nobody has looked yet whether there is one."""
    stated = _stated(scope, b"cookie")
    if _COOKIES[1] not in stated:
        return ""
    cookies = cookie_parser(stated)
    value = next((cookies[name] for name in _COOKIES if cookies.get(name)), "")
    return token_hash(value) if value else ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _refusal(scope: Scope, refused: Problem) -> Response:
    path, headers = scope["path"], again(refused)
    if path.startswith(BASE):
        part = path[len(BASE) :].lstrip("/").partition("/")[0]
        return Response(orjson.dumps(error_body(part, refused)), 429, headers, "application/json")
    if any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
        return HTMLResponse(_PAGE.format(seconds=refused.retry_after), 429, headers)
    return answer(refused)
