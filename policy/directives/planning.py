"""What can be worked out of a directive before anybody asks: effects, instants, roles, rules about items.

A plan is made once for each directive (and zone and depth) and kept with it; a request then only compares.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from policy.directives.actors import sorted_by_role
from policy.directives.asking import ACTION_SYSTEM, ALL_ACTIONS, Asking
from policy.directives.broad_reading import documented, is_broad
from policy.directives.broad_terms import OID, terms
from policy.directives.model import Coding, DataReference, Directive, Effect, Period, Provision
from policy.directives.periods import ALWAYS, Lasting, days, lasting
from policy.directives.purposive import EMERGENCIES, iris
from policy.instants import span
from policy.rules import DataRule

Days = tuple[date | None, date | None]

AUTHORS = "who recorded it"
_ASKED = (
    *("its class", "its kind", "its kind of document", "its codes", "its dates", "what it is or belongs to"),
    "how sensitive it is",
)


class Rule:
    """One provision, made ready: what a request is compared with at once, the rest when somebody asks for it.

    `lasting` None: nobody can read when it counts; `edged` says that it counts for some time only. `understood` is
    false where part of the rule was not. `bare`: it asks nothing of an item. `emergency` says that it holds in an
    emergency only.
    """

    __slots__ = (
        *("effect", "written", "lasting", "edged", "purposes", "actions", "actors", "window", "understood", "bare"),
        *("emergency", "_zone", "_data", "_nested"),
    )

    def __init__(self, written: Provision, effect: Effect, zone: str, *, emergency: bool = False) -> None:
        one = _relied_upon(written) if written.unknown else written
        period, of_data = one.period, one.data_period
        self.written, self.effect, self.emergency = one, effect, emergency
        self.edged = period is not None
        self.lasting = ALWAYS if period is None else _lasting(period, zone)
        self.window = None if of_data is None else _window(of_data, effect)
        self.purposes = None if one.purposes is None else iris(one.purposes)
        self.actions = None if one.actions is None else _actions(one.actions)
        self.actors = None if one.actors is None else sorted_by_role(one.actors)
        unreadable = self.lasting is None or (self.window is None and of_data is not None)
        self.understood = not (one.unknown or unreadable)
        self.bare = (
            of_data is None
            and one.labels is None
            and one.codes is None
            and one.classes is None
            and one.resource_types is None
            and one.document_types is None
            and one.data is None
        )
        self._zone = zone
        self._data: DataRule | None = None
        self._nested: tuple[Rule, ...] | None = None

    @property
    def pointer(self) -> str:
        """Where the rule stands."""
        return self.written.pointer

    @property
    def breaks_glass(self) -> bool:
        """Whether it is meant for emergencies."""
        return self.emergency or (self.purposes is not None and not EMERGENCIES.isdisjoint(self.purposes))

    @property
    def data(self) -> DataRule:
        """What the rule asks of an item."""
        if self._data is None:
            self._data = self.left((), None, sure=True)
        return self._data

    @property
    def nested(self) -> "tuple[Rule, ...]":
        """The rules within it; one that does not say its effect is an exception."""
        found = self._nested
        if found is None:
            below, zone = self.written.nested, self._zone
            found = tuple([Rule(one, one.effect or _other(self.effect), zone) for one in below]) if below else ()
            self._nested = found
        return found

    @property
    def asks(self) -> tuple[str, ...]:
        """What it asks of an item, in words."""
        if self.bare:
            return ()
        said = self.written
        kinds = (said.classes, said.resource_types, said.document_types)
        asked = (*kinds, said.codes, self.window, said.data, said.labels)
        return tuple([words for words, one in zip(_ASKED, asked, strict=True) if one is not None])

    def beside(self, other: "Rule") -> None:
        """Put another rule beside those nested in it."""
        self._nested = (*self.nested, other)

    def left(self, nested: tuple[DataRule, ...], authors: tuple[str, ...] | None, *, sure: bool) -> DataRule:
        """Return what is left to ask of items, with these rules in it; `sure`: the rule is about the request."""
        one = self.written
        return DataRule.of(
            {
                "effect": self.effect,
                "pointer": one.pointer,
                "classes": one.classes,
                "resource_types": one.resource_types,
                "document_types": one.document_types,
                "codes": one.codes,
                "window": self.window,
                "data": None if one.data is None else data_asked(one.data, self.effect),
                "labels": one.labels,
                "authors": authors,
                "unknown": not (sure and self.understood),
                "nested": nested,
            }
        )


def data_asked(listed: tuple[DataReference, ...], effect: Effect) -> tuple[DataReference, ...]:
    """Return the data a rule is about, by one name each: a denial by any of its names, a permit by the first only."""
    if not any(one.others for one in listed):
        return listed
    names = [(one.meaning, (one.reference, *(one.others if effect is Effect.DENY else ()))) for one in listed]
    return tuple(DataReference(meaning, name) for meaning, those in names for name in those)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A directive made ready; `faults` name why nobody can tell what it says.

    `root` None: there is a fault, or the directive is one by policy code (:mod:`policy.directives.broad`). `by_policy`:
    it holds such codes without saying that it is a document about research. Then it is judged by them where research is
    asked for, and as the tree it is elsewhere.
    """

    root: Rule | None
    decided: Lasting | None
    faults: tuple[str, ...]
    by_policy: bool = False


