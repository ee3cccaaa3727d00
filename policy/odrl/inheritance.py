"""A policy joined with those it inherits from (Information Model 2.9): one policy, before it is made atomic.

Read as follows where the model's text leaves room:

- All that stands at a parent's own level, its profiles and its rules are replicated in the child, whose own come first;
  what is there already is not repeated. What several policies share is shared by all of their rules (Example 33): the
  child's assignee is that of a parent's obligation.
- No constraint keeps the `status` it had in a parent. A rule or constraint of a parent says in its pointer whose it is
  (``http://example.com/policy:default#/obligation/0``).
- Strategies that differ leave `invalid`: by 2.10 the policy is then void if rules of it conflict, and that is what
  `invalid` means. Where only one is stated, it is that of them all.
- `inherits` names what is still to be joined, so it is empty afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from policy.odrl.atomic import MAX_RULES
from policy.odrl.model import Action, Constraint, Entity, Logical, Named, Policy, PolicyError, Rule, Term

MAX_ANCESTORS = 100
"""How many policies one policy may inherit from, directly or not."""

T = TypeVar("T")


def inherited(policy: Policy, find: Mapping[str, Policy]) -> Policy:
    """Return the policy with all that it inherits; the same object if it inherits from none.

    `find` holds the parents by uid. Raises :class:`PolicyError` if one is missing or is another policy than it is
    called, if a policy inherits from itself, or if there are more than 100 of them or 10,000 rules.
    """
    if not policy.inherits:
        return policy
    parents = [_replicated(parent) for parent in _ancestors(policy, find)]
    family = [policy, *parents]
    joined = replace(
        policy,
        permissions=_once(one.permissions for one in family),
        prohibitions=_once(one.prohibitions for one in family),
        obligations=_once(one.obligations for one in family),
        profiles=_once(one.profiles for one in family),
        conflict=_strategy(family),
        inherits=(),
        actions=_once(one.actions for one in family),
        targets=_once(one.targets for one in family),
        assigners=_once(one.assigners for one in family),
        assignees=_once(one.assignees for one in family),
        functions=_named(one.functions for one in family),
        relations=_named(one.relations for one in family),
        terms=_once(one.terms for one in family),
        unknown=_once(one.unknown for one in family),
    )
    _check(joined)
    return joined


def _ancestors(policy: Policy, find: Mapping[str, Policy]) -> Iterator[Policy]:
    """Yield each ancestor once: a parent, then its own parents, then the next parent."""
    found = {policy.uid}
    # A stack of our own holds the line of descent, since the depth is the sender's choice.
    line: list[tuple[Policy, Iterator[tuple[int, str]]]] = [(policy, iter(enumerate(policy.inherits)))]
    while line:
        child, rest = line[-1]
        index, uid = next(rest, (0, ""))
        if not uid:
            line.pop()
            continue
        pointer = f"/inheritFrom/{index}" if child is policy else f"{child.uid}#/inheritFrom/{index}"
        _refuse_circle([one.uid for one, _ in line], uid, pointer)
        if uid in found:
            continue
        parent = _found(find, uid, pointer)
        found.add(uid)
        if len(found) > MAX_ANCESTORS + 1:
            raise PolicyError(f"a policy may inherit from at most {MAX_ANCESTORS} others", pointer)
        yield parent
        line.append((parent, iter(enumerate(parent.inherits))))


def _refuse_circle(line: list[str], uid: str, pointer: str) -> None:
    if uid in line:
        circle = " -> ".join([*line[line.index(uid) :], uid])
        raise PolicyError(f"a policy must not inherit from itself: {circle}", pointer)


def _found(find: Mapping[str, Policy], uid: str, pointer: str) -> Policy:
    parent = find.get(uid)
    if parent is None:
        raise PolicyError(f"the parent policy {uid} is not at hand; it must be given together with this one", pointer)
    if parent.uid != uid:
        raise PolicyError(f"what is given as the parent policy {uid} calls itself {parent.uid}", pointer)
    return parent


def _strategy(family: Iterable[Policy]) -> str | None:
    stated = {one.conflict for one in family if one.conflict is not None}
    return stated.pop() if len(stated) < 2 and stated else "invalid" if stated else None


def _once(values: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(values)))


def _named(values: Iterable[Named]) -> Named:
    found: dict[str, dict[Entity, None]] = {}
    for iri, entities in chain.from_iterable(values):
        found.setdefault(iri, {}).update(dict.fromkeys(entities))
    return tuple((iri, tuple(found[iri])) for iri in sorted(found))


def _check(policy: Policy) -> None:
    count = len(policy.permissions) + len(policy.prohibitions) + len(policy.obligations)
    if count > MAX_RULES:
        raise PolicyError(f"together with what it inherits it has {count} rules; at most {MAX_RULES} are joined")


def _replicated(parent: Policy) -> Policy:
    """Return the parent as it is written into a child: without status, its places named as its own."""
    source = f"{parent.uid}#"
    return replace(
        parent,
        permissions=_rules(parent.permissions, source),
        prohibitions=_rules(parent.prohibitions, source),
        obligations=_rules(parent.obligations, source),
        actions=_actions(parent.actions, source),
        targets=_entities(parent.targets, source),
        assigners=_entities(parent.assigners, source),
        assignees=_entities(parent.assignees, source),
        functions=_each(parent.functions, source),
        relations=_each(parent.relations, source),
        terms=_terms(parent.terms, source),
        unknown=tuple(f"{source}{place}" for place in parent.unknown),
    )


def _rules(rules: tuple[Rule, ...], source: str) -> tuple[Rule, ...]:
    return tuple(
        replace(
            rule,
            actions=_actions(rule.actions, source),
            targets=_entities(rule.targets, source),
            assigners=_entities(rule.assigners, source),
            assignees=_entities(rule.assignees, source),
            functions=_each(rule.functions, source),
            relations=_each(rule.relations, source),
            terms=_terms(rule.terms, source),
            duties=_rules(rule.duties, source),
            remedies=_rules(rule.remedies, source),
            consequences=_rules(rule.consequences, source),
            pointer=source + rule.pointer,
        )
        for rule in rules
    )


def _actions(actions: tuple[Action, ...], source: str) -> tuple[Action, ...]:
    return tuple(replace(one, refinements=_terms(one.refinements, source)) for one in actions)


def _entities(entities: tuple[Entity, ...], source: str) -> tuple[Entity, ...]:
    return tuple(replace(one, refinements=_terms(one.refinements, source)) for one in entities)


def _each(named: Named, source: str) -> Named:
    return tuple((iri, _entities(found, source)) for iri, found in named)


def _terms(terms: tuple[Term, ...], source: str) -> tuple[Term, ...]:
    return tuple(_term(one, source) for one in terms)


def _term(term: Term, source: str) -> Term:
    if isinstance(term, Constraint):
        return replace(term, pointer=source + term.pointer, status=None)
    return Logical(term.operator, _terms(term.parts, source), source + term.pointer, term.node)
