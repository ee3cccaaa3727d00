"""Dates and times of FHIR that are known to the year, month, day, minute or second, compared as FHIRPath does (6.2).

What is compared to different precision may be neither: a year against a day of the same year. That gives None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d{1,9})?))?)?(Z|[+-]\d\d:\d\d)?)?)?)?)?",
    re.ASCII,
)
_TIME = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d{1,9})?))?)?", re.ASCII)
DAY = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, moment or time of day as text, and its parts from the largest on as far as it is precise."""

    text: str
    parts: tuple[float, ...]
    zone: int | None = None
    """Minutes ahead of UTC, where it says so."""

    def __str__(self) -> str:
        """As it was written."""
        return self.text


def moment(text: str, kind: str) -> Moment | None:
    """The moment a text of this kind (date, dateTime, instant, time) tells; None when it tells none."""
    match = (_TIME if kind == "time" else _DATE).fullmatch(text)
    if match is None:
        return None
    groups = match.groups()
    if kind == "time":
        return Moment(text, tuple(float(part) for part in groups if part is not None))
    return Moment(text, tuple(float(part) for part in groups[:6] if part is not None), _zone(groups[6]))


def _zone(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def compared(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; None when it cannot be told."""
    first, second = left.parts, right.parts
    if left.zone is not None and right.zone is not None:
        first, second = _in_utc(left), _in_utc(right)
    for one, other in zip(first, second, strict=False):
        if one != other:
            return -1 if one < other else 1
    same = len(first) == len(second)
    return 0 if same and (left.zone is None) == (right.zone is None) else None


def _in_utc(value: Moment) -> tuple[float, ...]:
    if len(value.parts) <= DAY or not value.zone:
        return value.parts
    year, month, day, hour, *rest = value.parts
    minute = rest[0] if rest else 0.0
    try:
        moved = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
        moved -= timedelta(minutes=value.zone)
    except (ValueError, OverflowError):
        return value.parts
    parts = (float(moved.year), float(moved.month), float(moved.day), float(moved.hour), float(moved.minute), *rest[1:])
    return parts[: len(value.parts)]
