"""The scan that nothing identifying left: known identifiers searched in bytes, in every disguise they may wear.

Searched as they are, as Base64 (both alphabets, at each of the three alignments), percent- or plus-encoded, with JSON
escapes or XML entities, and in any letter case. What counts as a find:

- An identifier of at least 7 bytes that is more than one plain word is a find wherever it stands, also inside a longer
  text. One of digits only must not be part of a longer number, or many a long decimal would hold one.
- A shorter one, or a single word ("170", "example"), is a find as a whole value only, where records carry identifiers:
  under `id`, `value`, `reference`, `family`, `given`, `name`, `text`, `line`, `user_id`, or after `Patient/`,
  `Practitioner/`, `RelatedPerson/`. A family name (the part before ", " of a full name) is one under `family`.
- A date (YYYY-MM-DD) is a find beside a name for a birth date (`birthDate`, `date_of_birth`, ...) or as Base64. A
  clinical date that happens to be somebody's birthday is none. In any other spelling (19710322, 22.03.1971, 3/22/1971,
  22 March 1971) it is a find anywhere: no record writes its dates so.
- A number of at least 7 digits (telephone, insurance, hospital number) is a find however its digits are grouped.
- A name with letters beyond ASCII is one too where it is written without them (Mueller, Muller), and any identifier
  with invisible characters in it, other blanks and dashes, or digits of another width.
- A family name of at least 4 letters is a find as a word of a text: under `unit`, `text`, `valueString` and the
  like. Not in the label of a code: diseases carry names of people, and so do patients.

A find says how, in which file and at which byte, never what. Scan whole records: a find never spans two calls. Most
bytes are only looked at by `leaks_grams`, which never misses a place; here those places are looked at exactly.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import orjson

from connector.deidentify.leaks_sought import Sort, Sought
from connector.deidentify.leaks_views import views
from connector.deidentify.spellings import is_something_else, spread

_BESIDE = re.compile(rb"(?:birth_?date|date_?of_?birth|\bdob)\W{1,6}\Z")
_VALUE_KEY = re.compile(rb'"(?:id|value|reference|family|given|name|text|line|user_id)":\s*\[?\s*"\Z')
_FAMILY_KEY = re.compile(rb'"family":\s*\[?\s*"\Z')
_TEXT = re.compile(
    rb'"(?:unit|text|state|country|city|district|line|title|description|comment|note|div|version|value[a-z]*)"'
    rb':\s*\[?\s*"((?:[^"\\]|\\.)+)"'
)
_FAMILY = re.compile(rb'"family":\s*\[?\s*"([^"\\]{1,128})"')
_WRITTEN_OUT = re.compile(rb":\s*(-?\d{1,20}(?:\.\d{1,20})?e[+-]?0{0,3}\d{1,2})(?!\d)")
_PEOPLE = (b"patient/", b"itioner/", b"dperson/")
_NO_REFERENCE = re.compile(rb"[^a-z0-9.-]|\Z")
_NUMBER_BEFORE, _NUMBER_AFTER = re.compile(rb"\d\.?\Z"), re.compile(rb"\.?\d")
_LETTER = re.compile(rb"[A-Za-z0-9\x80-\xff]")
_KINDS = {Sort.PLAIN: "plain", Sort.URL: "url", Sort.BASE64: "base64", Sort.BIRTH: "birth-date"}
_OWN_ONLY = frozenset({"value", "name", "birth-date"})
_BIRTH_BEFORE = 32
_KEY_BEFORE = 512
_AROUND = 128


class Leak(NamedTuple):
    """One identifier found: `kind` is plain, base64, url, json-escape, entity, value, number, name
    or birth-date; `offset` counts bytes."""

    kind: str
    where: str
    offset: int


class LeakScanner:
    """Searches bytes for the identifiers it was made of, all of them in one pass; it keeps them folded, in memory."""

    def __init__(self, identifiers: Iterable[str]) -> None:
        # Vectors are for who scans; a process that only starts to serve has no use for them.
        from connector.deidentify.leaks_grams import Grams, hides

        self._sought = Sought(identifiers)
        self._grams = Grams(self._sought.patterns, self._sought.raw, self._sought.numbers)
        self._hiding = any(map(hides, self._sought.numbers))

    def scan(self, data: bytes, where: str) -> list[Leak]:
        """Every identifier found in `data`, by offset. `where` is passed on (a file or line, nothing personal)."""
        found: dict[int, str] = {}
        for kind, view in views(data, by_line=not self._sought.lines):
            for how, position in self._find(view.data):
                found.setdefault(view.offset(position), kind or how)
        return [Leak(kind, where, offset) for offset, kind in sorted(found.items())]

    def _find(self, data: bytes) -> Iterator[tuple[str, int]]:
        words: dict[int, set[bytes]] = {}
        for number, start in self._grams.find(data):
            pattern, sort = self._pattern(number)
            end = start + len(pattern)
            if start < 0 or data[start:end].lower() != pattern:
                continue
            if sort is Sort.WORD:
                if (start and _LETTER.match(data, start - 1)) or _LETTER.match(data, end):
                    continue
                words.setdefault(start, set()).add(pattern)
            elif (found := _judged(data, start, end, pattern, sort)) is not None:
                yield found
        if words:
            yield from _names(data, words)
        yield from self._numbers(data)

    def _pattern(self, number: int) -> tuple[bytes, Sort]:
        pattern, encoded = self._grams.pattern(number)
        return pattern, Sort.BASE64 if encoded else self._sought.sorts[number]

    def _numbers(self, data: bytes) -> Iterator[tuple[str, int]]:
        """Numbers, with marks between their digits or in scientific notation."""
        for digits, start in self._grams.find_digits(data):
            match = spread(digits).match(data, start)
            if match and not is_something_else(match[0]):
                yield "number", start
            yield from self._written_out(data, max(start - _AROUND, 0), start + _AROUND)
        if self._hiding:
            yield from self._written_out(data, 0, len(data))

    def _written_out(self, data: bytes, start: int, end: int) -> Iterator[tuple[str, int]]:
        for match in _WRITTEN_OUT.finditer(data[start:end].lower()):
            if f"{abs(Decimal(match[1].decode())):.0f}".encode() in self._sought.numbers:
                yield "number", start + match.start(1)


def scan_together(people: Sequence[tuple[Collection[str], bytes]]) -> list[list[Leak]]:
    """The finds in the data of each of several people, of whom it searches all for the identifiers of all.

    One scan of what belongs to a few people is cheaper than a scan for each. What would be nothing in somebody else's
    record (a short identifier, a family name as a word, a birth date) is a find only in a person's own.
    """
    together = b"".join(data for _, data in people)
    joint = LeakScanner(set().union(*(known for known, _ in people))).scan(together, "") if people else []
    answer, start = list[list[Leak]](), 0
    for known, data in people:
        end = start + len(data)
        here = [leak._replace(offset=leak.offset - start) for leak in joint if start <= leak.offset < end]
        own = LeakScanner(known).scan(data, "") if here else []
        seen = {leak.offset for leak in own}
        others = [leak for leak in here if leak.kind not in _OWN_ONLY and leak.offset not in seen]
        answer.append(sorted([*own, *others], key=lambda leak: leak.offset))
        start = end
    return answer


def _judged(data: bytes, start: int, end: int, pattern: bytes, sort: Sort) -> tuple[str, int] | None:
    """Whether what stands there is a find, by what stands around it."""
    if sort in _KINDS:
        return (_KINDS[sort], start) if _stands_alone(data, start, end, pattern, sort) else None
    before = data[max(start - _KEY_BEFORE, 0) : start].lower()
    if sort is Sort.BESIDE:
        return ("birth-date", start) if _BESIDE.search(before[-_BIRTH_BEFORE:]) else None
    if sort is Sort.REFERENCE:
        here = (before + pattern).endswith(tuple(who + pattern[3:] for who in _PEOPLE))
        return ("value", start + 3) if here and _NO_REFERENCE.match(data[end : end + 1].lower()) else None
    key = _FAMILY_KEY if sort is Sort.FAMILY else _VALUE_KEY
    return ("value", start + 1) if key.search(before + b'"') else None


def _stands_alone(data: bytes, start: int, end: int, pattern: bytes, sort: Sort) -> bool:
    """Whether digits, or a date, are no part of a longer number; anything else always does."""
    before, after = data[max(start - 2, 0) : start], data[end : end + 2]
    return not (pattern.isdigit() or sort is Sort.BIRTH) or not (
        _NUMBER_BEFORE.search(before) or _NUMBER_AFTER.match(after)
    )


def _names(data: bytes, words: dict[int, set[bytes]]) -> Iterator[tuple[str, int]]:
    """Family names, where they are the whole value of one or a word of a text."""
    places, number = sorted(words), 0
    while number < len(places):
        start, end = _record(data, places[number])
        families = set[bytes]()
        while number < len(places) and places[number] < end:
            families |= words[places[number]]
            number += 1
        folded = data[start:end].lower()
        for match in _FAMILY.finditer(folded):
            if match[1] in families:
                yield "value", start + match.start(1)
        any_of = b"|".join(map(re.escape, families))
        word = re.compile(rb"(?<![a-z0-9\x80-\xff])(?:" + any_of + rb")(?![a-z0-9\x80-\xff])")
        for text in _TEXT.finditer(folded):
            for match in word.finditer(text[1]):
                yield "name", start + text.start(1) + match.start()


def _record(data: bytes, place: int) -> tuple[int, int]:
    """The line around a place if it is a record by itself; else all there is."""
    start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
    end = len(data) if end < 0 else end
    if data[start : start + 1] != b"{":
        return 0, len(data)
    try:
        orjson.loads(data[start:end])
    except ValueError:
        return 0, len(data)
    return start, end
