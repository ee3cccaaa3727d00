"""The atomic form of a policy: every rule names one action, one target and one party of each function.

Information Model 2.7, read as follows where its text leaves room:

- What stands at the policy's own level is given to each permission, prohibition and obligation that says nothing of
  its own there: a rule's own action, asset of a relation or party of a function stands instead of the shared one
  (2.7.1 asks for the *relevant* shared properties, and OVAL's cases say so: "overrides"; to add would let a rule for
  one asset govern another). Shared constraints are conditions like the rule's own, so both must hold.
- A duty, remedy or consequence takes the party of a function that it does not name from the rule it stands under
  (2.6.5, by which a duty's roles are those of its permission), and nothing else: the asset of a permission is not the
  asset of its payment.
- A rule with several actions, assets of one relation or parties of one function becomes one rule for each combination,
  assets outermost and actions innermost as in the model's Example 27. They keep the pointer, node and uid of the rule
  they come from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from math import prod
from typing import TypeVar

from policy.odrl.model import Entity, Logical, Named, Policy, PolicyError, Rule, Term

MAX_RULES = 10_000
"""How many rules, duties and the like included, the atomic form may have."""

MAX_TERMS = 20_000
"""How many constraints and refinements these may have, those that several rules share counted for each of them."""


T = TypeVar("T")


def atomic(policy: Policy) -> Policy:
    """Return the policy in its atomic form; the same object if it is in that form already.

    Raises :class:`PolicyError` if that form has more than 10,000 rules or 20,000 terms. A rule that names no action or
    no target stays without: what is missing is for validation to say.
    """
    if not _shares(policy) and all(map(_settled, (*policy.permissions, *policy.prohibitions, *policy.obligations))):
        return policy
    budget = _Budget(MAX_RULES)
    return Policy(
        uid=policy.uid,
        kind=policy.kind,
        permissions=_each(policy.permissions, policy, budget),
        prohibitions=_each(policy.prohibitions, policy, budget),
        obligations=_each(policy.obligations, policy, budget),
        profiles=policy.profiles,
        conflict=policy.conflict,
        inherits=policy.inherits,
        unknown=policy.unknown,
    )


class _Budget:
    """Counts the rules that are made, and refuses too many before they are."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.terms = MAX_TERMS

    def take(self, rule: Rule, count: int) -> None:
        """Count the atomic rules, and the terms of each, that one rule as written becomes."""
        self.check(count, rule.pointer)
        self.left -= count
        self.terms -= count * _terms(rule)
        if self.terms < 0:
            raise PolicyError(
                f"its rules have more than {MAX_TERMS} terms, those they share counted for each; share fewer",
                rule.pointer,
            )

    def check(self, count: int, pointer: str) -> None:
        if count > self.left:
            raise PolicyError(
                f"its combinations of actions, assets and parties make more than {MAX_RULES} rules; "
                "name a collection, or state fewer together",
                pointer,
            )


def _shares(policy: Policy) -> bool:
    return bool(
        policy.actions
        or policy.targets
        or policy.assigners
        or policy.assignees
        or policy.functions
        or policy.relations
        or policy.terms
    )


def _settled(rule: Rule) -> bool:
    """Whether the rule is atomic, and the rules under it are and lack no party that it names."""
    under = rule.duties or rule.remedies or rule.consequences
    return _single(rule) and (not under or all(_named(one, rule) and _settled(one) for one in _under(rule)))


def _single(rule: Rule) -> bool:
    return (
        len(rule.actions) < 2
        and len(rule.targets) < 2
        and len(rule.assigners) < 2
        and len(rule.assignees) < 2
        and (not rule.functions or all(len(found) < 2 for _, found in rule.functions))
        and (not rule.relations or all(len(found) < 2 for _, found in rule.relations))
    )


def _named(rule: Rule, above: Rule) -> bool:
    return (
        bool(rule.assigners or not above.assigners)
        and bool(rule.assignees or not above.assignees)
        and (not above.functions or {iri for iri, _ in above.functions} <= {iri for iri, _ in rule.functions})
    )


