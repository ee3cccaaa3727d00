"""Sets of points of which we know them only in part: those that surely belong, and those that may.

An amount like "one month" has no exact place on an axis of days, and a moment without an offset none among moments
with one. Between the two sets lies what nobody can tell; where everything is known both are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from policy.odrl.compatibility.sets.lines import (
    EVERYTHING,
    NOTHING,
    Line,
    all_lines,
    any_line,
    complement,
    covered,
    whole,
)


@dataclass(frozen=True, slots=True)
class Band:
    """A set of points: `must` is known to belong, `may` is all that is not known to lie outside."""

    must: Line
    may: Line

    @property
    def empty(self) -> bool:
        """Whether surely no point belongs to it."""
        return self.may.empty


UNKNOWN = Band(NOTHING, EVERYTHING)
FULL = Band(EVERYTHING, EVERYTHING)


def exact(line: Line) -> Band:
    """Return a set that is known."""
    return Band(line, line)


def negated(one: Band) -> Band:
    """Return the points that do not belong."""
    return Band(complement(one.may), complement(one.must))


def any_band(bands: Iterable[Band]) -> Band:
    """Return the points that belong to at least one."""
    listed = list(bands)
    return Band(any_line(one.must for one in listed), any_line(one.may for one in listed))


def all_bands(bands: Iterable[Band]) -> Band:
    """Return the points that belong to every one."""
    listed = list(bands)
    return Band(all_lines(one.must for one in listed), all_lines(one.may for one in listed))


def one_band(bands: Iterable[Band]) -> Band:
    """Return the points that belong to exactly one."""
    listed = list(bands)
    musts, mays = [one.must for one in listed], [one.may for one in listed]
    surely_one, possibly_one = (covered(lines, lambda count: count == 1) for lines in (musts, mays))
    not_two = covered(musts, lambda count: count < 2)
    return Band(all_lines((surely_one, possibly_one)), all_lines((any_line(mays), not_two)))


def stepped(one: Band) -> Band:
    """Return the set on an axis of whole steps."""
    return Band(whole(one.must), whole(one.may))
