"""The variables of a comparison: what every left operand of all sides is compared with, and so what its values are.

A variable is a left operand, by itself or in a refinement of an action, asset or party. In an `andSequence` each phase
has a delay of its own. A comparison that cannot be read (another unit, a reference, an operator without meaning for
the operand) is an opaque set: it may hold or not, and so decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

from policy.odrl.compatibility.formulas import Formula, Leaf, joined
from policy.odrl.compatibility.sets.axes import Axis, axis_of, band, domain, place
from policy.odrl.compatibility.sets.bands import Band
from policy.odrl.compatibility.sets.names import Names, Relation
from policy.odrl.compatibility.sets.recurring import Recurrence
from policy.odrl.compatibility.sets.vocabularies import OF_LANGUAGES, OF_PURPOSES, Vocabulary
from policy.odrl.evaluating.operators import FAMILIES
from policy.odrl.evaluating.values import Family, Value, Zone, value
from policy.odrl.model import Constraint, Literal, Logical, Term
from policy.odrl.vocabulary import ODRL, PURPOSE
from policy.purposes import expand, purpose

DELAY, ELAPSED, METERED, INTERVAL = (
    f"{ODRL}{name}" for name in ("delayPeriod", "elapsedTime", "meteredTime", "timeInterval")
)
COUNT = f"{ODRL}count"
MAX_LEVELS = 100


@dataclass(frozen=True, slots=True)
class Scoped:
    """A term and what it limits: nothing in particular, or the action, asset or party that it refines."""

    term: Term
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """Times that follow one another within a longer one: together they take no longer than `total`."""

    parts: tuple[str, ...]
    total: str


@dataclass(slots=True)
class Variable:
    """What is known of a variable. Without axis and not `named`, nothing is."""

    left: str
    written: list[Constraint] = field(default_factory=list)
    axis: Axis | None = None
    named: bool = False
    known: Vocabulary = field(default_factory=Vocabulary)
    literals: dict[str, Literal] = field(default_factory=dict)
    values: dict[int, tuple[Value, ...]] = field(default_factory=dict)

    @property
    def domain(self) -> Band | None:
        """The values it can have at all, None if it has no axis."""
        return None if self.axis is None else domain(self.left, self.axis)


class Sheet:
    """All variables of some terms; then each of these terms as a formula."""

    def __init__(
        self,
        terms: Iterable[Scoped],
        known: Vocabulary | None = None,
        anchors: Mapping[str, Literal] = MappingProxyType({}),
    ) -> None:
        self.variables: dict[str, Variable] = {}
        self.chains: list[Chain] = []
        self._known = known
        self._anchors = anchors
        self._formulas: dict[tuple[int, bool], tuple[Scoped, Formula]] = {}
        for one in terms:
            for name, constraint in _constraints(one.term, one.scope):
                self.variables.setdefault(name, Variable(constraint.left)).written.append(constraint)
        for variable in self.variables.values():
            self._settle(variable)
        if METERED in self.variables and ELAPSED in self.variables:
            # What is metered is the part of the time elapsed in which the asset was used (ODRL Vocabulary 4.4).
            self.chains.append(Chain((METERED,), ELAPSED))

    @property
    def size(self) -> int:
        """How many values its variables are compared with: what it has cost to make it."""
        return sum(len(constraint.right) for variable in self.variables.values() for constraint in variable.written)

    def formula(self, scoped: Scoped, *, holds: bool = True) -> Formula:
        """Return a term as a formula. With `holds` its sequences are taken to happen."""
        key = id(scoped), holds
        if key not in self._formulas:
            self._formulas[key] = scoped, self._formula(scoped.term, scoped.scope, holds, 0)
        return self._formulas[key][1]

    def _formula(self, term: Term, scope: str, holds: bool, level: int) -> Formula:
        if isinstance(term, Constraint):
            return self._leaf(_name(term, scope), term)
        if level > MAX_LEVELS:
            return Leaf(scope)
        if term.operator == "andSequence" and any(_delay(part) for part in term.parts):
            return self._sequence(term, scope, holds, level)
        operator = "and" if term.operator == "andSequence" else term.operator
        inside = holds and operator == "and"
        return joined(operator, [self._formula(part, scope, inside, level + 1) for part in term.parts])

    def _sequence(self, term: Logical, scope: str, holds: bool, level: int) -> Formula:
        names = _phases(term, scope)
        delays = [name for name, part in zip(names, term.parts, strict=True) if name and _delay(part)]
        if holds and not scope:
            self.chains.append(Chain(tuple(delays), ELAPSED))
        return joined(
            "and",
            [
                self._phase(name, part, holds) if name else self._formula(part, scope, holds, level + 1)
                for name, part in zip(names, term.parts, strict=True)
            ],
        )

    def _phase(self, name: str, part: Term, holds: bool) -> Leaf:
        # A sequence that need not happen bounds no time; what its delays then mean nobody says.
        return self._leaf(name, part) if holds and isinstance(part, Constraint) else Leaf(name)

    # --- what a variable is -------------------------------------------------------------------------------------------

    def _settle(self, variable: Variable) -> None:
        readable = {number: one for number, one in enumerate(variable.written) if _readable(one)}
        if len({one.unit.key if one.unit else None for one in readable.values()}) > 1:
            return
        found = {number: _values(one, variable.left) for number, one in readable.items()}
        families = {one.family for some in found.values() for one in some or ()}
        if len(families) == 2 and Family.TEXT in families:
            # An untyped text beside typed values is read as one of them, as evaluation does.
            family = (families - {Family.TEXT}).pop()
            found = {number: _values(one, variable.left, family) for number, one in readable.items()}
        variable.values = {id(readable[number]): some for number, some in found.items() if some is not None}
        self._classify(variable, [one for some in variable.values.values() for one in some])

    def _classify(self, variable: Variable, values: list[Value]) -> None:
        families = {one.family for one in values}
        variable.named = families in ({Family.TEXT}, {Family.LANGUAGE}, {Family.BOOLEAN})
        if variable.named:
            own = {PURPOSE: OF_PURPOSES}.get(variable.left, OF_LANGUAGES if families == {Family.LANGUAGE} else None)
            variable.known = self._known or own or Vocabulary()
            for constraint in variable.written:
                for literal in constraint.right:
                    variable.literals.setdefault(_spelled(literal.text), literal)
        else:
            variable.axis = axis_of(values, counted=variable.left == COUNT)

    # --- a constraint as a set ----------------------------------------------------------------------------------------

    def _leaf(self, name: str, constraint: Constraint) -> Leaf:
        variable = self.variables[name]
        values = variable.values.get(id(constraint))
        if values is None:
            return Leaf(name)
        if variable.named:
            return Leaf(name, names=_names(constraint, values, variable.known))
        return self._on_axis(name, constraint, values, variable.axis)

    def _on_axis(self, name: str, constraint: Constraint, values: tuple[Value, ...], axis: Axis | None) -> Leaf:
        places = [place(one, axis) for one in values] if axis else [None]
        known = [one for one in places if one is not None]
        if axis is None or len(known) < len(places):
            return Leaf(name)
        if constraint.left == INTERVAL and constraint.operator == "eq" and axis is Axis.SECONDS and len(known) == 1:
            return Leaf(name, recurrence=self._recurrence(known[0].low.at or Fraction(0), constraint))
        return Leaf(name, band(constraint.operator, known, axis))

    def _recurrence(self, period: Fraction, constraint: Constraint) -> Recurrence:
        stated = self._anchors.get(constraint.node)
        found = value(stated, Family.MOMENT) if stated else None
        at = place(found, Axis.LOCAL) if found and found.family is Family.MOMENT else None
        if found is None or at is None or at.low.at is None:
            return Recurrence(period, None)
        return Recurrence(period, at.low.at / 10**6, local=found.key.zone is Zone.LOCAL)


def _constraints(term: Term, scope: str, level: int = 0) -> Iterator[tuple[str, Constraint]]:
    if isinstance(term, Constraint):
        yield _name(term, scope), term
    elif level <= MAX_LEVELS:
        names = _phases(term, scope) if term.operator == "andSequence" else [""] * len(term.parts)
        for name, part in zip(names, term.parts, strict=True):
            if name and isinstance(part, Constraint):
                yield name, part
            else:
                yield from _constraints(part, scope, level + 1)


def _name(constraint: Constraint, scope: str) -> str:
    return f"{scope} {constraint.left}" if scope else constraint.left


def _delay(part: Term) -> bool:
    return isinstance(part, Constraint) and part.left == DELAY


def _phases(term: Logical, scope: str) -> list[str]:
    """The variable of each part of a sequence that is a delay, empty for the others."""
    count = sum(map(_delay, term.parts))
    plain = f"{scope} {DELAY}" if scope else DELAY
    numbers = iter(range(1, count + 1))
    return [
        (plain if count == 1 else f"{plain} {next(numbers)} of {count}") if _delay(one) else "" for one in term.parts
    ]


def _readable(constraint: Constraint) -> bool:
    return not (constraint.by_reference or constraint.given or constraint.status)


def _values(constraint: Constraint, left: str, family: Family | None = None) -> tuple[Value, ...] | None:
    found = [value(one, FAMILIES.get(left, family), constraint.datatype) for one in constraint.right]
    read = tuple(one for one in found if one is not None and not one.language)
    return read if len(read) == len(found) else None


def _spelled(text: str) -> str:
    """The one spelling of a name: a purpose may be written in several ways."""
    found = purpose(text)
    return found.iri if found else expand(text)


def _names(constraint: Constraint, values: tuple[Value, ...], known: Vocabulary) -> Names | None:
    """A comparison of names as a set of names; None for an operator without meaning for names."""
    names = tuple(dict.fromkeys(_spelled(str(one.key)) for one in values))
    covering = known.covering and any(map(known.knows, names))
    listed = Relation.WITHIN if covering else Relation.SAME
    excluded = Relation.TOUCHING if covering else Relation.SAME
    if constraint.operator in {"isAnyOf", "isNoneOf"}:
        outside = constraint.operator == "isNoneOf"
        return Names(excluded if outside else listed, names, outside)
    if constraint.operator == "isAllOf":
        return Names(Relation.SAME, names, every=len(names) > 1)
    if len(names) != 1:
        return None
    relations = {"eq": Relation.SAME, "isA": Relation.WITHIN, "isPartOf": Relation.WITHIN, "hasPart": Relation.AROUND}
    if constraint.operator == "neq":
        return Names(excluded, names, outside=True)
    found = relations.get(constraint.operator)
    return Names(found, names) if found else None
