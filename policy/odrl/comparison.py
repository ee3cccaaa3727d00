"""Does a request stay within an offer: every permission narrower or equal, every limit and duty kept.

The comparison is by what is written, never by trying values: a term of the offer is kept only if the request states
it again, or states one that is plainly narrower (a covered purpose, an earlier end, fewer names).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from policy.odrl import vocabulary as v
from policy.odrl.duties import keeps
from policy.odrl.model import Constraint, Logical, Policy, Rule, Term
from policy.odrl.operands import HOSTING, JURISDICTION, SPATIAL, TRANSFER_GROUND, bounds
from policy.odrl.terms import flat, stated
from policy.purposes import covered_by_any, purpose
from policy.reasons import Reason, reason

_NAMED = frozenset(
    {
        *(v.RECIPIENT, v.DATASET, v.CONSENT, v.STUDY, v.STUDY_DIGEST, v.STUDY_APPROVAL, v.PROFILE, v.SELECTION),
        *(JURISDICTION, HOSTING, SPATIAL, TRANSFER_GROUND),
    }
)


def excess(offer: Policy, request: Policy) -> tuple[Reason, ...]:
    """Return why the request asks for more than the offer gives; empty if it does not.

    Pointers are into the offer for terms left out, into the request for permissions nobody offered.
    """
    found = [miss for rule in request.permissions for miss in _nearest(offer, rule)]
    found += [_missing(rule) for rule in offer.prohibitions if not _kept(rule, request.prohibitions)]
    found += [_missing(duty) for duty in offer.obligations if not _has_duty(duty, request.obligations)]
    if not request.permissions:
        found.append(reason("action-not-permitted", "/permission"))
    return tuple(dict.fromkeys(found))


def _nearest(offer: Policy, asked: Rule) -> list[Reason]:
    wide = [rule for rule in offer.permissions if v.includes(rule.action, asked.action)]
    if not wide:
        return [reason("action-not-permitted", asked.pointer)]
    return min((list(_looser(rule, asked)) for rule in wide), key=len)


def _looser(offered: Rule, asked: Rule) -> Iterator[Reason]:
    said = tuple(flat(stated(asked)))
    for term in flat(stated(offered)):
        if not any(implies(mine, term) for mine in said):
            yield _loosened(term, said)
    for duty in offered.duties:
        if not _has_duty(duty, asked.duties):
            yield _missing(duty)


def _loosened(term: Term, said: Iterable[Term]) -> Reason:
    if isinstance(term, Constraint) and term.left == v.PURPOSE:
        named = [mine for mine in said if isinstance(mine, Constraint) and mine.left == v.PURPOSE]
        return reason("purpose-not-offered" if named else "purpose-missing", term.pointer)
    return reason("term-missing", term.pointer)


def _missing(rule: Rule) -> Reason:
    return reason("term-missing", rule.pointer)


def _has_duty(duty: Rule, owed: Iterable[Rule]) -> bool:
    return any(mine == duty or keeps(mine, duty) for mine in owed)


def _kept(prohibition: Rule, said: Iterable[Rule]) -> bool:
    # A prohibition is kept by one that is at least as wide: of a wider action, and under no further conditions.
    return any(
        v.includes(mine.action, prohibition.action)
        and all(any(implies(theirs, term) for theirs in flat(stated(prohibition))) for term in flat(stated(mine)))
        for mine in said
    )


def implies(narrow: Term, wide: Term) -> bool:
    """Whether everything that meets `narrow` meets `wide`, as far as it can be read off the terms."""
    if _written(narrow) == _written(wide):
        return True
    if isinstance(narrow, Logical) or isinstance(wide, Logical) or narrow.left != wide.left:
        return False
    if narrow.by_reference or wide.by_reference or narrow.unit != wide.unit:
        return False
    if wide.left == v.PURPOSE:
        return _purposes_within(narrow, wide)
    if wide.left == v.DATE_TIME:
        return _time_within(narrow, wide)
    return wide.left in _NAMED and _names_within(narrow, wide)


def _written(term: Term) -> object:
    if isinstance(term, Logical):
        parts = [_written(part) for part in term.parts]
        return term.operator, (*parts,) if term.operator == "andSequence" else frozenset(parts)
    return term.left, term.operator, frozenset(one.key for one in term.right), term.unit, term.by_reference


def _purposes_within(narrow: Constraint, wide: Constraint) -> bool:
    if not {narrow.operator, wide.operator} <= {"isA", "isAnyOf", "eq"}:
        return False
    if wide.operator == "eq" and narrow.operator != "eq":
        return False
    offered = [_iri(literal.text) for literal in wide.right]
    asked = [_iri(literal.text) for literal in narrow.right]
    if wide.operator == "eq":
        return offered == asked
    return all(covered_by_any(offered, one) is True for one in asked)


def _iri(term: str) -> str:
    found = purpose(term)
    return found.iri if found else term


def _names_within(narrow: Constraint, wide: Constraint) -> bool:
    if not {narrow.operator, wide.operator} <= {"eq", "isAnyOf"}:
        return False
    return {literal.text for literal in narrow.right} <= {literal.text for literal in wide.right}


def _time_within(narrow: Constraint, wide: Constraint) -> bool:
    inner, outer = _interval(narrow), _interval(wide)
    if inner is None or outer is None:
        return False
    starts = outer[0] is None or (inner[0] is not None and inner[0] >= outer[0])
    ends = outer[1] is None or (inner[1] is not None and inner[1] <= outer[1])
    return starts and ends


def _interval(term: Constraint) -> tuple[datetime | None, datetime | None] | None:
    """The first instant allowed and the first no longer allowed, None where there is no such limit.

    None altogether for what is no interval: another operator, several values, or a value that cannot be read.
    """
    try:
        first, after = bounds(term.right[0])
    except (ValueError, OverflowError):
        return None
    limits: Mapping[str, tuple[datetime | None, datetime | None]] = {
        "lt": (None, first),
        "lteq": (None, after),
        "gt": (after, None),
        "gteq": (first, None),
        "eq": (first, after),
    }
    return limits.get(term.operator) if len(term.right) == 1 else None
