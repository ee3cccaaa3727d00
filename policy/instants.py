"""Instants and days as text: RFC 3339 in, one shortest form out, partial dates as the days they span.

Every instant in the house is a timezone-aware UTC datetime; its wire form ends in ``Z``, has seconds, and has a
fraction only if it is not zero. Python keeps microseconds, so finer fractions are refused rather than rounded.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

# Between two instants Python can tell apart lies exactly this much: "after T" begins at T + TICK.
TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DAY_OF_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T.+", re.ASCII)


def instant(text: object) -> datetime:
    """Read an RFC 3339 instant (seconds may be absent, the offset may not) and return it in UTC.

    Raises :class:`ValueError` for anything else, without repeating the text.
    """
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("not an RFC 3339 instant with an offset")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a possible instant") from None


def wire(moment: datetime) -> str:
    """Return the instant as text: ``2027-12-31T23:59:59Z``. Raises :class:`ValueError` if it has no time zone."""
    text = in_utc(moment).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def in_utc(moment: datetime) -> datetime:
    """Return the same instant in UTC. Raises :class:`ValueError` if it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return the instant so much later (earlier, if negative), or the last or first one there is."""
    try:
        return moment + by
    except OverflowError:
        return _LAST if by > timedelta() else _FIRST


def span(text: object) -> tuple[date, date]:
    """Return the first and last day that a FHIR date or dateTime covers: ``2022-12`` is 1 to 31 December 2022.

    A dateTime counts for the calendar day it was written with, in its own offset (reference S9).
    Raises :class:`ValueError` for anything else.
    """
    if not isinstance(text, str):
        raise ValueError("not a date")
    if "T" in text and _DAY_OF_INSTANT.fullmatch(text):
        instant(text)
        text = text[:10]
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    first = date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    if match[3]:
        return first, first
    last_month = first.replace(month=int(match[2] or 12))
    return first, last_month.replace(day=monthrange(first.year, last_month.month)[1])


def day(text: object) -> date:
    """Return the day of a full date ``YYYY-MM-DD``. Raises :class:`ValueError` for anything else."""
    first, last = span(text)
    if first != last or not isinstance(text, str) or len(text) != 10:
        raise ValueError("not a full date")
    return first
