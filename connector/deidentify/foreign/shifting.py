"""Dates under `dateShift` and `redact`: moved by days, cut to the year, or gone.

A date without a day cannot be moved by days and is cut as `redact` does. Of a moment the time of day becomes zero. A
year that makes somebody older than 89 goes altogether. What does not begin as a date does goes too.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from connector.deidentify.foreign.report import Unprocessable

OLDEST = 89
_DATE = re.compile(r"(?!0000)(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
_TIME = re.compile(
    r"T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,12})?(?=Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)", re.ASCII
)
_ZONE = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)


def year_only(text: str, as_of: date) -> str | None:
    """The year of a date; None when it tells of somebody over 89, or no date stands there."""
    match = _DATE.match(text)
    return None if match is None or _too_old(match, as_of) else match[1]


def shifted(text: str, days: int, as_of: date) -> str | None:
    """A date moved; None when it has no day, tells of somebody over 89, or is no date. Raises Unprocessable."""
    match = _DATE.match(text)
    if match is None or match[3] is None or _too_old(match, as_of):
        return None
    try:
        moved = date(int(match[1]), int(match[2]), int(match[3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise Unprocessable("date") from None
    time = _TIME.match(text, match.end())
    if time is None:
        return moved.isoformat()
    zone = _ZONE.match(text, time.end())
    return moved.isoformat() + _DIGIT.sub("0", time[0]) + (zone[0] if zone else "")


def _too_old(match: re.Match[str], as_of: date) -> bool:
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    return as_of.year - year - ((as_of.month, as_of.day) < (month, day)) > OLDEST
