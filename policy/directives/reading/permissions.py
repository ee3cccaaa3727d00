"""The FHIR Permission of R5: rules that permit or deny, and how they are combined.

One rule names several sets of data and several activities, any of each; a provision names one of each, so that a rule
becomes as many provisions as there are pairs. How rules are combined becomes the tree: below a root that denies (or
permits, under "permit-unless-deny") siblings give way to a denial; where a permit outweighs, the permits stand one
level deeper, and the deeper of two rules beats the other (reference S6).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from policy.directives.model import Actor, Coding, Directive, Effect, Provision, Release
from policy.directives.reading.element import Element, codings, concepts, names, one_period, period
from policy.directives.reading.fault import DirectiveError
from policy.directives.reading.heading import called, replaced
from policy.directives.reading.limits import MAX_LIST
from policy.directives.reading.provisions import datum, effect

# What holds where no rule applies, and whether a permit outweighs a denial.
_COMBINING = {
    "deny-overrides": (Effect.DENY, False),
    "ordered-deny-overrides": (Effect.DENY, False),
    "permit-overrides": (Effect.DENY, True),
    "ordered-permit-overrides": (Effect.DENY, True),
    "deny-unless-permit": (Effect.DENY, True),
    "permit-unless-deny": (Effect.PERMIT, False),
}

_PATIENT = re.compile(r"(?:^|/)Patient/")
_STATUSES = frozenset({"active", "draft", "rejected", "entered-in-error"})
_ASIDE = ("resourceType", "id", "meta", "language", "text", "identifier", "justification")


def read_permission(resource: Mapping[str, Any], name: str | None) -> Directive:
    """Return the directive of an R5 Permission."""
    faults: list[str] = []
    element = Element(resource, "", faults)
    element.ignore(*_ASIDE)
    element.pass_over("contained")
    combining = element.text("combining")
    base, permits_outweigh = _COMBINING.get(combining or "", (None, False))
    if base is None:
        element.fault("combining")
    status = element.text("status")
    if status not in _STATUSES:
        element.fault("status")
    dates = element.texts("date")
    who = _asserter(element)
    rules = tuple(one for rule in element.parts("rule") or () for one in _rules(rule))
    read = Directive(
        id=called(resource, name, faults),
        release=Release.R5,
        status=status or "",
        subjects=who,
        decided_at=dates[-1] if dates else None,
        scope=(),
        categories=(),
        bases=() if base is None else (("/combining", base),),
        emergency_only=False,
        root=Provision(
            effect=base,
            pointer="",
            period=period(element, "validity"),
            nested=_arranged(rules, permits_outweigh),
        ),
        signers=who,
        replaces=replaced(element),
        resource=resource,
    )
    element.close()
    return replace(read, unknown=tuple(sorted(faults)))


def _asserter(element: Element) -> tuple[str, ...]:
    """Return the person who asserts the permission: nothing else tells whose data it is about."""
    asserter = element.part("asserter")
    who = names(asserter) if asserter is not None else ()
    if asserter is None or not _PATIENT.search(who[0] if who else ""):
        element.fault("asserter")
    return who


def _arranged(rules: tuple[Provision, ...], permits_outweigh: bool) -> tuple[Provision, ...]:
    """Return the rules as siblings, or the permits among them one level deeper than the denials."""
    permits = tuple(one for one in rules if one.effect is Effect.PERMIT)
    if not permits_outweigh or not permits:
        return rules
    others = tuple(one for one in rules if one.effect is not Effect.PERMIT)
    return (*others, Provision(effect=Effect.DENY, pointer="/combining", nested=permits))


def _rules(place: Element) -> list[Provision]:
    """Return the provisions that one rule says, each with all faults of the rule."""
    rule = Element(place.json, place.pointer, [])
    kind = effect(rule, "type")
    # Conditions on what is done with the data later: nobody here can see to them.
    if kind is None or "limit" in rule:
        rule.fault("type" if kind is None else "limit")
    rule.pass_over("limit")
    plain = Provision(effect=kind, pointer=rule.pointer)
    sets = [one for each in rule.parts("data") or () for one in _data(each, plain)] or [plain]
    activities = [_activity(each) for each in rule.parts("activity") or ()] or [{}]
    rule.close()
    if len(sets) * len(activities) > MAX_LIST:
        raise DirectiveError("too-long", rule.pointer)
    faults = tuple(sorted(rule.faults))
    return [replace(data, **activity, unknown=faults) for data, activity in product(sets, activities)]


def _data(element: Element, plain: Provision) -> Sequence[Provision]:
    """Return one provision for each period of the data, or one if it names none."""
    if "expression" in element:
        element.fault("expression")
    element.pass_over("expression")
    resources = element.parts("resource")
    found = replace(
        plain,
        labels=codings(element, "security"),
        data=None if resources is None else tuple(one for one in map(datum, resources) if one is not None),
    )
    spans = element.parts("period")
    periods = None if spans is None else [one_period(one) for one in spans]
    element.close()
    return [replace(found, data_period=one) for one in periods] if periods else [found]


def _activity(element: Element) -> dict[str, Any]:
    people = element.parts("actor")
    purposes = concepts(element, "purpose")
    found = {
        "actors": None if people is None else tuple(Actor((), who[0], who[1:]) for who in map(names, people) if who),
        "actions": concepts(element, "action"),
        "purposes": None if purposes is None else _every(purposes),
    }
    element.close()
    return found


def _every(found: Sequence[tuple[Coding, ...]]) -> tuple[Coding, ...]:
    return tuple(one for each in found for one in each)
