"""Who is who, as a set of FHIR resources has it: organisations and those above them, groups, teams, roles, identifiers.

It is what turns the one reference of a request into everything that a rule may call whoever asks (reference S11: the
person, then the organisation chain, then the groups they are in at that time). Where nobody can tell who belongs to a
group (one defined by a trait, a member that is nobody we know, a membership whose time cannot be read), whoever asks
may: no rule about it can be judged, and it is not among the known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policy.directives.model import Coding, Period
from policy.directives.periods import ALWAYS, lasting
from policy.directives.references import is_local, plain, tail

_ACTORS = frozenset(
    {
        *("Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Group", "CareTeam"),
        *("Device", "HealthcareService", "Person"),
    }
)
# Sources hold people too, but not here: a member who is one is told apart by the reference alone.
_PEOPLE = ("Patient/", "RelatedPerson/")
_MOST = 1_000  # names of one actor, whatever the resources say
_BROKEN = Period(start="", end="")


@dataclass(frozen=True, slots=True)
class _Tie:
    """One actor belongs to another while all these periods last."""

    above: str
    periods: tuple[Period | None, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`known` are all actors of whom it can be told whom they mean, by every name; `names` those of each.

    `groups` are those that are groups or teams, `unsure` those that are not known, because nobody can tell who belongs
    to them.
    """

    known: frozenset[str] = frozenset()
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ties: Mapping[str, tuple[_Tie, ...]] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    roles: Mapping[str, frozenset[Coding]] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()

    def called(self, actor: str) -> frozenset[str]:
        """Return every name of an actor: its reference (without a version) and its identifiers."""
        one = plain(actor)
        return frozenset({one}) | self.names.get(one, frozenset())

    def holds(self, actors: Iterable[str]) -> bool:
        """Whether one of these actors is among them."""
        return any(plain(one) in self.names for one in actors)

    def known_beside(self, requester: Iterable[str]) -> frozenset[str]:
        """Return the known actors without those that whoever asks may be, named in a way that cannot be compared."""
        strange = [one for one in map(plain, requester) if one not in self.names and "|" not in one]
        if any(one.startswith(("#", "urn:")) for one in strange):
            return frozenset()
        akin = {tail(one) for one in strange if "://" in one} & self.names.keys()
        return self.known - self.above(akin) if akin else self.known

    def above(self, actors: Iterable[str]) -> frozenset[str]:
        """Return these actors by every name, and all that they belong to at any time."""
        return _upward(actors, self.names, self.ties)

    def edges(self, actors: Iterable[str], now: datetime, zone: str) -> Iterator[datetime]:
        """Yield the instants to come at which one of these actors begins or ceases to belong to another."""
        for tie in (tie for one in actors for tie in self.ties.get(one, ())):
            for period in tie.periods:
                if period is not None and _readable(period):
                    yield from (edge for edge in lasting(period, zone) if edge > now and edge != ALWAYS.until)

    def around(self, actor: str, now: datetime, zone: str) -> frozenset[str]:
        """Return an actor by every name, the organisations it belongs to and those above, and its groups, at `now`."""
        found: set[str] = set()
        waiting = [plain(actor)]
        while waiting and len(found) < _MOST:
            one = waiting.pop()
            if one in found:
                continue
            fresh = self.called(one) - found
            found |= fresh
            waiting.extend(
                tie.above
                for name in fresh
                for tie in self.ties.get(name, ())
                if tie.above not in found and _hold(tie.periods, now, zone)
            )
        return frozenset(found)

    def played(self, actors: Iterable[str]) -> frozenset[Coding]:
        """Return the codes of the roles these actors have."""
        return frozenset(code for one in actors for code in self.roles.get(one, ()))


def _hold(periods: Iterable[Period | None], now: datetime, zone: str) -> bool:
    try:
        return all(lasting(one, zone).holds(now) for one in periods)
    except ValueError:
        return False


def _readable(period: Period) -> bool:
    try:
        lasting(period, "UTC")
    except ValueError:
        return False
    return True


