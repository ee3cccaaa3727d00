"""The release gate: from the commit of a stop on, not one more byte about that person leaves.

Every hand-over of bytes to the server happens inside `hand_over`, which names the persons in the chunk. A stop closes
the gate for a person first, waits until hand-overs under way have ended (each at most one chunk), and only then
commits. While the gate is closed nothing about that person is handed over; if the commit fails the gate opens again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from connector.ports import SharedGate
from connector.problems import Problem

GateKey = tuple[str, str]
"""(person, study): a consent covers one study; or a contract, see `under`."""
EVERY = ""
"""In place of a study: all of them. An opt-out, a dispute or a consent from the source stops the person everywhere."""
NOBODY = ""
"""In place of a person: everybody under a contract, which then stands in place of the study (`under`)."""


def under(agreement: str) -> GateKey:
    """The key that every hand-over under a contract names, beside those of its people."""
    return NOBODY, agreement


class ReleaseGate:
    """The gate of one serving process, and through `shared` that of all processes which serve the participant."""

    def __init__(self, shared: SharedGate | None = None) -> None:
        self._shared = shared
        self._closed: Counter[GateKey] = Counter()
        self._under_way: Counter[GateKey] = Counter()
        self._ended = asyncio.Event()  # replaced by a fresh one with every hand-over that ends

    @property
    def several(self) -> bool:
        """Whether several processes may serve this participant at once."""
        return self._shared is not None

    def is_open(self, key: GateKey) -> bool:
        """Whether anything about this person under this study may be handed over now."""
        return not self._closed[key] and not self._closed[key[0], EVERY]

    @asynccontextmanager
    async def hand_over(self, keys: Iterable[GateKey]) -> AsyncIterator[set[GateKey]]:
        """Announce a hand-over; yields the keys that are open, and only those may be handed over.

        There is no await between the check and the announcement, so a stop either sees this hand-over or prevents it.
        """
        allowed = {key for key in keys if self.is_open(key)}
        announced = [*allowed, *((person, EVERY) for person, study in allowed if study != EVERY)]
        self._under_way.update(announced)
        try:
            if self._shared is None or not allowed:
                yield allowed
            else:
                async with self._shared.inside(announced) as open_everywhere:
                    yield allowed if open_everywhere else set()
        finally:
            # Without an await: a hand-over that is cancelled, even twice, still says that it has ended.
            _leave(self._under_way, announced)
            self._ended.set()
            self._ended = asyncio.Event()

    @asynccontextmanager
    async def closing(self, keys: Iterable[GateKey], patience: float = 5.0) -> AsyncIterator[bool]:
        """Close the gate for these keys, wait for hand-overs under way, then run the body (which commits the stop).

        Yields whether all hand-overs ended in time; if not, the caller must cut the connections before committing.
        The gate stays closed only while the body runs: afterwards the committed consent itself says no.
        """
        watched = list(keys)
        self._closed.update(watched)
        try:
            quiet = await self._wait_idle(watched, patience)
            if self._shared is None or not quiet:
                yield quiet
            else:
                async with self._shared.closed(watched, patience) as quiet_everywhere:
                    yield quiet_everywhere
        finally:
            _leave(self._closed, watched)

    async def _wait_idle(self, keys: list[GateKey], patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                while any(self._under_way[key] for key in keys):
                    await self._ended.wait()
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def closed_for(gate: ReleaseGate, people: Iterable[str]) -> AsyncIterator[None]:
    """Close the gate for these people in all studies while the body commits what stops them. Raises Problem 503."""
    async with _closed(gate, [(person, EVERY) for person in people]):
        yield


@asynccontextmanager
async def closed_under(gate: ReleaseGate, agreements: Iterable[str]) -> AsyncIterator[None]:
    """Close the gate for everybody under these contracts while the body commits what ends them. Raises Problem 503."""
    async with _closed(gate, [under(agreement) for agreement in agreements]):
        yield


@asynccontextmanager
async def _closed(gate: ReleaseGate, keys: Iterable[GateKey]) -> AsyncIterator[None]:
    async with gate.closing(keys) as quiet:
        if not quiet:
            raise Problem(503, "still-sending", "A hand-over has not ended", "Nothing was changed; try again")
        yield


def _leave(counts: Counter[GateKey], keys: Collection[GateKey]) -> None:
    """Count these keys down; one that nobody holds any more takes no room."""
    for key in keys:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
