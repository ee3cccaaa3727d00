"""Whom a source knows beside its patients: organisations, professionals, groups, and who belongs to whom (S11).

Read from the source's own records and kept in memory as long as none of them changes. Of whom nobody can tell whether
they are who asks (:mod:`policy.directives.surroundings`) no rule can be judged, and then nothing leaves.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connector.ports import Transaction
from connector.records import Setting, SourceRecord
from policy.directives import surroundings as actors
from policy.directives.model import Directive, Provision
from policy.directives.references import plain

ACTORS = (
    "Organization", "Practitioner", "PractitionerRole", "Group", "CareTeam", "HealthcareService", "Device",
)  # fmt: skip
"""Kinds of record whose change may change whom a rule means."""
PEOPLE = ("Patient", "RelatedPerson")
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who is who at a source; `organised` are the organisations, and the groups that may hold one."""

    around: actors.Surroundings
    organised: frozenset[str]

    def known(self, mentioned: Iterable[str], requester: Collection[str]) -> frozenset[str]:
        """Which of these references and identifiers mean somebody of whom it can be told whether they ask.

        `requester` is what the source calls whoever asks. Where nobody has said that, an organisation may be who asks.
        """
        known = self.around.known_beside(requester) - (frozenset() if requester else self.organised)
        return frozenset(one for one in map(plain, mentioned) if one in known)

    def called(self, start: Collection[str], now: datetime, zone: str) -> frozenset[str]:
        """All names of who is called `start`: their identifiers, what they are part of, the groups they are in now."""
        return frozenset(name for one in start for name in self.around.around(one, now, zone)) | frozenset(start)


_read: OrderedDict[tuple[str, str], Surroundings] = OrderedDict()


def stamp_of(source: str) -> str:
    """The name of the setting that changes whenever a record of `ACTORS` does."""
    return f"source-actors:{source}"


def surroundings_of(tx: Transaction, source: str) -> Surroundings:
    """The source's surroundings; read once, as long as none of its actors changes."""
    kept = tx.get(Setting, stamp_of(source))
    stamp = kept.value if kept else ""
    key = (source, stamp)
    known = _read.get(key)
    if known is None:
        records = tx.find(SourceRecord, source=source, resource_type=list(ACTORS), deleted=False)
        known = understood([orjson.loads(record.body) for record in records])
        if stamp:  # without a stamp nothing would tell that it has changed
            _read[key] = known
            while len(_read) > _KEPT:
                _read.popitem(last=False)
    return known


def understood(resources: list[Mapping[str, Any]]) -> Surroundings:
    """Understand resources of `ACTORS`."""
    around = actors.surroundings(resources)
    organisations = [one for one in around.names if one.startswith("Organization/")]
    return Surroundings(around, around.above(organisations))


def identifiers(resource: Mapping[str, Any]) -> Iterator[str]:
    """The identifiers of a resource as ``system|value``."""
    for one in _objects(resource.get("identifier")):
        if isinstance(one.get("value"), str) and one["value"]:
            system = one.get("system")
            yield f"{system if isinstance(system, str) else ''}|{one['value']}"


def mentioned(directive: Directive) -> frozenset[str]:
    """Every name of an actor in a directive, at any depth, without versions."""
    return frozenset(plain(name) for rule in _rules(directive) for actor in rule.actors or () for name in actor.names)


def not_understood(directive: Directive) -> Iterator[str]:
    """Where a directive says something that nobody understands, at any depth."""
    yield from directive.unknown
    for rule in _rules(directive):
        yield from rule.unknown


def _rules(directive: Directive) -> Iterator[Provision]:
    waiting = [directive.root]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.nested


def known_people(tx: Transaction, source: str, references: Iterable[str]) -> frozenset[str]:
    """Which of these references are patients or relatives whom the source holds."""
    wanted: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for reference in references:
        kind, _, id = plain(reference).partition("/")
        if kind in PEOPLE:
            wanted[kind].setdefault(id, []).append(reference)
    found = set[str]()
    for kind, ids in wanted.items():
        every = sorted(ids)
        for start in range(0, len(every), 400):
            some = every[start : start + 400]
            for record in tx.find(SourceRecord, source=source, resource_type=kind, id=some, deleted=False):
                found.update(ids[record.id])
    return frozenset(found)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
