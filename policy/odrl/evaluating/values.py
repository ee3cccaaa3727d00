"""Values as what they mean: numbers exactly, moments with and without zone, durations, times of day, words.

A literal is read by its datatype (XML Schema 1.1 part 2). Two values of different families, and two between which the
standard knows no order, compare as None. Nothing here raises: a text that is not of its datatype is no value.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from typing import Literal as OneOf
from unicodedata import normalize
from urllib.parse import unquote

from policy.instants import TICK
from policy.odrl.evaluating.spans import compare_spans, span
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import XSD, Literal
from policy.odrl.vocabulary import expand

Order: TypeAlias = OneOf[-1, 0, 1]
MAX_TEXT = 10_000
"""A longer text is compared as a text and never read as a number, moment or duration."""


class Family(StrEnum):
    """What kind of value it is: only values of one family compare."""

    TEXT = "text"
    LANGUAGE = "language"
    NUMBER = "number"
    MOMENT = "moment"
    CLOCK = "clock"
    SPAN = "span"
    BOOLEAN = "boolean"
    OTHER = "other"


class Zone(StrEnum):
    """Whether a moment is fixed (with offset), local (none), or a day, which is local to local ones and else UTC's."""

    FIXED = "fixed"
    LOCAL = "local"
    EITHER = "either"


class Moment(NamedTuple):
    """The time from `first` until just before `after`, both without offset (in UTC unless local)."""

    first: datetime
    after: datetime
    zone: Zone


class Value(NamedTuple):
    """A value: its family and what is compared within it; for a text also its language."""

    family: Family
    key: Any
    language: str | None = None


def value(literal: Literal, family: Family | None = None, datatype: str | None = None) -> Value | None:
    """Read a literal, one without datatype as `datatype`, else as `family`, else as text; None if it is no value."""
    stated = literal.datatype or datatype
    if stated is None:
        if family is None or family is Family.TEXT:
            return Value(Family.TEXT, literal.text, literal.language)
        return read_as(family, literal.text)
    read = _READERS.get(stated)
    if read is not None:
        return read(literal.text) if len(literal.text) <= MAX_TEXT else None
    if stated in _TEXTS:
        return Value(Family.TEXT, literal.text, literal.language)
    return Value(Family.OTHER, (literal.text, stated))


def read_as(family: Family, text: str) -> Value | None:
    """Read a text that states no datatype as a value of this family."""
    if len(text) > MAX_TEXT:
        return None
    return _FAMILIES[family](text)


def order(left: Value, right: Value) -> Order | None:
    """-1, 0 or 1 as left lies before, at or after right; None if they do not compare or nobody can tell."""
    if left.family is not right.family:
        return None
    compare = _ORDERS.get(left.family)
    return compare(left.key, right.key) if compare is not None else None


def same(left: Value, right: Value) -> Truth:
    """Whether both are the same value, None if they do not compare."""
    if left.family is not right.family:
        return None
    if left.family is Family.TEXT:
        return _same_text(left, right)
    if left.family is Family.OTHER:
        return True if left.key == right.key else None
    found = order(left, right)
    if found is not None:
        return found == 0
    if left.family is Family.LANGUAGE:
        return _same_language(left.key, right.key)
    return left.key == right.key if left.family is Family.BOOLEAN else None


def edges(found: Value, operator: str, aware: bool) -> tuple[datetime, ...]:
    """The instants at which a comparison of now with this value can change; in UTC if `aware`, else without offset."""
    if found.family is not Family.MOMENT:
        return ()
    first, after, zone = found.key
    turns = (first,) if operator in _AT_FIRST else (after,) if operator in _AT_AFTER else (first, after)
    try:
        if zone is not Zone.EITHER and (zone is Zone.FIXED) is not aware:
            turns = (first - _WIDEST, after + _WIDEST)
    except OverflowError:
        return ()
    return tuple(one.replace(tzinfo=UTC) for one in turns) if aware else turns


# A limit that is a whole day begins to tell at its first instant for these, at its last for those.
_AT_FIRST, _AT_AFTER = frozenset({"lt", "gteq"}), frozenset({"lteq", "gt"})


# --- order ------------------------------------------------------------------------------------------------------------

# XML Schema part 2, 3.3.7: without an offset an instant may lie up to 14 hours either side.
_WIDEST = timedelta(hours=14)


