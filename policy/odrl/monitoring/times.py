"""From when until when a duty can be done, as far as its plain constraints of time say."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from policy.instants import TICK
from policy.odrl import vocabulary as v
from policy.odrl.duties import period
from policy.odrl.evaluating.operators import values
from policy.odrl.evaluating.values import Family, Zone
from policy.odrl.model import Constraint, Term

ELAPSED = f"{v.ODRL}elapsedTime"

# Which edge of the value counts, by operator: its first instant (0) or the first after it (1).
_ENDS: Mapping[str, int] = MappingProxyType({"lt": 0, "lteq": 1, "eq": 1})
_STARTS: Mapping[str, int] = MappingProxyType({"gt": 1, "gteq": 0, "eq": 0})


def beginning(terms: Iterable[Term]) -> datetime | None:
    """The first instant at which all these constraints of time allow the doing; None where none says."""
    return max((start for term in terms if (start := _limit(term, _STARTS)) is not None), default=None)


def ending(terms: Iterable[Term], begun: datetime | None = None) -> datetime | None:
    """The first instant at which one of these constraints of time no longer allows it; None where none says.

    A time that may elapse does so from `begun`; while that is not known it says nothing.
    """
    return min((end for term in terms if (end := _end(term, begun)) is not None), default=None)


def is_ending(term: Term, begun: datetime | None = None) -> bool:
    """Whether a constraint says when it is too late, and nothing else (`eq` also says when it is too early)."""
    return isinstance(term, Constraint) and term.operator != "eq" and _end(term, begun) is not None


def _end(term: Term, begun: datetime | None) -> datetime | None:
    elapsing = isinstance(term, Constraint) and term.left == ELAPSED
    return _elapsed(term, begun) if elapsing else _limit(term, _ENDS)


def _elapsed(term: Term, begun: datetime | None) -> datetime | None:
    if begun is None or not isinstance(term, Constraint) or term.operator not in {"lt", "lteq"} or len(term.right) != 1:
        return None
    try:
        end = period(term.right[0].text).after(begun)
        return end if term.operator == "lt" else end + TICK
    except (ValueError, OverflowError):
        return None


def _limit(term: Term, edges: Mapping[str, int]) -> datetime | None:
    """The instant that a constraint of time names; None for any other term, and for one without an offset."""
    if not isinstance(term, Constraint) or term.left != v.DATE_TIME or term.operator not in edges:
        return None
    if term.by_reference or term.given is not None:
        return None
    read = values(v.DATE_TIME, term.right, term.datatype)
    if read is None or len(read) != 1 or read[0].family is not Family.MOMENT or read[0].key.zone is Zone.LOCAL:
        return None
    found: datetime = read[0].key[edges[term.operator]]
    return found.replace(tzinfo=UTC)
