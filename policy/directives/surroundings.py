"""Who is who, as a set of FHIR resources has it: organisations and those above them, groups, teams, roles, identifiers.

It is what turns the one reference of a request into everything that a rule may call whoever asks (reference S11: the
person, then the organisation chain, then the groups they are in at that time).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policy.directives.model import Coding, Period
from policy.directives.periods import lasting

_ACTORS = frozenset(
    {
        *("Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Group", "CareTeam"),
        *("Device", "HealthcareService", "Person"),
    }
)
_MOST = 1_000  # names of one actor, whatever the resources say


@dataclass(frozen=True, slots=True)
class _Tie:
    """One actor belongs to another while all these periods last."""

    above: str
    periods: tuple[Period | None, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`known` are all actors by every name; `names` those of each; `groups` which of them are groups or teams."""

    known: frozenset[str] = frozenset()
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ties: Mapping[str, tuple[_Tie, ...]] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    roles: Mapping[str, frozenset[Coding]] = field(default_factory=dict)

    def called(self, actor: str) -> frozenset[str]:
        """Return every name of an actor: its reference and its identifiers."""
        return frozenset({actor}) | self.names.get(actor, frozenset())

    def around(self, actor: str, now: datetime, zone: str) -> frozenset[str]:
        """Return an actor by every name, the organisations it belongs to and those above, and its groups, at `now`."""
        found: set[str] = set()
        waiting = [actor]
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

    def add(self, resource: object) -> None:
        """Take what one resource says."""
        if not isinstance(resource, Mapping) or resource.get("resourceType") not in _ACTORS:
            return
        name = resource.get("id")
        if not isinstance(name, str) or not name:
            return
        own = f"{resource['resourceType']}/{name}"
        self._call(own, set(_identifiers(resource)))
        if resource.get("active", True) is True:
            self._tie(own, resource)

    def closed(self) -> Surroundings:
        """Return all that was gathered."""
        return Surroundings(
            known=frozenset(self.names),
            names={name: frozenset(others) for name, others in self.names.items()},
            ties={name: tuple(found) for name, found in self.ties.items()},
            groups=frozenset(self.groups),
            roles={name: frozenset(found) for name, found in self.roles.items()},
        )

    def _call(self, own: str, identifiers: set[str]) -> None:
        for name in {own, *identifiers}:
            self.names.setdefault(name, set()).update({own, *identifiers})

    def _tie(self, own: str, resource: Mapping[str, Any]) -> None:
        kind = resource["resourceType"]
        if kind == "Organization":
            self._add(own, resource.get("partOf"))
        elif kind == "PractitionerRole":
            self._role(own, resource)
        elif kind == "Group" and resource.get("actual", True) is True:
            self._members(own, "member", "entity", resource)
        elif kind == "CareTeam":
            self._members(own, "participant", "member", resource)

    def _role(self, own: str, resource: Mapping[str, Any]) -> None:
        """A practitioner in a role belongs to its organisation; whoever asks in the role is the practitioner too."""
        period = _period(resource.get("period"))
        practitioner = _reference(resource.get("practitioner"))
        self._add(own, resource.get("organization"), period)
        self._add(own, resource.get("practitioner"), period)
        if practitioner is not None:
            self._add(practitioner, resource.get("organization"), period)
        self.roles.setdefault(own, set()).update(_codes(resource.get("code")))

    def _members(self, own: str, listed: str, entity: str, resource: Mapping[str, Any]) -> None:
        """Whoever is in a group or team; one that is inactive, or past, is not."""
        self.groups.update(self.names[own])
        if resource["resourceType"] == "CareTeam" and resource.get("status", "active") != "active":
            return
        whole = _period(resource.get("period"))
        for member in _parts(resource.get(listed)):
            if member.get("inactive", False) is not False:
                continue
            self._add(_reference(member.get(entity)), {"reference": own}, whole, _period(member.get("period")))

    def _add(self, below: str | None, above: object, *periods: Period | None) -> None:
        name = _reference(above)
        if below is not None and name is not None:
            self.ties.setdefault(below, []).append(_Tie(name, periods))


def _identifiers(resource: Mapping[str, Any]) -> Iterator[str]:
    for one in _parts(resource.get("identifier")):
        system, value = one.get("system"), one.get("value")
        if isinstance(system, str) and isinstance(value, str) and system and value:
            yield f"{system}|{value}"


def _reference(value: object) -> str | None:
    found = value.get("reference") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None


def _period(value: object) -> Period | None:
    """Return a period; one that cannot be read never lasts."""
    if value is None:
        return None
    start, end = (value.get("start"), value.get("end")) if isinstance(value, Mapping) else ("", "")
    ends = [one if one is None or isinstance(one, str) else "" for one in (start, end)]
    return Period(start=ends[0], end=ends[1])


def _codes(value: object) -> Iterator[Coding]:
    for concept in _parts(value):
        for one in _parts(concept.get("coding")):
            system, code = one.get("system"), one.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield Coding(system, code)


def _parts(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())
