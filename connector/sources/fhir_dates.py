"""When what a record tells happened: the first and the last day of it, by which a consent's period is judged.

Clinical dates count (when it was measured, done, began and ended); only a record without any goes by when it was
written. Days are taken as written, in the zone of the record. A date without a day covers its whole month or year. A
period without an end (or beginning) is open: None on that side. No date at all: None on both.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource

_CLINICAL = (
    *("effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming"),
    *("onsetDateTime", "onsetPeriod", "abatementDateTime", "abatementPeriod", "lastOccurrence"),
    *("performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"),
    *("period", "billablePeriod", "servicedDate", "servicedPeriod", "started", "startDate", "start", "end"),
    *("whenPrepared", "whenHandedOver", "collectedDateTime", "collectedPeriod"),
    *("identifiedDateTime", "identifiedPeriod", "timingDateTime", "timingPeriod", "timingTiming"),
)
_RECORDED = (
    *("issued", "recordedDate", "recorded", "authoredOn", "authored", "created", "date", "dateTime", "dateAsserted"),
    *("receivedTime", "recordedOn", "statusDate", "detected", "sent", "received"),
)
# Parts of a record that carry clinical dates of their own.
_PARTS = ("collection", "context", "item", "series")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T[0-9:.]{5,18}(?:Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)

Range = tuple[date | None, date | None]


def clinical_range(resource: Resource) -> Range:
    """The first and last day of a record. A Patient has none. Raises `Unreadable` for a date that is none."""
    if resource["resourceType"] == "Patient":
        return None, None
    places = [resource, *(part for name in _PARTS for part in _listed(resource.get(name)))]
    clinical = [found for place in places for found in _ranges(place, _CLINICAL)]
    ranges = clinical or list(_ranges(resource, _RECORDED))
    if not ranges:
        return None, None
    starts, ends = zip(*ranges, strict=True)
    return _bound(starts, min), _bound(ends, max)


def day(text: str) -> Range:
    """The days a FHIR date, dateTime or instant covers. Raises `Unreadable`."""
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month, number = (int(part) if part else None for part in match.groups())
        if year is None or month is None:
            return date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)
        if number is None:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return date(year, month, number), date(year, month, number)
    except ValueError:
        raise Unreadable("not a FHIR date", "YYYY, YYYY-MM, YYYY-MM-DD, or that with a time and zone") from None


def _bound(days: Iterable[date | None], outermost: Any) -> date | None:
    known = list(days)
    return None if None in known else outermost(known)


def _ranges(place: Resource, names: Iterable[str]) -> Iterator[Range]:
    for name in names:
        if name in place:
            try:
                yield from _range(place[name])
            except Unreadable as problem:
                raise Unreadable(problem.what, problem.accepted, name) from None


def _range(value: Any) -> Iterator[Range]:
    if isinstance(value, str):
        yield day(value)
    elif isinstance(value, dict):
        if isinstance(value.get("start"), str) or isinstance(value.get("end"), str):
            yield _edge(value.get("start"))[0], _edge(value.get("end"))[1]
        for event in _listed(value.get("event")):
            yield from _range(event)
        repeat = value.get("repeat")
        if isinstance(repeat, dict):
            yield from _range(repeat.get("boundsPeriod"))


def _edge(text: Any) -> Range:
    return day(text) if isinstance(text, str) else (None, None)


def _listed(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict | str)]
