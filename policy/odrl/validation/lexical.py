"""Whether a text is a value of its datatype (XML Schema 1.1 part 2), as far as ODRL's own operands need it."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from types import MappingProxyType

from policy.odrl.model import XSD

_YEAR, _ZONE = r"-?(?P<year>[1-9]\d{4,9}|\d{4})", r"(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)"
_DATE = rf"{_YEAR}-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])"
_TIME = r"(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?)"
_DURATION = r"-?P(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"
_DECIMAL = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_DOUBLE = rf"(?:{_DECIMAL}(?:[eE][+-]?\d+)?|[+-]?INF|NaN)"

_WHOLE: Mapping[str, Callable[[int], bool]] = MappingProxyType(
    {
        "integer": lambda _: True,
        "nonNegativeInteger": lambda number: number >= 0,
        "positiveInteger": lambda number: number > 0,
        "nonPositiveInteger": lambda number: number <= 0,
        "negativeInteger": lambda number: number < 0,
        "long": lambda number: -(2**63) <= number < 2**63,
        "int": lambda number: -(2**31) <= number < 2**31,
        "short": lambda number: -(2**15) <= number < 2**15,
        "byte": lambda number: -128 <= number < 128,
        "unsignedLong": lambda number: 0 <= number < 2**64,
        "unsignedInt": lambda number: 0 <= number < 2**32,
        "unsignedShort": lambda number: 0 <= number < 2**16,
        "unsignedByte": lambda number: 0 <= number < 256,
    }
)
_PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        name: re.compile(pattern, re.ASCII)
        for name, pattern in (
            ("boolean", r"true|false|0|1"),
            ("decimal", _DECIMAL),
            ("double", _DOUBLE),
            ("float", _DOUBLE),
            ("date", rf"{_DATE}{_ZONE}?"),
            ("dateTime", rf"{_DATE}T{_TIME}{_ZONE}?"),
            ("dateTimeStamp", rf"{_DATE}T{_TIME}{_ZONE}"),
            ("time", rf"{_TIME}{_ZONE}?"),
            ("gYear", rf"{_YEAR}{_ZONE}?"),
            ("gYearMonth", rf"{_YEAR}-(?:0[1-9]|1[0-2]){_ZONE}?"),
            ("duration", _DURATION),
            ("dayTimeDuration", r"-?P(?=[\dT])(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"),
            ("yearMonthDuration", r"-?P(?=\d)(?:\d+Y)?(?:\d+M)?"),
            *((name, r"[+-]?\d{1,40}") for name in _WHOLE),
        )
    }
)
_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "boolean": "true",
        "decimal": "12.50",
        "date": "2026-01-31",
        "dateTime": "2026-01-31T08:00:00Z",
        "dateTimeStamp": "2026-01-31T08:00:00Z",
        "time": "08:00:00",
        "duration": "P30D or PT12H",
        "dayTimeDuration": "P30D or PT12H",
        "yearMonthDuration": "P1Y6M",
        "gYear": "2026",
        "gYearMonth": "2026-01",
        "double": "1.5",
        "float": "1.5",
    }
)

WHOLE = frozenset(f"{XSD}{name}" for name in _WHOLE)
NUMBERS = WHOLE | {f"{XSD}decimal", f"{XSD}double", f"{XSD}float"}
DURATIONS = frozenset(f"{XSD}{name}" for name in ("duration", "dayTimeDuration", "yearMonthDuration"))
MOMENTS = frozenset(f"{XSD}{name}" for name in ("date", "dateTime", "dateTimeStamp"))


def fits(text: str, datatype: str) -> bool:
    """Whether the text is a value of the datatype; of one that is not known here, every text is."""
    name = datatype.removeprefix(XSD)
    pattern = _PATTERNS.get(name) if datatype.startswith(XSD) else None
    if pattern is None:
        return True
    found = pattern.fullmatch(text)
    if found is None or (name in _WHOLE and not _WHOLE[name](int(text))):
        return False
    stated = found.groupdict()
    return "day" not in stated or int(stated["day"]) <= _days(int(stated["year"]), int(stated["month"]))


def example(datatype: str) -> str:
    """Return a text that is a value of the datatype, to be shown; empty for one that is not known here."""
    name = datatype.removeprefix(XSD)
    return "12" if name in _WHOLE else _EXAMPLES.get(name, "")


def _days(year: int, month: int) -> int:
    return monthrange(2000 + year % 400, month)[1]  # the calendar repeats every 400 years


_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]+")


def is_iri(text: str) -> bool:
    """Whether the text is an absolute IRI (RFC 3987): a scheme and something after it, no space or bracket."""
    return _IRI.fullmatch(text) is not None
