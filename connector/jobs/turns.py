"""Turns: who may work now, when there is not room for all. Nobody polls: whoever ends lets the next one in."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most `each` of one party and `together` of all. Within a party they come in order; a free place goes to the
    party that holds the fewest, and among equals to the one that has waited longest for its turn."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """The lines that are not empty, the one served longest ago first."""

    @asynccontextmanager
    async def of(self, party: str) -> AsyncIterator[None]:
        """Wait for a place of this party's, and hold it for the block. Can be cancelled."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(place)
        self._admit()
        try:
            await place
            yield
        finally:
            if place.cancelled():
                self._leave(party, place)
            else:
                self._give_back(party)

    def _admit(self) -> None:
        while self._taken.total() < self._together:
            party = min(
                (one for one in self._waiting if self._taken[one] < self._each), key=self._taken.__getitem__,
                default=None,
            )  # fmt: skip
            if party is None:
                return
            line = self._waiting.pop(party)
            place = line.popleft()
            if line:
                self._waiting[party] = line  # behind the others now
            if not place.done():
                self._taken[party] += 1
                place.set_result(None)

    def _leave(self, party: str, place: asyncio.Future[None]) -> None:
        line = self._waiting.get(party, deque())
        if place in line:
            line.remove(place)
        if not line:
            self._waiting.pop(party, None)

    def _give_back(self, party: str) -> None:
        self._taken[party] -= 1
        if not self._taken[party]:
            del self._taken[party]
        self._admit()