def plan(directive: Directive, asking: Asking) -> Plan:
    """Return the plan of a directive, made at the first call."""
    key = (asking.zone, asking.max_depth)
    found: Plan | None = directive.plans.get(key)
    if found is None:
        found = directive.plans[key] = _plan(directive, asking)
    return found


def _plan(directive: Directive, asking: Asking) -> Plan:
    faults = list(directive.unknown)
    decided = _decided(directive, asking.zone)
    if decided is None:
        faults.append("date")
    too_deep, by_policy = _surveyed(directive, asking.max_depth)
    by_policy = by_policy and is_broad(directive)
    if by_policy and documented(directive):  # it has no tree of rules about data, and is judged by its policy codes
        return Plan(root=None, decided=decided, faults=tuple(dict.fromkeys(faults)))
    effects = {effect for _, effect in directive.bases}
    if len(effects) != 1:
        faults.append("no base decision" if not effects else "base decisions disagree")
    if too_deep:
        faults.append("provisions nested too deeply")
    faults.extend(directive.root.unknown)
    if faults:
        return Plan(root=None, decided=decided, faults=tuple(dict.fromkeys(faults)))
    root = Rule(directive.root, effects.pop(), asking.zone)
    if directive.emergency_only:
        root.beside(_in_emergency(directive, asking.zone))
    return Plan(root=root, decided=decided, faults=(), by_policy=by_policy)


def _surveyed(directive: Directive, most: int) -> tuple[bool, bool]:
    """Whether the tree is deeper than may be, and whether the directive may be one by policy code.

    Goes no deeper than may be to see the former; what is deeper is not judged anyhow.
    """
    policies = terms()
    documents, system = policies.documents, policies.system
    stated = [*(one.removeprefix(OID) for one in directive.policies), *(one.code for one in directive.categories)]
    by_policy = not documents.keys().isdisjoint(stated)
    level: tuple[Provision, ...] | list[Provision] = (directive.root,)
    for _ in range(max(most, 0) + 1):
        below: list[Provision] = []
        for one in level:
            if one.codes is not None and not by_policy:
                by_policy = system in [coding.system for concept in one.codes for coding in concept]
            if one.nested:
                below += one.nested
        if not below:
            return False, by_policy
        level = below
    return True, by_policy


def _decided(directive: Directive, zone: str) -> Lasting | None:
    return ALWAYS if directive.decided_at is None else _lasting(Period(start=directive.decided_at), zone)


# What the elements of a provision are called in FHIR, and here. The rest of what may be unknown (an expression, the
# effect) stands beside them and takes nothing from them.
_ELEMENTS = MappingProxyType(
    {
        "period": "period",
        "actor": "actors",
        "action": "actions",
        "purpose": "purposes",
        "class": "classes",
        "resourceType": "resource_types",
        "documentType": "document_types",
        "code": "codes",
        "dataPeriod": "data_period",
        "data": "data",
        "securityLabel": "labels",
    }
)
_BESIDE = frozenset({"type", "expression"})


