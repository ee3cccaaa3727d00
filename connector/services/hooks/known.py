"""What this holder knows that bears on a consult: the person by any identifier, their consents, whom sources know."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Person, Source, SourceRecord
from connector.services.context import Context
from connector.services.releasing.standing import source_facts, subjects_of
from connector.services.releasing.surroundings import identifiers, known_people, mentioned, surroundings_of
from policy.directives.hook import Consult
from policy.directives.model import Directive
from policy.directives.references import plain

_KEPT = 8
_indexes: OrderedDict[tuple[str, str, datetime | None], Mapping[str, tuple[str, ...]]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Sent:
    """Consents that came with a request, to be used in place of the known ones."""

    directives: tuple[Directive, ...]
    unreadable: int


@dataclass(frozen=True, slots=True)
class KnownHere:
    """`people` are our ids of whoever is meant; the rest is theirs, and the requester's, over all sources."""

    people: tuple[str, ...]
    subjects: frozenset[str]
    directives: tuple[Directive, ...]
    unreadable: int
    requester: frozenset[str]
    known_actors: frozenset[str]


@dataclass(slots=True)
class _Gathered:
    people: list[str] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    directives: list[Directive] = field(default_factory=list)
    unreadable: int = 0
    requester: set[str] = field(default_factory=set)
    known_actors: set[str] = field(default_factory=set)
    identified: bool = True


def known_here(tx: Transaction, context: Context, consult: Consult, sent: Sent | None, now: datetime) -> KnownHere:
    """Look up whom a consult is about, by references and identifiers in every source, and whoever asks."""
    zone = context.settings.time_zone
    found = _Gathered(subjects=set(consult.patients), requester=set(consult.actors))
    named = {name for one in sent.directives for name in mentioned(one)} if sent else set()
    for source in tx.find(Source, kind="fhir", order="id"):
        around = surroundings_of(tx, source.id)
        called = around.called(consult.actors, now, zone)
        asks = called if around.around.holds(consult.actors) else frozenset[str]()
        found.requester |= called
        found.known_actors |= around.known(named, asks) | known_people(tx, source.id, named)
        people = _person(found, tx, source, consult.patients)
        if people:
            _add(tx, context, found, source, people, asks, now)
    directives, unreadable = (sent.directives, sent.unreadable) if sent else (tuple(found.directives), found.unreadable)
    return KnownHere(
        tuple(found.people), frozenset(found.subjects), directives, unreadable, frozenset(found.requester),
        frozenset(found.known_actors | found.requester),
    )  # fmt: skip


def _person(found: _Gathered, tx: Transaction, source: Source, patients: frozenset[str]) -> list[str]:
    """The one person of a source who is meant, if there is. Raises Problem 400 where several people may be meant.

    A reference means somebody else at each source; only an identifier tells that two of them are the same person.
    """
    identified = _identified(tx, source, patients)
    people = sorted({*identified, *_referred(tx, source, patients)})
    if len(people) > 1 or (people and found.people and not (found.identified and identified)):
        raise invalid("More than one person is called so here", "/context/patientId", "identifiers of one person")
    found.identified = found.identified and bool(identified or not people)
    return people


def _add(
    tx: Transaction, context: Context, found: _Gathered, source: Source, people: list[str], asks: Collection[str],
    now: datetime,
) -> None:  # fmt: skip
    """What one source says of a person of its own."""
    found.people += people
    for names in subjects_of(tx, source.id, people).values():
        found.subjects |= names
    for facts in source_facts(tx, context, source.id, "", people, now, asks).values():
        found.subjects |= facts.subjects
        found.directives += facts.directives
        found.unreadable += facts.unreadable
        found.known_actors |= facts.known_actors


def _referred(tx: Transaction, source: Source, patients: frozenset[str]) -> set[str]:
    """Our people of a source whom a reference means."""
    ids = sorted({plain(one).removeprefix("Patient/") for one in patients if one.startswith("Patient/")})
    return {one.id for one in tx.find(Person, source=source.id, source_id=ids)} if ids else set()


def _identified(tx: Transaction, source: Source, patients: frozenset[str]) -> set[str]:
    """Our people of a source who have one of these identifiers."""
    tokens = [one for one in patients if "|" in one]
    index = _index(tx, source) if tokens else {}
    return {person for one in tokens for person in index.get(one, ())}


def _index(tx: Transaction, source: Source) -> Mapping[str, tuple[str, ...]]:
    """Our people by the identifiers their records have, read once per import."""
    key = (source.id, source.name, source.imported_at)
    if key not in _indexes:
        index: defaultdict[str, list[str]] = defaultdict(list)
        for record in tx.find(SourceRecord, source=source.id, resource_type="Patient", deleted=False):
            for token in identifiers(orjson.loads(record.body)) if record.person else ():
                index[token].append(record.person or "")
        _indexes[key] = {token: tuple(those) for token, those in index.items()}
        while len(_indexes) > _KEPT:
            _indexes.popitem(last=False)
    return _indexes[key]
