"""What could make one rule apply, or no longer apply: the changes that bear on the first of its premises that fails.

If a set of changes makes a rule apply, it touches something of each premise that fails without it. So to follow these,
premise by premise, leads to every set that is worth trying, and to few others.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from policy.odrl import vocabulary as v
from policy.odrl.counterfactual import wording
from policy.odrl.counterfactual.changes import FRESH, Asked, Change
from policy.odrl.counterfactual.duties import of_duty
from policy.odrl.counterfactual.facts import (
    Membership,
    OtherName,
    OtherProperty,
    OtherSource,
    OtherTime,
    OtherValue,
    Relation,
)
from policy.odrl.counterfactual.policies import WithoutProhibition, WithoutTerm
from policy.odrl.counterfactual.pools import Choice, Leaf, Pools, leaves, plain
from policy.odrl.evaluating.matching import CompiledEntity, canonical, entity_test
from policy.odrl.evaluating.purposive import known
from policy.odrl.evaluating.quick import Test
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.terms import CompiledTerm
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import Constraint, Literal
from policy.purposes import covers

Fixes = Iterator[Change]


class Premise(NamedTuple):
    """One thing a rule asks for: its test, the changes that could make it so (or not so), and those of the policy."""

    test: Test
    facts: Callable[[Asked, bool], Fixes]
    policy: Callable[[], Fixes]


class Mender:
    """Finds changes for the rules of one question. `of_policy`: changes of the policy count as well."""

    def __init__(self, pools: Pools, of_policy: bool) -> None:
        self.pools = pools
        self.of_policy = of_policy

    def to_hold(self, rule: CompiledRule, asked: Asked) -> Fixes | None:
        """The changes that bear on the first premise that is not so; None if the rule holds."""
        for premise in self.premises(rule):
            if premise.test(asked.request, asked.state) is not True:
                return self._with_policy(premise.facts(asked, True), premise.policy)
        return None

    def to_escape(self, rule: CompiledRule, asked: Asked) -> Fixes:
        """The changes by which a prohibition would not apply."""
        for premise in self.premises(rule):
            yield from premise.facts(asked, False)
        if self.of_policy:
            yield WithoutProhibition(wording.not_forbidden(rule.rule), rule.rule)

    def _with_policy(self, facts: Fixes, policy: Callable[[], Fixes]) -> Fixes:
        yield from facts
        if self.of_policy:
            yield from policy()

    def premises(self, rule: CompiledRule) -> Iterator[Premise]:
        """Everything the rule asks for, in the order in which it is told."""
        yield Premise(
            lambda ask, _: rule.includes(canonical(ask.action)),
            lambda asked, want: self._action(rule, asked, want),
            lambda: iter(()),
        )
        for term in (one for action in rule.actions for one in action.refinements):
            yield self._of_term(term)
        target = entity_test(rule.targets)
        if target is not None:
            yield self._of_entities(target, rule.targets, party=False)
        party = entity_test(rule.parties)
        if party is not None and rule.behaviour.party_decides:
            yield self._of_entities(party, rule.parties, party=True)
        for term in rule.terms:
            yield self._of_term(term)
        for duty in rule.duties:
            yield Premise(duty.allows, *of_duty(duty, self))

    # --- action, target, party ---------------------------------------------------------------------------------------

    def _action(self, rule: CompiledRule, asked: Asked, want: bool) -> Fixes:
        old = asked.request.action
        for action in self.pools.actions:
            if rule.includes(action) is want and action != canonical(old):
                yield OtherName(wording.asked_for("action", action, old), "action", action)

    def _of_entities(self, test: Test, entities: Sequence[CompiledEntity], *, party: bool) -> Premise:
        terms = [term for one in entities for term in one.refinements]
        return Premise(
            test,
            lambda asked, want: self._entities(test, entities, asked, party=party, want=want),
            lambda: (WithoutTerm(wording.not_asked(term.term), term.term) for term in terms),
        )

    def _entities(
        self, test: Test, entities: Sequence[CompiledEntity], asked: Asked, *, party: bool, want: bool
    ) -> Fixes:
        what = "party" if party else "target"
        old = asked.request.party if party else asked.request.target
        if old is not None:
            for one in entities:
                yield from self._membership(one, old, want)
                for term in one.refinements:
                    yield from self.term(term, asked, want, one, old)
        for name in self.pools.parties if party else self.pools.targets:
            change = OtherName(wording.asked_for(what, name, old), what, name)
            if name != old and self._so(test, change, asked) is want:
                yield change

    def _membership(self, one: CompiledEntity, part: str, want: bool) -> Fixes:
        wholes = dict.fromkeys(name for name in (one.entity.iri, one.entity.node) if plain(name) and name != part)
        if one.entity.collection or want is False:
            yield from (Membership(wording.member(part, whole, want), part, whole, want) for whole in wholes)

    def _so(self, test: Test, change: Change, asked: Asked) -> Truth:
        self.pools.budget.spend(1)
        changed = change.apply(asked)
        return test(changed.request, changed.state)

    # --- terms -------------------------------------------------------------------------------------------------------

    def _of_term(self, term: CompiledTerm) -> Premise:
        return Premise(
            term.test,
            lambda asked, want: self.term(term, asked, want),
            lambda: iter((WithoutTerm(wording.not_asked(term.term), term.term),)),
        )

    def term(
        self, term: CompiledTerm, asked: Asked, want: bool, of: CompiledEntity | None = None, whose: str = ""
    ) -> Fixes:
        """The changes that could make a term true, or false: all that do so at once, then those that take others.

        `of` is the asset or party that it refines, `whose` the name of the one that is asked for.
        """
        later: list[Change] = []
        for leaf in leaves(term):
            for change in self._leaf(leaf, asked, of, whose):
                self.pools.budget.spend(1)
                if _test(term, change.apply(asked), of) is want:
                    yield change
                elif term.parts:
                    later.append(change)
        yield from later

    def _leaf(self, leaf: Leaf, asked: Asked, of: CompiledEntity | None, whose: str) -> Fixes:
        stated = leaf.stated
        if stated.given is not None:
            return
        now = asked.request.at or asked.state.now
        if stated.left == v.DATE_TIME or leaf.term.changes is not None:
            yield from (OtherTime(wording.time(at, now), at) for at in self.pools.times if at != now)
        else:
            yield from self._values(leaf, asked, of, whose)
        if stated.by_reference:
            for name in dict.fromkeys(one.text for one in stated.right):
                yield from self._sources(stated, name)

    def _values(self, leaf: Leaf, asked: Asked, of: CompiledEntity | None, whose: str) -> Fixes:
        left = leaf.stated.left
        own = asked.state.about.get(whose, {}).get(left) if of is not None else None
        old = own or asked.request.features.get(left) or asked.state.features.get(left) or ()
        yield from (_value(left, one, old, whose, bool(own)) for one in self.pools.choices(left) if one.values != old)
        yield from _relations(leaf, old)
        if of is not None and not own:
            yield from (_value(left, one, old, whose, True) for one in self.pools.choices(left))

    def _sources(self, stated: Constraint, name: str) -> Fixes:
        for choice in self.pools.sources(stated.left):
            yield OtherSource(wording.source(name, stated.left, choice.values), name, choice.values)


def _test(term: CompiledTerm, asked: Asked, of: CompiledEntity | None) -> Truth:
    ask = asked.request if of is None else of.seen(asked.request, asked.state)
    return term.test(ask, asked.state)


def _value(left: str, new: Choice, old: Sequence[Literal], whose: str, own: bool) -> Change:
    if own:
        said = wording.value(left, new.values, new.unit, old, whose)
        return OtherProperty(said, whose, left, new.values, new.unit)
    return OtherValue(wording.value(left, new.values, new.unit, old), left, new.values, new.unit)


def _relations(leaf: Leaf, old: tuple[Literal, ...]) -> Fixes:
    """What somebody could state of the value that is there and those it is compared with."""
    stated = leaf.stated
    if len(old) != 1 or not (stated.left == v.PURPOSE or stated.operator in {"isA", "isPartOf", "hasPart"}):
        return
    for right in stated.right:
        for holds in (True, False):
            yield from _stated(stated, old[0].text, right.text, holds)


def _stated(stated: Constraint, left: str, right: str, holds: bool) -> Fixes:
    if stated.left == v.PURPOSE:
        narrow, wide = known(left), known(right)
        # What the vocabulary says already is not to be stated otherwise.
        if narrow != wide and covers(wide, narrow) is None:
            yield Relation(wording.relation(narrow, wide, holds), narrow, wide, holds)
    elif left != right and stated.operator == "isA":
        yield Relation(wording.relation(left, right, holds), left, right, holds)
    elif left != right:
        part, whole = (right, left) if stated.operator == "hasPart" else (left, right)
        yield Membership(wording.member(part, whole, holds), part, whole, holds)


def fresh_target(asked: Asked, pools: Pools) -> str:
    """The target a permission that is added would be about."""
    return asked.request.target or next(iter(pools.targets), FRESH)
