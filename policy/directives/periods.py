"""Periods as they were written, as instants and as days (reference S9).

Both ends belong to a period. A date stands for the whole of its days, in the time zone of the consent's jurisdiction; a
time stands for the whole of the second (minute) it was written to.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy.directives.model import Period
from policy.directives.windows import Window, window
from policy.instants import TICK, instant, shifted, span

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MIDNIGHT = time()
_MINUTES, _SECONDS = len("2022-12-31T23:59"), len("2022-12-31T23:59:59")


class Lasting(NamedTuple):
    """From `begins` until before `until`, in UTC; the first and the last instant there is are open ends."""

    begins: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether this instant lies in it."""
        return self.begins <= now < self.until


ALWAYS = Lasting(_FIRST, _LAST)


def lasting(period: Period | None, zone: str) -> Lasting:
    """Return the instants of the period; None is always.

    Raises :class:`ValueError` for what is no date or time, for an end before the beginning, and for an unknown zone.
    """
    if period is None:
        return ALWAYS
    begins = _FIRST if period.start is None else _edge(period.start, zone, end=False)
    until = _LAST if period.end is None else _edge(period.end, zone, end=True)
    if until <= begins:
        raise ValueError("a period ends before it begins")
    return Lasting(begins, until)


def days(period: Period | None) -> Window:
    """Return the days of the period, as they were written; None is always. Raises :class:`ValueError` as `lasting`."""
    if period is None:
        return window(None, None)
    return window(
        None if period.start is None else span(period.start)[0], None if period.end is None else span(period.end)[1]
    )


def today(now: datetime, zone: str) -> date:
    """Return the day it is there. Raises :class:`ValueError` for an unknown zone."""
    return now.astimezone(_zone(zone)).date()


def _edge(text: str, zone: str, *, end: bool) -> datetime:
    if "T" in text:
        at = instant(text)
        return shifted(at, _precision(text)) if end else at
    first, last = span(text)
    if not end:
        return _midnight(first, zone)
    return _LAST if last == date.max else _midnight(last + timedelta(days=1), zone)


def _precision(text: str) -> timedelta:
    """How long the moment lasts that was written."""
    length = len(text[: -1 if text.endswith("Z") else -len("+01:00")])
    if length == _MINUTES:
        return timedelta(minutes=1)
    return timedelta(seconds=1) if length == _SECONDS else TICK


def _midnight(day: date, zone: str) -> datetime:
    if zone == "UTC":
        return datetime.combine(day, _MIDNIGHT, UTC)
    try:
        return datetime.combine(day, _MIDNIGHT, _zone(zone)).astimezone(UTC)
    except OverflowError:
        return _FIRST


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a known time zone") from None
