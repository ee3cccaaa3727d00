"""Reads the document of every member once a day, so that a newer key is learned from those, too, who seldom speak."""

from __future__ import annotations

import asyncio
import logging

from connector.services.context import Context
from connector.services.tasks import trace_of

_FIRST = 3600.0
_DAY = 24 * 3600.0

log = logging.getLogger("concord.keys")


class KeyLooking:
    """One per participant. `run` ends when cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Look an hour after the start, then once a day."""
        await asyncio.sleep(_FIRST)
        while True:
            await self.look()
            await asyncio.sleep(_DAY)

    async def look(self) -> None:
        """Look once, one member after the other."""
        for member in self._context.members.others():
            try:
                await self._context.members.learn(member.id)
            except Exception as error:
                log.error("a member's keys cannot be read: %s\n%s", type(error).__name__, trace_of(error))
