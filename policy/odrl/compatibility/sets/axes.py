"""Values of one left operand as places on an axis, and operators as sets of points on it.

What kind of axis an operand has is read off all the values it is compared with, at both sides: numbers, microseconds
(moments), seconds or whole months (durations), seconds of a day. Values that are of no one kind have no axis.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from policy.odrl.compatibility.sets.bands import FULL, Band, any_band, exact, negated, stepped
from policy.odrl.compatibility.sets.lines import FREE, NOTHING, End, Line, any_line, complement, line
from policy.odrl.evaluating.spans import Span
from policy.odrl.evaluating.values import Family, Moment, Value, Zone
from policy.odrl.model import XSD, Literal
from policy.odrl.vocabulary import short


class Axis(StrEnum):
    """What a point of an axis is."""

    NUMBER = "number"
    WHOLE = "whole number"
    FIXED = "moment"
    LOCAL = "moment without offset"
    SECONDS = "seconds"
    MONTHS = "months"
    CLOCK = "time of day"


WHOLE = frozenset({Axis.WHOLE, Axis.FIXED, Axis.LOCAL, Axis.MONTHS})
LARGEST_EXPONENT = 400
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  every moment here is without offset (in UTC unless local)
_FOURTEEN_HOURS = Fraction(14 * 3600 * 10**6)
# The four moments by which XML Schema (part 2, 3.3.6.1) compares months with days.
_STARTS = ((1696, 9), (1697, 2), (1903, 3), (1903, 7))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies: all before `low` is less, all after `high` is more; what is between equals it if `sure`."""

    low: End
    high: End
    sure: bool = True


def axis_of(values: Iterable[Value], counted: bool = False) -> Axis | None:
    """Return the axis that all these values lie on, None if there is none."""
    listed = list(values)
    families = {one.family for one in listed}
    if families == {Family.NUMBER}:
        return Axis.WHOLE if counted else Axis.NUMBER
    if families == {Family.MOMENT}:
        return Axis.FIXED if any(one.key.zone is Zone.FIXED for one in listed) else _unfixed(listed)
    if families == {Family.SPAN}:
        return Axis.MONTHS if _only_months(listed) else Axis.SECONDS
    if families == {Family.CLOCK} and len({one.key[1] for one in listed}) == 1:
        return Axis.CLOCK
    return None


def _unfixed(listed: list[Value]) -> Axis:
    # A bare day is a day in UTC, unless the moments beside it have no offset either.
    return Axis.LOCAL if any(one.key.zone is Zone.LOCAL for one in listed) else Axis.FIXED


def _only_months(listed: list[Value]) -> bool:
    return any(one.key.months for one in listed) and not any(one.key.seconds for one in listed)


