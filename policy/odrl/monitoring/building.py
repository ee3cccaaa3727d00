"""Making a policy ready to be watched: atomic, every rule with its place under another and its tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from policy.odrl import vocabulary as v
from policy.odrl.atomic import atomic
from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.matching import canonical, compile_entities
from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, all_of
from policy.odrl.model import Entity, Named, Policy, Rule, Term
from policy.odrl.monitoring.facts import Compiler, Test, counts
from policy.odrl.monitoring.lives import Role
from policy.odrl.monitoring.logs import ACTION, ASSET, PARTY
from policy.odrl.monitoring.modes import mode_of
from policy.odrl.monitoring.times import beginning, ending, is_ending
from policy.odrl.monitoring.watched import DOINGS, Identity, Tests, Watched


class Builder:
    """Makes the watched rules of a policy; `compiler.notes` then names what has no meaning."""

    def __init__(self, behaviour: Behaviour, state: State, begun: datetime | None) -> None:
        self.behaviour, self.state, self.mode, self.begun = behaviour, state, mode_of(behaviour), begun
        self.compiler = Compiler(behaviour, state, self.mode.looks)
        self.all: list[Watched] = []

    def build(self, policy: Policy) -> list[Watched]:
        """Return every rule of the policy, each after the one it stands under. Raises PolicyError as `atomic` does."""
        settled = detached(policy)
        self._add(settled.permissions, Role.PERMISSION, None)
        self._add(settled.prohibitions, Role.PROHIBITION, None)
        self._add(settled.obligations, Role.OBLIGATION, None)
        return self.all

    def _add(self, rules: Sequence[Rule], role: Role, above: Watched | None) -> None:
        for rule in rules:
            one = Watched(len(self.all), role, rule, above, self._tests(role, rule))
            self.all.append(one)
            if above is not None:
                above.children.append(one)
            self._add(rule.duties, Role.DUTY, one)
            self._add(rule.remedies, Role.REMEDY, one)
            self._add(rule.consequences, Role.CONSEQUENCE, one)

    def _tests(self, role: Role, rule: Rule) -> Tests:
        due, terms = self._deadline(role, rule.terms)
        return Tests(
            identity=self._identity(role, rule),
            stated=self._stated(rule),
            acting=self._refined(rule, counting=False),
            terms=self.compiler.tests([term for term in terms if not counts(term)]),
            counted=(
                *self.compiler.tests([term for term in terms if counts(term)]),
                *self._refined(rule, counting=True),
            ),
            due=due,
            begins=beginning(rule.terms) if role is Role.OBLIGATION else None,
            timely=self.mode.timely or role not in DOINGS,
        )

    def _refined(self, rule: Rule, *, counting: bool) -> tuple[Test, ...]:
        return tuple(
            test
            for subject, terms in _refinements(rule)
            for test in self.compiler.tests([term for term in terms if counts(term) is counting], subject)
        )

    def _deadline(self, role: Role, terms: Sequence[Term]) -> tuple[datetime | None, Sequence[Term]]:
        """When it is too late for a duty, and the terms that are left; where a deadline is kept apart at all."""
        if not self.mode.deadlines or role not in {Role.OBLIGATION, Role.DUTY}:
            return None, terms
        begun = self.begun if role is Role.OBLIGATION else None
        return ending(terms, begun), [term for term in terms if not is_ending(term, begun)]

    def _identity(self, role: Role, rule: Rule) -> Identity:
        tests = [self._action(role, rule), self._target(role, rule), *self._parties(rule)]
        return lambda event: all_of(test(event) for test in tests)

    def _stated(self, rule: Rule) -> tuple[Identity, ...]:
        if not self.mode.functions:
            return ()
        return (*_stated(rule.functions, _function), *_stated(rule.relations, _relation))

    def _action(self, role: Role, rule: Rule) -> Identity:
        if not rule.action:
            return self._unnamed(role)
        wide = canonical(rule.action)
        return lambda event: v.includes(wide, canonical(event.action))

    def _target(self, role: Role, rule: Rule) -> Identity:
        if rule.targets:
            return self._entity(rule.targets[0], party=False)
        return _always if role in DOINGS else self._unnamed(role)

    def _parties(self, rule: Rule) -> Iterator[Identity]:
        for assignee in rule.assignees:
            yield self._entity(assignee, party=True)

    def _unnamed(self, role: Role) -> Identity:
        # A permission of nothing named permits nothing; a prohibition of nothing named spares nothing.
        return _always if self.behaviour.open_rules or role is Role.PROHIBITION else _never

    def _entity(self, entity: Entity, *, party: bool) -> Identity:
        bare = replace(entity, refinements=())
        (compiled,) = compile_entities((bare,), party, self.behaviour, self.compiler.notes)
        test, state = compiled.test, self.state
        return lambda event: test(event, state)


def _always(_event: Performed) -> Truth:
    return True


def _never(_event: Performed) -> Truth:
    return False


def _refinements(rule: Rule) -> Iterator[tuple[str, tuple[Term, ...]]]:
    yield from ((ACTION, one.refinements) for one in rule.actions)
    yield from ((ASSET, one.refinements) for one in rule.targets)
    yield from ((PARTY, one.refinements) for one in rule.assignees)


# --- what an event states of parties by another function and of assets by another relation ----------------------------

_Find: TypeAlias = Callable[[Performed, str], str | None]


def _function(event: Performed, function: str) -> str | None:
    return event.parties.get(function)


def _relation(event: Performed, relation: str) -> str | None:
    found = event.features.get(relation, ())
    return found[0].text if len(found) == 1 else None


def _stated(named: Named, find: _Find) -> Iterator[Identity]:
    for iri, entities in named:
        yield from (_one_stated(iri, entity.iri, find) for entity in entities)


def _one_stated(iri: str, wanted: str, find: _Find) -> Identity:
    def test(event: Performed) -> Truth:
        found = find(event, iri)
        return None if found is None else found == wanted

    return test


# --- duties that take no party from above -----------------------------------------------------------------------------


def detached(policy: Policy) -> Policy:
    """Return the atomic form in which a duty takes no party from the rule it stands under.

    Who is to be permitted need not be who pays (Formal Semantics, evaluation of conditions): a duty that names no party
    may be done by anybody.
    """
    alone = replace(policy, actions=(), targets=(), assigners=(), assignees=(), functions=(), relations=(), terms=())

    def atoms(rules: Sequence[Rule], frame: Policy) -> tuple[Rule, ...]:
        return tuple(below(one, rule) for rule in rules for one in single(rule, frame))

    def single(rule: Rule, frame: Policy) -> tuple[Rule, ...]:
        bare = replace(rule, duties=(), remedies=(), consequences=())
        return atomic(replace(frame, permissions=(), prohibitions=(), obligations=(bare,))).obligations

    def below(one: Rule, rule: Rule) -> Rule:
        return replace(
            one,
            duties=atoms(rule.duties, alone),
            remedies=atoms(rule.remedies, alone),
            consequences=atoms(rule.consequences, alone),
        )

    return replace(
        alone,
        permissions=atoms(policy.permissions, policy),
        prohibitions=atoms(policy.prohibitions, policy),
        obligations=atoms(policy.obligations, policy),
    )
