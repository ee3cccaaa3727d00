"""Whom a source knows beside its patients: organisations, professionals, groups, and who belongs to whom (S11).

Read from the source's own records and kept in memory as long as none of them changes. Where nobody can tell who belongs
to a group (one defined by a trait, a membership whose time cannot be read), it counts as unknown: no rule about it can
be judged, and then nothing leaves.
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
from policy.directives.model import Directive, Period, Provision
from policy.directives.periods import lasting

ACTORS = (
    "Organization", "Practitioner", "PractitionerRole", "Group", "CareTeam", "HealthcareService", "Device",
)  # fmt: skip
"""Kinds of record whose change may change whom a rule means."""
PEOPLE = ("Patient", "RelatedPerson")
_WITH_MEMBERS = {"Group": "member", "CareTeam": "participant"}
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who is who at a source; `unsure` are the groups of which nobody can tell who belongs to them."""

    around: actors.Surroundings
    unsure: frozenset[str]

    def known(self, mentioned: Iterable[str]) -> frozenset[str]:
        """Which of these references and identifiers mean somebody whom the source knows."""
        return frozenset(one for one in mentioned if plain(one) in self.around.known and plain(one) not in self.unsure)

    def called(self, start: Collection[str], now: datetime, zone: str) -> frozenset[str]:
        """All names of who is called `start`: their identifiers, what they are part of, the groups they are in now."""
        return frozenset(name for one in start for name in self.around.around(plain(one), now, zone)) | frozenset(start)


def plain(reference: str) -> str:
    """A reference without the version it may point at."""
    return reference.partition("/_history/")[0]


_read: OrderedDict[tuple[str, str, str], Surroundings] = OrderedDict()


def stamp_of(source: str) -> str:
    """The name of the setting that changes whenever a record of `ACTORS` does."""
    return f"source-actors:{source}"


def surroundings_of(tx: Transaction, source: str, zone: str) -> Surroundings:
    """The source's surroundings; read once, as long as none of its actors changes."""
    kept = tx.get(Setting, stamp_of(source))
    stamp = kept.value if kept else ""
    key = (source, stamp, zone)
    known = _read.get(key)
    if known is None:
        records = tx.find(SourceRecord, source=source, resource_type=list(ACTORS), deleted=False)
        known = understood([orjson.loads(record.body) for record in records], zone)
        if stamp:  # without a stamp nothing would tell that it has changed
            _read[key] = known
            while len(_read) > _KEPT:
                _read.popitem(last=False)
    return known


def understood(resources: list[Mapping[str, Any]], zone: str) -> Surroundings:
    """Understand resources of `ACTORS`."""
    around = actors.surroundings(resources)
    vague = {f"{one['resourceType']}/{one['id']}" for one in resources if not _tells_members(one, zone)}
    return Surroundings(around, frozenset(name for one in vague for name in around.called(one)))


def _tells_members(resource: Mapping[str, Any], zone: str) -> bool:
    """Whether a group or team says whom it holds and when; what is none of these has nothing to say."""
    kind = resource.get("resourceType")
    if kind not in _WITH_MEMBERS:
        return True
    if kind == "Group":
        listed = resource.get("actual") is True or resource.get("membership") == "enumerated"
        if not listed or resource.get("active") is False:
            return False
    members = _objects(resource.get(_WITH_MEMBERS[kind]))
    return all(_readable(one["period"], zone) for one in [resource, *members] if "period" in one)


def _readable(value: Any, zone: str) -> bool:
    start, end = (value.get("start"), value.get("end")) if isinstance(value, dict) else (0, 0)
    if not (isinstance(start, str | None) and isinstance(end, str | None)):
        return False
    try:
        lasting(Period(start=start, end=end), zone)
    except ValueError:
        return False
    return True


def identifiers(resource: Mapping[str, Any]) -> Iterator[str]:
    """The identifiers of a resource as ``system|value``."""
    for one in _objects(resource.get("identifier")):
        if isinstance(one.get("value"), str) and one["value"]:
            system = one.get("system")
            yield f"{system if isinstance(system, str) else ''}|{one['value']}"


def mentioned(directive: Directive) -> frozenset[str]:
    """Every reference of an actor in a directive, at any depth."""
    return frozenset(
        actor.reference for rule in _rules(directive) for actor in rule.actors or () if actor.reference
    )


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
