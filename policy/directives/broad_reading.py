"""The provisions of a broad consent as flat statements: yes or no to one policy, for some time (reference S13).

What such a consent does not say in its own simple way is taken for the worse: a yes that names no policy, or that has
any further condition, is no yes; a no that names none is a no to all of them, and a no to a module to all its policies.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from policy.directives.asking import MAX_DEPTH
from policy.directives.broad_days import Said
from policy.directives.broad_terms import OID, Kind, terms
from policy.directives.model import Directive, Effect, Period, Provision
from policy.directives.periods import ALWAYS, Lasting, days, lasting
from policy.directives.windows import Window, intersect
from policy.instants import span

_REFUSES = frozenset({Kind.REFUSAL, Kind.WITHDRAWAL})
_FLIPPED = {Effect.PERMIT: Effect.DENY, Effect.DENY: Effect.PERMIT}


class BroadError(ValueError):
    """A consent cannot be read as statements; the text says where (consent and JSON pointer) and why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One yes or no: of which consent, where in it, to what, for which days, and when it is in force."""

    id: str
    pointer: str
    said: Said
    lasting: Lasting


@dataclass(frozen=True, slots=True)
class _Place:
    """What a provision inherits from those it stands in."""

    effect: Effect
    codes: frozenset[str] | None
    days: Window
    lasting: Lasting
    limited: bool = False
    depth: int = -1


def is_broad(directive: Directive) -> bool:
    """Whether the directive is a broad consent: by the codes of its provisions, its category or its document."""
    return bool(_documents(directive)) or any(_codes(one) for one in _tree(directive.root))


def documented(directive: Directive) -> bool:
    """Whether the directive itself says that it is a document of the broad consent, or about research alone."""
    scopes = {one.code for one in directive.scope}
    return bool(_documents(directive)) or scopes == {"research"}


def statements(directive: Directive, zone: str, *, capped: bool = True) -> tuple[Statement, ...]:
    """Return what the consent says; `capped`: a yes holds no longer than its policy does.

    Raises :class:`BroadError` where a period cannot be read, or provisions are nested too deep.
    """
    return tuple(_Reader(directive, zone, capped).all())


@dataclass(frozen=True, slots=True)
class _Reader:
    directive: Directive
    zone: str
    capped: bool

    def all(self) -> Iterator[Statement]:
        """Each statement of the consent. A document that refuses or withdraws everything says so as a whole."""
        kinds, root = _documents(self.directive), self.directive.root
        place = self._within(root, _Place(self._default(), None, Window(date.min, date.max), ALWAYS))
        if place is None:
            return iter(())
        refuses = bool(kinds & _REFUSES)
        if refuses:  # from then on: the day such a document was signed is often written as its beginning and its end
            place = replace(place, days=Window(date.min, date.max), lasting=Lasting(place.lasting.begins, ALWAYS.until))
        if refuses or (not root.nested and place.effect is Effect.DENY):
            return self._state(root.pointer, replace(place, effect=Effect.DENY, codes=None if refuses else place.codes))
        own = self._state(root.pointer, place) if root.codes is not None else ()
        return chain(own, self._nested(root, place))

    def _default(self) -> Effect:
        """What the root says as a whole; where nobody wrote it, or wrote both, no."""
        return Effect.PERMIT if {one for _, one in self.directive.bases} == {Effect.PERMIT} else Effect.DENY

    def _nested(self, parent: Provision, place: _Place) -> Iterator[Statement]:
        if place.depth > MAX_DEPTH:
            raise BroadError(f"{self.directive.id}{parent.pointer}: nested more than {MAX_DEPTH} deep")
        for one in parent.nested:
            effect = one.effect or _FLIPPED[place.effect]
            within = self._within(one, replace(place, effect=effect))
            if within is not None:
                yield from self._state(one.pointer, within)
                yield from self._nested(one, within)

    def _within(self, one: Provision, place: _Place) -> _Place | None:
        """The place of a provision within another; None if it never is in force."""
        try:
            own, times = days(one.period), lasting(one.period, self.zone)
        except ValueError as fault:
            raise BroadError(f"{self.directive.id}{one.pointer}/period: {fault}") from None
        shared = intersect([own], [place.days])
        begins, until = max(times.begins, place.lasting.begins), min(times.until, place.lasting.until)
        if not shared or until <= begins:
            return None
        codes = _codes(one) if one.codes is not None else place.codes
        limited = place.limited or _limited(one)
        return _Place(place.effect, codes, shared[0], Lasting(begins, until), limited, place.depth + 1)

    def _state(self, pointer: str, place: _Place) -> Iterator[Statement]:
        name = self.directive.id
        if place.effect is Effect.DENY:
            for code in sorted(_meant(place.codes)):
                yield Statement(name, pointer, Said(code, place.days, permits=False), place.lasting)
            return
        for code in () if place.limited else sorted(place.codes or ()):
            held = self._held(code, place) if self.capped else (place.days, place.lasting)
            if held is not None:
                yield Statement(name, pointer, Said(code, held[0], permits=True), held[1])

    def _held(self, code: str, place: _Place) -> tuple[Window, Lasting] | None:
        """The days and the time a yes has at most, by the validity of its policy; None: it never counts."""
        policy, since = terms().policies.get(code), self._since(place)
        if policy is None or policy.years is None or since is None:
            return None
        last = _last(since, policy.years)
        until = min(place.lasting.until, lasting(Period(end=last.isoformat()), self.zone).until)
        if last < place.days.start or until <= place.lasting.begins:
            return None
        return Window(place.days.start, min(place.days.end, last)), Lasting(place.lasting.begins, until)

    def _since(self, place: _Place) -> date | None:
        """From when a yes holds: from its own beginning, but not from before it was given."""
        try:
            decided = None if self.directive.decided_at is None else span(self.directive.decided_at)[0]
        except ValueError as fault:
            raise BroadError(f"{self.directive.id}: when it was given: {fault}") from None
        begins = None if place.days.start == date.min else place.days.start
        return max((one for one in (decided, begins) if one is not None), default=None)


def _last(since: date, years: int) -> date:
    """The anniversary, which still belongs to the time: sources write the end either way."""
    try:
        return since.replace(year=since.year + years)
    except ValueError:  # 29 February, or beyond the calendar
        return date.max if since.year + years > date.max.year else date(since.year + years, 2, 28)


def _codes(one: Provision) -> frozenset[str]:
    system = terms().system
    return frozenset(coding.code for concept in one.codes or () for coding in concept if coding.system == system)


def _meant(codes: Iterable[str] | None) -> frozenset[str]:
    """The policies that a no is about: those named, those of the modules named, or all if it names none."""
    named = frozenset(codes or ())
    policies = terms().policies
    return named | frozenset(code for code, one in policies.items() if not named or one.module in named)


def _limited(one: Provision) -> bool:
    """Whether there is a condition beyond policy and time, or something that nobody understood."""
    others = (
        one.actors, one.actions, one.purposes, one.classes, one.resource_types, one.document_types, one.data_period,
        one.data, one.labels,
    )  # fmt: skip
    return bool(one.unknown) or any(other is not None for other in others)


def _documents(directive: Directive) -> frozenset[Kind]:
    """What kinds of document of the broad consent it says that it is."""
    stated = {one.removeprefix(OID) for one in directive.policies} | {one.code for one in directive.categories}
    return frozenset(terms().documents[one] for one in stated if one in terms().documents)


def _tree(root: Provision) -> Iterator[Provision]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.nested
