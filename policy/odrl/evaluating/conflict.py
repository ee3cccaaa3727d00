"""Rules of one policy that contradict each other whatever is asked (Information Model 2.10)."""

from collections.abc import Sequence

from policy.odrl.model import Action, Entity, Policy, Rule
from policy.odrl.vocabulary import includes

MAX_COMPARISONS = 50_000
"""How many pairs of rules are compared; those beyond show when both apply to what is asked."""


def contradictory(policy: Policy, open_rules: bool) -> bool:
    """Whether an atomic policy unconditionally permits and forbids the same, and says nothing of which wins.

    `open_rules`: a rule that names no action or no target is about all; else it is about nothing.

    Such a policy is void as a whole: its strategy is `invalid`, stated or not. Rules under conditions contradict each
    other only where both apply, which is seen when something is asked.
    """
    if policy.conflict in {"perm", "prohibit"}:
        return False
    permissions, prohibitions = (
        [one for one in rules if not _conditional(one) and (open_rules or (one.actions and one.targets))]
        for rules in (policy.permissions, policy.prohibitions)
    )
    if len(permissions) * len(prohibitions) > MAX_COMPARISONS:
        prohibitions = prohibitions[: MAX_COMPARISONS // len(permissions)]
    return any(_clash(one, other) for other in prohibitions for one in permissions)


def _conditional(rule: Rule) -> bool:
    entities = (*rule.targets, *rule.assignees)
    refined = any(one.refinements for one in rule.actions) or any(one.refinements for one in entities)
    return bool(rule.terms or rule.duties or refined)


def _clash(permission: Rule, prohibition: Rule) -> bool:
    return (
        _related(permission.actions, prohibition.actions)
        and _shared(permission.targets, prohibition.targets)
        and _shared(permission.assignees, prohibition.assignees)
    )


def _related(one: Sequence[Action], other: Sequence[Action]) -> bool:
    return not one or not other or any(includes(a.iri, b.iri) or includes(b.iri, a.iri) for a in one for b in other)


def _shared(one: Sequence[Entity], other: Sequence[Entity]) -> bool:
    """Whether they have one in common; a rule that names none is about every one."""
    return not one or not other or not {entity.iri for entity in one}.isdisjoint(entity.iri for entity in other)
