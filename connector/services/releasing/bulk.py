"""A release of records: decide about everybody, prepare one person after the other, hand over, state what left.

While one person's lines are handed over, the next is prepared; a slow reader stops the preparing, so memory holds two
people's records and one chunk, however long the release is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from connector.dataplane.framing import Framer
from connector.dataplane.parcels import LEAK
from connector.ports import Archive, Renderer
from connector.services.releasing.closing import Account, broken_off, complete
from connector.services.releasing.course import Course, Over
from connector.services.releasing.permitting import assessed, permit
from connector.services.releasing.preparing import Lines, held_back, prepare
from connector.services.releasing.selecting import Selecting

_AHEAD = 1
"""People prepared ahead of the one being handed over."""


@dataclass(frozen=True, slots=True)
class _Ready:
    person: str
    lines: Lines


class BulkRelease:
    """One pull of one transfer."""

    def __init__(self, course: Course, renderer: Renderer, archive: Archive) -> None:
        self.course = course
        self._renderer = renderer
        self._archive = archive
        self._account = Account([], Counter())

    async def run(self) -> None:
        """From the decisions to the manifest. Raises Over when it ended early, after noting that."""
        course = self.course
        try:
            await self._decide()
            await self._hand_over_all()
            await complete(course, self._account, self._archive)
        except Over as over:
            await broken_off(course, self._account, over.standing)
            raise
        except BaseException:
            await asyncio.shield(broken_off(course, self._account, "broken"))
            raise

    async def _decide(self) -> None:
        """One decision per person of the dataset, all durable and logged before the first byte."""
        course = self.course
        found = await permit(course.context, course.contract, course.release, course.still_open)
        course.subjects, self._account.refused = found.subjects, found.refused
        course.release = await assessed(course.context, self._renderer, course.contract, course.release, found.subjects)

    async def _hand_over_all(self) -> None:
        ready: asyncio.Queue[_Ready | None] = asyncio.Queue(_AHEAD)
        producer = asyncio.create_task(self._prepare_all(ready))
        framer = Framer()
        try:
            while (one := await _next(ready, producer)) is not None:
                self._account.withheld_resources.update(one.lines.withheld)
                self._account.dropped += one.lines.dropped
                for chunk in framer.add(one.person, one.lines.lines):
                    await self.course.hand_over(chunk)
                # Whoever waits for the first bytes does not wait for a whole chunk, nor for a second person.
                if not self.course.release.chunks and (first := framer.rest()):
                    await self.course.hand_over(first)
            if rest := framer.rest():
                await self.course.hand_over(rest)
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)

    async def _prepare_all(self, ready: asyncio.Queue[_Ready | None]) -> None:
        course = self.course
        selecting = Selecting(course.contract, course.context.data.labeller)
        as_of = course.release.as_of or course.context.clock().date()
        for person, subject in list(course.subjects.items()):
            if subject.fallen:
                continue
            chosen = await course.context.store.read(
                lambda tx, p=person, s=subject: selecting.choose(tx, p, s.judged.decision, s.coder)  # type: ignore[misc]
            )
            lines = await prepare(self._renderer, course.contract, chosen, subject.coder, as_of)
            if lines.quarantined:
                subject.fallen = LEAK
                await course.context.store.write(
                    lambda tx, p=person, held=lines: held_back(  # type: ignore[misc]
                        tx, course.context, course.contract, course.release.id, p, held
                    )
                )
            await ready.put(_Ready(person, lines))
        await ready.put(None)


async def _next(ready: asyncio.Queue[_Ready | None], producer: asyncio.Task[None]) -> _Ready | None:
    """The next person; raises what stopped the producer."""
    waiting = asyncio.ensure_future(ready.get())
    await asyncio.wait({waiting, producer}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    if producer.done() and producer.exception() is not None:
        waiting.cancel()
        producer.result()
    return await waiting
