"""Three-valued truth: met, not met, and not known; what is not known never lets anything happen.

True: met. False: not met. None: a fact is missing, two values cannot be compared, or nobody has stated the relation.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

Truth: TypeAlias = bool | None


class Satisfaction(StrEnum):
    """A truth as it stands in a report."""

    SATISFIED = "satisfied"
    UNSATISFIED = "not-satisfied"
    UNKNOWN = "unknown"


def satisfaction(truth: Truth) -> Satisfaction:
    """Return the name a report has for a truth."""
    if truth is None:
        return Satisfaction.UNKNOWN
    return Satisfaction.SATISFIED if truth else Satisfaction.UNSATISFIED


def negated(answer: Truth) -> Truth:
    """Three-valued not."""
    return None if answer is None else not answer


def all_of(answers: Iterable[Truth]) -> Truth:
    """Three-valued and: one False is False, else one None is None. True of nothing."""
    result: Truth = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Truth]) -> Truth:
    """Three-valued or: one True is True, else one None is None. False of nothing."""
    result: Truth = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def one_of(answers: Iterable[Truth]) -> Truth:
    """Three-valued exclusive choice: exactly one True, all others False; two True are False whatever else holds."""
    given = list(answers)
    if given.count(True) > 1:
        return False
    return None if None in given else given.count(True) == 1


def unanimous(answers: Iterable[Truth]) -> Truth:
    """What all of them say, None if they differ or there is none: how an operand with several values is judged."""
    found = set(answers)
    return found.pop() if len(found) == 1 else None
