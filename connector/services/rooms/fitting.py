"""Whether what one side offers and the other asks for can both be kept, before anybody answers or sends anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connector.services.rooms.views import Fit
from contracts.terms import Selection
from policy.odrl import Policy, PolicyError, read
from policy.odrl import vocabulary as v
from policy.odrl.compatibility import Claim, Side, compare
from policy.odrl.compatibility.consents import Asked, about
from policy.odrl.model import Constraint, Term

_ONLY_NAMES = frozenset({v.DATASET, v.RECIPIENT, v.STUDY, v.STUDY_DIGEST, v.STUDY_APPROVAL, v.CONSENT, v.PROFILE})
"""Operands of which a value is a number or a sign that tells people nothing."""


def fit(
    offer: Mapping[str, Any],
    request: Mapping[str, Any],
    offered: Selection | None = None,
    asked: Selection | None = None,
) -> Fit | None:
    """Compare two policies in wire form, with what each selects where that is known; None if one cannot be read."""
    try:
        mine, theirs = _without_pins(read(offer)), _without_pins(read(request))
        claims = [*_selected(Side.OFFER, offered), *_selected(Side.REQUEST, asked)]
        found = compare(mine, theirs, claims=claims)
    except PolicyError:
        return None
    return Fit(
        found.verdict.value,
        clashes=[one.words for one in found.clashes],
        unknowns=list(found.unknowns),
        witness=[one.words for one in found.witness if one.left not in _ONLY_NAMES],
        beyond=list(found.beyond),
    )


def _without_pins(policy: Policy) -> Policy:
    # A digest pins a selection, so that two differ in every sign; what is selected is compared in its place.
    rules = (replace(rule, terms=tuple(term for term in rule.terms if not _pin(term))) for rule in policy.permissions)
    return replace(policy, permissions=tuple(rules))


def _pin(term: Term) -> bool:
    return isinstance(term, Constraint) and term.left == v.SELECTION


def _selected(side: Side, selection: Selection | None) -> Iterator[Claim]:
    if selection is not None:
        period = selection.period
        days = (period.start, period.end) if period else (None, None)
        yield from about(side, Asked(selection.variables, *days))
