"""What could be otherwise: for each left operand, the time and each name the values between which a policy can tell.

Every value that a term names is tried, those next to and between them, what the vocabulary holds, and one that is named
nowhere. Of values that all terms answer alike one is enough, the first.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from policy.odrl import vocabulary as v
from policy.odrl.counterfactual.budget import Budget
from policy.odrl.counterfactual.changes import FRESH, LONG_AGO, Asked
from policy.odrl.counterfactual.neighbours import MANY, between, neighbours
from policy.odrl.evaluating import Compiled, Request
from policy.odrl.evaluating.conditions import CompiledDuty
from policy.odrl.evaluating.finding import referred
from policy.odrl.evaluating.matching import CompiledEntity, canonical
from policy.odrl.evaluating.operators import FAMILIES
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.terms import CompiledTerm
from policy.odrl.evaluating.truth import Truth
from policy.odrl.evaluating.values import Value, value
from policy.odrl.model import Constraint, Literal
from policy.purposes import known

T = TypeVar("T")
_RAW = 400  # how many values of one operand are tried
_TESTS = 20_000  # how many tests one operand's values may cost
_LATE = datetime(9999, 12, 1, tzinfo=UTC)
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


class Choice(NamedTuple):
    """Values that a left operand could have, and the unit they are in."""

    values: tuple[Literal, ...]
    unit: str | None = None


class Leaf(NamedTuple):
    """One constraint, ready to ask."""

    stated: Constraint
    term: CompiledTerm


def leaves(term: CompiledTerm) -> Iterator[Leaf]:
    """Every constraint in a term."""
    waiting = [term]
    while waiting:
        one = waiting.pop()
        if isinstance(one.term, Constraint):
            yield Leaf(one.term, one)
        waiting.extend(reversed(one.parts))


class Pools:
    """The pools of one question."""

    def __init__(self, compiled: Compiled, asked: Asked, budget: Budget) -> None:
        self.compiled, self.asked, self.budget = compiled, asked, budget
        self.rules: tuple[CompiledRule, ...] = (*compiled.rules.permissions, *compiled.rules.prohibitions)
        self._choices: dict[str, tuple[Choice, ...]] = {}

    @cached_property
    def _leaves(self) -> dict[str, list[Leaf]]:
        found: dict[str, list[Leaf]] = {}
        for term in self._terms():
            for leaf in leaves(term):
                if leaf.stated.given is None:
                    found.setdefault(leaf.stated.left, []).append(leaf)
        return found

    def _terms(self) -> Iterator[CompiledTerm]:
        for rule in self.rules:
            yield from rule.terms
            yield from (term for one in rule.actions for term in one.refinements)
            yield from (term for one in (*rule.targets, *rule.parties) for term in one.refinements)
        for duty in self.duties():
            yield from duty.terms
            yield from chain.from_iterable(one.refinements for one in duty.actions)

    def duties(self) -> Iterator[CompiledDuty]:
        """Every duty, of the permissions and of the policy."""
        yield from self.compiled.duties
        yield from chain.from_iterable(rule.duties for rule in self.rules)

    # --- values of a left operand ------------------------------------------------------------------------------------

    def choices(self, left: str) -> tuple[Choice, ...]:
        """The values of a left operand between which the policy can tell."""
        if left not in self._choices:
            about = self._leaves.get(left, [])
            units = dict.fromkeys(leaf.stated.unit.text if leaf.stated.unit else None for leaf in about)
            raw = (Choice(values, unit) for values in self._values(left, about) for unit in islice(units, 4))
            most = min(_RAW, max(16, _TESTS // max(1, len(about))))
            self._choices[left] = self._distinct(
                islice(raw, most), [leaf.term.test for leaf in about], self._with(left)
            )
        return self._choices[left]

    def _with(self, left: str) -> "Callable[[Choice], Request]":
        def request(choice: Choice) -> Request:
            units = {} if choice.unit is None else {left: choice.unit}
            return Request("", features={left: choice.values}, units=units)

        return request

    def _distinct(
        self, raw: Iterable[T], tests: Sequence[Callable[..., Truth]], asking: "Callable[[T], Request]"
    ) -> tuple[T, ...]:
        state = self.asked.state
        found: dict[Hashable, T] = {}
        for one in raw:
            self.budget.spend(1 + len(tests) // 8)
            request = asking(one)
            found.setdefault(tuple([test(request, state) for test in tests]), one)
        return tuple(found.values())

    def _values(self, left: str, about: Sequence[Leaf]) -> Iterator[tuple[Literal, ...]]:
        named = list(dict.fromkeys(one for leaf in about for one in self._right(leaf)))
        yield from ((one,) for one in named[:MANY])
        yield from dict.fromkeys(self._right(leaf) for leaf in about if leaf.stated.operator in {"isAllOf", "eq"})
        yield from ((one,) for one in self._next(left, named))
        yield (Literal(FRESH),)
        yield from ((Literal(name),) for name in self._names())
        if left == v.PURPOSE and len(about) * len(known()) <= _TESTS:
            yield from ((Literal(iri),) for iri in known())
        # A value that is not known on either side of a comparison can be anything that its family allows.
        yield from ((Literal(text),) for text in ("1", "2026-01-01T00:00:00Z", "P1D"))

    def _right(self, leaf: Leaf) -> tuple[Literal, ...]:
        stated = leaf.stated
        found = referred(stated, self.asked.state)
        if stated.datatype is None:
            return found
        return tuple(Literal(one.text, one.datatype or stated.datatype, one.language) for one in found)

    def _next(self, left: str, named: Iterable[Literal]) -> Iterator[Literal]:
        families: dict[Hashable, list[tuple[Literal, Value]]] = {}
        for literal in named:
            read = value(literal, FAMILIES.get(left))
            if read is not None:
                families.setdefault((read.family, literal.datatype), []).append((literal, read))
        for found in families.values():
            yield from neighbours(found)

    def _names(self) -> Iterator[str]:
        """Names that the state relates to others."""
        state = self.asked.state
        stated = [one for relation in (state.kinds, state.apart, state.part_of) for one in relation.items()]
        names = chain.from_iterable((name, *sorted(others)) for name, others in stated)
        return islice(dict.fromkeys(names), MANY)

    def sources(self, left: str) -> tuple[Choice, ...]:
        """What a reference could stand for: the values that its left operand has or could have, and those next."""
        state, request = self.asked.state, self.asked.request
        had = request.features.get(left) or state.features.get(left) or ()
        near = [(one,) for one in self._next(left, had)]
        return tuple(map(Choice, dict.fromkeys([*([tuple(had)] if had else []), *near]))) + self.choices(left)

    # --- the time ----------------------------------------------------------------------------------------------------

    @cached_property
    def times(self) -> tuple[datetime, ...]:
        """The times of asking between which the policy can tell, those to come first, nearest first."""
        request, state = self.asked.request, self.asked.state
        now = request.at or state.now
        aware = now is None or now.tzinfo is not None
        done = [one.at for one in state.performed if one.at is not None and (one.at.tzinfo is not None) is aware]
        timed = [term for term in self._terms() if term.changes is not None]
        edges = {edge for term in timed for edge in (term.changes(state, aware) if term.changes else ())}
        raw = list(self._times(sorted({*edges, *done})[:_RAW], now))
        start = now or (LONG_AGO if aware else LONG_AGO.replace(tzinfo=None))
        raw.sort(key=lambda one: (one < start, abs(one - start)))
        tests: list[Callable[..., Truth]] = [term.test for term in timed]
        tests += [lambda ask, _state, at=at: at < ask.at for at in done]
        most = min(len(raw), max(16, _TESTS // max(1, len(tests))))
        return self._distinct(raw[:most], tests, lambda at: Request("", at=at))

    def _times(self, edges: Sequence[datetime], now: datetime | None) -> Iterator[datetime]:
        if now is None:
            yield LONG_AGO
        elif self.compiled.behaviour.week_days:
            yield from (now + _DAY * number for number in range(1, 7) if now < _LATE.replace(tzinfo=now.tzinfo))
        for edge in edges:
            yield edge
            for step in (-_SECOND, _SECOND, _DAY, -_DAY):
                try:
                    yield edge + step
                except OverflowError:
                    continue
        yield from between(edges)

    # --- names -------------------------------------------------------------------------------------------------------

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """The actions between which the rules can tell: those they name, then any that lies within one of these."""
        named = (canonical(action.action.iri) for rule in self.rules for action in rule.actions)
        found: dict[Hashable, str] = {}
        for name in islice(dict.fromkeys((*named, *v.actions(), FRESH)), _RAW):
            self.budget.spend(1 + len(self.rules) // 8)
            found.setdefault(tuple(rule.includes(name) for rule in self.rules), name)
        return tuple(found.values())

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The assets that rules name, what the state says is part of one, and one that is named nowhere."""
        return self._entities([one for rule in self.rules for one in rule.targets])

    @cached_property
    def parties(self) -> tuple[str, ...]:
        """The same of parties."""
        return self._entities([one for rule in self.rules for one in rule.parties])

    def _entities(self, entities: Sequence[CompiledEntity]) -> tuple[str, ...]:
        named = [name for one in entities for name in (one.entity.iri, one.entity.node) if plain(name)]
        return tuple(islice(dict.fromkeys((*named[:MANY], *self.asked.state.part_of, FRESH)), 2 * MANY))


def plain(name: str) -> bool:
    """Whether a name is one that can be asked for: not empty and no blank node."""
    return bool(name) and not name.startswith("_:")
