"""Reading what the risk pass measures: of each person only the few kinds of record it needs, rendered as for a release.

The records are judged under the person's own decision and de-identified by the same engine, with the same codes, date
shifts and day as the release itself; nothing is generalised here a second time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import orjson

from connector.ports import Parcel, PersonCoder, Renderer, Transaction
from connector.records import Person, SourceRecord
from connector.services.releasing.contract import Contract
from connector.services.releasing.preparing import lines_of, task_of
from connector.services.releasing.risk_columns import kinds, row_of
from connector.services.releasing.selecting import Selecting
from connector.sources.fhir_people import NAMED, identifiers_of
from policy.decision import Decision

if TYPE_CHECKING:
    from connector.services.context import Context

Row = tuple[str | None, ...]
_PORTION = 100
_TASK = 1024 * 1024
_AHEAD = 2
"""Portions on their way beside the one that is taken."""
_RELATIVES = "RelatedPerson"


@dataclass(frozen=True, slots=True)
class Asked:
    """One person in a release: what may leave of them, and their codes."""

    decision: Decision
    coder: PersonCoder


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads people for one release, or for what would be one."""

    context: Context
    renderer: Renderer
    contract: Contract
    as_of: date
    names: tuple[str, ...]

    async def rows(self, people: Mapping[str, Asked]) -> AsyncGenerator[list[Row], None]:
        """One row per person, some hundred at a time. Raises what the renderer raises, and `Unreadable`.

        Somebody in whose records an identifier was found is not in a release either, and gets no row.
        """
        selecting = Selecting(self.contract, self.context.data.labeller)
        everybody = sorted(people)
        ahead: deque[asyncio.Task[list[Row]]] = deque()
        try:
            for start in range(0, len(everybody), _PORTION):
                some = {person: people[person] for person in everybody[start : start + _PORTION]}
                ahead.append(asyncio.create_task(self._of(selecting, some)))
                # While some are rendered in a worker, the next are read here.
                if len(ahead) > _AHEAD:
                    yield await ahead.popleft()
            while ahead:
                yield await ahead.popleft()
        finally:
            for waiting in ahead:
                waiting.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _of(self, selecting: Selecting, people: Mapping[str, Asked]) -> list[Row]:
        parcels = await self.context.store.read(lambda tx: self._parcels(tx, selecting, people))
        tasks = [task_of(self.contract, self.as_of, few) for few in _portions(parcels)]
        prepared = [one for found in await asyncio.gather(*map(self.renderer.render, tasks)) for one in found]
        return [row_of(lines_of(one), self.names) for one in prepared if not one.leaks]

    def _parcels(self, tx: Transaction, selecting: Selecting, people: Mapping[str, Asked]) -> list[Parcel]:
        rows: defaultdict[str, list[SourceRecord]] = defaultdict(list)
        wanted = [*kinds(self.names), _RELATIVES]
        # A condition on the source would make SQLite go through all records of these kinds, each time.
        for row in tx.find(SourceRecord, person=list(people), resource_type=wanted, deleted=False):
            if row.source == self.contract.source:
                rows[row.person or ""].append(row)
        known = {one.id: one for one in tx.find(Person, id=list(people))}
        return [self._parcel(selecting, asked, rows[person], known.get(person)) for person, asked in people.items()]

    def _parcel(self, selecting: Selecting, asked: Asked, rows: Sequence[SourceRecord], known: Person | None) -> Parcel:
        read = kinds(self.names)
        kept = [row.body for row in selecting.judged(rows, asked.decision) if row.resource_type in read]
        named = {text for text in (known.source_id, known.name) if text} if known else set()
        for row in rows:
            if row.resource_type in NAMED:
                named.update(identifiers_of(orjson.loads(row.body)))
        return Parcel(asked.coder, known.source_id if known else "", tuple(kept), tuple(sorted(named)))


def _portions(parcels: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    """Parcels in tasks of about a megabyte."""
    portion: list[Parcel] = []
    size = 0
    for parcel in parcels:
        portion.append(parcel)
        size += sum(map(len, parcel.records))
        if size > _TASK:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
