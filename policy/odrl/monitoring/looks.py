"""What a text without a datatype looks like: an instant, a day, a number, or nothing but a text."""

import re
from datetime import UTC, datetime

from policy.instants import wire
from policy.odrl.model import XSD, Literal

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_DAY_FIRST = re.compile(r"(\d\d)-(\d\d)-(\d{4})", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,400}\.\d{0,400}|\.\d{1,400})", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})[eE][+-]?\d{1,3}", re.ASCII)


def moment(text: str) -> datetime | None:
    """Return the instant a text names, in UTC: ISO 8601 with or without offset, a day (its first instant), or None.

    Where no offset is written it is UTC; a day may be written ``31-01-2026`` too. Python keeps microseconds, so a
    finer fraction is not read rather than rounded.
    """
    turned = _DAY_FIRST.fullmatch(text)
    if turned:
        text = f"{turned[3]}-{turned[2]}-{turned[1]}"
    match = _ISO.fullmatch(text)
    if not match:
        return None
    try:
        found = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}{(match[3] or 'Z').upper()}")
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def typed(literal: Literal) -> Literal:
    """Return the value with the datatype its text looks like; one with a datatype comes back as it is.

    An instant or a day becomes the xsd:dateTime of that (first) instant in UTC, so that two ways of writing one
    instant are one value.
    """
    found = dated(literal)
    if found is not literal or not _bare(literal):
        return found
    for pattern, datatype in _LOOKS:
        if pattern.fullmatch(literal.text):
            return Literal(literal.text, f"{XSD}{datatype}")
    return literal


def dated(literal: Literal) -> Literal:
    """Return what is written as an instant or a day as its xsd:dateTime in UTC, anything else as it is."""
    if not _bare(literal) and literal.datatype not in _DATES:
        return literal
    found = moment(literal.text)
    return literal if found is None else Literal(wire(found), f"{XSD}dateTime")


def _bare(literal: Literal) -> bool:
    return literal.datatype in {None, f"{XSD}string"} and literal.language is None


_DATES = frozenset({f"{XSD}dateTime", f"{XSD}date"})
_LOOKS = ((_INTEGER, "integer"), (_DECIMAL, "decimal"), (_DOUBLE, "double"))
