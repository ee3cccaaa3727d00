"""A stream of data points: woken when points arrive, decided per person, de-identified, handed over in batches.

A decision is kept until it could change: until its `valid_until`, or until a consent or link changes. A person without
a permit costs nothing more until then. Whoever is dropped while the stream runs is gone with the next batch.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.dataplane.framing import LARGEST_CHUNK, Part
from connector.dataplane.parcels import LEAK
from connector.dataplane.sse import HEARTBEAT, event
from connector.ports import Parcel, Renderer, Transaction
from connector.provenance.entry import instant
from connector.records import DevicePoint, Person, Release
from connector.services.committed import decisions_digest
from connector.services.linkage import coders_of
from connector.services.releasing import uses
from connector.services.releasing.closely import point_closely
from connector.services.releasing.closing import Account, broken_off
from connector.services.releasing.course import Course, Over, Subject
from connector.services.releasing.deciding import Judged, judge_people, keep, without_facts
from connector.services.releasing.permitting import Refused
from connector.services.releasing.preparing import held_back, leaked, task_of
from connector.services.releasing.selecting import NOT_SELECTED, item_of
from policy.residual import RELEASED

_BATCH = 500
_PACE = 0.25
"""Seconds from one small batch to the next: many points share one durable hand-over."""
_HEARTBEAT = 15.0
_TELL_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class _Told:
    """What a person's wallet was told last."""

    at: datetime
    resources: int