def _upward(
    start: Iterable[str], names: Mapping[str, Iterable[str]], ties: Mapping[str, Iterable[_Tie]]
) -> frozenset[str]:
    """Return these actors by every name, and all that they ever belong to."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        if one not in found:
            fresh = {one, *names.get(one, ())} - found
            found |= fresh
            waiting.extend(tie.above for name in fresh for tie in ties.get(name, ()))
    return frozenset(found)


def surroundings(resources: Iterable[Mapping[str, Any]]) -> Surroundings:
    """Return what these resources say of actors. What cannot be read ties nobody to anybody."""
    gathered = _Gathered()
    for one in resources:
        gathered.add(one)
    return gathered.closed()


@dataclass(slots=True)
class _Gathered:
    names: dict[str, set[str]] = field(default_factory=dict)
    ties: dict[str, list[_Tie]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    roles: dict[str, set[Coding]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    members: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    above: set[str] = field(default_factory=set)

    def add(self, resource: object) -> None:
        """Take what one resource says."""
        kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
        if not isinstance(resource, Mapping) or not isinstance(kind, str) or kind not in _ACTORS:
            return
        name = resource.get("id")
        if not isinstance(name, str) or not name:
            return
        own = f"{kind}/{name}"
        self._call(own, set(_identifiers(resource)))
        if kind in _WITH_MEMBERS:
            self._group(own, resource)
        elif resource.get("active", True) is not False:
            self._tie(own, resource)

    def closed(self) -> Surroundings:
        """Return all that was gathered."""
        doubtful = {own for own, member in self.members if not any(map(self._resolved, member))}
        doubtful |= {tail(one) for one in self.above if "://" in one and one not in self.names} & self.names.keys()
        unsure = _upward(self.unsure | doubtful, self.names, self.ties)
        return Surroundings(
            known=frozenset(self.names) - unsure,
            names={name: frozenset(others) for name, others in self.names.items()},
            ties={name: tuple(found) for name, found in self.ties.items()},
            groups=frozenset(self.groups),
            roles={name: frozenset(found) for name, found in self.roles.items()},
            unsure=unsure,
        )

    def _resolved(self, member: str) -> bool:
        return member in self.names or (member.startswith(_PEOPLE) and is_local(member))

    def _call(self, own: str, identifiers: set[str]) -> None:
        for name in {own, *identifiers}:
            self.names.setdefault(name, set()).update({own, *identifiers})

    def _tie(self, own: str, resource: Mapping[str, Any]) -> None:
        # Whether it counts at all is not told where `active` is neither true nor false.
        told = None if isinstance(resource.get("active", True), bool) else _BROKEN
        if resource["resourceType"] == "PractitionerRole":
            self._role(own, resource, told)
        else:
            above = _WITHIN.get(resource["resourceType"])
            self._add((own,), resource.get(above) if above else None, told)

    def _role(self, own: str, resource: Mapping[str, Any], told: Period | None) -> None:
        """A practitioner in a role belongs to its organisation; whoever asks in the role is the practitioner too."""
        period = _period(resource)
        for below in ((own,), _references(resource.get("practitioner"))):
            self._add(below, resource.get("organization"), period, told)
        self._add((own,), resource.get("practitioner"), period, told)
        self.roles.setdefault(own, set()).update(_codes(resource.get("code")))

    def _group(self, own: str, resource: Mapping[str, Any]) -> None:
        """Whoever is in a group or team; one that is inactive, or past, is not."""
        self.groups.update(self.names[own])
        listed, entity = _WITH_MEMBERS[resource["resourceType"]]
        if not _tells_members(resource, listed):
            self.unsure.add(own)
            return
        whole = _period(resource)
        if whole is not None and not _readable(whole):
            self.unsure.add(own)
        for member in _parts(resource.get(listed)):
            inactive = member.get("inactive", False)
            if inactive is True:
                continue
            told, below = None if inactive is False else _BROKEN, _references(member.get(entity))
            self.members.append((own, below))
            self._add(below, {"reference": own}, whole, _period(member), told)

    def _add(self, below: Iterable[str], above: object, *periods: Period | None) -> None:
        names = _references(above)
        self.above.update(names)
        if any(one is not None and not _readable(one) for one in periods):
            self.unsure.update(names)
        for one in below:
            self.ties.setdefault(one, []).extend(_Tie(name, periods) for name in names)


_WITH_MEMBERS = {"Group": ("member", "entity"), "CareTeam": ("participant", "member")}
_WITHIN = {"Organization": "partOf", "HealthcareService": "providedBy", "Device": "owner"}


def _tells_members(resource: Mapping[str, Any], listed: str) -> bool:
    """Whether a group or team is in use and says itself who is in it."""
    members = resource.get(listed, [])
    if not isinstance(members, list) or not all(isinstance(one, Mapping) for one in members):
        return False
    if resource["resourceType"] == "CareTeam":
        return bool(resource.get("status", "active") == "active")
    kinds = {"actual": True, "membership": "enumerated"}  # R4 and R5
    told = [resource[name] == value for name, value in kinds.items() if name in resource]
    return bool(told) and all(told) and resource.get("active", True) is True


def _identifiers(resource: Mapping[str, Any]) -> Iterator[str]:
    for one in _parts(resource.get("identifier")):
        system, value = one.get("system"), one.get("value")
        if isinstance(system, str) and isinstance(value, str) and system and value:
            yield f"{system}|{value}"


def _references(value: object) -> tuple[str, ...]:
    """Return what a reference calls somebody: the reference without a version, and the identifier beside it."""
    if not isinstance(value, Mapping):
        return ()
    written, identifier = value.get("reference"), value.get("identifier")
    named = (plain(written),) if isinstance(written, str) and written else ()
    return (*named, *_identifiers({"identifier": [identifier]}))


def _period(resource: Mapping[str, Any]) -> Period | None:
    """Return the period of a resource or a part of it; one that cannot be read never lasts."""
    if "period" not in resource:
        return None
    value = resource["period"]
    if not isinstance(value, Mapping):
        return _BROKEN
    ends = [one if one is None or isinstance(one, str) else "" for one in (value.get("start"), value.get("end"))]
    return Period(start=ends[0], end=ends[1])


def _codes(value: object) -> Iterator[Coding]:
    for concept in _parts(value):
        for one in _parts(concept.get("coding")):
            system, code = one.get("system"), one.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield Coding(system, code)


def _parts(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())
