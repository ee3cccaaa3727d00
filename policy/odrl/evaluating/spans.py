"""Durations (XML Schema 1.1 part 2, 3.3.6): months and seconds, between which there is only a partial order.

One month against thirty days cannot be decided: both are added to four moments chosen by the standard, and they
compare only if all four agree.
"""

import re
from decimal import Decimal
from typing import Literal as OneOf
from typing import NamedTuple


class Span(NamedTuple):
    """A duration: whole months and exact seconds, both of one sign."""

    months: int
    seconds: Decimal


_SPAN = re.compile(
    r"(?P<minus>-)?P(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
# The moments of XML Schema 1.1 part 2, 3.3.6.1, as year and month (each the first day of its month).
_MOMENTS = ((1696, 9), (1697, 2), (1903, 3), (1903, 7))
_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def span(text: str) -> Span | None:
    """Read a duration, also in weeks (ISO 8601), or None if it is none."""
    match = _SPAN.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        return None
    years, months, weeks, days, hours, minutes = (
        int(match[name] or 0) for name in ("years", "months", "weeks", "days", "hours", "minutes")
    )
    seconds = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + Decimal(match["seconds"] or 0)
    sign = -1 if match["minus"] else 1
    return Span(sign * (years * 12 + months), sign * seconds)


def compare_spans(left: Span, right: Span) -> OneOf[-1, 0, 1] | None:
    """-1, 0 or 1 as left is shorter, equal or longer, None where only a calendar could tell."""
    found = {_sign(_after(start, left) - _after(start, right)) for start in _MOMENTS}
    return found.pop() if len(found) == 1 else None


def _after(start: tuple[int, int], added: Span) -> Decimal:
    """The seconds from the beginning of the calendar to a moment plus a duration."""
    whole = start[0] * 12 + start[1] - 1 + added.months
    return Decimal(_days(whole // 12, whole % 12)) * 86_400 + added.seconds


def _days(year: int, month: int) -> int:
    """The days of the proleptic Gregorian calendar before the month (0 to 11) of a year of any sign."""
    past = year - 1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return past * 365 + past // 4 - past // 100 + past // 400 + _BEFORE[month] + (leap and month > 1)


def _sign(difference: Decimal) -> OneOf[-1, 0, 1]:
    return 0 if difference == 0 else -1 if difference < 0 else 1
