"""What recurs: a period and, where stated, a moment it is counted from. Two meet if they have a moment in common.

With anchors a and b and periods p and q that is so exactly if a - b is a multiple of the greatest common divisor of
p and q; and any number of them have a moment in common exactly if each two have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm

from policy.odrl.evaluating.truth import Truth, all_of


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Every `period` seconds; counted from `anchor` (seconds), None where that is not stated.

    `local`: the anchor has no offset, so that it says nothing beside one that has.
    """

    period: Fraction
    anchor: Fraction | None
    local: bool = False


def meet(found: Iterable[Recurrence]) -> Truth:
    """Whether there is a moment at which all of them fall due; None where no anchor says."""
    return all_of(_pair(one, other) for one, other in combinations(set(found), 2))


def _pair(one: Recurrence, other: Recurrence) -> Truth:
    if one.anchor is None or other.anchor is None:
        return True if one.period == other.period else None
    if one.local is not other.local:
        return None
    apart = abs(one.anchor - other.anchor)
    step = _common(one.period, other.period)
    return apart == 0 if step == 0 else (apart / step).denominator == 1


def _common(one: Fraction, other: Fraction) -> Fraction:
    scale = lcm(one.denominator, other.denominator)
    return Fraction(gcd(int(one * scale), int(other * scale)), scale)
