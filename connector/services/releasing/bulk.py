"""A release of records: decide about everybody, prepare one person after the other, hand over, state what left.

While one person's lines are handed over, the next is prepared; a slow reader stops the preparing, so memory holds two
people's records and one chunk, however long the release is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from connector.dataplane.framing import Framer
from connector.dataplane.parcels import LEAK
from connector.ports import Archive, Renderer, Transaction
from connector.provenance.entry import instant
from connector.records import Person
from connector.services.chains import domain_of
from connector.services.committed import decisions_digest
from connector.services.releasing.closing import Account, Refused, broken_off, complete
from connector.services.releasing.course import Course, Over, Subject
from connector.services.releasing.deciding import Judged, judge_people, keep, portions, without_facts
from connector.services.releasing.preparing import Lines, prepare
from connector.services.releasing.selecting import Selecting
from connector.services.sealed import SealedInTransaction

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
        course, store = self.course, self.course.context.store
        now = course.context.clock()
        people, judged = await store.read(lambda tx: self._everybody(tx, now))
        facts: dict[str, int | str] = {"people": len(people), "decided_at": instant(now)}
        if judged is not None:
            said = {**facts, **Counter(str(one.decision.outcome) for one in judged)}
            course.subjects |= await store.write(lambda tx: self._keep(tx, judged, said))
        else:
            await self._decide_in_portions(people, facts, now)
        # Any order of our own would be the same for two recipients, and let them join what they received.
        course.subjects = dict(sorted(course.subjects.items(), key=lambda one: one[1].coder.code))

    def _everybody(self, tx: Transaction, now: datetime) -> tuple[list[str], list[Judged] | None]:
        """Everybody of the dataset, judged already when they are one portion: somebody waits for the first bytes."""
        contract = self.course.contract
        people = [one.id for one in tx.find(Person, source=contract.source, order="id")]
        parts = list(portions(people))
        return people, judge_people(tx, self.course.context, contract, parts[0], now) if len(parts) == 1 else None

    async def _decide_in_portions(self, people: list[str], facts: dict[str, int | str], now: datetime) -> None:
        """Many people, or nobody: what takes long is not read while everybody else waits to write."""
        course, store = self.course, self.course.context.store
        outcomes: Counter[str] = Counter()
        for portion in portions(people):
            judged = await store.read(
                lambda tx, some=portion: judge_people(tx, course.context, course.contract, some, now)  # type: ignore[misc]
            )
            outcomes.update(str(one.decision.outcome) for one in judged)
            course.subjects |= await store.write(lambda tx, some=judged: self._keep(tx, some))  # type: ignore[misc]
        decided = await store.read(lambda tx: decisions_digest(tx, course.release.id, now))
        await store.write(lambda tx: self._log_decided(tx, {**facts, **outcomes, "decisions": decided}))

    def _keep(
        self, tx: Transaction, judged: list[Judged], said: dict[str, int | str] | None = None
    ) -> dict[str, Subject]:
        """Keep what was decided; with `said`, when that is about everybody, log it in the same commit."""
        course = self.course
        keep(tx, course.contract, course.release.id, judged)
        if said is not None:
            at = judged[0].question.now
            self._log_decided(tx, said | {"decisions": decisions_digest(tx, course.release.id, at)})
        self._account.refused += [
            Refused(one.link, one.wallet, one.reason, one.words) for one in judged if not one.decision.permits
        ]
        permitted = {one.person: one for one in judged if one.decision.permits}
        domain = course.context.vault.domain(domain_of(course.contract.agreement), SealedInTransaction(tx))
        coders = domain.people(permitted)
        return {person: Subject(without_facts(one), coders[person]) for person, one in permitted.items()}

    def _log_decided(self, tx: Transaction, facts: dict[str, int | str]) -> None:
        course = self.course
        if not course.still_open(tx):
            raise Over("ended")
        course.context.log(
            tx, "release.decided", course.release.id,
            {"release": course.release.id, "agreement": course.contract.agreement.id, **facts},
        )  # fmt: skip

    async def _hand_over_all(self) -> None:
        ready: asyncio.Queue[_Ready | None] = asyncio.Queue(_AHEAD)
        producer = asyncio.create_task(self._prepare_all(ready))
        framer = Framer()
        try:
            while (one := await _next(ready, producer)) is not None:
                self._account.withheld_resources.update(one.lines.withheld)
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
        as_of = course.context.clock().date()
        for person, subject in list(course.subjects.items()):
            if subject.fallen:
                continue
            chosen = await course.context.store.read(
                lambda tx, p=person, s=subject: selecting.choose(tx, p, s.judged.decision, s.coder)  # type: ignore[misc]
            )
            lines = await prepare(self._renderer, course.contract, chosen, subject.coder, as_of)
            if lines.quarantined:
                subject.fallen = LEAK
                await course.context.store.write(self._log_leak)
            await ready.put(_Ready(person, lines))
        await ready.put(None)

    def _log_leak(self, tx: Transaction) -> None:
        course = self.course
        course.context.log(tx, "release.leak", course.release.id, {"release": course.release.id})


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