def _relied_upon(one: Provision) -> Provision:
    """Return a rule that was not wholly understood without the elements that may mean more than was read of them.

    What is not understood as a whole (a modifier, an element nobody knows) may change the meaning of every element.
    """
    named = {
        name.removeprefix(f"{one.pointer}/").partition("/")[0] if name.startswith(f"{one.pointer}/") else ""
        for name in one.unknown
    }
    if not named <= _ELEMENTS.keys() | _BESIDE:
        named = set(_ELEMENTS)
    gone: dict[str, Any] = {_ELEMENTS[name]: None for name in named if name in _ELEMENTS}
    return replace(one, **gone)


def _in_emergency(directive: Directive, zone: str) -> Rule:
    """EMRGONLY: a no that an emergency opens."""
    pointer = next((place for place, effect in directive.bases if effect is Effect.DENY), "")
    return Rule(Provision(effect=Effect.PERMIT, pointer=pointer), Effect.PERMIT, zone, emergency=True)


def _other(effect: Effect) -> Effect:
    return Effect.DENY if effect is Effect.PERMIT else Effect.PERMIT


class Actions(NamedTuple):
    """The actions of a rule; `closed`: every one is of FHIR's own list, so that another of these is none of them."""

    codes: frozenset[Coding]
    closed: bool


@lru_cache(maxsize=4096)
def _actions(listed: tuple[tuple[Coding, ...], ...]) -> Actions:
    known = (any(one.system == ACTION_SYSTEM and one.code in ALL_ACTIONS for one in concept) for concept in listed)
    return Actions(frozenset(one for concept in listed for one in concept), bool(listed) and all(known))


# --- periods: dates come again and again, so that each is read once ---------------------------------------------------


def _lasting(period: Period, zone: str) -> Lasting | None:
    """Return when a period lasts; None: nobody can read it, or it ends before it begins."""
    start, end = period.start, period.end
    if start is None and end is None:
        return None
    begins = ALWAYS.begins if start is None else _begins(start, zone)
    until = ALWAYS.until if end is None else _until(end, zone)
    return None if begins is None or until is None or until <= begins else Lasting(begins, until)


def _window(period: Period, effect: Effect) -> Days | None:
    """Return the days of a window: for a permit those wholly in it, for a denial all it touches; None: unreadable."""
    start, end, inner = period.start, period.end, effect is Effect.PERMIT
    if start is None and end is None:
        return None
    if (start is None or "T" not in start) and (end is None or "T" not in end):
        return _whole_days(start, end)
    if _lasting(period, "UTC") is None:
        return None
    first = None if start is None else _first_day(start, inner)
    last = None if end is None else _last_day(end, inner)
    return None if first is not None and last is not None and first > last else (first, last)


def _whole_days(start: str | None, end: str | None) -> Days | None:
    """Return the days between dates, all of which belong to a window, whatever it is for; None: unreadable."""
    opens, closes = _span(start), _span(end)
    if opens is None or closes is None or closes[1] < opens[0]:
        return None
    return None if start is None else opens[0], None if end is None else closes[1]


@lru_cache(maxsize=65536)
def _span(text: str | None) -> tuple[date, date] | None:
    try:
        return (date.min, date.max) if text is None else span(text)
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def _begins(text: str, zone: str) -> datetime | None:
    try:
        return lasting(Period(start=text), zone).begins
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def _until(text: str, zone: str) -> datetime | None:
    try:
        return lasting(Period(end=text), zone).until
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def _first_day(text: str, inner: bool) -> date:
    day = days(Period(start=text)).start
    return _next(day, 1) if inner and _clock(text) not in {None, "00:00", "00:00:00"} else day


@lru_cache(maxsize=65536)
def _last_day(text: str, inner: bool) -> date:
    day = days(Period(end=text)).end
    return _next(day, -1) if inner and _clock(text) not in {None, "23:59", "23:59:59"} else day


def _clock(text: str) -> str | None:
    """Return the time of day that was written, without fraction and offset; None: a date only."""
    return text[11:].rstrip("Z").split("+")[0].split("-")[0].split(".")[0] if "T" in text else None


def _next(day: date, towards: int) -> date:
    try:
        return day + timedelta(days=towards)
    except OverflowError:
        return day
