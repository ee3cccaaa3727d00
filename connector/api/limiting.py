"""The allowance of an address, asked before anything of a request is read (`connector.services.limits`)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import orjson
from fastapi.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.api.doors import place
from connector.api.dsp import BASE, error_body
from connector.api.faults import again, answer
from connector.problems import Problem
from connector.services.limits import Limits, too_often

if TYPE_CHECKING:
    from connector.wiring import Participant

_HEALTH = "/health/"
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
            wait = _wait(participant.context.limits, scope)
            if wait:
                refused = too_often(wait)
                participant.context.tally.add("refusal", refused.code)
                await _refusal(scope, refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _wait(limits: Limits, scope: Scope) -> float:
    path, here = scope["path"], place(scope)
    if path.startswith(_HEALTH) and _is_loopback(here):
        return 0.0
    return limits.of_address(here, path)


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
