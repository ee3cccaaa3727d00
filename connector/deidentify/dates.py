"""Moving dates: every date of a person by the same number of days, so that all intervals between them stay.

FHIR R4 date, dateTime and instant (and RFC 3339 for device data). A moment is first told in UTC, then moved by whole
days, and written with `Z`: intervals between moments stay to the second, and no offset is left whose change between
winter and summer would tell by how many days it was moved. Digits stay as they are. A date without a day moves only as
far as it is precise: a month by the nearest whole number of months, a year not at all (a shift of at most 180 days is
less than half of one).
"""

from __future__ import annotations

import re
from datetime import date, timedelta

LONGEST_SHIFT = 180
OLDEST_AGE = 89
FOR_EVER = "9999"
DAY_LENGTH = 10

_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)
_TIME = re.compile(
    r"[Tt]([01]\d|2[0-3]):([0-5]\d)(:(?:[0-5]\d|60)(?:\.\d{1,12})?)?(?:[Zz]|([+-])(0\d|1[0-4]):?([0-5]\d))?", re.ASCII
)
_MONTH_DAYS = 365.2425 / 12
_DAY_MINUTES = 24 * 60
_REMEMBERED = 40_000
NUMBERS: dict[str, int] = {}
"""The days met so far, each with its number in the calendar; the same for everybody."""
DAYS: dict[int, str] = {}
"""The days by their number, as they were written."""


class NotADate(ValueError):
    """The text is no date that could be moved. It is not repeated."""


def year_of(text: str) -> int:
    """The year of a date, with or without a time. Raises `NotADate`."""
    day, time = text[:DAY_LENGTH], text[DAY_LENGTH:]
    if time and _TIME.fullmatch(time) is None:
        raise NotADate
    return int(_partial(day)[1]) if len(day) < DAY_LENGTH else _day(day).year


def in_utc(time: str) -> tuple[int, str]:
    """A time of day with its zone (`T08:40:00+02:00`) in UTC: by how many days the day changes, and the time.

    One without a zone is taken to be in UTC already. Raises `NotADate`.
    """
    match = _TIME.fullmatch(time)
    if match is None:
        raise NotADate
    hour, minute, seconds, sign, hours, minutes = match.groups()
    ahead = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    days, at = divmod(int(hour) * 60 + int(minute) - ahead, _DAY_MINUTES)
    return days, f"T{at // 60:02d}:{at % 60:02d}{seconds or ''}Z"


class _Times(dict[str, tuple[int, str]]):
    def __missing__(self, time: str) -> tuple[int, str]:
        told = in_utc(time)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[time] = told
        return told


TIMES = _Times()
"""`in_utc`, remembered: the same for everybody."""


def shift_day(text: str, days: int) -> str:
    """Move a day, month or year by `days`. Raises `NotADate` for anything else, and if it moves out of the calendar."""
    number = NUMBERS.get(text)
    if number is not None:
        moved = DAYS.get(number + days)
        if moved is not None:
            return moved
    return _shifted(text, days)


def _shifted(text: str, days: int) -> str:
    if len(text) < DAY_LENGTH:
        year, month = _partial(text).groups()
        return text if month is None or year == FOR_EVER else _shift_month(int(year), int(month), days)
    day = _day(text)
    if text[:4] == FOR_EVER:
        return text
    try:
        moved = day + timedelta(days)
    except OverflowError:
        raise NotADate from None
    return _remembered(text, day, moved)


def _remembered(text: str, day: date, moved: date) -> str:
    if len(NUMBERS) >= _REMEMBERED or len(DAYS) >= _REMEMBERED:
        NUMBERS.clear()
        DAYS.clear()
    NUMBERS[text] = day.toordinal()
    DAYS[moved.toordinal()] = written = moved.isoformat()
    return written


def _day(text: str) -> date:
    # fromisoformat also knows forms without dashes and with weeks, which FHIR does not.
    if text[4:5] != "-" or text[7:8] != "-" or not text.isascii():
        raise NotADate
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotADate from None


def _partial(text: str) -> re.Match[str]:
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise NotADate
    return match


def _shift_month(year: int, month: int, days: int) -> str:
    try:
        months = date(year, month, 1).year * 12 + month - 1 + round(days / _MONTH_DAYS)
        return date(months // 12, months % 12 + 1, 1).isoformat()[:7]
    except ValueError:
        raise NotADate from None
