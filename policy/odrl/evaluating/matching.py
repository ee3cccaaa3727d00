"""Is what is asked within the class of doings that a rule is about: its action, target and party with all refinements.

Kept apart from activation: a refinement that fails leaves the rule active and the doing outside it (Formal Semantics
B1). A collection is matched by itself and by its members (State.part_of), each of which must meet its refinements.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from policy.odrl import vocabulary as v
from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.quick import Test
from policy.odrl.evaluating.request import Asking, Request
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.terms import CompiledTerm, compile_terms
from policy.odrl.evaluating.truth import Truth, all_of, any_of
from policy.odrl.model import Action, Entity


@lru_cache(maxsize=1024)
def canonical(action: str) -> str:
    """The IRI under which an action has its place in the hierarchy; the same text for one that has none."""
    return v.action(action) or action


class CompiledAction(NamedTuple):
    """The action of a rule: its IRI in the hierarchy and its refinements."""

    action: Action
    iri: str
    refinements: tuple[CompiledTerm, ...]

    def includes(self, asked: str) -> bool:
        """Whether an action (its canonical IRI) is this one or included in it."""
        return v.includes(self.iri, asked)

    def refined(self, ask: Asking, state: State) -> Truth:
        """Whether all refinements are met."""
        return all_of([term.test(ask, state) for term in self.refinements])

    def matches(self, ask: Asking, state: State) -> Truth:
        """Whether the doing is of this action, refinements and all."""
        return self.refined(ask, state) if self.includes(canonical(ask.action)) else False


def compile_action(action: Action, behaviour: Behaviour, notes: list[str], forbidding: bool = False) -> CompiledAction:
    """Return an action ready to compare with what is asked."""
    return CompiledAction(
        action, canonical(action.iri), compile_terms(action.refinements, behaviour, notes, forbidding)
    )


class CompiledEntity(NamedTuple):
    """A target or party: the test of what is asked against it, and its refinements for the report."""

    entity: Entity
    test: Test
    refinements: tuple[CompiledTerm, ...]
    seen: Callable[[Asking, State], Asking]


def compile_entities(
    entities: Sequence[Entity], party: bool, behaviour: Behaviour, notes: list[str], forbidding: bool = False
) -> tuple[CompiledEntity, ...]:
    """Return the targets (or parties) of a rule ready to compare with the target (or party) that is asked for."""
    return tuple([_entity(one, party, behaviour, notes, forbidding) for one in entities])


def entity_test(compiled: Sequence[CompiledEntity]) -> Test | None:
    """The test whether one of them is what is asked for; None if the rule names none."""
    if not compiled:
        return None
    if len(compiled) == 1:
        return compiled[0].test
    return lambda ask, state: any_of([one.test(ask, state) for one in compiled])


def _entity(entity: Entity, party: bool, behaviour: Behaviour, notes: list[str], forbidding: bool) -> CompiledEntity:
    refinements = compile_terms(entity.refinements, behaviour, notes, forbidding)
    seen = _seen_party if party else _seen_target
    test = _collection(entity, party) if entity.collection else _single(entity, party)
    if forbidding:
        test = _touched(test, _names(entity), party)
    if refinements:
        test = _refined(test, refinements, seen)
    if behaviour.two_valued:
        test = _certain(test)
    return CompiledEntity(entity, test, refinements, seen)


def _certain(test: Test) -> Test:
    return lambda ask, state: test(ask, state) is True


def _nameless(_ask: Asking, _state: State) -> Truth:
    return None


def _single(entity: Entity, party: bool) -> Test:
    iri = entity.iri
    if not _names(entity):
        return _nameless  # described but not named: it may be any

    def target(ask: Asking, state: State) -> Truth:
        asked = ask.target
        if asked == iri:
            return True
        return None if asked is None else bool(state.part_of) and state.member(asked, iri) is True

    def assignee(ask: Asking, state: State) -> Truth:
        asked = ask.party
        if asked == iri:
            return True
        return None if asked is None else bool(state.part_of) and state.member(asked, iri) is True

    return assignee if party else target


def _collection(entity: Entity, party: bool) -> Test:
    names = _names(entity)

    def test(ask: Asking, state: State) -> Truth:
        asked = ask.party if party else ask.target
        if asked is None or not names:  # a collection without a name may be any
            return None
        return True if asked in names else any_of([state.member(asked, name) for name in names])

    return test


def _names(entity: Entity) -> tuple[str, ...]:
    """What a thing may be called by: a collection by what it is the collection of, and by its own name."""
    return tuple(dict.fromkeys(name for name in (entity.iri, entity.node) if name and not name.startswith("_:")))


def _touched(test: Test, names: tuple[str, ...], party: bool) -> Test:
    """In a prohibition, a whole that takes in the forbidden part is neither free nor forbidden."""

    def touched(ask: Asking, state: State) -> Truth:
        found = test(ask, state)
        asked = ask.party if party else ask.target
        if found is not False or not state.part_of or asked is None:
            return found
        return None if any(state.member(name, asked) is True for name in names) else False

    return touched


def _refined(test: Test, refinements: tuple[CompiledTerm, ...], seen: Callable[[Asking, State], Asking]) -> Test:
    def refined(ask: Asking, state: State) -> Truth:
        member = test(ask, state)
        if member is False:
            return False
        about = seen(ask, state)
        return all_of([member, *[term.test(about, state) for term in refinements]])

    return refined


def _seen_target(ask: Asking, state: State) -> Asking:
    return _about(ask, state, ask.target)


def _seen_party(ask: Asking, state: State) -> Asking:
    return _about(ask, state, ask.party)


def _about(ask: Asking, state: State, name: str | None) -> Asking:
    """The request with what is known of the one thing: a refinement of an asset asks for the asset's own features."""
    known = state.about.get(name) if name is not None else None
    if not known:
        return ask
    return Request(ask.action, ask.target, ask.party, {**ask.features, **known}, ask.units, ask.at)
