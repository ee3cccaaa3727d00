"""A naive evaluator of ODRL: the information model read aloud, one rule and one request at a time.

Written from the Information Model, the Formal Semantics draft and the docstrings of `policy.odrl.evaluating`, without
its closures, indexes, quick forms or value types. It knows only the kinds of value that the test generates: numbers,
instants in UTC, texts and purposes. None is unknown, throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

from policy.decision import Outcome
from policy.odrl.evaluating import Behaviour, Duties, Request, State
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule, Term
from policy.odrl.vocabulary import DUTIES, LOGICAL, ODRL, OPERATORS, includes
from policy.purposes import covers, purpose

XSD = "http://www.w3.org/2001/XMLSchema#"
SETS = {"isAnyOf", "isAllOf", "isNoneOf"}


def conj(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    return False if False in found else None if None in found else True


def disj(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    return True if True in found else None if None in found else False


def opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def agreed(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return found.pop() if len(found) == 1 else None


class Naive:
    """One policy under one behaviour, evaluated from the model each time."""

    def __init__(self, policy: Policy, behaviour: Behaviour) -> None:
        self.policy = policy
        self.behaviour = behaviour

    # --- the policy ---------------------------------------------------------------------------------------------------

    def verdict(self, request: Request, state: State) -> Outcome:
        policy, behaviour = self.policy, self.behaviour
        if policy.kind == "Offer" and not behaviour.offers:
            return Outcome.DENY
        rules = [one for rule in (*policy.permissions, *policy.prohibitions) for one in self.split(rule)]
        permissions = [one for one in rules if one.kind is Kind.PERMISSION]
        prohibitions = [one for one in rules if one.kind is Kind.PROHIBITION]
        if not behaviour.prohibitions_win and self.void(permissions, prohibitions):
            return Outcome.DENY
        said = [*rules, *(one for rule in policy.obligations for one in self.split(rule))]
        if behaviour.strict and (policy.unknown or not all(map(self.understood, said))):
            return Outcome.INDETERMINATE
        return self.joined(permissions, prohibitions, request, state)

    def joined(self, permissions: list[Rule], prohibitions: list[Rule], request: Request, state: State) -> Outcome:
        forbidden = disj(self.applies(one, request, state) for one in prohibitions)
        permitted = disj(self.applies(one, request, state) for one in permissions)
        wins = self.behaviour.prohibitions_win or self.policy.conflict != "perm"
        if permitted is True and not wins:
            return self.owing(request, state)
        if forbidden is True:
            return Outcome.DENY
        if forbidden is None and permitted is False:
            forbidden = self.plainly(prohibitions, request, state)
        if forbidden is None:
            return Outcome.INDETERMINATE
        if permitted is None:
            return Outcome.INDETERMINATE
        if permitted is True:
            return self.owing(request, state)
        about = [self.about(one, request, state) is not False for one in (*permissions, *prohibitions)]
        return self.behaviour.none if any(about) else Outcome.NOT_APPLICABLE

    def plainly(self, prohibitions: list[Rule], request: Request, state: State) -> bool | None:
        """Whether the very action is forbidden; a forbidden part only keeps a permission of the whole from holding."""
        wide = [one for one in prohibitions if not one.actions or includes(one.actions[0].iri, request.action)]
        return disj(self.applies(one, request, state) for one in wide)

    def owing(self, request: Request, state: State) -> Outcome:
        duties = [one for rule in self.policy.obligations for one in self.split(rule)]
        settled = all(self.lets(duty, None, request, state) is True for duty in duties)
        return Outcome.PERMIT if settled or not self.behaviour.strict else Outcome.DENY

    def void(self, permissions: list[Rule], prohibitions: list[Rule]) -> bool:
        if self.policy.conflict in {"perm", "prohibit"}:
            return False
        return any(self.contradict(one, other) for one in permissions for other in prohibitions)

    def contradict(self, one: Rule, other: Rule) -> bool:
        if any(self.conditions(rule) for rule in (one, other)):
            return False
        if not self.behaviour.open_rules and not all(rule.actions and rule.targets for rule in (one, other)):
            return False
        mine, theirs = [a.iri for a in one.actions], [a.iri for a in other.actions]
        same_action = not mine or not theirs or includes(mine[0], theirs[0]) or includes(theirs[0], mine[0])
        pairs = ((one.targets, other.targets), (one.assignees, other.assignees))
        return same_action and all(not a or not b or a[0].iri == b[0].iri for a, b in pairs)

    def conditions(self, rule: Rule) -> bool:
        named = (*rule.actions, *rule.targets, *rule.assignees)
        return bool(rule.terms or rule.duties or any(one.refinements for one in named))

    def split(self, rule: Rule) -> Iterator[Rule]:
        """The rule with what the policy says for all, once for each action, target and party."""
        whole = self.policy
        actions = rule.actions or whole.actions
        targets, parties = rule.targets or whole.targets, rule.assignees or whole.assignees
        for action, target, party in product(actions or (None,), targets or (None,), parties or (None,)):
            yield replace(
                rule,
                actions=(action,) if action else (),
                targets=(target,) if target else (),
                assignees=(party,) if party else (),
                terms=rule.terms + whole.terms,
            )

    # --- what is understood -------------------------------------------------------------------------------------------

    def understood(self, rule: Rule) -> bool:
        named = (*rule.actions, *rule.targets, *rule.assignees)
        terms = [*rule.terms, *(term for one in named for term in one.refinements)]
        return all(map(self.clear, terms)) and all(map(self.understood, rule.duties))

    def clear(self, term: Term) -> bool:
        if isinstance(term, Logical):
            return term.operator in LOGICAL and all(map(self.clear, term.parts))
        if term.operator not in OPERATORS or (len(term.right) > 1 and term.operator not in SETS):
            return False
        if term.by_reference:
            return True
        if term.left == f"{ODRL}purpose":
            return term.operator in {"eq", "neq", "isA", *SETS}
        if term.left == f"{ODRL}dateTime":
            return all(isinstance(meaning(term.left, one), datetime) for one in term.right)
        return all(meaning(term.left, one) is not None for one in term.right)

    # --- one rule -----------------------------------------------------------------------------------------------------

    def applies(self, rule: Rule, request: Request, state: State) -> bool | None:
        done = [includes(action.iri, request.action) for action in rule.actions]
        if False in done:
            wider = includes(request.action, rule.actions[0].iri)
            if rule.kind is not Kind.PROHIBITION or self.behaviour.two_valued or not wider:
                return False
            done = [None]
        return conj([*done, *self.premises(rule, request, state), *self.activity(rule, request, state)])

    def premises(self, rule: Rule, request: Request, state: State) -> Iterator[bool | None]:
        behaviour = self.behaviour
        if not (rule.actions and rule.targets) and not behaviour.open_rules:
            yield None if rule.kind is Kind.PROHIBITION and not behaviour.two_valued else False
        forbids = rule.kind is Kind.PROHIBITION
        for action in rule.actions:
            yield from (self.met(term, request, state, forbids) for term in action.refinements)
        for target in rule.targets:
            yield self.is_one(target, request.target, request, state, forbids)
        if behaviour.party_decides:
            for party in rule.assignees:
                yield self.is_one(party, request.party, request, state, forbids)

    def activity(self, rule: Rule, request: Request, state: State) -> Iterator[bool | None]:
        yield from (self.met(term, request, state, rule.kind is Kind.PROHIBITION) for term in rule.terms)
        yield from (self.lets(duty, rule, request, state) for duty in rule.duties)

    def about(self, rule: Rule, request: Request, state: State) -> bool | None:
        forbids = rule.kind is Kind.PROHIBITION
        found = [self.is_one(one, request.target, request, state, forbids) for one in rule.targets]
        if self.behaviour.party_decides:
            found += [self.is_one(one, request.party, request, state, forbids) for one in rule.assignees]
        return conj(found)

    def is_one(self, entity: Entity, asked: str | None, request: Request, state: State, forbids: bool) -> bool | None:
        found = self.named(entity, asked, state)
        if found is False and forbids and asked in reach(state.part_of, entity.iri):
            found = None  # whoever asks for a whole asks for the forbidden part
        if found is not False:
            about = dict(request.features) | dict(state.about.get(asked or "", {}))
            seen = request._replace(features=about)
            found = conj([found, *(self.met(term, seen, state, forbids) for term in entity.refinements)])
        return found is True if self.behaviour.two_valued else found

    def named(self, entity: Entity, asked: str | None, state: State) -> bool | None:
        if asked is None:
            return None
        if asked == entity.iri:
            return True
        inside = entity.iri in reach(state.part_of, asked)
        if not entity.collection:
            return inside
        listed = any(entity.iri in wholes for wholes in state.part_of.values())
        return True if inside else False if listed else None

    # --- duties -------------------------------------------------------------------------------------------------------

    def lets(self, duty: Rule, above: Rule | None, request: Request, state: State) -> bool | None:
        known = state.duties.get(duty.uid or "")
        if known is not None and known.deontic.value == "violated":
            return False  # the test states no consequences
        mode = self.behaviour.duties
        action = duty.actions[0].iri if duty.actions else ""
        if mode is Duties.OPEN or (known is not None and known.deontic.value == "fulfilled"):
            return True
        if mode is Duties.PROMISED and {DUTIES.get(action, action), action} & state.executors:
            return True
        active = conj(self.met(term, request, state, False) for term in duty.terms)
        return disj([opposite(active), self.done(duty, above, request, state)])

    def done(self, duty: Rule, above: Rule | None, request: Request, state: State) -> bool | None:
        known = state.duties.get(duty.uid or "")
        if known is not None and known.performance.value != "unknown":
            return known.performance.value == "performed"
        now = request.at or state.now
        found: list[bool | None] = []
        for event in state.performed:
            if event.duty and event.duty != duty.uid:
                found.append(False)
                continue
            same = [any(self.doing(action, event, state) for action in duty.actions)]
            ask = Request(event.action, event.target, event.party, event.features, event.units, event.at)
            refined = [self.met(term, ask, state, False) for action in duty.actions for term in action.refinements]
            targets = [self.is_one(one, event.target, ask, state, False) for one in duty.targets]
            before = None if event.at is None or now is None else event.at < now
            found.append(conj([*same, *refined, *targets, before]))
        answer = disj(found)
        return answer if known is None or answer is True else None

    def doing(self, action: Action, event: object, state: State) -> bool:
        return includes(action.iri, event.action)  # type: ignore[attr-defined]

    # --- terms --------------------------------------------------------------------------------------------------------

    def met(self, term: Term, request: Request, state: State, forbids: bool) -> bool | None:
        if isinstance(term, Logical):
            parts = [self.met(part, request, state, forbids) for part in term.parts]
            if term.operator == "or":
                return disj(parts)
            if term.operator == "xone":
                if parts.count(True) > 1:
                    return False
                return None if None in parts else parts.count(True) == 1
            return conj(parts)
        answer = self.compared(term, request, state, forbids) if self.clear(term) else None
        return answer is True if self.behaviour.two_valued else answer

    def compared(self, term: Constraint, request: Request, state: State, forbids: bool) -> bool | None:
        right = term.right
        if term.by_reference:
            found = [state.sources.get(one.text) for one in term.right]
            if None in found:
                return None
            right = tuple(one for values in found if values for one in values)
        left = self.lefts(term, request, state)
        if not left or not right or (len(right) > 1 and term.operator not in SETS):
            return None
        if term.left == f"{ODRL}purpose":
            return self.purposes(term.operator, [one.text for one in left], [one.text for one in right], state, forbids)
        mine, theirs = [meaning(term.left, one) for one in left], [meaning(term.left, one) for one in right]
        if None in mine or None in theirs:
            return None
        return among(term.operator, mine, theirs, state)

    def lefts(self, term: Constraint, request: Request, state: State) -> tuple[Literal, ...]:
        if term.left == f"{ODRL}dateTime":
            now = request.at or state.now
            return () if now is None else (Literal(now.isoformat(), f"{XSD}dateTime"),)
        for known in (request, state):
            found = known.features.get(term.left)
            if found:
                unit = term.unit.text if term.unit else None
                return found if unit is None or known.units.get(term.left) == unit else ()
        return ()

    def purposes(self, operator: str, asked: list[str], offered: list[str], state: State, forbids: bool) -> bool | None:
        if operator in {"eq", "isAllOf"}:
            if set(asked) == set(offered):
                return True
            if not forbids or self.behaviour.kinds_exclude:
                return False
            return None if any(self.may_be(one, other, state) for one in offered for other in asked) else False
        if operator in {"neq", "isNoneOf"}:
            return opposite(disj(self.touched(one, other, state, forbids) for one in offered for other in asked))
        each = [disj(self.within(wide, one, state, forbids) for wide in offered) for one in asked]
        if True in each:
            return True if set(each) == {True} else None
        if forbids and None in each:
            return None
        return False if False in each else None

    def may_be(self, excluded: str, asked: str, state: State) -> bool:
        if excluded in state.apart.get(asked, ()):
            return False
        if purpose(excluded) is None or purpose(asked) is None or covers(excluded, asked) is not None:
            return True
        above = reach(state.kinds, asked)
        return excluded in above or any(covers(excluded, one) is not None for one in above)

    def within(self, wide: str, narrow: str, state: State, forbids: bool) -> bool | None:
        """Whether one purpose is within another: stated, stated the other way round, stated apart, or not said."""
        exclude = self.behaviour.kinds_exclude
        above = reach(state.kinds, narrow)
        if wide == narrow or wide in above or any(covers(wide, one) is True for one in (narrow, *above)):
            return True
        if wide in state.apart.get(narrow, ()):
            return False
        if covers(wide, narrow) is False:
            return None if forbids and not exclude else False
        return False if exclude else None

    def touched(self, excluded: str, one: str, state: State, forbids: bool) -> bool | None:
        found = self.within(excluded, one, state, forbids)
        if found is not True and covers(excluded, one) is False:
            return None if forbids else True
        return found


def among(operator: str, mine: list[object], theirs: list[object], state: State) -> bool | None:
    """An operator on values of one sort, or of sorts that do not compare."""
    if operator == "isAnyOf":
        return agreed(disj(equal(one, other) for other in theirs) for one in mine)
    if operator == "isNoneOf":
        return opposite(agreed(disj(equal(one, other) for other in theirs) for one in mine))
    if operator == "isAllOf":
        here = [disj(equal(one, other) for one in mine) for other in theirs]
        there = [disj(equal(one, other) for other in theirs) for one in mine]
        if False in here:
            return False
        return True if set(here) == {True} and set(there) == {True} else None
    return agreed(single(operator, one, theirs[0], state) for one in mine)


def single(operator: str, one: object, other: object, state: State) -> bool | None:
    if operator in {"isA", "isPartOf", "hasPart"}:
        if not (isinstance(one, str) and isinstance(other, str)):
            return True if equal(one, other) else None
        if one == other:
            return True
        narrow, wide = (other, one) if operator == "hasPart" else (one, other)
        if operator == "isA":
            return (
                True if wide in reach(state.kinds, narrow) else False if wide in state.apart.get(narrow, ()) else None
            )
        if wide in reach(state.part_of, narrow):
            return True
        return False if any(wide in wholes for wholes in state.part_of.values()) else None
    if operator in {"eq", "neq"}:
        found = equal(one, other)
        return found if operator == "eq" else opposite(found)
    if type(one) is not type(other) or isinstance(one, str):
        return None
    return {
        "lt": one < other,  # type: ignore[operator]
        "lteq": one <= other,  # type: ignore[operator]
        "gt": one > other,  # type: ignore[operator]
        "gteq": one >= other,  # type: ignore[operator]
    }[operator]


def equal(one: object, other: object) -> bool | None:
    return one == other if type(one) is type(other) else None


def meaning(left: str, literal: Literal) -> object:
    """The value of a literal: a number, an instant or a text; None if it is not of its datatype."""
    datatype = literal.datatype
    if datatype is None and left == f"{ODRL}count":
        datatype = f"{XSD}decimal"
    if datatype is None and left == f"{ODRL}dateTime":
        datatype = f"{XSD}dateTime"
    try:
        if datatype in {f"{XSD}decimal", f"{XSD}integer"}:
            return Decimal(literal.text)
        if datatype == f"{XSD}dateTime":
            return datetime.fromisoformat(literal.text).astimezone(UTC)
    except (ArithmeticError, ValueError):
        return None
    return literal.text


def reach(stated: object, item: str) -> set[str]:
    """Everything above an item in a relation, by trying until nothing is added."""
    relation = dict(stated)  # type: ignore[call-overload]
    found = set(relation.get(item, ()))
    while True:
        more = {wide for one in found for wide in relation.get(one, ())} - found
        if not more:
            return found
        found |= more
