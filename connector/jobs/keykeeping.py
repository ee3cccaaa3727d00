"""A vault whose master secret a key service holds: locked while that does not confirm it, and unlocked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from connector.ports import Transaction
from connector.services.context import Context

log = logging.getLogger("concord.vault")


class Watched(Protocol):
    """A vault that can be asked whether its key service still opens it, and locks itself."""

    def look(self, changed: Callable[[str], None]) -> Awaitable[None]:
        """Ask; `changed` hears why it is locked now, or "" when it is open again."""
        ...


class KeyKeeping:
    """Asks every few minutes. `run` ends when cancelled."""

    def __init__(self, context: Context, watched: Watched) -> None:
        self._context = context
        self._watched = watched

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await asyncio.sleep(self._context.settings.key_service_minutes * 60)
            await self.look()

    async def look(self) -> None:
        """Ask once."""
        changes: list[str] = []
        await self._watched.look(changes.append)
        for why in changes:
            log.warning("the vault is %s", f"locked: {why}" if why else "open again")
            await self._context.store.write(lambda tx, fault=why: self._note(tx, fault))  # type: ignore[misc]

    def _note(self, tx: Transaction, fault: str) -> None:
        kind = "vault.locked" if fault else "vault.unlocked"
        self._context.log(tx, kind, self._context.me.id, {"why": fault} if fault else {})
