"""Moving dates: every date of a person by the same number of days, so that all intervals between them stay.

FHIR R4 date, dateTime and instant (and RFC 3339 for device data). The time of day, the zone and the number of digits
stay as they are. A date without a day moves only as far as it is precise: a month by the nearest whole number of
months, a year not at all (a shift of at most 180 days is less than half of one).
"""

from __future__ import annotations

import re
from datetime import date, timedelta

LONGEST_SHIFT = 180
OLDEST_AGE = 89
FOR_EVER = "9999"
DAY_LENGTH = 10

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII)
_MONTH_DAYS = 365.2425 / 12


class NotADate(ValueError):
    """The text is no date that could be moved. It is not repeated."""


def split_time(text: str) -> tuple[str, str]:
    """The day of a date (or its month, or year) and the time of day after it. Raises `NotADate` if that is no time."""
    day, time = text[:DAY_LENGTH], text[DAY_LENGTH:]
    if time and _TIME.fullmatch(time) is None:
        raise NotADate
    return day, time


def year_of(text: str) -> int:
    """The year of a date, with or without a time. Raises `NotADate`."""
    match = _DAY.fullmatch(split_time(text)[0])
    if match is None:
        raise NotADate
    return int(match[1])


def shift_day(text: str, days: int) -> str:
    """Move a day, month or year by `days`. Raises `NotADate` for anything else, and if it moves out of the calendar."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise NotADate
    year, month, day = match.groups()
    if year == FOR_EVER or month is None:
        return text
    try:
        if day is None:
            return _shift_month(int(year), int(month), days)
        return (date(int(year), int(month), int(day)) + timedelta(days)).isoformat()
    except (ValueError, OverflowError):
        raise NotADate from None


def _shift_month(year: int, month: int, days: int) -> str:
    year, zero_based = divmod(date(year, month, 1).year * 12 + month - 1 + round(days / _MONTH_DAYS), 12)
    return date(year, zero_based + 1, 1).isoformat()[:7]
