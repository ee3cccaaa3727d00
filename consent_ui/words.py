"""How the portal writes dates, counts and lists: always in words a reader knows.

Times are aware datetimes; they are shown in the zone of the machine that serves the page (its `TZ`), named where
staff read them. Numbers that already arrive as text ("fewer than 10") pass through unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from itertools import groupby
from typing import Protocol

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
ISO_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
SMALL = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


class Dated(Protocol):
    """Anything that happened at a time."""

    @property
    def at(self) -> datetime:
        """When."""
        ...


def local(value: datetime, zone: tzinfo | None = None) -> datetime:
    """The same instant in `zone`, or in the zone of this machine."""
    return value.astimezone(zone)


def day(value: date | datetime | None, zone: tzinfo | None = None) -> str:
    """`21 November 2026`; an empty string for None."""
    if value is None:
        return ""
    shown = local(value, zone) if isinstance(value, datetime) else value
    return f"{shown.day} {MONTHS[shown.month - 1]} {shown.year}"


def month(value: date | datetime, zone: tzinfo | None = None) -> str:
    """`November 2026`."""
    shown = local(value, zone) if isinstance(value, datetime) else value
    return f"{MONTHS[shown.month - 1]} {shown.year}"


def day_month(value: datetime, zone: tzinfo | None = None) -> str:
    """`21 November`, under a heading that names the year."""
    return day(value, zone).rsplit(" ", 1)[0]


def clock(value: datetime, zone: tzinfo | None = None) -> str:
    """`14:05`."""
    return f"{local(value, zone):%H:%M}"


def moment(value: datetime | None, zone: tzinfo | None = None) -> str:
    """`21 November 2026 at 14:05`, as the person reads it."""
    return f"{day(value, zone)} at {clock(value, zone)}" if value else ""


def exactly(value: datetime | None, zone: tzinfo | None = None) -> str:
    """`21 November 2026 at 14:05:09`, where a person reads how fast something was."""
    return f"{day(value, zone)} at {local(value, zone):%H:%M:%S}" if value else ""


def instant(value: datetime | None, zone: tzinfo | None = None) -> str:
    """`21 November 2026, 14:05:09 UTC`, as staff read it."""
    if value is None:
        return ""
    shown = local(value, zone)
    return f"{day(value, zone)}, {shown:%H:%M:%S} {shown.tzname()}"


def iso(value: date | datetime | None) -> str:
    """The machine-readable form, for `<time datetime>`."""
    return value.isoformat() if value else ""


def number(value: object) -> str:
    """`12,345`; text passes through; None is a dash in words."""
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int) else str(value)


def count(value: object, one: str, many: str | None = None) -> str:
    """`1 record`, `412 records`, `fewer than 10 records`."""
    return f"{number(value)} {one if value in (1, '1') else many or one + 's'}"


def size(value: int | None) -> str:
    """`3.2 MB`, in steps of a thousand."""
    if value is None:
        return "not known"
    amount, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"


def listing(items: Iterable[str], joint: str = "and") -> str:
    """`a, b and c`."""
    words = list(items)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else "".join(words)


def series(items: Iterable[str]) -> str:
    """`a; b; c`, for items that hold commas themselves."""
    return "; ".join(items)


def without_stop(items: Iterable[str]) -> list[str]:
    """Sentences without their full stop, to stand in a list."""
    return [item.rstrip(".") for item in items]


def pair(item: Sequence[object]) -> tuple[str, object]:
    """(words, count) from any pair."""
    return str(item[0]), item[1]


def low(text: str) -> str:
    """The text with a small first letter, to stand inside a sentence; abbreviations keep theirs."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def top(text: str) -> str:
    """The text with a capital first letter, to stand alone."""
    return text[:1].upper() + text[1:]


def lasting(since: datetime, now: datetime) -> str:
    """How long something has waited: `3 minutes`, `2 hours`, `5 days`; at least `less than a minute`."""
    seconds = int((now - since).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return count(seconds // length, unit)
    return "less than a minute"


def left(until: datetime, now: datetime) -> str:
    """How long there still is: `12 days left`, `5 hours left`; `time is over` afterwards."""
    return f"{lasting(now, until)} left" if until > now else "time is over"


def dated(text: str) -> str:
    """The text with its machine-readable days written out: `from 2016-01-01` is `from 1 January 2016`."""
    return ISO_DAY.sub(_written_day, text)


def _written_day(found: re.Match[str]) -> str:
    try:
        return day(date(*(int(part) for part in found.groups())))
    except ValueError:
        return found[0]


def between(start: date | None, end: date | None) -> str:
    """A window of clinical dates, in words."""
    if start and end:
        return f"from {day(start)} to {day(end)}"
    if start:
        return f"from {day(start)} on"
    return f"up to {day(end)}" if end else "of any date"


def only(start: date | None, end: date | None) -> str:
    """`Only data from 1 January 2016 on`, or `Data of any date`."""
    return f"Only data {between(start, end)}" if start or end else "Data of any date"


def short(value: str) -> str:
    """The end of a long identifier, enough to tell two apart in a table."""
    return value.rsplit(":", 1)[-1][:8]


def spoken(value: int) -> str:
    """Small numbers as words at the start of a sentence: `Two`."""
    return SMALL[value] if value < len(SMALL) else number(value)


def zone_name(value: datetime) -> str:
    """What the zone of the times on a page is called."""
    return local(value).tzname() or "of this machine"


def by_month(rows: Sequence[Dated]) -> list[tuple[str, list[Dated]]]:
    """Rows that have an `at`, grouped under `November 2026`, in the order given."""
    return [(name, list(group)) for name, group in groupby(rows, key=lambda row: month(row.at))]
