"""What a policy uses beyond ODRL's core vocabulary, and whether it says so (Information Model 2.1)."""

from collections.abc import Iterator
from itertools import chain

from policy.odrl import vocabulary as v
from policy.odrl.model import Action, Constraint, Entity, Policy, Rule, Term
from policy.odrl.reading import FUNCTIONS, RELATIONS
from policy.odrl.validation.problem import Problem, short, warning

CORE_PROFILE = f"{v.ODRL}core"

LEFT_OPERANDS = frozenset(
    f"{v.ODRL}{name}"
    for name in (
        *("absolutePosition", "absoluteSize", "absoluteSpatialPosition", "absoluteTemporalPosition", "count"),
        *("dateTime", "delayPeriod", "deliveryChannel", "elapsedTime", "event", "fileFormat", "industry", "language"),
        *("media", "meteredTime", "payAmount", "percentage", "product", "purpose", "recipient", "relativePosition"),
        *("relativeSize", "relativeSpatialPosition", "relativeTemporalPosition", "resolution", "spatial"),
        *("spatialCoordinates", "systemDevice", "timeInterval", "unitOfCount", "version", "virtualLocation"),
    )
)
"""The left operands of the ODRL Common Vocabulary, the deprecated ones left out."""

OURS = frozenset(
    {
        *(v.CONSENT, v.STUDY, v.STUDY_DIGEST, v.STUDY_APPROVAL, v.PROFILE, v.SELECTION, v.DATASET),
        *(v.STOP_WITHIN, v.BACKUPS_WITHIN, v.FRESHNESS),
        *(v.K_ANONYMITY, v.L_DIVERSITY, v.T_CLOSENESS, v.UNIQUE_SHARE),
    }
)
"""Our own left operands."""


def profiled(policy: Policy) -> bool:
    """Whether the policy names a profile that could define terms which are not ODRL's."""
    return any(iri != CORE_PROFILE for iri in policy.profiles)


def known_action(iri: str) -> bool:
    """Whether the action is one of ODRL's or ours, or a deprecated one."""
    return v.action(iri) is not None or iri in v.DUTIES


def profile_problems(policy: Policy) -> Iterator[Problem]:
    """Yield one warning for all the terms that ODRL's core lacks, if the policy says that it uses the core alone.

    A policy that names no profile is not warned of for ODRL's own common vocabulary: nearly every one uses it.
    """
    used = () if profiled(policy) or not policy.profiles else tuple(dict.fromkeys(_adopted(policy)))
    if used:
        names = ", ".join(used[:5]) + (f" and {len(used) - 5} more" if len(used) > 5 else "")
        told = f"names the core profile alone, but uses terms outside ODRL's core: {names}"
        yield warning("/profile", f"{told}; name the profile they belong to")


def every(policy: Policy) -> Iterator[Rule]:
    """Yield every rule of the policy, those under other rules included."""
    waiting = [*reversed((*policy.permissions, *policy.prohibitions, *policy.obligations))]
    while waiting:
        rule = waiting.pop()
        yield rule
        waiting += reversed((*rule.duties, *rule.remedies, *rule.consequences))


def _adopted(policy: Policy) -> Iterator[str]:
    sources: list[Policy | Rule] = [policy, *every(policy)]
    for source in sources:
        named = (*source.functions, *source.relations)
        for action in source.actions:
            if action.iri not in {v.USE, f"{v.ODRL}transfer"} and known_action(action.iri):
                yield short(action.iri)
        for term in chain(source.terms, *(one.refinements for one in _refined(source))):
            yield from (short(iri) for iri in _lefts(term) if iri in LEFT_OPERANDS | OURS)
        yield from (short(iri) for iri, _ in named if iri in FUNCTIONS | RELATIONS)


def _refined(source: Policy | Rule) -> Iterator[Action | Entity]:
    yield from source.actions
    yield from chain(source.targets, source.assigners, source.assignees)
    for _, entities in (*source.functions, *source.relations):
        yield from entities


def _lefts(term: Term) -> Iterator[str]:
    if isinstance(term, Constraint):
        yield term.left
    else:
        for part in term.parts:
            yield from _lefts(part)
