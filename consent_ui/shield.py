"""Headers every portal answer carries, and the last net under it: a failure becomes a page and a log line, no trace."""

from __future__ import annotations

import logging
import re

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.services.tasks import trace_of
from consent_ui.trouble import on_failure

LOG = logging.getLogger("consent_ui")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms, and the origin check would be blind.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")
"""What may stand beside 'self' for a page whose form goes to one other place (`Visit.allow_form_to`)."""
TRANSPORT = "max-age=31536000; includeSubDomains"
KEEP_STYLE = "public, max-age=31536000, immutable"


class Shield:
    """ASGI middleware around the portal."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers; answer failures with a page that carries a reference."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                protect(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as failure:
            if started:
                raise
            page, reference = on_failure(Request(scope))
            # Never the words of an exception: they may hold what a person typed.
            LOG.error("portal page failed, reference %s, %s\n%s", reference, type(failure).__name__, trace_of(failure))
            await page(scope, receive, sending)


def protect(headers: MutableHeaders, scope: Scope) -> None:
    """Set the headers; only the style sheet and the mark may be kept by the browser."""
    for name, value in HEADERS.items():
        headers[name] = value
    elsewhere = scope.get("state", {}).get("form_origin", "")
    if ORIGIN.fullmatch(elsewhere):
        headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"].replace(
            "form-action 'self'", f"form-action 'self' {elsewhere}"
        )
        # Else a form to another site says `Origin: null`, and nobody there could tell from where it came.
        headers["Referrer-Policy"] = "strict-origin"
    headers["Cache-Control"] = KEEP_STYLE if "/static/" in scope["path"] else "no-store"
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = TRANSPORT
