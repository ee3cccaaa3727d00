"""Taking in one piece of what a source sends: records, people, labels and consents in one transaction, or nothing.

Every way in ends here: files, a server's pages, bulk exports, and what a source says it does not have any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.problems import conflict
from connector.records import Person, Source, SourceRecord
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange.disputes import Disputes
from connector.services.gate import closed_for
from connector.services.holding import merged, source_consents
from connector.services.holding.broad_stops import BroadStops
from connector.services.holding.labels import Given, label_body
from connector.services.holding.source_consents import consents_in
from connector.services.holding.versions import Changes, Kept, Key, kept, key_of

if TYPE_CHECKING:
    from connector.sources.fhir import Prepared
    from connector.sources.fhir import SourceRecord as Record
    from connector.sources.fhir_people import PersonFacts
    from policy.labelling import Labeller


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one piece: the ids the source has for its people, and how many records changed or are no more."""

    people: frozenset[str]
    records: int
    changed: int
    deleted: int


def nothing_more(_tx: Transaction) -> None:
    """A piece that changes nothing but records."""


class Taking:
    """The one way in for records."""

    def __init__(self, context: Context, broad_stops: BroadStops, disputes: Disputes) -> None:
        self._context = context
        self._broad_stops = broad_stops
        self._disputes = disputes

    async def take(
        self, source: str, prepared: Prepared, actor: Actor, also: Callable[[Transaction], None] = nothing_more
    ) -> Taken:
        """Keep one piece, in one commit with what `also` does. Raises Problem 503 when a hand-over does not end.

        A consent in it may forbid what is just being sent, a deletion what is being read: the gate closes first.
        What brings no records is taken whatever room there is. Raises Problem 507 where there is too little for them.
        """
        context = self._context
        if prepared.records:
            context.disk.require()
        known, before = await context.store.read(
            lambda tx: (_concerned(tx, source, prepared), kept(tx, source, map(key_of, prepared.records)))
        )
        labels = await asyncio.to_thread(_labels, context.data.labeller(), prepared.records, before.rows)

        def command(tx: Transaction) -> Taken:
            changes = Changes(tx, source, context.clock())
            people = _keep(tx, changes, source, prepared, labels, before)
            _delete(tx, changes, source, prepared)
            heard = source_consents.take_in(tx, context, source, prepared, people, actor)
            heard += source_consents.deleted(tx, context, source, prepared.gone, actor)
            self._broad_stops.heard(tx, heard)
            for person, other in merged.people_of(tx, source, prepared):
                self._disputes.same_person(tx, person, other, merged.REASON)
            changes.close()
            also(tx)
            brought = frozenset(person.id for person in prepared.people)
            return Taken(brought, len(prepared.records), changes.changed, changes.deleted)

        async with closed_for(context.gate, known):
            return await context.store.write(command)


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


def in_release(tx: Transaction, source: Source, release: str) -> Source:
    """The source, whose records are in this FHIR release; said once, before the first. Raises Problem 409 else."""
    if source.release == release:
        return source
    if tx.find(SourceRecord, source=source.id, limit=1):
        raise conflict(
            f"The records of this source are in FHIR {source.release}", accepted="another source for another release"
        )
    return tx.change(source, release=release)


def imported(tx: Transaction, source: str, now: datetime) -> None:
    """Something came to its end: the source was read now."""
    tx.alter(Source, {"imported_at": now}, id=source)
    tx.ring("sources")


def _concerned(tx: Transaction, source: str, prepared: Prepared) -> set[str]:
    """Our people of whom a consent in this piece speaks or spoke; those whom it makes one, or whose record it ends."""
    one_person = {id for pair in merged.pairs_in(prepared) for id in pair}
    ended = {one.id for one in prepared.gone if one.resource_type == "Patient"}
    named = sorted({one.subject or "" for one in consents_in(prepared)} | one_person | ended)
    return {*_people(tx, source, named).values(), *source_consents.spoken_of(tx, source, prepared)}


def _labels(labeller: Labeller, records: Sequence[Record], before: Mapping[Key, SourceRecord]) -> list[Given]:
    """The labels of records, in their order; of one that is as it was, those it has."""
    found = list[Given]()
    for record in records:
        row = before.get(key_of(record))
        if row is not None and row.labeller == labeller.name and row.body == record.body:
            found.append((row.labels, row.labeller))
        else:
            found.append(label_body(labeller, record.body))
    return found


def _people(tx: Transaction, source: str, source_ids: Sequence[str]) -> dict[str, str]:
    """Our people among these, by the id the source has for them."""
    ids = dict[str, str]()
    for start in range(0, len(source_ids), 400):
        found = tx.find(Person, source=source, source_id=list(source_ids[start : start + 400]))
        ids |= {person.source_id: person.id for person in found}
    return ids


def _keep(
    tx: Transaction, changes: Changes, source: str, prepared: Prepared, labels: Sequence[Given], before: Kept
) -> dict[str, str]:
    """Records and people of a piece; returns our people by the id the source has for them."""
    subjects = {record.subject for record in prepared.records if record.subject}
    ids = _people(tx, source, sorted(subjects | {person.id for person in prepared.people}))
    for facts in prepared.people:
        ids[facts.id] = _person(tx, source, facts, ids.get(facts.id))
    if before.sequence != changes.before:  # somebody else changed the source meanwhile
        before = kept(tx, source, map(key_of, prepared.records))
    for record, (found, labeller) in zip(prepared.records, labels, strict=True):
        row = SourceRecord(
            source=source, resource_type=record.resource_type, id=record.id,
            person=ids[record.subject] if record.subject else None, subject_kind=record.subject_kind,
            category=record.category, start=record.start, end=record.end, version=record.version, body=record.body,
            labels=found, labeller=labeller,
        )  # fmt: skip
        changes.keep(row, before.rows.get(key_of(record)))
    return ids


def _delete(tx: Transaction, changes: Changes, source: str, prepared: Prepared) -> None:
    """What the source deleted and we still have."""
    rows = kept(tx, source, map(key_of, prepared.gone)).rows
    for one in prepared.gone:
        row = rows.get(key_of(one))
        if row is not None and not row.deleted:
            changes.delete(row)


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