def _under(rule: Rule) -> Iterator[Rule]:
    yield from rule.duties
    yield from rule.remedies
    yield from rule.consequences


def _each(rules: Iterable[Rule], policy: Policy, budget: _Budget) -> tuple[Rule, ...]:
    return tuple(one for rule in rules for one in _split(_filled(rule, policy), budget))


def _filled(rule: Rule, policy: Policy) -> Rule:
    """Return the rule with what it does not say itself, as the policy says it for all."""
    return Rule(  # written out: `replace` takes half as long again, and this is run for every policy
        kind=rule.kind,
        actions=rule.actions or policy.actions,
        targets=rule.targets or policy.targets,
        assigners=rule.assigners or policy.assigners,
        assignees=rule.assignees or policy.assignees,
        functions=_joined(rule.functions, policy.functions),
        relations=_joined(rule.relations, policy.relations),
        terms=rule.terms + policy.terms,
        duties=rule.duties,
        remedies=rule.remedies,
        consequences=rule.consequences,
        uid=rule.uid,
        pointer=rule.pointer,
        node=rule.node,
    )


def _led(rule: Rule, above: Rule) -> Rule:
    """Return a rule that stands under another with the parties it does not name itself."""
    return replace(
        rule,
        assigners=rule.assigners or above.assigners,
        assignees=rule.assignees or above.assignees,
        functions=_joined(rule.functions, above.functions),
    )


def _joined(own: Named, shared: Named) -> Named:
    return tuple(sorted({**dict(shared), **dict(own)}.items())) if shared else own


def _split(rule: Rule, budget: _Budget) -> Iterator[Rule]:
    """Yield the rule once for each combination of one value of each property of which it has several."""
    if _single(rule):
        budget.take(rule, 1)
        yield _deepened(rule, budget)
        return
    assets = _choices((rule.targets, *(found for _, found in rule.relations)))
    parties = _choices((rule.assigners, rule.assignees, *(found for _, found in rule.functions)))
    actions = _choices((rule.actions,))[0]
    budget.take(rule, prod(len(one) for one in (*assets, *parties)) * len(actions))
    for named, roles, action in product(product(*assets), product(*parties), actions):
        one = replace(
            rule,
            actions=action,
            targets=named[0],
            assigners=roles[0],
            assignees=roles[1],
            functions=_again(rule.functions, roles[2:]),
            relations=_again(rule.relations, named[1:]),
        )
        yield _deepened(one, budget)


def _terms(rule: Rule) -> int:
    refined = [one.refinements for one in rule.actions]
    refined += [one.refinements for one in (*rule.targets, *rule.assigners, *rule.assignees)]
    return _count(rule.terms) + sum(map(_count, refined))


def _count(terms: tuple[Term, ...]) -> int:
    return sum([1 + _count(one.parts) if isinstance(one, Logical) else 1 for one in terms])


def _choices(several: Iterable[tuple[T, ...]]) -> list[list[tuple[T, ...]]]:
    return [[(one,) for one in values] or [()] for values in several]


def _again(named: Named, chosen: Iterable[tuple[Entity, ...]]) -> Named:
    return tuple((iri, found) for (iri, _), found in zip(named, chosen, strict=True))


def _deepened(rule: Rule, budget: _Budget) -> Rule:
    """Return the rule with the rules under it in their atomic form, taking the parties they lack from it."""
    if not (rule.duties or rule.remedies or rule.consequences):
        return rule
    return replace(
        rule,
        duties=_below(rule.duties, rule, budget),
        remedies=_below(rule.remedies, rule, budget),
        consequences=_below(rule.consequences, rule, budget),
    )


def _below(rules: Iterable[Rule], above: Rule, budget: _Budget) -> tuple[Rule, ...]:
    return tuple(one for rule in rules for one in _split(_led(rule, above), budget))
