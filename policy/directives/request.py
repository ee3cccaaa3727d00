"""A request as IHE's Privacy Consent on FHIR tells it, as a JSON object: who wants whose data, what for, when.

Required: `patient` (a reference), `purposeOfUse` (codings), `actor` (a reference). `as_of` (a date or an instant) may
be missing where whoever asks says when. Optional: `action` (a coding, or one of the words of FHIR's consent actions),
`roles`, `category` and `class` (codings), `custodian` (references), `emergency`. A date is its first instant in the
time zone of the consents.

The guide leaves open how an emergency is declared: to it, one is when the purpose says so. So where a request has no
`emergency` of its own, the purpose "break the glass" (or emergency treatment) stands for a declaration made to whoever
issues the token, in words and signed in twice, at the time of the request, and what is checked here is who made it: a
member of a group that the resources know. With `emergency` everything counts as it is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from policy.directives.asking import ACTION_SYSTEM, Asking
from policy.directives.model import Coding, Emergency, Period
from policy.directives.periods import lasting
from policy.directives.purposive import EMERGENCIES, iris
from policy.directives.surroundings import Surroundings
from policy.instants import instant, shifted
from policy.purposes import ACT_REASON, covers

MOST = 100
EMERGENCY_LASTS = timedelta(hours=4)  # reference S16
_TREATMENT = f"{ACT_REASON}TREAT"
_ACTIONS = frozenset({"collect", "access", "use", "disclose", "correct"})
_KEYS = frozenset(
    {
        *("patient", "purposeOfUse", "actor", "as_of"),
        *("action", "roles", "category", "class", "custodian", "emergency"),
    }
)


class RequestError(ValueError):
    """A request cannot be read; the text says where, what, and what would be right. Never holds a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a request says of the emergency it is made in."""

    declared_at: datetime | None
    until: datetime | None
    reason: bool
    second_factor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request says. `as_of` is as written, or empty; `classes` limit which kinds of data are asked for."""

    patient: str
    purposes: tuple[str, ...]
    actor: str
    as_of: str
    action: Coding | None = None
    roles: tuple[Coding, ...] = ()
    categories: tuple[Coding, ...] = ()
    classes: tuple[Coding, ...] = ()
    custodians: tuple[str, ...] = ()
    emergency: Declaration | None = None

    def asking(self, known: Surroundings, *, zone: str = "UTC", now: datetime | None = None) -> Asking:
        """Return the request as provision trees are asked, among these surroundings; `now` instead of `as_of`."""
        at = now or moment(self.as_of, zone)
        requester = known.around(self.actor, at, zone)
        beside = known.known_beside(requester)
        asking = Asking(
            now=at,
            subjects=known.called(self.patient),
            requester=requester,
            purposes=self.purposes,
            action=self.action,
            known_actors=beside | requester | known.called(self.patient),
            custodians=frozenset(name for one in self.custodians for name in known.called(one)),
            roles=frozenset(self.roles) | known.played(requester),
            categories=frozenset(self.categories),
            care=self._for_care(),
            zone=zone,
            edges=tuple(known.edges(requester, at, zone)),
        )
        return replace(asking, emergency=self._declared(at, bool(requester & known.groups)))

    def _for_care(self) -> bool:
        return bool(self.purposes) and all(covers(_TREATMENT, one) is True for one in self.purposes)

    def _declared(self, now: datetime, group: bool) -> Emergency | None:
        stated = self.emergency
        if stated is None:
            if EMERGENCIES.isdisjoint(self.purposes):
                return None
            stated = Declaration(declared_at=None, until=None, reason=True, second_factor=True)
        since = stated.declared_at or now
        return Emergency(
            declared_at=since,
            until=stated.until or shifted(since, EMERGENCY_LASTS),
            group=group,
            reason=stated.reason,
            second_factor=stated.second_factor,
        )


def moment(text: str, zone: str) -> datetime:
    """Return the instant of a request: itself, or the first one of a date. Raises :class:`RequestError`."""
    try:
        return lasting(Period(start=text), zone).begins
    except ValueError:
        raise RequestError("/as_of: a date or an instant with an offset is needed") from None


def read_request(value: object) -> Request:
    """Read a request. Raises :class:`RequestError` for anything else, and for a key that is not known."""
    if not isinstance(value, Mapping):
        raise RequestError("/: a JSON object is needed")
    unknown = [one for one in value if one not in _KEYS]
    if unknown:
        raise RequestError(f"/: {len(unknown)} unknown keys; known are {', '.join(sorted(_KEYS))}")
    as_of = _text(value, "as_of") if "as_of" in value else ""
    if as_of:
        moment(as_of, "UTC")
    return Request(
        patient=_text(value, "patient"),
        purposes=iris(tuple(_codings(value, "purposeOfUse", needed=True))),
        actor=_text(value, "actor"),
        as_of=as_of,
        action=_action(value.get("action")),
        roles=tuple(_codings(value, "roles")),
        categories=tuple(_codings(value, "category")),
        classes=tuple(_codings(value, "class")),
        custodians=tuple(_custodians(value.get("custodian"))),
        emergency=_declaration(value.get("emergency")),
    )


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise RequestError(f"/{name}: a text is needed")
    return found


def _codings(value: Mapping[str, Any], name: str, *, needed: bool = False) -> Iterator[Coding]:
    found = value.get(name, [] if not needed else None)
    if not isinstance(found, list) or (needed and not found):
        raise RequestError(f"/{name}: a list of codings is needed")
    if len(found) > MOST:
        raise RequestError(f"/{name}: at most {MOST} codings may be listed")
    return (_coding(one, f"/{name}/{position}") for position, one in enumerate(found))


def _coding(value: object, place: str) -> Coding:
    system, code = (value.get("system"), value.get("code")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(system, str) or not isinstance(code, str) or not system or not code:
        raise RequestError(f"{place}: a coding with system and code is needed")
    return Coding(system, code)


def _action(value: object) -> Coding | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _ACTIONS:
            raise RequestError(f"/action: a coding, or one of {', '.join(sorted(_ACTIONS))}, is needed")
        return Coding(ACTION_SYSTEM, value)
    return _coding(value, "/action")


def _custodians(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        if not isinstance(one, str) or not one:
            raise RequestError("/custodian: a reference, or a list of them, is needed")
        yield one


def _declaration(value: object) -> Declaration | None:
    """Read a declaration: `reason` (words), `secondFactor` (true), `declaredAt` and `until` (instants)."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RequestError("/emergency: an object with reason, secondFactor, declaredAt and until is needed")
    reason = value.get("reason")
    return Declaration(
        declared_at=_instant(value, "declaredAt"),
        until=_instant(value, "until"),
        reason=isinstance(reason, str) and bool(reason.strip()),
        second_factor=value.get("secondFactor") is True,
    )


def _instant(value: Mapping[str, Any], name: str) -> datetime | None:
    if value.get(name) is None:
        return None
    try:
        return instant(value[name])
    except ValueError:
        raise RequestError(f"/emergency/{name}: an instant with an offset is needed") from None
