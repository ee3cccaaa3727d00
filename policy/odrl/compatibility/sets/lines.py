"""Sets of points on one axis: unions of intervals with open or closed ends, over exact numbers.

An axis is dense (between two points lies a third: amounts) or made of whole steps (counts, microseconds). All three
ways of joining sets (any, all, exactly one) are one sweep over the ends, so that joining n sets costs n log n.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor
from typing import NamedTuple


class End(NamedTuple):
    """One end of an interval; `at` None is no end at all."""

    at: Fraction | None
    closed: bool


FREE = End(None, False)


class Interval(NamedTuple):
    """All points between two ends."""

    low: End
    high: End

    @property
    def empty(self) -> bool:
        """Whether no point lies in it."""
        if self.low.at is None or self.high.at is None:
            return False
        if self.low.at == self.high.at:
            return not (self.low.closed and self.high.closed)
        return self.low.at > self.high.at


@dataclass(frozen=True, slots=True)
class Line:
    """A set of points: intervals in order that neither overlap nor touch."""

    intervals: tuple[Interval, ...]

    @property
    def empty(self) -> bool:
        """Whether it holds no point."""
        return not self.intervals

    @property
    def low(self) -> End:
        """Where it begins; not to be asked of an empty set."""
        return self.intervals[0].low

    @property
    def high(self) -> End:
        """Where it ends; not to be asked of an empty set."""
        return self.intervals[-1].high

    def __contains__(self, point: Fraction) -> bool:
        return any(_above(point, one.low) and _below(point, one.high) for one in self.intervals)


EVERYTHING = Line((Interval(FREE, FREE),))
NOTHING = Line(())


def line(low: End = FREE, high: End = FREE) -> Line:
    """Return the points between two ends."""
    found = Interval(low, high)
    return NOTHING if found.empty else Line((found,))


def point(at: Fraction) -> Line:
    """Return one point."""
    return line(End(at, True), End(at, True))


def any_line(lines: Iterable[Line]) -> Line:
    """Return the points that lie in at least one set."""
    return covered(list(lines), lambda count: count > 0)


def all_lines(lines: Iterable[Line]) -> Line:
    """Return the points that lie in every set; everything if there is none."""
    listed = list(lines)
    return covered(listed, lambda count: count == len(listed))


def complement(one: Line) -> Line:
    """Return the points that do not lie in the set."""
    return covered([one], lambda count: count == 0)


def covered(lines: list[Line], wanted: Callable[[int], bool]) -> Line:
    """Return the points of which the number of sets they lie in is wanted."""
    ends = {end.at for one in lines for interval in one.intervals for end in interval if end.at is not None}
    places = sorted(ends)
    index = {at: number for number, at in enumerate(places)}
    # Cells: before the first place, then each place and what lies after it, in turn.
    change = [0] * (2 * len(places) + 2)
    for one in lines:
        for interval in one.intervals:
            change[_first(interval.low, index)] += 1
            change[_last(interval.high, index, len(places)) + 1] -= 1
    counts = list(accumulate(change))[:-1]
    return Line(tuple(_runs([wanted(count) for count in counts], places)))


def _first(low: End, index: dict[Fraction, int]) -> int:
    return 0 if low.at is None else 2 * index[low.at] + (1 if low.closed else 2)


def _last(high: End, index: dict[Fraction, int], places: int) -> int:
    return 2 * places if high.at is None else 2 * index[high.at] + (1 if high.closed else 0)


def _runs(chosen: list[bool], places: list[Fraction]) -> Iterator[Interval]:
    start: int | None = None
    for cell, inside in enumerate([*chosen, False]):
        if inside and start is None:
            start = cell
        elif not inside and start is not None:
            yield Interval(_low(start, places), _high(cell - 1, places))
            start = None


def _low(cell: int, places: list[Fraction]) -> End:
    return FREE if cell == 0 else End(places[(cell - 1) // 2], cell % 2 == 1)


def _high(cell: int, places: list[Fraction]) -> End:
    return FREE if cell == 2 * len(places) else End(places[cell // 2], cell % 2 == 1)


def whole(one: Line) -> Line:
    """Return the set on an axis of whole steps: each interval from its first to its last whole number."""
    return Line(tuple(found for found in map(_stepped, one.intervals) if not found.empty))


def _stepped(interval: Interval) -> Interval:
    low, high = interval
    if low.at is not None:
        first = ceil(low.at)
        low = End(Fraction(first if low.closed or first != low.at else first + 1), True)
    if high.at is not None:
        last = floor(high.at)
        high = End(Fraction(last if high.closed or last != high.at else last - 1), True)
    return Interval(low, high)


def sample(one: Line) -> Fraction:
    """Return a point of a set that is not empty: an end that people named where one belongs to it, else one between."""
    named = [end.at for interval in one.intervals for end in interval if end.closed and end.at is not None]
    if named:
        return named[0]
    low, high = one.intervals[0]
    if low.at is None:
        return Fraction(0) if high.at is None else high.at - 1
    return low.at + 1 if high.at is None else (low.at + high.at) / 2


def _above(at: Fraction, low: End) -> bool:
    return low.at is None or at > low.at or (low.closed and at == low.at)


def _below(at: Fraction, high: End) -> bool:
    return high.at is None or at < high.at or (high.closed and at == high.at)
