"""Other spellings of what identifies somebody: the digits of a telephone number, a birth date, the words of a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from unicodedata import category, combining, normalize

SHORTEST_NUMBER = 7
SHORTEST_FAMILY = 4
BETWEEN_DIGITS = b" ()-+./"

_NUMBER = re.compile(r"[a-z]{0,4}[\W_]*(\d[\d ()+./-]*\d)[\W_]*[a-z]{0,2}", re.ASCII | re.IGNORECASE)
_NATIONAL = 10
_MONTHS = "January February March April May June July August September October November December"
_UNSEEN = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_PLAIN = {"Zs": " ", "Pd": "-"}
_LONG = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})
_SHORT = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})
_GAP = rb"[ ()+./-]{0,3}"


def digits_of(identifier: str) -> Iterator[bytes]:
    """The digits of a telephone, insurance or hospital number, with and without the code of a country."""
    match = _NUMBER.fullmatch(identifier)
    digits = re.sub(r"\D", "", match[1]).encode() if match else b""
    if len(digits) >= SHORTEST_NUMBER:
        yield digits
    if "+" not in identifier:
        return
    if len(digits) > _NATIONAL:
        yield digits[-_NATIONAL:]
    if len(digits) > SHORTEST_NUMBER + 1:
        yield b"00" + digits
        # The code of a country has one to three digits; at home, a zero stands in its place.
        yield from (b"0" + digits[length:] for length in (1, 2, 3) if len(digits) - length >= SHORTEST_NUMBER)


def plainly(text: str) -> str:
    """A text as it looks: nothing invisible in it, any blank or dash a plain one, digits and letters their own."""
    seen = normalize("NFKC", text) if not text.isascii() else text
    return "".join(_PLAIN.get(category(letter), letter) for letter in seen if letter not in _UNSEEN)


def in_ascii(text: str) -> set[str]:
    """How a name with letters beyond ASCII is written without them: `Mueller` and `Muller`."""
    folded = text.casefold()
    spelt = {_unmarked(folded.translate(table)) for table in (_LONG, _SHORT)}
    return {one for one in spelt if one.isascii()}


def _unmarked(text: str) -> str:
    return "".join(letter for letter in normalize("NFD", text) if not combining(letter))


def spread(digits: bytes) -> re.Pattern[bytes]:
    """These digits with or without separators between them, and no digit around them."""
    middle = _GAP.join(b"%c" % digit for digit in digits)
    # A whole number may be written as a decimal; more digits make it another number.
    return re.compile(rb"(?<!\d)(?<!\d\.)" + middle + rb"(?!\d|\.0*[1-9])")


def is_something_else(found: bytes) -> bool:
    """Whether this is a decimal or a date, whose point and dashes separate no groups of digits of one number."""
    return re.fullmatch(rb"\d+\.\d+|\d{4}-\d\d-\d\d", found) is not None


def birth_dates(day: date) -> Iterator[str]:
    """A birth date as people write it; not with the year first and dashes, as every date in a record is written."""
    year, month, number = day.year, day.month, day.day
    yield f"{year:04d}{month:02d}{number:02d}"
    for first, second in ((number, month), (month, number)):
        for mark in "./-":
            yield f"{first:02d}{mark}{second:02d}{mark}{year:04d}"
            yield f"{first}{mark}{second}{mark}{year:04d}"
    yield f"{year:04d}/{month:02d}/{number:02d}"
    name = _MONTHS.split()[month - 1]
    for spelt in {name, name[:3]}:
        for written in (f"{number}", f"{number:02d}"):
            yield f"{written} {spelt} {year:04d}"
            yield f"{written}. {spelt} {year:04d}"
            yield f"{spelt} {written}, {year:04d}"
            yield f"{spelt} {written} {year:04d}"