def _order_moments(left: Moment, right: Moment) -> Order | None:
    fuzzy = {left.zone, right.zone} == {Zone.FIXED, Zone.LOCAL}
    try:
        slack = _WIDEST if fuzzy else timedelta()
        if left.after + slack <= right.first:
            return -1
        if left.first >= right.after + slack:
            return 1
    except OverflowError:
        return None
    if fuzzy:
        return None
    within = left.first >= right.first and left.after <= right.after
    around = left.first <= right.first and left.after >= right.after
    return 0 if within or around else None


def _order_numbers(left: Decimal, right: Decimal) -> Order | None:
    if left.is_nan() or right.is_nan():
        return None
    return 0 if left == right else -1 if left < right else 1


def _order_clocks(left: tuple[timedelta, bool], right: tuple[timedelta, bool]) -> Order | None:
    if left[1] is not right[1]:
        return None
    return 0 if left[0] == right[0] else -1 if left[0] < right[0] else 1


def folded(text: str) -> str:
    """A text as what it may be another spelling of: in full, composed, unescaped, without case or blanks around."""
    return _remembered(text) if len(text) <= _SHORT else _folded(text)


def _folded(text: str) -> str:
    # Twice in full: an escape may hide the colon of a prefix. Composed at the end: to fold case can take apart.
    return normalize("NFC", normalize("NFC", expand(unquote(expand(text.strip())).strip())).casefold())


_SHORT = 200  # a longer text is not worth remembering
_remembered = lru_cache(maxsize=4096)(_folded)


def _same_text(left: Value, right: Value) -> Truth:
    if left.key != right.key:
        return None if folded(left.key) == folded(right.key) else False
    mine, theirs = left.language, right.language
    return True if mine == theirs or (mine and theirs and mine.lower() == theirs.lower()) else None


def _same_language(left: str, right: str) -> Truth:
    """Whether two tags name one language; English and British English are neither the same nor different."""
    if left == right:
        return True
    return None if tag_within(left, right) or tag_within(right, left) else False


def tag_within(tag: str, wide: str) -> bool:
    """Whether a language tag lies within another (BCP 47: en-GB within en); both in lower case."""
    return tag == wide or tag.startswith(f"{wide}-")


_ORDERS: Mapping[Family, Callable[[Any, Any], Order | None]] = MappingProxyType(
    {
        Family.NUMBER: _order_numbers,
        Family.MOMENT: _order_moments,
        Family.CLOCK: _order_clocks,
        Family.SPAN: compare_spans,
    }
)

# --- reading ----------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_OFFSET = r"(?P<zone>Z|[+-]\d\d:\d\d)?"
_INSTANT = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{{1,6}})?)?{_OFFSET}", re.ASCII)
_DAY = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d))?)?{_OFFSET}", re.ASCII)
_CLOCK = re.compile(rf"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{{1,6}}))?)?{_OFFSET}", re.ASCII)
_SPECIAL = MappingProxyType({"INF": "Infinity", "+INF": "Infinity", "-INF": "-Infinity", "NaN": "NaN"})
_BOOLEANS = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


def _number(text: str) -> Value | None:
    stripped = text.strip()
    stripped = _SPECIAL.get(stripped, stripped)
    if stripped not in _SPECIAL.values() and not _NUMBER.fullmatch(stripped):
        return None
    try:
        return Value(Family.NUMBER, Decimal(stripped))
    except InvalidOperation:
        return None


def _whole(least: int | None, most: int | None) -> Callable[[str], Value | None]:
    """The reader of a datatype of whole numbers; a text outside its value space is no value of it."""

    def read(text: str) -> Value | None:
        found = _number(text) if _WHOLE.fullmatch(text.strip()) else None
        if found is None or (least is not None and found.key < least) or (most is not None and found.key > most):
            return None
        return found

    return read


def _instant(text: str) -> Value | None:
    stripped = text.strip()
    match = _INSTANT.fullmatch(stripped)
    if match is None:
        return None
    try:
        found = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    return _moment_value(found, Zone.FIXED if match["zone"] else Zone.LOCAL)


