"""The next segment, rendered while the one before is handed over: one for each transfer, never more.

Nothing is handed over because it was prepared. When the segment is asked for it is looked at anew, and what was
prepared serves only where that gives the same id. What a look rested on is kept with it (`Reads`), so that looking
again costs reading the same rows and comparing them, where nothing has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from connector.ports import Transaction
    from connector.services.releasing.looking import Foreseen, Look
    from connector.services.releasing.rendering import Copy

R = TypeVar("R")
_KEPT = 30.0
"""Seconds a prepared segment waits for somebody to ask for it."""


class Reads:
    """A transaction that remembers what was read through it: `get`, `find` and `rows`, and nothing else."""

    def __init__(self) -> None:
        self._tx: Transaction | None = None
        self._read: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = []

    def through(self, tx: Transaction) -> Reads:
        """Read on through this transaction; it is not kept."""
        self._tx = tx
        return self

    def get(self, *key: Any) -> Any:
        """See `connector.ports.Transaction`."""
        return self._note("get", key, {})

    def find(self, *kind: Any, **conditions: Any) -> Any:
        """See `connector.ports.Transaction`."""
        return self._note("find", kind, conditions)

    def rows(self, *kind: Any, **conditions: Any) -> Any:
        """See `connector.ports.Transaction`."""
        return self._note("rows", kind, conditions)

    def same(self, tx: Transaction) -> bool:
        """Whether all of it would be read again as it was."""
        return all(getattr(tx, verb)(*given, **said) == found for verb, given, said, found in self._read)

    def _note(self, verb: str, given: tuple[Any, ...], said: dict[str, Any]) -> Any:
        found = getattr(self._tx, verb)(*given, **said)
        self._read.append((verb, given, said, found))
        return found


@dataclass(frozen=True, slots=True)
class Prepared:
    """A segment as it was when it was looked at ahead, here or (`Foreseen`) by another process."""

    look: Look | Foreseen
    copy: Copy


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: str
    task: asyncio.Task[Prepared | None]
    timer: asyncio.TimerHandle


class Ahead:
    """What is prepared ahead, by transfer."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def begin(self, transfer: str, id: str, preparing: Coroutine[Any, Any, Prepared | None]) -> None:
        """Prepare a segment of a transfer, in place of what was prepared of it."""
        known = self._waiting.get(transfer)
        if known is not None and known.id == id:
            preparing.close()
            return
        self.drop(transfer)
        task = asyncio.create_task(preparing)
        timer = asyncio.get_running_loop().call_later(_KEPT, self.drop, transfer)
        self._waiting[transfer] = _Waiting(id, task, timer)

    async def taken(self, transfer: str, id: str) -> Prepared | None:
        """What was prepared of this segment, once it is ready; None for nothing, or where preparing it failed."""
        known = self._waiting.get(transfer)
        if known is None or known.id != id:
            return None
        del self._waiting[transfer]
        known.timer.cancel()
        try:
            with suppress(Exception):  # whatever it is: asked for in earnest it befalls again, and is answered
                return await known.task
            return None
        finally:
            known.task.cancel()

    def drop(self, transfer: str) -> None:
        """Whoever it was for is gone."""
        known = self._waiting.pop(transfer, None)
        if known is not None:
            known.timer.cancel()
            known.task.cancel()
            known.task.add_done_callback(_heard)

    async def close(self) -> None:
        """Stop."""
        tasks = [one.task for one in self._waiting.values()]
        for transfer in list(self._waiting):
            self.drop(transfer)
        await asyncio.gather(*tasks, return_exceptions=True)


def _heard(task: asyncio.Task[Prepared | None]) -> None:
    """That nobody asks how it ended is no fault."""
    if not task.cancelled():
        task.exception()
