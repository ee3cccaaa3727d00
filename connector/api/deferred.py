"""A part of the application that is built when somebody first asks for it.

The management interface and the portal each hold a hundred doors. A participant that only serves other connectors never
opens them, and should neither start later nor need more memory for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send


class Deferred(BaseRoute):
    """Hands every request that `serves` picks out to `build()`'s application, addresses unchanged."""

    def __init__(self, serves: Callable[[str], bool], build: Callable[[], ASGIApp]) -> None:
        self._serves = serves
        self._build = build
        self._app: ASGIApp | None = None
        self._building = asyncio.Lock()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """By the path alone."""
        fits = scope["type"] == "http" and self._serves(scope["path"])
        return (Match.FULL, {}) if fits else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Built beside the event loop, once: nothing that is being handed over waits for it."""
        app = self._app or await self._built()
        await app(scope, receive, send)

    async def _built(self) -> ASGIApp:
        async with self._building:
            if self._app is None:
                self._app = await asyncio.to_thread(self._build)
            return self._app