def _moment_value(found: datetime, zone: Zone) -> Value | None:
    try:
        plain = (found.astimezone(UTC) if found.tzinfo not in {None, UTC} else found).replace(tzinfo=None)
        _ = plain - TICK
        return Value(Family.MOMENT, Moment(plain, plain + TICK, zone))
    except OverflowError:
        return None


def _days(text: str) -> Value | None:
    """A day, month or year, as the days it lasts."""
    match = _DAY.fullmatch(text.strip())
    if match is None:
        return None
    try:
        year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
        first = datetime.combine(date(year, month, day), time())
        after = _after(first, match[2] is not None, match[3] is not None)
        _ = first - TICK
        if match["zone"] is None:
            return Value(Family.MOMENT, Moment(first, after, Zone.EITHER))
        offset = _offset(match["zone"])
        return Value(Family.MOMENT, Moment(first - offset, after - offset, Zone.FIXED))
    except (ValueError, OverflowError):
        return None


def _after(first: datetime, month_stated: bool, day_stated: bool) -> datetime:
    if day_stated:
        return first + timedelta(days=1)
    if not month_stated or first.month == 12:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("no such offset")
    found = timedelta(hours=hours, minutes=minutes)
    return -found if zone[0] == "-" else found


def _moment(text: str) -> Value | None:
    return _days(text) if "T" not in text else _instant(text)


def _clock(text: str) -> Value | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    try:
        found = time(int(match[1]), int(match[2]), int(match[3] or 0), int((match[4] or "0").ljust(6, "0")))
        offset = _offset(match["zone"]) if match["zone"] else timedelta()
    except ValueError:
        return None
    since = timedelta(hours=found.hour, minutes=found.minute, seconds=found.second, microseconds=found.microsecond)
    return Value(Family.CLOCK, (since - offset, match["zone"] is not None))


def _span(text: str) -> Value | None:
    found = span(text.strip())
    return None if found is None else Value(Family.SPAN, found)


def _boolean(text: str) -> Value | None:
    found = _BOOLEANS.get(text.strip())
    return None if found is None else Value(Family.BOOLEAN, found)


def _language(text: str) -> Value | None:
    return Value(Family.LANGUAGE, text.strip().lower().replace("_", "-"))


_FAMILIES: Mapping[Family, Callable[[str], Value | None]] = MappingProxyType(
    {
        Family.TEXT: lambda text: Value(Family.TEXT, text),
        Family.LANGUAGE: _language,
        Family.NUMBER: _number,
        Family.MOMENT: _moment,
        Family.CLOCK: _clock,
        Family.SPAN: _span,
        Family.BOOLEAN: _boolean,
        Family.OTHER: lambda _text: None,
    }
)
_INTEGERS: Mapping[str, tuple[int | None, int | None]] = MappingProxyType(
    {
        "integer": (None, None),
        "nonPositiveInteger": (None, 0),
        "negativeInteger": (None, -1),
        "nonNegativeInteger": (0, None),
        "positiveInteger": (1, None),
        **{
            name: (-(1 << bits - 1), (1 << bits - 1) - 1)
            for name, bits in (("long", 64), ("int", 32), ("short", 16), ("byte", 8))
        },
        **{
            f"unsigned{name}": (0, (1 << bits) - 1)
            for name, bits in (("Long", 64), ("Int", 32), ("Short", 16), ("Byte", 8))
        },
    }
)
"""The least and the greatest value of each datatype of whole numbers (XML Schema Part 2, 3.4)."""

_READERS: Mapping[str, Callable[[str], Value | None]] = MappingProxyType(
    {f"{XSD}{name}": _number for name in ("decimal", "double", "float")}
    | {f"{XSD}{name}": _whole(*limits) for name, limits in _INTEGERS.items()}
    | {f"{XSD}{name}": _moment for name in ("dateTime", "dateTimeStamp")}
    | {f"{XSD}{name}": _days for name in ("date", "gYearMonth", "gYear")}
    | {f"{XSD}{name}": _span for name in ("duration", "dayTimeDuration", "yearMonthDuration")}
    | {f"{XSD}time": _clock, f"{XSD}boolean": _boolean, f"{XSD}language": _language}
)
_LANG_STRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
_TEXTS = frozenset({"@id", f"{XSD}string", f"{XSD}anyURI", f"{XSD}normalizedString", f"{XSD}token", _LANG_STRING})
