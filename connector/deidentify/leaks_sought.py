"""What is searched for: every way in which the identifiers of some people could stand in bytes.

All of it is folded: NFC or NFD, case-folded, UTF-8. `connector.deidentify.leaks` says what counts as a find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import date
from enum import IntEnum
from functools import lru_cache
from unicodedata import normalize

from connector.deidentify.spellings import SHORTEST_FAMILY, SHORTEST_NUMBER, birth_dates, digits_of, in_ascii

SHORTEST_ANYWHERE = 7
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WORD = re.compile(r"[^\W\d_]+")
_IN_REFERENCE = re.compile(rb"[a-z0-9.-]{1,64}")
_LONGEST_VALUE = 128
_DATE_LENGTH = 10
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_REFERENCES = (b"nt/", b"er/", b"on/")
"""How `Patient/`, `Practitioner/` and `RelatedPerson/` end."""


class Sort(IntEnum):
    """What a pattern is, which says what must stand around it."""

    PLAIN = 0
    URL = 1
    BASE64 = 2
    BIRTH = 3
    """A birth date in a spelling that no record has."""
    BESIDE = 4
    """A birth date as records write it: found beside a name for one."""
    VALUE = 5
    """A short one in quotes."""
    FAMILY = 6
    """A short family name in quotes."""
    REFERENCE = 7
    """A short one after the end of a reference to a person."""
    WORD = 8
    """A family name."""


class Sought:
    """Patterns, each with its sort; what to look for as Base64 (`raw`); digits; and the words they rest on.

    `lines` tells that one of them goes over the end of a line.
    """

    def __init__(self, identifiers: Iterable[str]) -> None:
        self.patterns: list[bytes] = []
        self.sorts: list[Sort] = []
        self.raw: list[bytes] = []
        self.numbers: dict[bytes, None] = {}
        self.families: set[bytes] = set()
        self.lines = False
        texts = {text.strip() for text in identifiers} - {""}
        for text in texts:
            if text.isascii():
                self._learn(text, text.lower().encode(), texts)
            else:
                composed = normalize("NFC", text)
                self._learn(composed, composed.casefold().encode(), texts)
        self._learn_families()

    def _add(self, pattern: bytes, sort: Sort) -> None:
        self.patterns.append(pattern)
        self.sorts.append(sort)

    def _learn(self, text: str, plain: bytes, others: AbstractSet[str]) -> None:
        if len(text) == _DATE_LENGTH and _DATE.fullmatch(text):
            self._learn_birth(text)
            return
        if b", " in plain and (family := plain.partition(b", ")[0]):
            self.families |= {family, *(spelt.encode() for spelt in in_ascii(family.decode()))}
        if len(plain) < SHORTEST_ANYWHERE or _WORD.fullmatch(text):
            self._learn_short(plain)
            return
        if len(plain.translate(None, _NO_DIGITS)) >= SHORTEST_NUMBER:
            self.numbers |= dict.fromkeys(digits_of(text))
        # What would be found within another one is found with that: "Dr. Anna Berg" with "Anna Berg".
        rest = text.partition(" ")[2]
        if rest in others and " " in rest and len(rest) >= SHORTEST_ANYWHERE and text.isascii():
            return
        self._add(plain, Sort.PLAIN)
        if b" " in plain:
            self._add(plain.replace(b" ", b"+"), Sort.URL)
        if text.isascii():
            self.lines = self.lines or b"\n" in plain
            self.raw.append(text.encode())
        else:
            self._learn_wide(text)

    def _learn_wide(self, text: str) -> None:
        """One with letters beyond ASCII, which are written in two ways and have their own capitals."""
        self.lines = self.lines or "\n" in text
        self._add(normalize("NFD", text).casefold().encode(), Sort.PLAIN)
        self.raw += [spelling.encode() for spelling in {text, text.upper(), text.lower()}]
        for spelling in in_ascii(text):
            self._add(spelling.encode(), Sort.PLAIN)

    def _learn_birth(self, day: str) -> None:
        self._add(day.encode(), Sort.BESIDE)
        self.raw.append(day.encode())
        for spelling in _births(day):
            self._add(spelling, Sort.BIRTH)

    def _learn_short(self, plain: bytes) -> None:
        if len(plain) <= _LONGEST_VALUE and b'"' not in plain and b"\\" not in plain:
            self._add(b'"%b"' % plain, Sort.VALUE)
        if _IN_REFERENCE.fullmatch(plain):
            for end in _REFERENCES:
                self._add(end + plain, Sort.REFERENCE)

    def _learn_families(self) -> None:
        for family in self.families:
            if len(family.decode()) >= SHORTEST_FAMILY:
                self._add(family, Sort.WORD)
            else:
                self._add(b'"%b"' % family, Sort.FAMILY)


@lru_cache(maxsize=4096)
def _births(day: str) -> tuple[bytes, ...]:
    """Other spellings of a day; there are few days, and many people born on each."""
    return tuple(dict.fromkeys(_spelt(day)))


def _spelt(day: str) -> Iterator[bytes]:
    try:
        born = date.fromisoformat(day)
    except ValueError:
        return
    for spelling in birth_dates(born):
        folded = spelling.casefold().encode()
        if len(folded) >= SHORTEST_ANYWHERE:
            yield folded