def place(found: Value, axis: Axis) -> Place | None:
    """Return where a value lies on an axis, None where nobody can tell."""
    if axis in {Axis.NUMBER, Axis.WHOLE}:
        return _number(found.key)
    if axis in {Axis.FIXED, Axis.LOCAL}:
        return _moment(found.key, axis)
    if axis is Axis.CLOCK:
        return _spot(Fraction(found.key[0] // timedelta(microseconds=1), 10**6))
    return _span(found.key, axis)


def _spot(at: Fraction) -> Place:
    return Place(End(at, True), End(at, True))


def _number(key: Decimal) -> Place | None:
    if not key.is_finite() or abs(key.adjusted()) > LARGEST_EXPONENT:
        return None
    return _spot(Fraction(key))


def _moment(key: Moment, axis: Axis) -> Place:
    first, last = (Fraction((one - _EPOCH) // timedelta(microseconds=1)) for one in (key.first, key.after))
    if key.zone is Zone.LOCAL and axis is Axis.FIXED:
        return Place(End(first - _FOURTEEN_HOURS, True), End(last - 1 + _FOURTEEN_HOURS, True), sure=False)
    return Place(End(first, True), End(last - 1, True))


def _span(key: Span, axis: Axis) -> Place | None:
    if axis is Axis.MONTHS:
        return _spot(Fraction(key.months))
    if not key.months:
        return _spot(Fraction(key.seconds))
    days = [_days(start, key.months) for start in _STARTS]
    known = [one for one in days if one is not None]
    if len(known) < len(days):
        return None
    low, high = (Fraction(some * 86_400) + Fraction(key.seconds) for some in (min(known), max(known)))
    return Place(End(low, True), End(high, True), sure=False)


def _days(start: tuple[int, int], months: int) -> int | None:
    whole = start[0] * 12 + start[1] - 1 + months
    if not 12 <= whole < 9999 * 12:
        return None
    return date(whole // 12, whole % 12 + 1, 1).toordinal() - date(start[0], start[1], 1).toordinal()


# --- operators as sets ------------------------------------------------------------------------------------------------


def _before(at: Place) -> Line:
    return line(FREE, End(at.low.at, False))


def _after(at: Place) -> Line:
    return line(End(at.high.at, False), FREE)


def _equal(at: Place) -> Line:
    return line(at.low, at.high) if at.sure else NOTHING


def _reaching(*parts: Callable[[Place], Line]) -> Callable[[Place], Band]:
    """The points in some of the three parts; where nobody can tell, they may be."""
    others = [part for part in (_before, _equal, _after) if part not in parts]

    def of(at: Place) -> Band:
        return Band(any_line(part(at) for part in parts), complement(any_line(part(at) for part in others)))

    return of


_EQ = _reaching(_equal)
_SINGLE: Mapping[str, Callable[[Place], Band]] = MappingProxyType(
    {
        "eq": _EQ,
        "neq": lambda at: negated(_EQ(at)),
        "lt": _reaching(_before),
        "lteq": _reaching(_before, _equal),
        "gt": _reaching(_after),
        "gteq": _reaching(_equal, _after),
    }
)


def band(operator: str, places: list[Place], axis: Axis) -> Band | None:
    """Return the points of the axis that stand in the relation to these places; None if it has no meaning here."""
    found = _band(operator, places)
    return stepped(found) if found is not None and axis in WHOLE else found


def _band(operator: str, places: list[Place]) -> Band | None:
    if operator in {"isAnyOf", "isNoneOf"}:
        listed = any_band(map(_EQ, places))
        return listed if operator == "isAnyOf" else negated(listed)
    if len(places) != 1:
        return None
    if operator in {"isAllOf", "isA", "isPartOf", "hasPart"}:
        equal = _EQ(places[0])
        return equal if operator == "isAllOf" else Band(equal.must, FULL.may)
    single = _SINGLE.get(operator)
    return single(places[0]) if single else None


# --- what an operand can be at all ------------------------------------------------------------------------------------

_AMOUNTS = frozenset({"count", "elapsedTime", "meteredTime", "delayPeriod", "timeInterval", "resolution", "percentage"})
_SIZES = ("absoluteSize", "relativeSize")


def domain(left: str, axis: Axis) -> Band:
    """Return the values that a left operand can have: sizes, amounts and lengths of time are never negative."""
    name = short(left)
    if axis not in {Axis.NUMBER, Axis.WHOLE, Axis.SECONDS, Axis.MONTHS}:
        return FULL
    if name not in _AMOUNTS and not name.startswith(_SIZES):
        return FULL
    high = End(Fraction(100), True) if name == "percentage" else FREE
    return exact(line(End(Fraction(0), True), high))


# --- and back to values -----------------------------------------------------------------------------------------------


def literal(at: Fraction, axis: Axis) -> Literal:
    """Return a point of an axis as the value it stands for."""
    write, datatype = _WRITTEN[axis]
    return Literal(write(at), f"{XSD}{datatype}")


def decimal(at: Fraction) -> str:
    """Write a fraction whose denominator divides a power of ten; any other to thirty digits."""
    if at.denominator == 1:
        return str(at.numerator)
    scale = next((n for n in range(1, 2 * LARGEST_EXPONENT) if 10**n % at.denominator == 0), 30)
    digits = str(abs(round(at * 10**scale))).rjust(scale + 1, "0")
    return f"{'-' if at < 0 else ''}{digits[:-scale]}.{digits[-scale:].rstrip('0') or '0'}"


def _instant(at: Fraction) -> str:
    return f"{_local(at)}Z"


def _local(at: Fraction) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=int(at))).isoformat()
    except OverflowError:  # a set without an end, beyond the first or last year there is
        return "0001-01-01T00:00:00" if at < 0 else "9999-12-31T23:59:59"


def _length(at: Fraction) -> str:
    days, seconds = divmod(abs(at), 86_400)
    sign = "-" if at < 0 else ""
    return f"{sign}P{days}D" if not seconds else f"{sign}P{f'{days}D' if days else ''}T{decimal(seconds)}S"


def _clock(at: Fraction) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at * 10**6))
    return moment.time().isoformat()


_WRITTEN: Mapping[Axis, tuple[Callable[[Fraction], str], str]] = MappingProxyType(
    {
        Axis.NUMBER: (decimal, "decimal"),
        Axis.WHOLE: (decimal, "integer"),
        Axis.FIXED: (_instant, "dateTime"),
        Axis.LOCAL: (_local, "dateTime"),
        Axis.SECONDS: (_length, "duration"),
        Axis.MONTHS: (lambda at: f"{'-' if at < 0 else ''}P{abs(at)}M", "duration"),
        Axis.CLOCK: (_clock, "time"),
    }
)
