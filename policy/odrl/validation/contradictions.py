"""Rules that contradict each other where nothing says which one wins (Information Model 2.10)."""

from collections.abc import Iterator
from itertools import chain

from policy.odrl.model import Action, Entity, Policy, Rule
from policy.odrl.validation.problem import Problem, warning
from policy.odrl.vocabulary import includes

MAX_COMPARISONS = 50_000
"""How much is compared; a policy in which there is more to compare is not searched to its end."""


def contradictions(policy: Policy) -> Iterator[Problem]:
    """Yield a warning for each prohibition of what a permission permits, where such a conflict voids the policy.

    That is so if the policy says `invalid` or nothing. Two rules of which each has conditions are left out: whether
    they ever apply together is not to be seen from the text.
    """
    if policy.conflict not in {None, "invalid"}:
        return
    budget = _Budget(MAX_COMPARISONS)
    for index, prohibition in enumerate(policy.prohibitions):
        against = next((one for one in policy.permissions if _clash(one, prohibition, policy, budget)), None)
        if against is not None:
            yield warning(
                prohibition.pointer or f"/prohibition/{index}",
                f"forbids what {_called(against, policy)} permits: when both apply the whole policy is void; "
                "say in conflict which one wins, perm or prohibit",
            )
        if budget.left <= 0:
            return


class _Budget:
    """What is left of the comparisons; a policy is judged in bounded time however many rules it has."""

    def __init__(self, left: int) -> None:
        self.left = left

    def allows(self, first: Rule, second: Rule, policy: Policy) -> bool:
        actions = len(first.actions or policy.actions) * len(second.actions or policy.actions)
        entities = sum(len(one.targets) + len(one.assignees) for one in (first, second, policy))
        self.left -= 1 + actions + entities
        return self.left > 0


def _clash(permission: Rule, prohibition: Rule, policy: Policy, budget: _Budget) -> bool:
    return (
        budget.allows(permission, prohibition, policy)
        and not (_conditional(permission) and _conditional(prohibition))
        and _related(permission.actions or policy.actions, prohibition.actions or policy.actions)
        and _same(permission.targets or policy.targets, prohibition.targets or policy.targets)
        and _same(permission.assignees or policy.assignees, prohibition.assignees or policy.assignees)
    )


def _conditional(rule: Rule) -> bool:
    return bool(rule.terms) or any(
        one.refinements for one in chain[Action | Entity](rule.actions, rule.targets, rule.assignees)
    )


def _related(one: tuple[Action, ...], other: tuple[Action, ...]) -> bool:
    return any(includes(a.iri, b.iri) or includes(b.iri, a.iri) for a in one for b in other)


def _same(one: tuple[Entity, ...], other: tuple[Entity, ...]) -> bool:
    """Whether they have one in common; a rule that names none is about every one, one without a name is not known."""
    return not one or not other or not _names(one).isdisjoint(_names(other))


def _names(entities: tuple[Entity, ...]) -> set[str]:
    return {one.iri for one in entities if one.iri and not one.iri.startswith("_:")}


def _called(rule: Rule, policy: Policy) -> str:
    return rule.pointer or f"/permission/{policy.permissions.index(rule)}"