@dataclass(slots=True)
class StreamRelease:
    """One connection to one stream."""

    course: Course
    renderer: Renderer
    cursor: int
    first: bool
    _account: Account = field(default_factory=lambda: Account([], Counter()))
    _refused: dict[str, Judged] = field(default_factory=dict)
    _people: dict[str, Person] = field(default_factory=dict)
    _told: dict[str, _Told] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)
    _seen_consents: int = -1

    async def run(self) -> None:
        """Until the reader leaves or the transfer is over. Raises Over, after noting how far it came."""
        try:
            await self._flow()
        except Over as over:
            await self._end(over.standing)
            raise
        except BaseException:
            await asyncio.shield(self._end("broken"))
            raise

    async def _flow(self) -> None:
        bells = self.course.context.bells
        while True:
            seen = {name: bells.count(name) for name in ("points", "transfers")}
            began = asyncio.get_running_loop().time()
            points = await self.course.context.store.read(self._due)
            if points:
                await self._batch(points)
                await self._tell()
                if len(points) < _BATCH:
                    await asyncio.sleep(max(0.0, _PACE - (asyncio.get_running_loop().time() - began)))
            elif not await self._wait(seen):
                await self._check_open()
                await self.course.send_unlogged(HEARTBEAT)

    def _due(self, tx: Transaction) -> list[DevicePoint]:
        return tx.find(
            DevicePoint, source=self.course.contract.source, sequence__gt=self.cursor, order="sequence", limit=_BATCH
        )

    async def _wait(self, seen: dict[str, int]) -> bool:
        """Wait for points; False when it is time for a sign of life (or for a look at the transfer)."""
        bells, course = self.course.context.bells, self.course
        waits = [asyncio.ensure_future(bells.wait(name, seen=count)) for name, count in seen.items()]
        ends = [asyncio.ensure_future(course.stopping.wait()), asyncio.ensure_future(course.sink.gone())]
        try:
            await asyncio.wait([*waits, *ends], timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if any(end.done() for end in ends):
                raise Over("broken")
            if waits[1].done():
                await self._check_open()
                return True
            return waits[0].done()
        finally:
            for wait in (*waits, *ends):
                wait.cancel()

    async def _check_open(self) -> None:
        if not await self.course.context.store.read(self.course.still_open):
            raise Over("ended")

    async def _batch(self, points: Sequence[DevicePoint]) -> None:
        """Decide where needed, prepare what is permitted, hand over what is still permitted then."""
        await self._decide(sorted({point.person for point in points}))
        wanted = [point for point in points if self._may_leave(point)]
        events = await self._prepared(wanted)
        for chunk in _chunks(events):
            await self.course.hand_over([Part(person, (data,)) for person, _, data in chunk], upto=chunk[-1][1])
        self.cursor = points[-1].sequence

    async def _decide(self, people: Sequence[str]) -> None:
        course, context = self.course, self.course.context
        if (count := context.bells.count("consents")) != self._seen_consents:
            self._seen_consents = count
            self._refused.clear()
        for person in [one for one, subject in course.subjects.items() if subject.fallen not in ("", LEAK)]:
            self._before[person] = course.subjects.pop(person).resources
        now = context.clock()
        unknown = [
            person for person in people if person not in course.subjects and not self._still_refused(person, now)
        ]
        if not unknown:
            return
        judged = await context.store.read(lambda tx: judge_people(tx, context, course.contract, unknown, now))
        course.subjects |= await context.store.write(lambda tx: self._keep(tx, judged))

    def _still_refused(self, person: str, now: datetime) -> bool:
        judged = self._refused.get(person)
        return judged is not None and (judged.decision.valid_until is None or now < judged.decision.valid_until)

    def _keep(self, tx: Transaction, judged: Sequence[Judged]) -> dict[str, Subject]:
        course = self.course
        keep(tx, course.contract, course.release.id, judged)
        outcomes = Counter(str(one.decision.outcome) for one in judged)
        at = judged[0].question.now
        facts = {"decided_at": instant(at), "decisions": decisions_digest(tx, course.release.id, at), **outcomes}
        course.context.log(
            tx, "stream.decided", course.release.id, {"release": course.release.id, "people": len(judged), **facts}
        )
        for one in judged:
            self._people[one.person] = tx.get(Person, one.person) or Person(id=one.person, source="", source_id="")
            if not one.decision.permits:
                self._refuse(tx, one)
        permitted = {one.person: one for one in judged if one.decision.permits}
        links = {person: one.link for person, one in permitted.items()}
        coders = coders_of(tx, course.context, course.contract.agreement, links)
        return {
            person: Subject(without_facts(one), coders[person], self._before.get(person, 0))
            for person, one in permitted.items()
        }

    def _refuse(self, tx: Transaction, one: Judged) -> None:
        """Remember a no; the first time on the first connection the person is told that they were asked for."""
        news = self.first and all(known.link != one.link for known in self._account.refused)
        if one.person not in self._refused and news:
            self._account.refused.append(Refused(one.link, one.wallet, one.reason, one.words))
            if one.link:
                line = uses.Line(one.link, one.wallet, 0, one.words)
                uses.tell(
                    tx, self.course.context, self.course.contract, self.course.release.id, [line], one.question.now
                )
        self._refused[one.person] = without_facts(one)

    def _may_leave(self, point: DevicePoint) -> bool:
        course = self.course
        subject = course.subjects.get(point.person)
        if subject is None or subject.fallen:
            return False
        item = item_of(point, course.contract.dataset)
        if course.contract.belongs.judge(item) != RELEASED:
            return False
        residual = subject.judged.decision.residual
        if residual.asks_detail:
            item = point_closely(course.context.data.labeller(), point, item)
        selected, found = course.contract.selected.judge(item), residual.judge(item)
        if selected == RELEASED and found == RELEASED:
            return True
        why = NOT_SELECTED if selected != RELEASED else residual.reasons[found].code
        self._account.withheld_resources[why] += 1
        return False

    async def _prepared(self, points: Sequence[DevicePoint]) -> list[tuple[str, int, bytes]]:
        """(person, number, event) in the order of the numbers."""
        if not points:
            return []
        course, by_person = self.course, defaultdict[str, list[DevicePoint]](list)
        for point in points:
            by_person[point.person].append(point)
        parcels = [self._parcel(person, some) for person, some in by_person.items()]
        answer = await self.renderer.render(task_of(course.contract, course.context.clock().date(), parcels))
        events = []
        for (person, some), prepared in zip(by_person.items(), answer, strict=True):
            if prepared.leaks:
                course.subjects[person].fallen = LEAK
                await course.context.store.write(
                    lambda tx, p=person, one=prepared: held_back(  # type: ignore[misc]
                        tx, course.context, course.contract, course.release.id, p, leaked(one)
                    )
                )
                continue
            for point, line in zip(some, prepared.lines, strict=True):
                if isinstance(line, str):
                    self._account.withheld_resources[line] += 1
                else:
                    events.append((person, point.sequence, event(point.sequence, line)))
        return sorted(events, key=lambda one: one[1])

    def _parcel(self, person: str, points: Sequence[DevicePoint]) -> Parcel:
        known = self._people[person]
        identifiers = tuple(text for text in (known.source_id, known.name) if text)
        bodies = tuple(point.body for point in points)
        return Parcel(self.course.subjects[person].coder, known.source_id, bodies, identifiers)

    async def _tell(self, *, everything: bool = False) -> None:
        """Tell wallets at the first point of a person, then once a minute, and at the end."""
        now = self.course.context.clock()
        lines = []
        for person, subject in self.course.subjects.items():
            told = self._told.get(person)
            new = subject.resources - (told.resources if told else 0)
            if new and (told is None or everything or subject.fallen or now - told.at >= _TELL_EVERY):
                lines.append(uses.Line(subject.judged.link, subject.judged.wallet, new))
                self._told[person] = _Told(now, subject.resources)
        if lines:
            course = self.course
            await course.context.store.write(
                lambda tx: uses.tell(tx, course.context, course.contract, course.release.id, lines, now)
            )

    async def _end(self, standing: str) -> None:
        await self._tell(everything=True)
        await broken_off(self.course, self._account, standing, told=True)


def _chunks(events: Sequence[tuple[str, int, bytes]]) -> list[list[tuple[str, int, bytes]]]:
    """Events in portions of at most one chunk."""
    chunks: list[list[tuple[str, int, bytes]]] = []
    size = LARGEST_CHUNK + 1
    for one in events:
        size += len(one[2])
        if size > LARGEST_CHUNK:
            chunks.append([])
            size = len(one[2])
        chunks[-1].append(one)
    return chunks


def newest(tx: Transaction, source: str) -> int:
    """The number of the last point of a source there is."""
    points = tx.find(DevicePoint, source=source, order="-sequence", limit=1)
    return points[0].sequence if points else 0


def begun(tx: Transaction, transfer: str) -> Release | None:
    """The first connection of a transfer: it says after which point the stream began."""
    releases = tx.find(Release, transfer=transfer, order="started_at", limit=1)
    return releases[0] if releases else None
