"""The canonical order of what stands side by side in a policy: by what it says, never by how it was written down."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import TypeVar

from policy.odrl.model import Action, Constraint, Entity, Literal, Logical, Named, Policy, Rule, Term

Element = Action | Constraint | Entity | Literal | Logical | Rule | str
E = TypeVar("E", Action, Constraint, Entity, Literal, Logical, Rule, Term)

_PLAIN = 160  # a longer key ends in its digest, so that keys of keys stay small


def ordered(policy: Policy) -> Policy:
    """Return the same policy with everything in canonical order. Pointers stay as they were.

    Two policies in which the same is said in another order are equal once both are ordered.
    """
    return replace(
        policy,
        permissions=arranged(map(_rule, policy.permissions)),
        prohibitions=arranged(map(_rule, policy.prohibitions)),
        obligations=arranged(map(_rule, policy.obligations)),
        profiles=tuple(sorted(policy.profiles)),
        inherits=tuple(sorted(policy.inherits)),
        actions=arranged(map(_action, policy.actions)),
        targets=arranged(map(_entity, policy.targets)),
        assigners=arranged(map(_entity, policy.assigners)),
        assignees=arranged(map(_entity, policy.assignees)),
        functions=_named(policy.functions),
        relations=_named(policy.relations),
        terms=arranged(map(_term, policy.terms)),
        unknown=tuple(sorted(policy.unknown)),
    )


def arranged(elements: Iterable[E]) -> tuple[E, ...]:
    """Return elements side by side in canonical order."""
    return tuple(sorted(elements, key=key))


def key(element: Element, known: Mapping[int, str] = MappingProxyType({})) -> str:
    """Return a text that is the same for elements that say the same, and short.

    `known` holds keys by the identity of elements, for a reader that builds large elements out of small ones.
    """
    found = known.get(id(element))
    if found is not None:
        return found
    text = element if isinstance(element, str) else repr(_said(element, lambda below: key(below, known)))
    return text if len(text) <= _PLAIN else text[:_PLAIN] + sha256(text.encode()).hexdigest()


def _said(element: Action | Constraint | Entity | Literal | Logical | Rule, k: Callable[[Element], str]) -> object:
    match element:
        case Literal():
            return element.text, element.datatype or "", element.language or ""
        case Constraint():
            return (
                *(element.left, element.operator, list(map(k, element.right)), element.by_reference),
                *(element.datatype or "", *(k(one) if one else "" for one in (element.unit, element.status))),
                k(element.given) if element.given else "",
            )
        case Logical():
            return "", element.operator, list(map(k, element.parts))
        case Action():
            return element.iri, list(map(k, element.refinements))
        case Entity():
            return element.iri, element.collection, list(map(k, element.refinements))
    return _said_by_rule(element, k)


def _said_by_rule(rule: Rule, k: Callable[[Element], str]) -> object:
    actions, terms = list(map(k, rule.actions)), list(map(k, rule.terms))
    entities = [list(map(k, side)) for side in (rule.targets, rule.assigners, rule.assignees)]
    named = [(iri, list(map(k, entities))) for iri, entities in (*rule.functions, *rule.relations)]
    below = [list(map(k, rules)) for rules in (rule.duties, rule.remedies, rule.consequences)]
    return rule.uid or "", actions, *entities, terms, named, below


def _rule(rule: Rule) -> Rule:
    return replace(
        rule,
        actions=arranged(map(_action, rule.actions)),
        targets=arranged(map(_entity, rule.targets)),
        assigners=arranged(map(_entity, rule.assigners)),
        assignees=arranged(map(_entity, rule.assignees)),
        functions=_named(rule.functions),
        relations=_named(rule.relations),
        terms=arranged(map(_term, rule.terms)),
        duties=arranged(map(_rule, rule.duties)),
        remedies=arranged(map(_rule, rule.remedies)),
        consequences=arranged(map(_rule, rule.consequences)),
    )


def _action(action: Action) -> Action:
    return replace(action, refinements=arranged(map(_term, action.refinements)))


def _entity(entity: Entity) -> Entity:
    return replace(entity, refinements=arranged(map(_term, entity.refinements)))


def _named(named: Named) -> Named:
    return tuple(sorted((iri, arranged(map(_entity, entities))) for iri, entities in named))


def _term(term: Term) -> Term:
    if isinstance(term, Constraint):
        return replace(term, right=arranged(term.right))
    parts = [_term(part) for part in term.parts]
    return replace(term, parts=tuple(parts) if term.operator == "andSequence" else arranged(parts))
