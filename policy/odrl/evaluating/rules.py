"""A permission or prohibition ready to ask: one list of tests for the verdict, the same closures for the report."""

from datetime import datetime

from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.conditions import CompiledDuty, compile_duties
from policy.odrl.evaluating.matching import (
    CompiledAction,
    CompiledEntity,
    canonical,
    compile_action,
    compile_entities,
    entity_test,
)
from policy.odrl.evaluating.quick import Test
from policy.odrl.evaluating.request import Asking
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.terms import CompiledTerm, compile_terms
from policy.odrl.evaluating.truth import Truth, all_of, any_of
from policy.odrl.model import Kind, Rule
from policy.odrl.vocabulary import includes

_MANY = 256  # how many actions one prohibition remembers


class CompiledRule:
    """One rule. `holds` assumes that its action includes what is asked; the index has seen to that."""

    __slots__ = (
        "_acts",
        "actions",
        "applies",
        "behaviour",
        "cautious",
        "duties",
        "parties",
        "rule",
        "targets",
        "terms",
        "tests",
        "timed",
        "whole",
    )

    def __init__(self, rule: Rule, behaviour: Behaviour, notes: list[str]) -> None:
        self.rule = rule
        self.behaviour = behaviour
        forbids = rule.kind is Kind.PROHIBITION
        self.actions: tuple[CompiledAction, ...] = tuple(
            [compile_action(one, behaviour, notes, forbids) for one in rule.actions]
        )
        self.targets: tuple[CompiledEntity, ...] = compile_entities(rule.targets, False, behaviour, notes, forbids)
        self.parties: tuple[CompiledEntity, ...] = compile_entities(rule.assignees, True, behaviour, notes, forbids)
        self.terms: tuple[CompiledTerm, ...] = compile_terms(rule.terms, behaviour, notes, forbids)
        self.duties: tuple[CompiledDuty, ...] = compile_duties(rule.duties, behaviour, notes, rule)
        self.whole = behaviour.open_rules or bool(rule.actions and rule.targets)
        # Of what it is about nobody can tell: it permits nothing, and what it forbids is left open.
        self.applies = self.whole or (forbids and not behaviour.two_valued)
        # Whoever asks for a whole asks for its parts: where one is forbidden, the whole is neither free nor forbidden.
        self.cautious = forbids and not behaviour.two_valued
        self._acts: dict[str, Truth] = {}
        self.tests: tuple[Test, ...] = tuple(self._tests())
        self.timed: tuple[CompiledTerm, ...] = tuple([term for term in self._every_term() if term.changes is not None])

    def _tests(self) -> list[Test]:
        found: list[Test] = [] if self.whole else [_cannot_tell]
        if self.cautious and self.actions:
            found.append(self._of_action)
        target = entity_test(self.targets)
        if target is not None:
            found.append(target)
        party = entity_test(self.parties)
        if party is not None and self.behaviour.party_decides:
            found.append(party)
        if len(self.actions) > 1:
            found.append(lambda ask, state: any_of([one.matches(ask, state) for one in self.actions]))
        elif self.actions and self.actions[0].refinements:
            found.append(self.actions[0].refined)
        found += [term.test for term in self.terms]
        found += [duty.allows for duty in self.duties]
        return found

    def includes(self, action: str) -> bool:
        """Whether an action (its canonical IRI) is the rule's, or included in it."""
        if len(self.actions) == 1:
            return self.actions[0].includes(action)
        return not self.actions or any(one.includes(action) for one in self.actions)

    def acts(self, action: str) -> Truth:
        """Whether an action is of the rule: None for one that takes in what a prohibition forbids."""
        if self.includes(action):
            return True
        return None if self.cautious and any(includes(action, one.iri) for one in self.actions) else False

    def _of_action(self, ask: Asking, _state: State) -> Truth:
        # No action: whoever asks has looked at the action already.
        action = ask.action
        if not action:
            return True
        if action not in self._acts and len(self._acts) < _MANY:
            self._acts[action] = True if self.includes(canonical(action)) else None
        return self._acts.get(action)

    def holds(self, ask: Asking, state: State) -> Truth:
        """Whether the rule applies to what is asked: it matches and is active. Its action is taken to match."""
        result: Truth = True
        for test in self.tests:
            answer = test(ask, state)
            if answer is not True:
                if answer is False:
                    return False
                result = None
        return result

    def active(self, ask: Asking, state: State) -> Truth:
        """Whether all its constraints are met and no duty stands in its way, whatever is asked."""
        return all_of(
            [*[term.test(ask, state) for term in self.terms], *[duty.allows(ask, state) for duty in self.duties]]
        )

    def about(self, ask: Asking, state: State) -> Truth:
        """Whether it is about this target and this party at all."""
        tests = [entity_test(self.targets), entity_test(self.parties) if self.behaviour.party_decides else None]
        return all_of([test(ask, state) for test in tests if test is not None])

    def next_change(self, now: datetime, state: State, aware: bool) -> datetime | None:
        """The first instant after now at which its answer can change by time alone."""
        found: datetime | None = None
        for term in self.timed:
            for moment in term.changes(state, aware) if term.changes else ():
                if moment > now and (found is None or moment < found):
                    found = moment
        return found

    def _every_term(self) -> list[CompiledTerm]:
        found = [*self.terms]
        for entity in (*self.targets, *self.parties):
            found += entity.refinements
        for action in self.actions:
            found += action.refinements
        for duty in self.duties:
            found += duty.terms
        return found


def _cannot_tell(_ask: Asking, _state: State) -> Truth:
    return None
