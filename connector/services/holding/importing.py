"""Importing records: one transaction per bundle, all of it or nothing; the same bundle again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.problems import Problem, conflict
from connector.records import Person, Source, SourceRecord
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange.disputes import Disputes
from connector.services.gate import closed_for
from connector.services.holding import merged, source_consents
from connector.services.holding.broad_stops import BroadStops
from connector.services.holding.labels import Given, label_all
from connector.services.holding.source_consents import consents_in
from connector.services.received.stones import REFUSED, brings_back, erased_codes

if TYPE_CHECKING:
    from connector.sources.fhir import PersonFacts, Prepared
    from connector.sources.folder import Piece

    Pieces = Callable[[Path, Callable[[str], bool]], Iterator[Piece]]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import. `files` were taken in; `refused` holds one clear line for each that was not."""

    source: str
    people: int
    records: int
    files: int
    refused: list[str]


class Importing:
    """Takes FHIR files in. `pieces` reads them (`connector.sources.folder.pieces`)."""

    def __init__(self, context: Context, pieces: Pieces, broad_stops: BroadStops, disputes: Disputes) -> None:
        self._context = context
        self._pieces = pieces
        self._broad_stops = broad_stops
        self._disputes = disputes

    async def import_fhir(
        self, actor: Actor, path: Path | str, source_name: str, progress: Callable[[str], None] = lambda _: None
    ) -> ImportReport:
        """Import a file or folder into the source of this name, which is made when it is new.

        `progress` hears each file's name. Raises Problem 400 when there is nothing to read, 409 for a device source.
        """
        require(actor, "steward", "operator")
        source = await self._context.store.write(lambda tx: source_of(tx, source_name, "fhir", actor))
        known = await self._context.store.read(lambda tx: {one.source_id for one in tx.find(Person, source=source.id)})
        erased = await self._context.store.read(erased_codes)
        people, records, refused, files = set[str](), 0, list[str](), 0
        found = self._pieces(Path(path), known.__contains__)
        while (piece := await self._next(found)) is not None:
            progress(piece.file)
            if piece.prepared is None:
                refused.append(piece.refused)
                continue
            prepared = piece.prepared
            if brings_back(prepared, erased):
                refused.append(f"{piece.file}: {REFUSED}")
                continue
            await self._take_in(source.id, prepared, actor)
            people |= {person.id for person in prepared.people}
            known |= people
            records, files = records + len(prepared.records), files + 1
        report = ImportReport(source.id, len(people), records, files, refused)
        await self._context.store.write(lambda tx: self._imported(tx, actor, report))
        return report

    async def _take_in(self, source: str, prepared: Prepared, actor: Actor) -> None:
        """One piece, in one commit. A consent in it may forbid what is just being sent: the gate closes first."""
        context = self._context
        known = await context.store.read(lambda tx: _concerned(tx, source, prepared))
        labeller = context.data.labeller()
        labels = await asyncio.to_thread(label_all, labeller, [record.body for record in prepared.records])

        def command(tx: Transaction) -> None:
            people = _take_in(tx, source, prepared, labels)
            self._broad_stops.heard(tx, source_consents.take_in(tx, context, source, prepared, people, actor))
            for person, other in merged.people_of(tx, source, prepared):
                self._disputes.same_person(tx, person, other, merged.REASON)

        async with closed_for(context.gate, known):
            await context.store.write(command)

    @staticmethod
    async def _next(found: Iterator[Piece]) -> Piece | None:
        try:
            return await asyncio.to_thread(next, found, None)
        except ValueError as nothing:
            raise Problem(400, "nothing-to-read", "Nothing was imported", str(nothing)) from None

    def _imported(self, tx: Transaction, actor: Actor, report: ImportReport) -> None:
        now = self._context.clock()
        tx.alter(Source, {"imported_at": now}, id=report.source)
        self._context.log(
            tx, "source.imported", report.source,
            {"people": report.people, "records": report.records, "files": report.files,
             "refused": len(report.refused), "by": actor.entry},
        )  # fmt: skip
        tx.ring("sources")


def source_of(tx: Transaction, name: str, kind: str, actor: Actor) -> Source:
    """The source of this name, made when it is new. Raises Problem 409 when it is of another kind."""
    found = tx.find(Source, name=name, limit=1)
    if found and found[0].kind != kind:
        raise conflict(f"The source of this name is of another kind: {found[0].kind}")
    if found:
        return found[0]
    source = Source(id=new_id(), name=name, kind=kind, steward=actor.account)
    tx.add(source)
    return source


def _concerned(tx: Transaction, source: str, prepared: Prepared) -> set[str]:
    """Our people of whom a consent in this piece speaks, or spoke until now; and those whom it makes one."""
    one_person = {id for pair in merged.pairs_in(prepared) for id in pair}
    named = sorted({one.subject or "" for one in consents_in(prepared)} | one_person)
    if not named:
        return set()
    return {*_people(tx, source, named).values(), *source_consents.spoken_of(tx, source, prepared)}


def _people(tx: Transaction, source: str, source_ids: Sequence[str]) -> dict[str, str]:
    """Our people among these, by the id the source has for them."""
    ids = dict[str, str]()
    for start in range(0, len(source_ids), 400):
        found = tx.find(Person, source=source, source_id=list(source_ids[start : start + 400]))
        ids |= {person.source_id: person.id for person in found}
    return ids


def _take_in(tx: Transaction, source: str, prepared: Prepared, labels: Sequence[Given]) -> dict[str, str]:
    """Records and people of a piece; returns our people by the id the source has for them."""
    subjects = {record.subject for record in prepared.records if record.subject}
    ids = _people(tx, source, sorted(subjects | {person.id for person in prepared.people}))
    for facts in prepared.people:
        ids[facts.id] = _person(tx, source, facts, ids.get(facts.id))
    for record, (found, labeller) in zip(prepared.records, labels, strict=True):
        tx.put(
            SourceRecord(
                source=source, resource_type=record.resource_type, id=record.id,
                person=ids[record.subject] if record.subject else None, subject_kind=record.subject_kind,
                category=record.category, start=record.start, end=record.end, version=record.version, body=record.body,
                labels=found, labeller=labeller,
            )
        )  # fmt: skip
    return ids


def _person(tx: Transaction, source: str, facts: PersonFacts, known: str | None) -> str:
    """Our own id of a person stays, whatever else is new about them."""
    before = tx.get(Person, known) if known else None
    person = replace(
        before or Person(id=new_id(), source=source, source_id=facts.id), name=facts.name, born=facts.birth_date,
        deceased=facts.deceased,
    )  # fmt: skip
    if before != person:
        tx.put(person)
    return person.id
