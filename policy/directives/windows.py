"""Windows of days and their algebra (reference S9): both ends belong to a window, touching days are contiguous.

A set of windows has one form: in order, apart from each other by at least a day. Every function here takes windows in
any order, overlapping or not, and returns that form. The cost is that of sorting.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

_DAY = timedelta(days=1)


class Window(NamedTuple):
    """Days from `start` to `end`, both included; ``date.min`` and ``date.max`` are open ends."""

    start: date
    end: date


Windows = tuple[Window, ...]


def window(start: date | None, end: date | None) -> Window:
    """Return the window; None is an open end. Raises :class:`ValueError` if it ends before it begins."""
    first, last = date.min if start is None else start, date.max if end is None else end
    if last < first:
        raise ValueError("a window ends before it begins")
    return Window(first, last)


def merge(windows: Iterable[Window]) -> Windows:
    """Return the days that lie in any of the windows. Raises :class:`ValueError` for one that ends before it begins."""
    merged: list[Window] = []
    for one in sorted(windows):
        window(*one)
        if merged and _reaches(merged[-1], one):
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return tuple(merged)


def subtract(windows: Iterable[Window], without: Iterable[Window]) -> Windows:
    """Return the days that lie in any of the windows and in none of the others. Raises as :func:`merge` does."""
    return intersect(windows, _outside(merge(without)))


def intersect(windows: Iterable[Window], others: Iterable[Window]) -> Windows:
    """Return the days that lie in both. Raises as :func:`merge` does."""
    left, right = list(merge(windows)), list(merge(others))
    both: list[Window] = []
    mine = theirs = 0
    while mine < len(left) and theirs < len(right):
        start = max(left[mine].start, right[theirs].start)
        end = min(left[mine].end, right[theirs].end)
        if start <= end:
            both.append(Window(start, end))
        if left[mine].end <= right[theirs].end:
            mine += 1
        else:
            theirs += 1
    return merge(both)


def intersect_all(many: Iterable[Iterable[Window]]) -> Windows:
    """Return the days that lie in every one of the sets; of no set at all there are none."""
    sets = [merge(one) for one in many]
    found = sets[0] if sets else ()
    for other in sets[1:]:
        found = intersect(found, other)
    return found


def within(windows: Iterable[Window], one: Window) -> bool:
    """Whether every day of `one` lies in the windows; one that ends before it begins has no place anywhere."""
    return one.start <= one.end and any(has.start <= one.start and one.end <= has.end for has in merge(windows))


def overlaps(one: Window, other: Window) -> bool:
    """Whether some day lies in both."""
    return max(one.start, other.start) <= min(one.end, other.end)


def _reaches(before: Window, after: Window) -> bool:
    return before.end == date.max or after.start <= before.end + _DAY


def _outside(merged: Windows) -> Iterator[Window]:
    """The days in none of the windows, which are merged and therefore have days between them."""
    if not merged:
        yield Window(date.min, date.max)
        return
    if merged[0].start > date.min:
        yield Window(date.min, merged[0].start - _DAY)
    for before, after in pairwise(merged):
        yield Window(before.end + _DAY, after.start - _DAY)
    if merged[-1].end < date.max:
        yield Window(merged[-1].end + _DAY, date.max)
