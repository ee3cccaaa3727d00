"""Duties as conditions of a permission, looked at before anything is done (Formal Semantics, evaluation of conditions).

A duty is active while all its own constraints are met. It is fulfilled by an action of its class, refinements and all,
that was performed before; who performed it counts only where the duty itself names a party (somebody else may pay).
What an earlier report says of the duty stands above what can be seen here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.odrl.evaluating.behaviours import Behaviour, Duties
from policy.odrl.evaluating.matching import (
    CompiledAction,
    CompiledEntity,
    compile_action,
    compile_entities,
    entity_test,
)
from policy.odrl.evaluating.quick import Test
from policy.odrl.evaluating.request import Asking, Performed
from policy.odrl.evaluating.state import Deontic, DutyState, Performance, State
from policy.odrl.evaluating.terms import CompiledTerm, compile_terms
from policy.odrl.evaluating.truth import Truth, all_of, any_of, negated
from policy.odrl.model import Named, Rule
from policy.odrl.vocabulary import DUTIES, ODRL

_COMPENSATE, _COMPENSATED = f"{ODRL}compensate", f"{ODRL}compensatedParty"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledDuty:
    """A duty ready to ask. `key` is its name among obligations, `blocks` the behaviour's choice of when it blocks."""

    rule: Rule
    key: str
    terms: tuple[CompiledTerm, ...]
    actions: tuple[CompiledAction, ...]
    targets: tuple[CompiledEntity, ...]
    parties: tuple[CompiledEntity, ...]
    functions: Named
    consequences: "tuple[CompiledDuty, ...]"
    mode: Duties

    def active(self, ask: Asking, state: State) -> Truth:
        """Whether all its constraints are met."""
        return all_of([term.test(ask, state) for term in self.terms])

    def performed(self, ask: Asking, state: State) -> Truth:
        """Whether its action was performed before what is asked."""
        known = self.known(state)
        if known is not None and known.performance is not Performance.UNKNOWN:
            return known.performance is Performance.PERFORMED
        before = ask.at or state.now
        found = any_of([self.fulfilled_by(event, before, state) for event in state.performed])
        return found if known is None or found is True else None

    def fulfilled_by(self, event: Performed, before: datetime | None, state: State) -> Truth:
        """Whether one performed action is of the class this duty is about, and lies before the given instant."""
        if event.duty and event.duty not in {self.rule.uid, self.rule.node}:
            return False
        answers: list[Truth] = [any_of([action.matches(event, state) for action in self.actions])]
        answers += [test(event, state) for test in self._entity_tests()]
        answers += [_function(event, function, names) for function, names in _named(self.functions)]
        answers.append(_earlier(event.at, before))
        return all_of(answers)

    def _entity_tests(self) -> list[Test]:
        return [test for test in (entity_test(self.targets), entity_test(self.parties)) if test is not None]

    def known(self, state: State) -> DutyState | None:
        """What an earlier report says of it."""
        for name in (self.rule.uid, self.rule.node):
            if name and name in state.duties:
                return state.duties[name]
        return None

    def deontic(self, ask: Asking, state: State) -> Deontic:
        """Not set, fulfilled or violated; a duty that is not active is neither fulfilled nor violated."""
        known = self.known(state)
        if known is not None and known.deontic is not Deontic.NOT_SET:
            return known.deontic
        fulfilled = self.active(ask, state) is True and self.performed(ask, state) is True
        return Deontic.FULFILLED if fulfilled else Deontic.NOT_SET

    def allows(self, ask: Asking, state: State) -> Truth:
        """Whether its permission may be active, as far as this duty goes."""
        known = self.known(state)
        if known is not None and known.deontic is Deontic.VIOLATED:
            return self._made_good(ask, state)
        if self.mode is Duties.OPEN or (known is not None and known.deontic is Deontic.FULFILLED):
            return True
        if self.mode is Duties.PROMISED and self.promised(state):
            return True
        return any_of([negated(self.active(ask, state)), self.performed(ask, state)])

    def promised(self, state: State) -> bool:
        """Whether somebody here carries it out with whatever is permitted."""
        return self.key in state.executors or self.rule.action in state.executors

    def _made_good(self, ask: Asking, state: State) -> Truth:
        """A violated duty no longer blocks once every consequence is fulfilled and it has been done after all."""
        if not self.consequences:
            return False
        done = [one.performed(ask, state) for one in self.consequences]
        return all_of([self.performed(ask, state), *done])


def compile_duties(
    duties: Sequence[Rule], behaviour: Behaviour, notes: list[str], above: Rule | None = None
) -> tuple[CompiledDuty, ...]:
    """Return duties ready to ask; `above` is the rule they stand under, from which they may have their parties."""
    return tuple([_duty(one, behaviour, notes, above) for one in duties]) if duties else ()


def _duty(rule: Rule, behaviour: Behaviour, notes: list[str], above: Rule | None) -> CompiledDuty:
    own = rule.assignees if above is None or rule.assignees != above.assignees else ()
    return CompiledDuty(
        rule,
        DUTIES.get(rule.action, rule.action),
        compile_terms(rule.terms, behaviour, notes),
        tuple([compile_action(one, behaviour, notes) for one in rule.actions]),
        compile_entities(rule.targets, False, behaviour, notes),
        compile_entities(own, True, behaviour, notes),
        _others(rule),
        compile_duties(rule.consequences, behaviour, notes, rule),
        behaviour.duties,
    )


def _others(rule: Rule) -> Named:
    """The parties by other functions; whom a payment is to compensate, where that is not said, is the assigner."""
    stated = dict(rule.functions)
    if rule.action == _COMPENSATE and rule.assigners:
        stated.setdefault(_COMPENSATED, rule.assigners)
    return tuple(stated.items())


def _named(functions: Named) -> list[tuple[str, frozenset[str]]]:
    return [(function, frozenset(one.iri for one in entities)) for function, entities in functions]


def _function(event: Performed, function: str, names: frozenset[str]) -> Truth:
    """Whether the party by this function is one of those named; None where the event does not say."""
    found = event.parties.get(function)
    return None if found is None else found in names


def _earlier(at: datetime | None, before: datetime | None) -> Truth:
    if at is None or before is None or (at.tzinfo is None) is not (before.tzinfo is None):
        return None
    return at < before
